package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"w2s/harness/head"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/tasks"
)

// Run carries out an experiment: for every task
//
//	load and split -> features (each text once a model)
//	-> weak heads on gold of weak-train        (the weak floor)
//	-> weak labels of strong-train, treated
//	-> student heads on the weak labels        (the transfer score)
//	-> heads of the strong models on gold of strong-train (the strong ceiling)
//	-> predictions on test
//
// A task that fails is named in the error; the result then holds the others. Where ctx ends, the result holds what was
// done and what env.Previous has of the tasks whose turn had not come. The same configuration gives the same
// heads, whatever else is trained beside them.
func Run(ctx context.Context, cfg Config, env Env) (*Result, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	env = env.withDefaults()
	result := newResult(cfg)
	var failed []error
	for i, task := range cfg.Tasks {
		record, heads, err := runTask(ctx, cfg, env, task)
		if err != nil && ctx.Err() != nil {
			return result.withRest(env.Previous, cfg, cfg.Tasks[i:]), ctx.Err()
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("harness: task %s: %w", task.Info().Name, err))
			continue
		}
		result.Tasks = append(result.Tasks, record)
		result.Heads = append(result.Heads, heads...)
		if env.Finished != nil {
			if err := env.Finished(result.withRest(env.Previous, cfg, cfg.Tasks[i+1:])); err != nil {
				return result, errors.Join(append(failed, err)...)
			}
		}
	}
	return result, errors.Join(failed...)
}

func runTask(ctx context.Context, cfg Config, env Env, task tasks.Task) (TaskRecord, []HeadRecord, error) {
	fail := func(err error) (TaskRecord, []HeadRecord, error) { return TaskRecord{}, nil, err }
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	bench, err := open(ctx, cfg, env, task)
	if err != nil {
		return fail(err)
	}
	if record, heads, ok := env.Previous.finished(cfg, bench.record); ok {
		return record, heads, nil
	}
	if bench.info.Form == tasks.Generate {
		heads, err := bench.generative(ctx)
		return bench.record, heads, err
	}
	if err := bench.encode(ctx); err != nil {
		return fail(err)
	}
	heads, err := bench.allHeads(ctx)
	return bench.record, records(heads), err
}

// allHeads trains supervisors, students and ceilings.
func (b *workbench) allHeads(ctx context.Context) ([]trained, error) {
	supervisors, err := b.supervisors(ctx)
	if err != nil {
		return nil, err
	}
	lessons, err := b.weakLabels(ctx, supervisors)
	if err != nil {
		return nil, err
	}
	students, err := b.students(ctx, lessons)
	if err != nil {
		return nil, err
	}
	ceilings, err := b.ceilings(ctx)
	return slices.Concat(supervisors, students, ceilings), err
}

// supervisors trains a head of every weak model on the gold labels of weak-train, for every seed.
func (b *workbench) supervisors(ctx context.Context) ([]trained, error) {
	return b.trainAll(ctx, b.data, b.cfg.weaks(), func(model string) (orders []order) {
		for _, p := range b.parts {
			orders = append(orders, order{
				record:   HeadRecord{Role: Supervisor, Model: model, Seed: p.seed, Variant: p.variant},
				examples: p.weak, labels: p.weakGold, loss: loss.XEnt{},
			})
		}
		return orders
	})
}

// ceilings trains a head of every strong model on the gold labels of strong-train, for every seed, and beside it one on
// the texts without what the task is about, where the task has such.
func (b *workbench) ceilings(ctx context.Context) ([]trained, error) {
	orders := func(role Role) func(model string) []order {
		return func(model string) (orders []order) {
			for _, p := range b.parts {
				orders = append(orders, order{
					record:   HeadRecord{Role: role, Model: model, Seed: p.seed, Variant: p.variant},
					examples: p.strong, labels: p.strongGold, loss: loss.XEnt{},
				})
			}
			return orders
		}
	}
	ceilings, err := b.trainAll(ctx, b.data, b.cfg.strongs(), orders(Ceiling))
	if err != nil || len(b.controls) == 0 {
		return ceilings, err
	}
	controls, err := b.trainAll(ctx, b.controls, b.cfg.strongs(), orders(Control))
	return append(ceilings, controls...), err
}

// A lesson is what one supervisor offers: weak labels of its part's strong half.
type lesson struct {
	supervisor HeadRecord
	labels     label.Labels
	held       *label.Held // what treatments are fitted on
}

// weakLabels lets every supervisor label the strong half of its seed.
func (b *workbench) weakLabels(ctx context.Context, supervisors []trained) ([]lesson, error) {
	lessons := make([]lesson, len(supervisors))
	for i, s := range supervisors {
		strong := b.part(s.HeadRecord).strong
		soft, err := b.predict(ctx, s, strong)
		if err != nil {
			return nil, err
		}
		lessons[i] = lesson{supervisor: s.HeadRecord, labels: b.labels(strong, soft)}
		if !b.calibrates() {
			continue
		}
		if lessons[i].held, err = b.held(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s.ID, err)
		}
	}
	return lessons, nil
}

// labels puts distributions beside the ids of their examples.
func (b *workbench) labels(examples []int, soft [][]float64) label.Labels {
	l := label.Labels{Soft: soft, IDs: make([]string, len(examples))}
	if b.info.Form != tasks.Rank {
		l.Classes = len(soft[0])
	}
	for i, e := range examples {
		l.IDs[i] = b.examples[e].ID
	}
	return l
}

