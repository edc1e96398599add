package experiment

import (
	"context"
	"fmt"
	"slices"

	"w2s/harness/freeform"
	"w2s/harness/head"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/tasks"
)

// Run carries out an experiment. A task that fails is named in the error, and the result has the others. If ctx ends, the
// result has what was done, and what env.Previous has of the tasks that were not reached. A head is the same bit for bit
// whatever else is trained beside it.
func Run(ctx context.Context, cfg Config, env Env) (*result.Result, error) {
	cfg, env = cfg.withDefaults(), env.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return driver{
		cfg: cfg, settings: cfg.settings(), env: env,
		open: func(ctx context.Context, task tasks.Task) (*workbench, error) { return open(ctx, cfg, env, task) },
		work: func(ctx context.Context, w *workbench) ([]result.Head, []result.Chain, error) {
			if w.info.Form == tasks.Generate {
				heads, err := w.freeAnswers(ctx)
				return heads, nil, err
			}
			if err := w.encode(ctx); err != nil {
				return nil, nil, err
			}
			heads, err := w.allHeads(ctx)
			return records(heads), nil, err
		},
	}.run(ctx)
}

// allHeads trains supervisors, students and ceilings.
func (w *workbench) allHeads(ctx context.Context) ([]trained, error) {
	supervisors, err := w.supervisors(ctx)
	if err != nil {
		return nil, err
	}
	for _, more := range []func(context.Context, []trained) ([]trained, error){w.ensembles, w.combined} {
		made, err := more(ctx, supervisors)
		if err != nil {
			return nil, err
		}
		supervisors = append(supervisors, made...)
	}
	offers, err := w.weakLabels(ctx, supervisors)
	if err != nil {
		return nil, err
	}
	students, err := w.students(ctx, offers)
	if err != nil {
		return nil, err
	}
	if w.cfg.Geometry {
		if err := w.addGeometry(ctx, students, offers); err != nil {
			return nil, err
		}
	}
	ceilings, err := w.ceilings(ctx)
	if err != nil {
		return nil, err
	}
	some, err := w.withSomeGold(ctx, offers)
	heads := slices.Concat(supervisors, students, ceilings, some)
	if err != nil || !w.hasBaselines() {
		return heads, err
	}
	if heads, err = w.addDirections(ctx, heads, offers); err != nil {
		return nil, err
	}
	if heads, err = w.addUnlabelled(ctx, heads, offers); err != nil {
		return nil, err
	}
	ordered, err := w.easyAndHard(ctx, offers)
	return append(heads, ordered...), err
}

// supervisors trains a head of every weak model on the gold labels of weak-train, for every seed and size. The supervisors that are
// not trained follow.
func (w *workbench) supervisors(ctx context.Context) ([]trained, error) {
	heads, err := w.trainAll(ctx, w.data, w.cfg.weaks(), func(model string) []trainSpec {
		return list.Map(w.halves, func(h halves) trainSpec {
			return trainSpec{head: result.Head{Role: result.Supervisor, Model: model, Seed: h.seed, Size: h.size},
				examples: h.weak, labels: h.weakGold, loss: loss.XEnt{}}
		})
	})
	return append(heads, w.untrainedSupervisors()...), err
}

// ceilings trains a head of every strong model on the gold labels of strong-train, for every seed and size. If the task has
// controls, it trains another one on these texts, which lack what the task is about. The baselines that learn gold follow the ceilings.
func (w *workbench) ceilings(ctx context.Context) ([]trained, error) {
	specs := func(role result.Role) func(model string) []trainSpec {
		return func(model string) []trainSpec {
			return list.Map(w.halves, func(h halves) trainSpec {
				return trainSpec{head: result.Head{Role: role, Model: model, Seed: h.seed, Size: h.size},
					examples: h.strong, labels: h.strongGold, loss: loss.XEnt{}}
			})
		}
	}
	ceilings, err := w.trainAll(ctx, w.data, w.cfg.strongs(), func(model string) []trainSpec {
		return append(specs(result.Ceiling)(model), w.goldSpecs(model)...)
	})
	if err != nil || len(w.controls) == 0 {
		return ceilings, err
	}
	controls, err := w.trainAll(ctx, w.controls, w.cfg.strongs(), specs(result.Control))
	return append(ceilings, controls...), err
}

