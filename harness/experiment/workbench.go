package experiment

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// A workbench holds one task ready for training: the examples, the halves of every seed, and the features of all examples
// under every model. Examples are referred to by their position.
type workbench struct {
	cfg      Config
	env      Env
	info     tasks.Info
	record   result.Task
	examples []tasks.Example // without gold: the pool, then the test examples, each sorted by id
	groups   []string        // unit of each example: what must stay together
	pool     int             // number of examples of the pool
	test     []int
	halves   []halves
	data     map[string]head.Data // by model
	controls map[string]head.Data // by model, for tasks with controls
	twins    map[*feature.Matrix]twins
	labelled map[string][][]float64 // the labels of supervisors that are not trained, by name and example
}

// halves are the two halves of the training pool for one seed and size. Gold of the strong half is for ceilings and for the
// analysis. Students are trained from trainSpecs, which have no access to it.
type halves struct {
	seed                 uint64
	size                 int // 0: the whole pool
	weak, strong         []int
	weakGold, strongGold [][]float64

	weakAnswers, strongAnswers [][]string // right answers, for tasks with free answers
}

// open loads a task and cuts it into the halves of every seed.
func open(ctx context.Context, cfg Config, env Env, task tasks.Task) (*workbench, error) {
	info := task.Info()
	data, err := task.Load(ctx, env.Source)
	if err != nil {
		return nil, err
	}
	w := &workbench{cfg: cfg, env: env, info: info, data: map[string]head.Data{}, controls: map[string]head.Data{}, twins: map[*feature.Matrix]twins{},
		labelled: map[string][][]float64{}}
	w.record = result.Task{Name: info.Name, Title: info.Title, Category: info.Category, Form: info.Form, Metric: info.Metric, Classes: info.Classes,
		Source: info.Source, Licence: info.Licence, Version: info.Version, Digest: data.Digest, Warnings: slices.Clone(data.Warnings)}
	return w, w.cut(data)
}

// warn adds a warning to the task's record, once.
func (w *workbench) warn(format string, args ...any) {
	w.record.Warnings = list.AppendNew(w.record.Warnings, fmt.Sprintf(format, args...))
}

// cut makes the halves. The pool and the test examples are the same for every seed.
func (w *workbench) cut(data *tasks.Data) error {
	size, whole, err := splitWhole(w.cfg, data)
	if err != nil {
		return err
	}
	// Sorting by id makes the rounding of sums in a training independent of the first seed.
	pool := slices.Concat(whole.WeakTrain, whole.StrongTrain)
	slices.SortFunc(pool, func(a, b tasks.Example) int { return cmp.Compare(a.ID, b.ID) })
	position := map[string]int{} // by id
	for _, e := range slices.Concat(pool, whole.Test) {
		position[e.ID] = len(w.examples)
		e.Gold, e.Answer, e.Also = nil, "", nil
		w.examples = append(w.examples, e)
	}
	w.groups = tasks.Units(w.examples)
	w.pool = len(pool)
	for i := range whole.Test {
		w.test = append(w.test, w.pool+i)
	}
	w.record.Train = w.pool
	describeTest(&w.record, whole.Test, w.cfg.KeepTexts)

	for _, n := range append([]int{0}, w.cfg.Sizes...) {
		if n >= w.pool {
			w.warn("the training pool of %d is left out: the whole pool has %s", n, visible.Count(w.pool, "example"))
			continue
		}
		for _, seed := range w.cfg.Seeds {
			smaller := size
			smaller.Seed = seed
			if n > 0 {
				smaller.Train = n
			}
			s, err := data.Split(smaller)
			if err != nil {
				return err
			}
			h := halves{seed: seed, size: n, strongGold: s.CeilingGold()}
			for _, half := range []struct {
				to   *[]int
				from []tasks.Example
			}{{&h.weak, s.WeakTrain}, {&h.strong, s.StrongTrain}} {
				for _, e := range half.from {
					p, ok := position[e.ID]
					if !ok {
						return fmt.Errorf("example %s of a smaller pool is not in the larger one (use sizes up to %d)", e.ID, w.pool)
					}
					*half.to = append(*half.to, p)
				}
			}
			for _, e := range s.WeakTrain {
				h.weakGold = append(h.weakGold, e.Gold)
			}
			if w.info.Form == tasks.Generate {
				h.weakAnswers, h.strongAnswers = rightAnswers(s.WeakTrain), rightAnswers(s.CeilingTrain())
			}
			w.halves = append(w.halves, h)
		}
	}
	w.describeSplit(data, size, whole)
	return w.checkHeldOut()
}

