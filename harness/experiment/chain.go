package experiment

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"

	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// A ChainConfig describes a bootstrapping chain (Burns et al. 2023, section 4.3.1): each model is trained on the labels of
// the one before it, and the first one on gold.
type ChainConfig struct {
	Config // Models, Tasks, Losses and the rest; Pairs is not used, and labels are not treated
	// Chain names three or more models, weakest first. A model that follows itself learns from its own labels, which is
	// an iteration from strong to strong (EleutherAI/w2s); all steps must then label the same examples.
	Chain []string
	// Disjoint gives every step examples of its own. Otherwise all steps label the same ones.
	Disjoint bool
}

// withDefaults fills in what was left empty, and the pair of the first and the last model.
func (c ChainConfig) withDefaults() ChainConfig {
	c.Config = c.Config.withDefaults()
	if len(c.Chain) > 0 {
		c.Pairs = []result.Pair{{Weak: c.Chain[0], Strong: c.Chain[len(c.Chain)-1]}}
	}
	return c
}

func (c ChainConfig) settings() result.Settings {
	s := c.Config.settings()
	s.Kind, s.Chain, s.Disjoint = result.Chained, c.Chain, c.Disjoint
	return s
}

// Differences reports, one line for each difference, why r is not a result of this configuration; see
// [result.Result.Differences].
func (c ChainConfig) Differences(r *result.Result) []string {
	c = c.withDefaults()
	return c.differences(r, c.settings())
}

// Validate reports all faults together, as a [ConfigError].
func (c ChainConfig) Validate() error {
	c = c.withDefaults()
	var faults faultList
	if len(c.Chain) < 3 {
		faults.add("chain: %s, want three or more (for a pair, use run)", visible.Count(len(c.Chain), "model"))
	}
	for i, name := range c.Chain {
		before := slices.Index(c.Chain[:i], name)
		switch {
		case before < 0:
		case c.Disjoint:
			faults.add("chain: model %s is given twice (on disjoint data, every step needs a model of its own)", name)
		case c.Chain[i-1] != name:
			faults.add("chain: model %s comes back after another one (it can only follow itself)", name)
		case i == 1:
			faults.add("chain: model %s is its own supervisor (put another one first)", name)
		}
	}
	for i, name := range c.Chain {
		switch {
		case slices.ContainsFunc(c.Models, func(m Model) bool { return m.Name == name }):
		case c.supervisor(name) == nil:
			faults.add("chain: no model is named %q", name)
		case i > 0:
			faults.add("chain: %s is not trained, so it can only be the first supervisor", name)
		}
	}
	for _, t := range c.Tasks {
		if t.Info().Form == tasks.Generate {
			faults.add("chain: task %s: chains have no free answers (use run with a pair)", t.Info().Name)
		}
	}
	for _, t := range c.Treatments {
		if t != label.Treatment(label.Soft{}) {
			faults.add("chain: labels are passed on untreated, without the treatment %s", t)
		}
	}
	if len(c.Sizes) > 0 {
		faults.add("chain: a chain has one size of the training pool (w2s study size tries several)")
	}
	if c.Combined != nil || len(c.Ensembles) > 0 {
		faults.add("chain: a chain has no combination of supervisors and no ensemble of heads")
	}
	if len(c.Simulated) > 0 {
		faults.add("chain: a chain has no simulated supervisors")
	}
	c.check(&faults)
	return faults.err()
}

// RunChain carries out a chain on every task for every loss and seed, together with the jump from the first model to the last
// one. The last step, the jump and the ceiling are trained on the same examples. RunChain treats failing tasks, env.Previous
// and the end of ctx as [Run] does.
func RunChain(ctx context.Context, cfg ChainConfig, env Env) (*result.Result, error) {
	cfg, env = cfg.withDefaults(), env.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return driver{
		cfg: cfg.Config, settings: cfg.settings(), env: env,
		open: func(ctx context.Context, task tasks.Task) (*workbench, error) {
			return open(ctx, cfg.Config, env, task)
		},
		work: func(ctx context.Context, w *workbench) ([]result.Head, []result.Chain, error) {
			if err := w.encode(ctx); err != nil {
				return nil, nil, err
			}
			return w.chain(ctx, cfg)
		},
	}.run(ctx)
}