// An offer is what a supervisor offers to students: weak labels of the strong half of its seed and size.
type offer struct {
	supervisor result.Head
	halves     halves
	labels     label.Labels
	held       *label.Held // what calibrations are fitted on; nil if no treatment needs it
	// repeats are the labels of heads on bootstrap samples, by head and example; nil if no treatment needs them, or the supervisor is not
	// trained.
	repeats [][][]float64
}

// weakLabels lets every supervisor label the strong half of its seed and size. The offers are in the order of supervisors.
func (w *workbench) weakLabels(ctx context.Context, supervisors []trained) ([]offer, error) {
	offers, needsHeldOut := make([]offer, len(supervisors)), w.cfg.needsHeldOut()
	for i, s := range supervisors {
		h := w.halvesOf(s.Head)
		soft, err := w.predict(ctx, s, h.strong)
		if err != nil {
			return nil, err
		}
		h, soft = h.labelled(soft)
		if s.apart != nil {
			h, soft = h.repeated(s.apart)
		}
		offers[i] = offer{supervisor: s.Head, halves: h, labels: w.labels(h.strong, soft)}
		if n := w.cfg.repeats(); n > 0 && s.head != nil {
			if offers[i].repeats, err = w.bootstrap(ctx, s, h, n, h.strong); err != nil {
				return nil, fmt.Errorf("%s: %w", s.ID, err)
			}
		}
		if !needsHeldOut {
			continue
		}
		if offers[i].held, err = w.heldOut(ctx, s, h); err != nil {
			return nil, fmt.Errorf("%s: %w", s.ID, err)
		}
	}
	return offers, nil
}

// halvesOf returns the halves that a head was trained from.
func (w *workbench) halvesOf(t result.Head) halves {
	return w.halves[slices.IndexFunc(w.halves, func(h halves) bool { return h.seed == t.Seed && h.size == t.Size })]
}

// labels pairs distributions with the ids of their examples. An id is different for each copy of an example.
func (w *workbench) labels(examples []int, soft [][]float64) label.Labels {
	l := label.Labels{Soft: soft}
	copies := map[int]int{}
	for _, e := range examples {
		id := w.examples[e].ID
		if copies[e]++; copies[e] > 1 {
			id = fmt.Sprintf("%s, copy %d", id, copies[e])
		}
		l.IDs = append(l.IDs, id)
	}
	if w.info.Form != tasks.Rank {
		l.Classes = len(soft[0])
	}
	return l
}

// heldOut returns what calibrations are fitted on. It trains a supervisor on a part of weak-train, with the penalty of the
// real one, and returns its labels of the rest with their gold. The real supervisor was trained on all of weak-train, so it
// is overconfident there. A supervisor that is not trained has seen none of weak-train, so all of it is held out.
func (w *workbench) heldOut(ctx context.Context, s trained, h halves) (*label.Held, error) {
	if s.labels != nil {
		return &label.Held{Soft: ofExamples(s.labels, h.weak), Gold: h.weakGold}, nil
	}
	own := w.part(w.data[s.Model], s.Seed, h.weak)
	job := head.Job{Name: s.ID, Examples: own.numbers(h.weak), Labels: h.weakGold, Loss: loss.XEnt{}, L2: s.L2, Seed: s.Seed}
	cuts, err := head.Grid{HeldOut: w.cfg.Held, Group: own.groups}.Cuts(job)
	if err != nil {
		return nil, err
	}
	train, rest := cuts[0].Train, cuts[0].Held
	fitted, err := head.Fit(ctx, own.data, []head.Job{train}, head.Options{})
	if err != nil {
		return nil, err
	}
	held := list.Map(rest.Examples, func(i int) int { return h.weak[i] })
	soft, err := w.predictWith(ctx, w.data[s.Model].raw, []*head.Head{fitted[0].Head}, held)
	if err != nil {
		return nil, err
	}
	return &label.Held{Soft: soft[0], Gold: rest.Labels}, nil
}

