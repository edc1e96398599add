package harness

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/internal/prob"
	"w2s/internal/progress"
	"w2s/tasks"
)

// Env is what an experiment needs of the machine it runs on.
type Env struct {
	Source     tasks.Source       // nil: only tasks that are files or part of the program can be read
	Features   *feature.Cache     // nil: nothing is kept
	Multiplier head.NewMultiplier // nil: slower, in float64
	Progress   progress.Reporter  // nil: silent
	// Previous is an earlier result of the same configuration. Its tasks are taken over where neither data nor models
	// have changed. nil: none.
	Previous *Result
	// Finished, where set, is given the result so far each time a task is done, with what Previous has of the tasks whose
	// turn is yet to come: to store it loses nothing.
	Finished func(*Result) error
	// Trained, where set, is given every head that is trained on features, from several goroutines.
	Trained func(HeadRecord, *head.Head) error

	stateBytes int // of a model's hidden states in answers that are kept in memory
}

// withDefaults fills what can be left out.
func (e Env) withDefaults() Env {
	if e.Source == nil {
		e.Source = noSource{}
	}
	if e.Progress == nil {
		e.Progress = progress.Silent()
	}
	if e.stateBytes == 0 {
		e.stateBytes = defaultStateBytes
	}
	return e
}

// noSource has no artifact.
type noSource struct{}

func (noSource) Path(_ context.Context, artifact string) (string, error) {
	return "", fmt.Errorf("harness: no source of data for %s (set Env.Source)", artifact)
}

// features encodes texts, or takes them from the cache, under a progress bar.
func (e Env) features(ctx context.Context, m Model, task string, texts []string) (*feature.Matrix, feature.Summary, error) {
	report, end := progress.Late(e.Progress, fmt.Sprintf("encode %s, %s", task, m.Name))
	defer end()
	return e.Features.Features(ctx, m.Encoder, texts, func(done, total, _ int) { report(done, total) })
}

// A workbench holds one task, ready for training: the examples of all seeds' parts, and their features under every
// model. Examples have positions; all heads of the task speak of them by position.
type workbench struct {
	cfg      Config
	env      Env
	info     tasks.Info
	record   TaskRecord
	examples []tasks.Example // without gold: the pool, then the test examples, each sorted by id
	groups   []string        // of examples
	pool     int             // how many of examples are the pool
	test     []int
	parts    []part
	data     map[string]head.Data // by model
	controls map[string]head.Data // by model, of tasks that have a control
}

// A part is what one seed trains on, by position, at one size of the training pool. Gold of the strong half is here for
// ceilings and for the analysis; students are trained from an order, which has no way to it.
type part struct {
	seed                 uint64
	variant              string // "" for the whole pool, else its size: "train=500"
	weak, strong         []int
	weakGold, strongGold [][]float64

	weakAnswers, strongAnswers goldAnswers // of free answers, in place of distributions
}

// open loads a task and cuts it into the parts of every seed.
func open(ctx context.Context, cfg Config, env Env, task tasks.Task) (*workbench, error) {
	info := task.Info()
	data, err := task.Load(ctx, env.Source)
	if err != nil {
		return nil, err
	}
	b := &workbench{cfg: cfg, env: env, info: info, data: map[string]head.Data{}, controls: map[string]head.Data{}}
	b.record = TaskRecord{Name: info.Name, Title: info.Title, Category: info.Category, Form: info.Form, Classes: info.Classes,
		Source: info.Source, Licence: info.Licence, Version: info.Version, Digest: data.Digest, Warnings: slices.Clone(data.Warnings)}
	return b, b.cut(data)
}

// encode makes the features of all texts under every model.
func (b *workbench) encode(ctx context.Context) error {
	for _, m := range b.cfg.Models {
		var err error
		if b.data[m.Name], err = b.features(ctx, m, ownTexts); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		if !b.hasControl() {
			continue
		}
		if b.controls[m.Name], err = b.features(ctx, m, controlTexts); err != nil {
			return fmt.Errorf("%s, control: %w", m.Name, err)
		}
	}
	return nil
}

func ownTexts(e tasks.Example) []string     { return e.Texts }
func controlTexts(e tasks.Example) []string { return e.Control }

// hasControl says whether every example comes with texts without what the task is about.
func (b *workbench) hasControl() bool {
	return !slices.ContainsFunc(b.examples, func(e tasks.Example) bool { return e.Control == nil })
}

