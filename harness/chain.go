package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/tasks"
)

// A ChainConfig says which bootstrapping chain to do (Burns et al. 2023, section 4.3.1): each model is trained on the
// labels of the one before it, the first one on gold.
type ChainConfig struct {
	Config // Models, Tasks, Losses and the rest; Pairs is not used, and labels are taught as they are
	// Chain names the models, weakest first; three or more. A model that follows itself learns from its own labels: an
	// iteration from strong to strong (EleutherAI/w2s), which needs all steps to label the same examples.
	Chain []string
	// Disjoint gives every step examples of its own. Otherwise all steps label the same ones.
	Disjoint bool
}

// data names what the steps are trained on.
func (c ChainConfig) data() string {
	if c.Disjoint {
		return "disjoint"
	}
	return "shared"
}

// Validate reports all faults at once, as a [ConfigError].
func (c ChainConfig) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("harness: chain: "+format, args...))
	}
	if len(c.Chain) < 3 {
		fault("%d models, it needs three or more (a pair is what run is for)", len(c.Chain))
	}
	for i, name := range c.Chain {
		before := slices.Index(c.Chain[:i], name)
		switch {
		case before < 0:
		case c.Disjoint:
			fault("model %s is given twice (on disjoint data every step needs a model of its own)", name)
		case c.Chain[i-1] != name:
			fault("model %s comes back after another one (it can only follow itself)", name)
		case i == 1:
			fault("model %s is its own supervisor (put another first)", name)
		}
	}
	for _, name := range c.Chain {
		if !slices.ContainsFunc(c.Models, func(m Model) bool { return m.Name == name }) {
			fault("no model is named %q", name)
		}
	}
	for _, t := range c.Tasks {
		if t.Info().Form == tasks.Generate {
			fault("task %s: free answers are not handed on (use run with a pair)", t.Info().Name)
		}
	}
	for _, t := range c.Treatments {
		if t != label.Treatment(label.Soft{}) {
			fault("labels are handed on as they are, not by the treatment %s", t)
		}
	}
	if len(c.Sizes) > 0 {
		fault("several sizes of the training pool are a study's affair")
	}
	if len(c.Simulated) > 0 {
		fault("no supervisor is simulated")
	}
	return configError(append(faults, c.Config.Validate())...)
}

// RunChain carries out a chain on every task, for every loss and seed, and beside it the jump from the first model to the
// last. The last step, the jump and the ceiling are trained on the same examples.
func RunChain(ctx context.Context, cfg ChainConfig, env Env) (*Result, error) {
	cfg.Config = cfg.Config.withDefaults()
	if len(cfg.Chain) > 0 {
		cfg.Pairs = []Pair{{Weak: cfg.Chain[0], Strong: cfg.Chain[len(cfg.Chain)-1]}}
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	env = env.withDefaults()
	result := newResult(cfg.Config)
	var failed []error
	for _, task := range cfg.Tasks {
		var heads []trained
		var chains []ChainRecord
		bench, err := open(ctx, cfg.Config, env, task)
		if err == nil {
			err = bench.encode(ctx)
		}
		if err == nil {
			heads, chains, err = bench.chain(ctx, cfg)
		}
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("harness: task %s: %w", task.Info().Name, err))
			continue
		}
		result.Tasks = append(result.Tasks, bench.record)
		result.Heads = append(result.Heads, records(heads)...)
		result.Chains = append(result.Chains, chains...)
		if env.Finished != nil {
			if err := env.Finished(result); err != nil {
				return result, errors.Join(append(failed, err)...)
			}
		}
	}
	return result, errors.Join(failed...)
}

