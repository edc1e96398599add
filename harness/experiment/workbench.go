package experiment

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/tasks"
)

// A workbench holds one task ready for training: the examples, the halves of every seed, and the features of all examples
// under every model. Examples are referred to by their position.
type workbench struct {
	cfg      Config
	env      Env
	info     tasks.Info
	record   result.Task
	examples []tasks.Example // without gold: those of all pools, then the test examples, each sorted by id
	groups   []string        // unit of each example: what must stay together
	pooled   int             // number of examples of all pools
	test     []int
	halves   []halves
	data     map[string]features // by model
	controls map[string]features // by model, for tasks with controls
	twins    map[*feature.Matrix]twins
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
	w := &workbench{cfg: cfg, env: env, info: info, data: map[string]features{}, controls: map[string]features{}, twins: map[*feature.Matrix]twins{}}
	w.record = result.Task{Name: info.Name, Title: info.Title, Category: info.Category, Form: info.Form, Metric: info.Metric, Classes: info.Classes,
		Source: info.Source, Corpus: info.Corpus, Licence: info.Licence, Version: info.Version, Digest: data.Digest, Warnings: slices.Clone(data.Warnings)}
	return w, w.cut(data)
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
	type cut struct {
		seed  uint64
		size  int
		split *tasks.Split
	}
	var cuts []cut
	pool := map[string]tasks.Example{} // of all seeds, by id
	for _, n := range append([]int{0}, w.cfg.Sizes...) {
		if n >= w.record.Train {
			w.warn("the training pool of %d is left out: the whole pool has %d examples", n, w.record.Train)
			continue
		}
		for _, seed := range w.cfg.Seeds {
			own := size
			own.Seed = seed
			if n > 0 {
				own.Train = n
			}
			s, err := splitPool(w.cfg, data, own)
			if err != nil {
				return fmt.Errorf("seed %d: %w", seed, err)
			}
			cuts = append(cuts, cut{seed, n, s})
			for _, e := range slices.Concat(s.WeakTrain, s.StrongTrain) {
				pool[e.ID] = e
			}
		}
	}
	byID := func(a, b tasks.Example) int { return cmp.Compare(a.ID, b.ID) }
	examples := slices.SortedFunc(maps.Values(pool), byID)
	w.pooled = len(examples)
	position := map[string]int{} // by id
	for _, e := range slices.Concat(examples, whole.Test) {
		position[e.ID] = len(w.examples)
		e.Gold, e.Answer, e.Also = nil, "", nil
		w.examples = append(w.examples, e)
	}
	w.groups = tasks.Units(w.examples)
	for i := range whole.Test {
		w.test = append(w.test, w.pooled+i)
	}
	describeTest(&w.record, whole.Test, w.cfg.KeepTexts)
	w.record.TestGroups = groupNumbers(w.groups[w.pooled:])
	positions := func(examples []tasks.Example) []int {
		return list.Map(examples, func(e tasks.Example) int { return position[e.ID] })
	}
	for _, c := range cuts {
		h := halves{seed: c.seed, size: c.size, weak: positions(c.split.WeakTrain), strong: positions(c.split.StrongTrain),
			weakGold: list.Map(c.split.WeakTrain, func(e tasks.Example) []float64 { return e.Gold }), strongGold: c.split.CeilingGold()}
		if w.info.Form == tasks.Generate {
			h.weakAnswers, h.strongAnswers = rightAnswers(c.split.WeakTrain), rightAnswers(c.split.CeilingTrain())
		}
		w.halves = append(w.halves, h)
		w.record.Halves = append(w.record.Halves, result.Halves{Seed: h.seed, Size: h.size, Weak: bits(h.weak, w.pooled), Strong: bits(h.strong, w.pooled)})
	}
	w.record.PoolIDs = list.Map(examples, func(e tasks.Example) string { return e.ID })
	w.describeSplit(data, size, whole)
	return w.checkHeldOut()
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

// hasControls reports whether every example has texts that lack what the task is about.
func (w *workbench) hasControls() bool {
	return !slices.ContainsFunc(w.examples, func(e tasks.Example) bool { return e.Control == nil })
}

// encode computes the features of all texts under every model.
func (w *workbench) encode(ctx context.Context) error {
	for _, m := range w.cfg.Models {
		var err error
		if w.data[m.Name], err = w.features(ctx, m, m.texts); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		if !w.hasControls() {
			continue
		}
		if w.controls[m.Name], err = w.features(ctx, m, m.controls); err != nil {
			return fmt.Errorf("%s, control: %w", m.Name, err)
		}
	}
	return nil
}

// features are the features of all examples of a task under one model.
type features struct {
	raw     head.Data
	scaling map[uint64]*head.Scaling // by seed
}

// of returns the features with the scaling of a seed.
func (f features) of(seed uint64) head.Data {
	data := f.raw
	data.Scaling = f.scaling[seed]
	return data
}

// features computes the features of every example's texts under one model. For each seed they are standardised over the
// texts of its training pool, without labels and without the test texts.
func (w *workbench) features(ctx context.Context, m Model, textsOf func(tasks.Example) ([]string, error)) (features, error) {
	var texts []string
	start := []int{0}
	for _, e := range w.examples {
		own, err := textsOf(e)
		if err != nil {
			return features{}, err
		}
		texts = append(texts, own...)
		start = append(start, len(texts))
	}
	x, summary, err := w.env.features(ctx, m, w.info.Name, texts)
	if err != nil {
		return features{}, err
	}
	for _, text := range summary.Warnings {
		w.warn("%s: %s", m.Name, text)
	}
	if summary.Truncated > 0 {
		w.warn("%s: %d of %d texts truncated", m.Name, summary.Truncated, len(texts))
	}
	out := features{raw: head.Data{X: x}, scaling: map[uint64]*head.Scaling{}}
	if w.info.Form == tasks.Rank {
		out.raw.Start = start
		w.twins[x] = findTwins(x, start)
		w.describeTwins(m.Name, w.twins[x], summary.Truncated > 0)
	} else {
		out.raw.Classes = len(w.record.TestGold[0])
	}
	for _, h := range w.halves {
		if h.size > 0 {
			continue
		}
		var rows []int
		for _, e := range slices.Sorted(slices.Values(slices.Concat(h.weak, h.strong))) {
			for r := start[e]; r < start[e+1]; r++ {
				rows = append(rows, r)
			}
		}
		out.scaling[h.seed] = head.Standardise(x, rows)
	}
	return out, nil
}

// A part holds the features of some examples, numbered anew from 0, so that a head does not depend on the rest.
type part struct {
	data   head.Data
	groups []string
	index  map[int]int // from the numbers of the workbench
}

// part returns the features of examples with the scaling of a seed.
func (w *workbench) part(f features, seed uint64, examples []int) part {
	whole := f.of(seed)
	p := part{data: whole, index: make(map[int]int, len(examples))}
	x := &feature.Matrix{Dims: whole.X.Dims}
	if whole.Start != nil {
		p.data.Start = []int{0}
	}
	for i, e := range examples {
		p.index[e] = i
		p.groups = append(p.groups, w.groups[e])
		from, to := e, e+1
		if whole.Start != nil {
			from, to = whole.Start[e], whole.Start[e+1]
			p.data.Start = append(p.data.Start, x.Rows+to-from)
		}
		x.Rows += to - from
		x.Data = append(x.Data, whole.X.Data[from*x.Dims:to*x.Dims]...)
	}
	p.data.X = x
	return p
}

// numbers returns the numbers of examples in the part.
func (p part) numbers(examples []int) []int {
	return list.Map(examples, func(e int) int { return p.index[e] })
}
