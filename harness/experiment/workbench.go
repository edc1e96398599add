package experiment

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/semaphore"

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
	cfg       Config
	env       Env
	info      tasks.Info
	record    result.Task
	examples  []tasks.Example // without gold: those of all pools, then the test examples, each sorted by id
	groups    []string        // unit of each example: what must stay together
	pooled    int             // number of examples of all pools
	test      []int
	halves    []halves
	data      map[string]features // by model
	controls  map[string]features // by model, for tasks with controls
	twins     map[*feature.Matrix]twins
	contrast  map[string]head.Data   // by model, the features of statements; see unlabelled.go
	labellers map[string]Labeller    // of supervisors that are not trained, by name
	labelled  map[string][][]float64 // the labels of supervisors that are not trained, by name and example
	training  *semaphore.Weighted    // trainings that are under way
	atOnce    int64                  // how many may be
	leftOut   []string               // which supervisors lack labels of how many examples

	statements func(tasks.Example) tasks.Example // how an example is written as statements; nil: no baseline needs them
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
	w := &workbench{cfg: cfg, env: env, info: info, data: map[string]features{}, controls: map[string]features{}, twins: map[*feature.Matrix]twins{},
		labelled: map[string][][]float64{}, contrast: map[string]head.Data{}}
	w.allowTrainings(runtime.GOMAXPROCS(0))
	w.record = result.Task{Name: info.Name, Title: info.Title, Category: info.Category, Form: info.Form, Metric: info.Metric, Classes: info.Classes,
		Source: info.Source, Corpus: info.Corpus, Licence: info.Licence, Version: info.Version, Digest: data.Digest, Warnings: slices.Clone(data.Warnings)}
	if err := w.openSupervisors(data); err != nil {
		return nil, err
	}
	if err := w.cut(data); err != nil {
		if w.leftOut == nil {
			return nil, err
		}
		classes := "" // of the examples that are left
		for k, n := range tasks.ClassCounts(slices.Concat(data.Pool, data.Test)) {
			classes += fmt.Sprintf(", %d of class %q", n, w.className(k))
		}
		return nil, fmt.Errorf("%s, and the others are left out: %s are left%s: %w", strings.Join(w.leftOut, "; "),
			visible.Count(len(data.Pool)+len(data.Test), "example"), classes, err)
	}
	return w, nil
}

// warn adds a warning to the task's record, once.
func (w *workbench) warn(format string, args ...any) {
	w.record.Warnings = list.AppendNew(w.record.Warnings, fmt.Sprintf(format, args...))
}

// cut draws the training pool of every seed and size and halves it. The test examples are the same for all.
func (w *workbench) cut(data *tasks.Data) error {
	size, whole, err := splitWhole(w.cfg, data)
	if err != nil {
		return err
	}
	w.record.Train = len(whole.WeakTrain) + len(whole.StrongTrain)
	// Of each split, only ids and gold are kept until the positions of all examples are known: an example has hundreds of bytes.
	type cut struct {
		halves
		weakIDs, strongIDs []string
	}
	var cuts []cut
	pooled := make(map[string]bool, w.record.Train) // ids of all seeds
	w.examples = make([]tasks.Example, 0, w.record.Train+len(whole.Test))
	for _, n := range append([]int{0}, w.cfg.Sizes...) {
		if n >= w.record.Train {
			w.warn("the training pool of %d is left out: the whole pool has %s", n, visible.Count(w.record.Train, "example"))
			continue
		}
		for _, seed := range w.cfg.Seeds {
			own, s := size, whole
			own.Seed = seed
			if n > 0 {
				own.Train = n
			}
			if own != size { // whole is the pool of the first seed
				if s, err = splitPool(w.cfg, data, own); err != nil {
					return fmt.Errorf("seed %d: %w", seed, err)
				}
			}
			c := cut{halves: halves{seed: seed, size: n, weakGold: list.Map(s.WeakTrain, func(e tasks.Example) []float64 { return e.Gold }), strongGold: s.CeilingGold()},
				weakIDs: idsOf(s.WeakTrain), strongIDs: idsOf(s.StrongTrain)}
			if w.info.Form == tasks.Generate {
				c.weakAnswers, c.strongAnswers = rightAnswers(s.WeakTrain), rightAnswers(s.CeilingTrain())
			}
			cuts = append(cuts, c)
			for _, half := range [][]tasks.Example{s.WeakTrain, s.StrongTrain} {
				for i := range half {
					if e := &half[i]; !pooled[e.ID] {
						pooled[e.ID] = true
						w.examples = append(w.examples, withoutGold(*e))
					}
				}
			}
		}
	}
	slices.SortFunc(w.examples, func(a, b tasks.Example) int { return cmp.Compare(a.ID, b.ID) })
	w.pooled = len(w.examples)
	for _, e := range whole.Test {
		w.examples = append(w.examples, withoutGold(e))
	}
	ids := idsOf(w.examples)
	position := make(map[string]int32, len(ids))
	for i, id := range ids {
		position[id] = int32(i)
	}
	w.groups = tasks.Units(w.examples)
	for i := range whole.Test {
		w.test = append(w.test, w.pooled+i)
	}
	describeTest(&w.record, whole.Test, w.cfg.KeepTexts)
	w.record.TestGroups = groupNumbers(w.groups[w.pooled:])
	positions := func(ids []string) []int { return list.Map(ids, func(id string) int { return int(position[id]) }) }
	for _, c := range cuts {
		h := c.halves
		h.weak, h.strong = positions(c.weakIDs), positions(c.strongIDs)
		w.halves = append(w.halves, h)
		w.record.Halves = append(w.record.Halves, result.Halves{Seed: h.seed, Size: h.size, Weak: bits(h.weak, w.pooled), Strong: bits(h.strong, w.pooled)})
	}
	w.record.PoolIDs = ids[:w.pooled:w.pooled]
	w.describeSplit(data, size, whole)
	return w.checkHeldOut()
}

func idsOf(examples []tasks.Example) []string {
	return list.Map(examples, func(e tasks.Example) string { return e.ID })
}

// bits returns a bit for each of n examples, lowest first, that says whether it is among members.
func bits(members []int, n int) []byte {
	out := make([]byte, (n+7)/8)
	for _, e := range members {
		out[e/8] |= 1 << (e % 8)
	}
	return out
}

// groupNumbers numbers groups in the order of their first example. It returns nil if no two examples have the same group.
func groupNumbers(groups []string) []int {
	number := map[string]int{}
	out := make([]int, len(groups))
	for i, g := range groups {
		if _, ok := number[g]; !ok {
			number[g] = len(number)
		}
		out[i] = number[g]
	}
	if len(number) == len(groups) {
		return nil
	}
	return out
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

// hasControls reports whether every example has texts that lack what the task is about, under every model.
func (w *workbench) hasControls() bool {
	if slices.ContainsFunc(w.examples, func(e tasks.Example) bool { return e.Control == nil }) {
		return false
	}
	for _, m := range w.cfg.Models {
		if m.Lookup != nil && slices.ContainsFunc(w.examples, func(e tasks.Example) bool { return m.Lookup.Controls(e) == nil }) {
			w.warn("%s: it has no vectors of the controls, which are left out", m.Name)
			return false
		}
	}
	return true
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
	return w.encodeStatements(ctx)
}