// cut makes the parts. The pool and the test examples are the same for every seed.
func (b *workbench) cut(data *tasks.Data) error {
	size, err := b.sizes(data)
	if err != nil {
		return err
	}
	at := map[string]int{} // position by id
	var missing error
	positions := func(examples []tasks.Example) []int {
		list := make([]int, len(examples))
		for i, e := range examples {
			p, ok := at[e.ID]
			if !ok {
				missing = fmt.Errorf("example %s of a smaller pool is not in the larger one (use sizes up to %d)", e.ID, b.pool)
			}
			list[i] = p
		}
		return list
	}
	add := func(examples []tasks.Example) {
		for _, e := range examples {
			at[e.ID] = len(b.examples)
			e.Gold, e.Answer, e.Also = nil, "", nil
			b.examples = append(b.examples, e)
			b.groups = append(b.groups, e.Group)
		}
	}
	cut := func(seed uint64, size tasks.SplitConfig) (*tasks.Split, error) {
		size.Seed = seed
		return data.Split(size)
	}
	whole, err := cut(b.cfg.Seeds[0], size)
	if err != nil {
		return err
	}
	// Sorted by id, so that the sums of a training do not depend on which seeds there are.
	pool := slices.Concat(whole.WeakTrain, whole.StrongTrain)
	slices.SortFunc(pool, func(a, b tasks.Example) int { return cmp.Compare(a.ID, b.ID) })
	add(pool)
	b.pool = len(pool)
	add(whole.Test)
	b.test = positions(whole.Test)
	b.describe(whole)

	for _, n := range append([]int{0}, b.cfg.Sizes...) {
		variant, size := "", size
		if n > 0 {
			variant, size.Train = fmt.Sprintf("train=%d", n), n
		}
		for _, seed := range b.cfg.Seeds {
			split, err := cut(seed, size)
			if err != nil {
				return err
			}
			p := part{seed: seed, variant: variant, weak: positions(split.WeakTrain), strong: positions(split.StrongTrain),
				strongGold: split.CeilingGold()}
			for _, e := range split.WeakTrain {
				p.weakGold = append(p.weakGold, e.Gold)
			}
			if b.info.Form == tasks.Generate {
				p.weakAnswers, p.strongAnswers = goldOf(split.WeakTrain), goldOf(split.CeilingTrain())
			}
			b.parts = append(b.parts, p)
		}
	}
	return missing
}

// part is where a head was trained.
func (b *workbench) part(h HeadRecord) part {
	return b.parts[slices.IndexFunc(b.parts, func(p part) bool { return p.seed == h.Seed && p.variant == h.Variant })]
}

// describe puts what a reader must know of the parts into the task's record.
func (b *workbench) describe(split *tasks.Split) {
	b.record.Train = b.pool
	if b.info.Form == tasks.Generate {
		b.record.TestAnswers = goldOf(split.Test)
	}
	for _, e := range split.Test {
		b.record.TestIDs = append(b.record.TestIDs, e.ID)
		if b.info.Form == tasks.Generate { // of wrong and right, the second
			e.Gold = []float64{0, 1}
		}
		b.record.TestGold = append(b.record.TestGold, e.Gold)
		if b.cfg.KeepTexts {
			b.record.Texts = append(b.record.Texts, strings.Join(e.Texts, "\n"))
		}
	}
}

// sizes are the parts' sizes: as asked for, or the defaults where the data is large enough for them, or else a quarter
// of the data for the test and the rest for training.
func (b *workbench) sizes(data *tasks.Data) (tasks.SplitConfig, error) {
	size := tasks.SplitConfig{Train: b.cfg.Train, Test: b.cfg.Test}
	if size.Test == 0 {
		size.Test = DefaultTest
		if have := balanced(data.Pool); data.Test == nil {
			size.Test = min(size.Test, have/4)
		} else {
			size.Test = min(size.Test, balanced(data.Test))
		}
	}
	if size.Train == 0 {
		size.Train = DefaultTrain
		have := balanced(data.Pool)
		if data.Test == nil {
			have -= size.Test
		}
		if have < size.Train {
			size.Train = 0 // all there is
		}
	}
	if size.Test < minTest && data.Test != nil {
		return size, fmt.Errorf("a test part of %d examples is too small (want %d or more)", size.Test, minTest)
	}
	if size.Test < minTest {
		return size, fmt.Errorf("%d examples of balanced classes are too few to cut a test part of %d from (add examples)", balanced(data.Pool), minTest)
	}
	return size, nil
}

// minTest is the fewest test examples that are worth a figure: below, one example is more than five points.
const minTest = 20

// balanced is how many examples remain when all classes are cut to the size of the smallest.
func balanced(examples []tasks.Example) int {
	if len(examples) == 0 || len(examples[0].Texts) != 1 || len(examples[0].Gold) < 2 {
		return len(examples)
	}
	count := make([]int, len(examples[0].Gold))
	for _, e := range examples {
		count[prob.Argmax(e.Gold)]++
	}
	return len(count) * slices.Min(count)
}

// features makes the features of every example's texts under one model. They are standardised over the pool: texts
// without labels, and no test text among them.
func (b *workbench) features(ctx context.Context, m Model, textsOf func(tasks.Example) []string) (head.Data, error) {
	var texts []string
	start := []int{0}
	for _, e := range b.examples {
		texts = append(texts, textsOf(e)...)
		start = append(start, len(texts))
	}
	x, summary, err := b.env.features(ctx, m, b.info.Name, texts)
	if err != nil {
		return head.Data{}, err
	}
	for _, w := range summary.Warnings {
		b.warn("%s", w)
	}
	if summary.Truncated > 0 {
		b.warn("%s: %d of %d texts truncated", m.Name, summary.Truncated, len(texts))
	}
	data := head.Data{X: x}
	rows := start[b.pool]
	if b.info.Form == tasks.Rank {
		data.Start = start
	} else {
		data.Classes = len(b.record.TestGold[0])
	}
	poolRows := make([]int, rows)
	for i := range poolRows {
		poolRows[i] = i
	}
	data.Scaling = head.Standardise(x, poolRows)
	return data, nil
}