// students trains heads of the strong model of every pair on every offer of the weak model, with every treatment and loss. It
// also trains heads of every strong model on the offers of simulated supervisors, and returns the baselines of these
// supervisors before all students.
func (w *workbench) students(ctx context.Context, offers []offer) ([]trained, error) {
	specs := map[string][]trainSpec{}
	for _, pair := range w.cfg.Pairs {
		for _, o := range offers {
			if o.supervisor.Model != pair.Weak {
				continue
			}
			more, err := w.studentSpecs(ctx, o, pair.Strong)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", pair, err)
			}
			specs[pair.Strong] = append(specs[pair.Strong], more...)
		}
	}
	var baselines []trained
	for _, model := range w.cfg.strongs() {
		simulated, err := w.simulate(model)
		if err != nil {
			return nil, err
		}
		for _, o := range simulated {
			more, err := w.studentSpecs(ctx, o, model)
			if err != nil {
				return nil, err
			}
			specs[model] = append(specs[model], more...)
			baselines = append(baselines, trained{Head: o.supervisor})
		}
	}
	students, err := w.trainAll(ctx, w.data, w.cfg.strongs(), func(model string) []trainSpec { return specs[model] })
	return append(baselines, students...), err
}

// studentSpecs applies every treatment to an offer and returns a spec of a student for every treatment and loss. With baselines, a
// student of shuffled labels follows each student of a supervisor that is not simulated.
func (w *workbench) studentSpecs(ctx context.Context, o offer, model string) (specs []trainSpec, err error) {
	raw, err := stats.Measure(o.labels.Soft, o.halves.strongGold)
	if err != nil {
		return nil, err
	}
	for _, treatment := range w.cfg.Treatments {
		treated, err := treatment.Apply(ctx, o.labels, label.Evidence{Held: o.held, Repeats: o.repeats, Features: w.data[model].of(o.halves.seed),
			Examples: o.halves.strong})
		if err != nil {
			return nil, fmt.Errorf("labels of %s, %s: %w", o.supervisor.ID, treatment, err)
		}
		examples := list.Map(treated.Keep, func(k int) int { return o.halves.strong[k] })
		gold := list.Map(treated.Keep, func(k int) []float64 { return o.halves.strongGold[k] })
		q, err := stats.Measure(treated.Soft, gold)
		if err != nil {
			return nil, err
		}
		quality := &result.LabelQuality{Quality: q, Raw: raw, Notes: treated.Notes}
		if treated.Weights != nil {
			quality.Effective = label.Effective(treated.Weights)
		}
		for _, l := range w.cfg.Losses {
			specs = append(specs, trainSpec{
				head: result.Head{Role: result.Student, Model: model, Supervisor: o.supervisor.ID, Treatment: treatment.String(),
					Seed: o.halves.seed, Size: o.halves.size, Labels: quality, Warnings: treated.Warnings},
				examples: examples, labels: treated.Soft, weights: treated.Weights, loss: l,
			})
			if w.hasBaselines() && o.supervisor.Role == result.Supervisor {
				specs = append(specs, w.shuffledSpec(specs[len(specs)-1]))
			}
		}
	}
	return specs, nil
}

// freeAnswers trains the heads of a task with free answers.
func (w *workbench) freeAnswers(ctx context.Context) ([]result.Head, error) {
	t := freeform.Task{Name: w.info.Name, Test: w.test, TestAnswers: w.record.TestAnswers}
	for i, e := range w.examples {
		t.Prompts, t.IDs, t.Units = append(t.Prompts, e.Texts[0]), append(t.IDs, e.ID), append(t.Units, w.groups[i])
	}
	for _, h := range w.halves {
		t.Splits = append(t.Splits, freeform.Split{Seed: h.seed, Size: h.size,
			Weak: freeform.Half{Examples: h.weak, Answers: h.weakAnswers}, Strong: freeform.Half{Examples: h.strong, Answers: h.strongAnswers}})
	}
	heads, warnings, err := freeform.Run(ctx, t, freeform.Options{
		Models: list.Map(w.cfg.Models, func(m Model) string { return m.Name }),
		Open: func(ctx context.Context, model string) (freeform.Writer, error) {
			return w.cfg.Models[slices.IndexFunc(w.cfg.Models, func(m Model) bool { return m.Name == model })].Writer(ctx)
		},
		Pairs: w.cfg.Pairs, Losses: w.cfg.Losses, L2: w.cfg.L2, Folds: w.cfg.Folds, HeldOut: w.cfg.Held,
		Features: w.env.Features, Progress: w.env.Progress, StateBytes: w.env.stateBytes,
	})
	for _, text := range warnings {
		w.warn("%s", text)
	}
	return heads, err
}