// calibrates says whether any treatment looks at more than the labels.
func (b *workbench) calibrates() bool {
	return slices.ContainsFunc(b.cfg.Treatments, func(t label.Treatment) bool { return t != label.Treatment(label.Soft{}) })
}

// held makes the evidence that calibration needs: what a supervisor trained on a part of weak-train, with the penalty of
// the real one, says of the rest, beside its gold. The real supervisor has seen all of weak-train, so its own
// probabilities there are too good.
func (b *workbench) held(ctx context.Context, s trained) (*label.Held, error) {
	p := b.part(s.HeadRecord)
	data := b.data[s.Model]
	job := head.Job{Name: s.ID, Examples: p.weak, Labels: p.weakGold, Loss: loss.XEnt{}, L2: s.L2, Seed: s.Seed}
	train, rest, err := head.Grid{L2: []float64{s.L2}, HeldOut: b.cfg.Held, Group: b.groups}.Cut(job)
	if err != nil {
		return nil, err
	}
	fitted, err := head.Fit(ctx, data, []head.Job{train}, head.Options{Multiplier: b.env.Multiplier})
	if err != nil {
		return nil, err
	}
	soft, err := head.Predict(ctx, data, []*head.Head{fitted[0].Head}, rest.Examples)
	if err != nil {
		return nil, err
	}
	return &label.Held{Soft: soft[0], Gold: rest.Labels}, nil
}

// predict asks a trained head about examples.
func (b *workbench) predict(ctx context.Context, t trained, examples []int) ([][]float64, error) {
	p, err := head.Predict(ctx, b.data[t.Model], []*head.Head{t.head}, examples)
	if err != nil {
		return nil, err
	}
	return p[0], nil
}

// students trains, for every pair, a head of the strong model on every lesson of the weak one, with every treatment
// of its labels and every loss. Simulated supervisors teach every strong model; they are returned with the students.
func (b *workbench) students(ctx context.Context, lessons []lesson) ([]trained, error) {
	orders := map[string][]order{}
	for _, pair := range b.cfg.Pairs {
		for _, l := range lessons {
			if l.supervisor.Model != pair.Weak {
				continue
			}
			taught, err := b.teach(ctx, l, pair.Strong)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", pair, err)
			}
			orders[pair.Strong] = append(orders[pair.Strong], taught...)
		}
	}
	var baselines []trained
	for _, model := range b.cfg.strongs() {
		lessons, err := b.simulatedLessons(model)
		if err != nil {
			return nil, err
		}
		for _, l := range lessons {
			taught, err := b.teach(ctx, l, model)
			if err != nil {
				return nil, err
			}
			orders[model] = append(orders[model], taught...)
			baselines = append(baselines, trained{HeadRecord: l.supervisor})
		}
	}
	students, err := b.trainAll(ctx, b.data, b.cfg.strongs(), func(model string) []order { return orders[model] })
	return append(baselines, students...), err
}

// teach treats a lesson in every way for a student and orders a head for every loss.
func (b *workbench) teach(ctx context.Context, l lesson, model string) (orders []order, err error) {
	part := b.part(l.supervisor)
	raw, err := stats.Measure(l.labels.Soft, part.strongGold)
	if err != nil {
		return nil, err
	}
	for _, treatment := range b.cfg.Treatments {
		treated, err := treatment.Apply(ctx, l.labels, label.Evidence{Held: l.held, Features: b.data[model], Examples: part.strong})
		if err != nil {
			return nil, fmt.Errorf("labels of %s, %s: %w", l.supervisor.ID, treatment, err)
		}
		examples, gold := make([]int, len(treated.Keep)), make([][]float64, len(treated.Keep))
		for i, k := range treated.Keep {
			examples[i], gold[i] = part.strong[k], part.strongGold[k]
		}
		q, err := stats.Measure(treated.Soft, gold)
		if err != nil {
			return nil, err
		}
		quality := &LabelQuality{Quality: q, Raw: raw, Notes: treated.Notes}
		for _, loss := range b.cfg.Losses {
			orders = append(orders, order{
				record: HeadRecord{Role: Student, Model: model, Supervisor: l.supervisor.ID, Treatment: treatment.String(),
					Seed: part.seed, Variant: part.variant, Labels: quality, Warnings: treated.Warnings},
				examples: examples, labels: treated.Soft, loss: loss,
			})
		}
	}
	return orders, nil
}

// records strips heads of their weights.
func records(groups ...[]trained) []HeadRecord {
	var out []HeadRecord
	for _, g := range groups {
		for _, t := range g {
			out = append(out, t.HeadRecord)
		}
	}
	return out
}

// newResult starts with what is known before anything is done.
func newResult(cfg Config) *Result {
	return &Result{Schema: Schema, Created: time.Now().UTC().Truncate(time.Second), Config: cfg.Settings(), Models: modelRecords(cfg.Models)}
}

func modelRecords(models []Model) []ModelRecord {
	return each(models, func(m Model) ModelRecord {
		return ModelRecord{Name: m.Name, Key: m.Encoder.Key(), Dims: m.Encoder.Dims(), Parameters: m.Parameters, Description: m.Description}
	})
}