// A link is one chain of one seed and loss while it is trained.
type link struct {
	halves     halves
	loss       loss.Loss
	supervisor trained  // on gold
	last       trained  // the end of the chain so far
	ids        []string // of all steps so far
}

// chain trains the chains of all seeds and losses side by side.
func (w *workbench) chain(ctx context.Context, cfg ChainConfig) ([]result.Head, []result.Chain, error) {
	steps := len(cfg.Chain) - 1
	end := cfg.Chain[steps]
	shares := func(step int) share { return share{step: step, of: steps, all: !cfg.Disjoint} }
	supervisors, err := w.supervisors(ctx)
	if err != nil {
		return nil, nil, err
	}
	ceilings, err := w.train(ctx, w.data[end], list.Map(w.halves, func(h halves) trainSpec {
		examples, gold := w.strongShare(h, shares(steps-1))
		return trainSpec{head: result.Head{Role: result.Ceiling, Model: end, Seed: h.seed, Share: shares(steps - 1).String()},
			examples: examples, labels: gold, loss: loss.XEnt{}}
	}))
	if err != nil {
		return nil, nil, err
	}
	var links []link
	for i, s := range supervisors {
		for _, l := range w.cfg.Losses {
			links = append(links, link{halves: w.halves[i], loss: l, supervisor: s, last: s, ids: []string{s.ID}})
		}
	}
	jumps, err := w.step(ctx, links, end, shares(steps-1), func(l link) trained { return l.supervisor })
	if err != nil {
		return nil, nil, err
	}
	heads := slices.Concat(supervisors, ceilings, jumps)
	for i, model := range cfg.Chain[1:] {
		students, err := w.step(ctx, links, model, shares(i), func(l link) trained { return l.last })
		if err != nil {
			return nil, nil, err
		}
		for k, s := range students {
			links[k].last, links[k].ids = s, append(links[k].ids, s.ID)
			// If the chain ends with a model that repeats, the first step with it is the jump.
			if !slices.ContainsFunc(heads, func(h trained) bool { return h.ID == s.ID }) {
				heads = append(heads, s)
			}
		}
	}
	var chains []result.Chain
	for i, l := range links {
		chains = append(chains, result.Chain{Task: w.info.Name, Disjoint: cfg.Disjoint, Loss: l.loss.String(), Seed: l.halves.seed,
			Steps: l.ids, Jump: jumps[i].ID, Ceiling: ceilings[i/len(w.cfg.Losses)].ID})
	}
	return records(heads), chains, nil
}

// step lets the teacher of every link label a share of strong-train and trains a model on the labels.
func (w *workbench) step(ctx context.Context, links []link, model string, part share, teacher func(link) trained) ([]trained, error) {
	specs := make([]trainSpec, len(links))
	for i, l := range links {
		examples, gold := w.strongShare(l.halves, part)
		soft, err := w.predict(ctx, teacher(l), examples)
		if err != nil {
			return nil, err
		}
		q, err := stats.Measure(soft, gold)
		if err != nil {
			return nil, err
		}
		specs[i] = trainSpec{
			head: result.Head{Role: result.Student, Model: model, Supervisor: teacher(l).ID, Treatment: label.Soft{}.String(), Seed: l.halves.seed,
				Share: part.String(), Labels: &result.LabelQuality{Quality: q, Raw: q}},
			examples: examples, labels: soft, loss: l.loss,
		}
	}
	return w.train(ctx, w.data[model], specs)
}

// A share is the part of strong-train that a step of a chain is trained on.
type share struct {
	step, of int
	all      bool // every step is trained on all of strong-train
}

// String returns the share as a result states it: "2/3", or "" for all.
func (s share) String() string {
	if s.all {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.step+1, s.of)
}

// strongShare returns the examples of a share and their gold. Examples are dealt to the steps by a hash of their content,
// and the examples of a group stay together.
func (w *workbench) strongShare(h halves, part share) (examples []int, gold [][]float64) {
	if part.all {
		return h.strong, h.strongGold
	}
	for i, e := range h.strong {
		hash := fnv.New64a()
		hash.Write([]byte(w.groups[e]))
		if int(hash.Sum64()%uint64(part.of)) == part.step {
			examples, gold = append(examples, e), append(gold, h.strongGold[i])
		}
	}
	return examples, gold
}