// rightAnswers returns the right answers to examples with free answers; the first one of each is the one to learn.
func rightAnswers(examples []tasks.Example) [][]string {
	return list.Map(examples, func(e tasks.Example) []string { return append([]string{e.Answer}, e.Also...) })
}

// describeTest puts the test examples into a task's record.
func describeTest(t *result.Task, test []tasks.Example, texts bool) {
	if t.Form == tasks.Generate {
		t.TestAnswers = rightAnswers(test)
	}
	for _, e := range test {
		t.TestIDs = append(t.TestIDs, e.ID)
		if t.Form == tasks.Generate {
			e.Gold = []float64{0, 1} // of wrong and right
		}
		t.TestGold = append(t.TestGold, e.Gold)
		if texts {
			t.Texts = append(t.Texts, strings.Join(e.Texts, "\n"))
		}
	}
}

// hasControls reports whether every example has texts that lack what the task is about.
func (w *workbench) hasControls() bool {
	return !slices.ContainsFunc(w.examples, func(e tasks.Example) bool { return e.Control == nil })
}

// encode computes the features of all texts under every model, and the labels of supervisors that are not trained. Models with the
// same Pass are encoded together.
func (w *workbench) encode(ctx context.Context) error {
	for _, s := range w.cfg.Supervisors {
		var err error
		if w.labelled[s.Name], err = w.label(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	for _, models := range passes(w.cfg.Models) {
		if err := w.features(ctx, models, w.data, Model.Texts); err != nil {
			return fmt.Errorf("%s: %w", together(models), err)
		}
		if !w.hasControls() {
			continue
		}
		if err := w.features(ctx, models, w.controls, Model.controls); err != nil {
			return fmt.Errorf("%s, control: %w", together(models), err)
		}
	}
	return nil
}

// passes groups models by Pass, in the order of the first of each.
func passes(models []Model) [][]Model {
	var groups [][]Model
	for _, m := range models {
		at := slices.IndexFunc(groups, func(g []Model) bool { return m.Pass != nil && g[0].Pass == m.Pass })
		if at < 0 {
			groups = append(groups, []Model{m})
			continue
		}
		groups[at] = append(groups[at], m)
	}
	return groups
}

// features computes the features of every example's texts under models that are encoded together. They are standardised over the
// texts of the pool, without labels and without the test texts.
func (w *workbench) features(ctx context.Context, models []Model, into map[string]head.Data, textsOf func(Model, tasks.Example) ([]string, error)) error {
	matrices, start, summaries, err := w.vectors(ctx, models, textsOf)
	if err != nil {
		return err
	}
	rows := make([]int, start[w.pool])
	for i := range rows {
		rows[i] = i
	}
	for i, m := range models {
		x := matrices[i]
		data := head.Data{X: x}
		if w.info.Form == tasks.Rank {
			data.Start = start
			w.twins[x] = findTwins(x, start)
			w.describeTwins(m.Name, w.twins[x], summaries[i].Truncated > 0)
		} else {
			data.Classes = len(w.record.TestGold[0])
		}
		data.Scaling = head.Standardise(x, rows)
		into[m.Name] = data
	}
	return nil
}

// vectors encodes every example's texts under models that are encoded together. The rows of example i are start[i] to start[i+1]-1.
func (w *workbench) vectors(ctx context.Context, models []Model, textsOf func(Model, tasks.Example) ([]string, error)) (matrices []*feature.Matrix, start []int,
	summaries []feature.Summary, err error) {
	var texts []string
	start = []int{0}
	for _, e := range w.examples {
		own, err := textsOf(models[0], e)
		if err != nil {
			return nil, nil, nil, err
		}
		texts = append(texts, own...)
		start = append(start, len(texts))
	}
	if matrices, summaries, err = w.env.features(ctx, models, w.info.Name, texts); err != nil {
		return nil, nil, nil, err
	}
	w.warnOfFeatures(models, summaries)
	return matrices, start, summaries, nil
}

// warnOfFeatures adds the warnings about the features of models that are encoded together. What is the same for all is one warning.
func (w *workbench) warnOfFeatures(models []Model, summaries []feature.Summary) {
	about := map[string][]Model{} // by warning
	var order []string
	for i, m := range models {
		warnings := slices.Clone(summaries[i].Warnings)
		if n := summaries[i].Truncated; n > 0 {
			warnings = append(warnings, fmt.Sprintf("%d of %d texts truncated", n, summaries[i].Texts))
		}
		for _, text := range list.AppendNew(nil, warnings...) {
			order = list.AppendNew(order, text)
			about[text] = append(about[text], m)
		}
	}
	for _, text := range order {
		w.warn("%s: %s", together(about[text]), text)
	}
}