// chain trains the steps of all seeds and losses side by side.
func (b *workbench) chain(ctx context.Context, cfg ChainConfig) (heads []trained, chains []ChainRecord, err error) {
	variant := "chain on " + cfg.data() + " data"
	steps := len(cfg.Chain) - 1
	last := cfg.Chain[steps]
	firsts, err := b.supervisors(ctx)
	if err != nil {
		return nil, nil, err
	}
	ceilings, err := b.train(ctx, b.data[last], each(b.parts, func(p part) order {
		examples, gold := b.share(p, steps-1, steps, cfg.Disjoint)
		return order{record: HeadRecord{Role: Ceiling, Model: last, Seed: p.seed, Variant: variant},
			examples: examples, labels: gold, loss: loss.XEnt{}}
	}))
	if err != nil {
		return nil, nil, err
	}
	// link is one chain of one seed and loss, as far as it has come.
	type link struct {
		part        part
		loss        loss.Loss
		first, from trained
		ids         []string
	}
	var links []link
	for i, f := range firsts {
		for _, loss := range b.cfg.Losses {
			links = append(links, link{part: b.parts[i], loss: loss, first: f, from: f, ids: []string{f.ID}})
		}
	}
	// teach lets the head that each link gives label the step's share and trains the model on it.
	teach := func(model string, step int, from func(link) trained) ([]trained, error) {
		orders := make([]order, len(links))
		for i, l := range links {
			examples, gold := b.share(l.part, step, steps, cfg.Disjoint)
			labels, err := b.predict(ctx, from(l), examples)
			if err != nil {
				return nil, err
			}
			q, err := stats.Measure(labels, gold)
			if err != nil {
				return nil, err
			}
			orders[i] = order{record: HeadRecord{Role: Student, Model: model, Supervisor: from(l).ID, Treatment: "soft",
				Seed: l.part.seed, Variant: variant, Labels: &LabelQuality{Quality: q, Raw: q}}, examples: examples, labels: labels, loss: l.loss}
		}
		return b.train(ctx, b.data[model], orders)
	}
	jumps, err := teach(last, steps-1, func(l link) trained { return l.first })
	if err != nil {
		return nil, nil, err
	}
	heads = slices.Concat(firsts, ceilings, jumps)
	for step, model := range cfg.Chain[1:] {
		students, err := teach(model, step, func(l link) trained { return l.from })
		if err != nil {
			return nil, nil, err
		}
		for i := range links {
			links[i].from, links[i].ids = students[i], append(links[i].ids, students[i].ID)
		}
		heads = append(heads, newHeads(heads, students)...)
	}
	for i, l := range links {
		chains = append(chains, ChainRecord{Task: b.info.Name, Data: cfg.data(), Loss: l.loss.String(), Seed: l.part.seed,
			Steps: l.ids, Jump: jumps[i].ID, Ceiling: ceilings[i/len(b.cfg.Losses)].ID})
	}
	return heads, chains, nil
}

// newHeads are those of more that are not among heads: where a chain ends with a model that repeats, the first step with
// it is the jump.
func newHeads(heads, more []trained) []trained {
	return slices.DeleteFunc(slices.Clone(more), func(m trained) bool {
		return slices.ContainsFunc(heads, func(h trained) bool { return h.ID == m.ID })
	})
}

// share is what a step trains on: all of strong-train, or the step's own part of it. The parts are dealt by content, so
// that the examples of a group stay together.
func (b *workbench) share(p part, step, steps int, disjoint bool) (examples []int, gold [][]float64) {
	if !disjoint {
		return p.strong, p.strongGold
	}
	for i, e := range p.strong {
		unit := b.groups[e]
		if unit == "" {
			unit = b.examples[e].ID
		}
		h := fnv.New64a()
		h.Write([]byte(unit))
		if int(h.Sum64()%uint64(steps)) == step {
			examples, gold = append(examples, e), append(gold, p.strongGold[i])
		}
	}
	return examples, gold
}

// each is the list of what f makes of every element.
func each[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i, a := range list {
		out[i] = f(a)
	}
	return out
}

// A ChainRow is one chain over all seeds: the score after every step, beside the jump and the ceiling.
type ChainRow struct {
	Task     string            `json:"task"`
	Category tasks.Category    `json:"category"`
	Data     string            `json:"data"` // as in ChainRecord
	Loss     string            `json:"loss"`
	N        int               `json:"n"` // test examples
	Seeds    int               `json:"seeds"`
	Models   []string          `json:"models"`
	Steps    []Figure          `json:"steps"`          // score of every model of the chain; the first is the weak floor
	Labels   []float64         `json:"labels"`         // accuracy of the labels that every step after the first was given
	Jump     Figure            `json:"jump"`           // the last model trained by the first
	Ceiling  Figure            `json:"ceiling"`        // the last model on gold
	PGR      stats.PGR         `json:"pgr"`            // of the chain's end
	JumpPGR  stats.PGR         `json:"jump_pgr"`       // of the jump
	Gain     *stats.Difference `json:"gain,omitempty"` // chain's end less jump; nil where the metric is no mean over examples
	Warnings []string          `json:"warnings,omitempty"`
}

// Chains makes a row of every group of chains that differ in the seed alone.
func Chains(r *Result, opt SummaryOptions) ([]ChainRow, error) {
	if opt.Metric == "" {
		opt.Metric = tasks.Accuracy
	}
	x := index(r)
	groups, order := map[string][]ChainRecord{}, []string(nil)
	for _, c := range r.Chains {
		models := each(c.Steps, func(id string) string { return x.heads[id].Model })
		key := strings.Join(append([]string{c.Task, c.Data, c.Loss}, models...), "\x00")
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], c)
	}
	var rows []ChainRow
	for _, key := range order {
		row, err := x.chainRow(groups[key], opt)
		if err != nil {
			return nil, fmt.Errorf("harness: chain on %s: %w", groups[key][0].Task, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (x *lookup) chainRow(chains []ChainRecord, opt SummaryOptions) (ChainRow, error) {
	c := chains[0]
	t := x.tasks[c.Task]
	row := ChainRow{Task: c.Task, Category: t.Category, Data: c.Data, Loss: c.Loss, N: len(t.TestIDs), Seeds: len(chains)}
	steps := make([]seedScores, len(c.Steps))
	row.Labels = make([]float64, len(c.Steps)-1)
	var jump, ceiling seedScores
	row.Warnings = appendNew(nil, t.Warnings...)
	var faults []error
	for _, c := range chains {
		for _, id := range append(slices.Clone(c.Steps), c.Jump, c.Ceiling) {
			row.Warnings = appendNew(row.Warnings, x.heads[id].Warnings...)
		}
		for i, id := range c.Steps {
			h := x.heads[id]
			faults = append(faults, steps[i].add(h, t, opt.Metric))
			if i > 0 && h.Labels != nil {
				row.Labels[i-1] += h.Labels.Accuracy / float64(len(chains))
			}
		}
		faults = append(faults, jump.add(x.heads[c.Jump], t, opt.Metric), ceiling.add(x.heads[c.Ceiling], t, opt.Metric))
	}
	if err := cmp.Or(faults...); err != nil { // the first says it all: they tend to be the same
		return row, err
	}
	for _, id := range c.Steps {
		row.Models = append(row.Models, x.heads[id].Model)
	}
	boot := opt.bootstrap(row.N)
	var err error
	figure := func(s seedScores) (f Figure) {
		if err == nil {
			f, err = s.figure(boot)
		}
		return f
	}
	row.Steps = each(steps, figure)
	row.Jump, row.Ceiling = figure(jump), figure(ceiling)
	if err != nil {
		return row, err
	}
	end := steps[len(steps)-1]
	if row.PGR, err = stats.NewPGR(steps[0].mean(), end.mean(), ceiling.mean(), boot); err != nil {
		return row, err
	}
	if row.JumpPGR, err = stats.NewPGR(steps[0].mean(), jump.mean(), ceiling.mean(), boot); err != nil {
		return row, err
	}
	if end.correct != nil {
		gain, err := stats.Compare(end.perExample(), jump.perExample(), boot)
		if err != nil {
			return row, err
		}
		row.Gain = &gain
	}
	if !row.PGR.Defined {
		row.Warnings = appendNew(row.Warnings, row.PGR.Reason)
	}
	return row, nil
}
