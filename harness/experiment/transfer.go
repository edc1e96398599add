package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"w2s/harness/head"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// A TransferConfig describes a transfer matrix: the heads of every task are tested on the test examples of all tasks.
type TransferConfig struct{ Config }

func (c TransferConfig) settings() result.Settings {
	s := c.Config.settings()
	s.Kind = result.Transfer
	return s
}

// Differences reports, one line for each difference, why r is not a result of this configuration; see
// [result.Result.Differences].
func (c TransferConfig) Differences(r *result.Result) []string {
	c.Config = c.withDefaults()
	return c.differences(r, c.settings())
}

// Validate reports all faults together, as a [ConfigError].
func (c TransferConfig) Validate() error {
	var faults faultList
	if len(c.Tasks) < 2 {
		faults.add("transfer: %s, want two or more", visible.Count(len(c.Tasks), "task"))
	}
	for _, t := range c.Tasks {
		info, first := t.Info(), c.Tasks[0].Info()
		switch {
		case info.Form == tasks.Generate:
			faults.add("transfer: task %s: heads for free answers cannot be tested on other tasks", info.Name)
		case info.Form != first.Form:
			faults.add("transfer: task %s is a %s task and %s a %s task: their heads do not fit each other", info.Name, info.Form, first.Name, first.Form)
		case len(info.Classes) != len(first.Classes):
			faults.add("transfer: task %s has %s and %s has %d: their heads do not fit each other", info.Name, visible.Count(len(info.Classes), "class"), first.Name, len(first.Classes))
		}
	}
	if len(c.Sizes) > 0 {
		faults.add("transfer: a transfer matrix has one size of the training pool (w2s study size tries several)")
	}
	if c.Combined != nil || len(c.Ensembles) > 0 {
		faults.add("transfer: a transfer matrix has no combination of supervisors and no ensemble of heads")
	}
	if len(c.Simulated) > 0 {
		faults.add("transfer: a transfer matrix has no simulated supervisors")
	}
	c.check(&faults)
	return faults.err()
}

// RunTransfer trains supervisors, students and ceilings on every task as [Run] does, and tests each of them on the test
// examples of all tasks. Test examples that share a text or a group with the training pool of another task are left out
// for all heads, so every column of the matrix has the same examples in all rows.
//
// A task that fails is named in the error, and the result holds the matrix of the others. If ctx ends, the result holds the
// matrix of the tasks that were done. env.Previous is not used, because testing a head on another task takes its weights.
func RunTransfer(ctx context.Context, cfg TransferConfig, env Env) (*result.Result, error) {
	cfg.Config, env = cfg.withDefaults(), env.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	env.Previous = nil
	benches, failed := openAll(ctx, cfg.Config, env)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(benches) < 2 { // nothing was trained yet
		return nil, joinInOrder(cfg.Tasks, failed)
	}
	var m matrix
	return driver{
		cfg: cfg.Config, settings: cfg.settings(), env: env,
		open: func(_ context.Context, task tasks.Task) (*workbench, error) {
			return benches[task.Info().Name], failed[task.Info().Name]
		},
		work: func(ctx context.Context, w *workbench) ([]result.Head, []result.Chain, error) {
			heads, err := m.add(ctx, w)
			return heads, nil, err
		},
	}.run(ctx)
}

// joinInOrder joins the faults of tasks in the order of the tasks.
func joinInOrder(all []tasks.Task, failed map[string]error) error {
	var faults []error
	for _, t := range all {
		if err := failed[t.Info().Name]; err != nil {
			faults = append(faults, fmt.Errorf("task %s: %w", t.Info().Name, err))
		}
	}
	return errors.Join(faults...)
}

// A matrix is a transfer matrix that grows by a row and a column with each task.
type matrix struct {
	done  []*workbench
	heads [][]trained // by task they were trained on
}

// add trains heads on a task, tests them on the earlier tasks, and tests the heads of the earlier tasks on the task. It returns
// all of these records. If it fails, it leaves the matrix unchanged.
func (m *matrix) add(ctx context.Context, w *workbench) ([]result.Head, error) {
	if err := w.encode(ctx); err != nil {
		return nil, err
	}
	heads, err := w.allHeads(ctx)
	if err != nil {
		return nil, err
	}
	out := records(heads)
	for i, other := range m.done {
		onOther, err := other.crossTask(ctx, heads)
		if err != nil {
			return nil, fmt.Errorf("its heads on %s: %w", other.info.Name, err)
		}
		ofOther, err := w.crossTask(ctx, m.heads[i])
		if err != nil {
			return nil, fmt.Errorf("heads of %s on it: %w", other.info.Name, err)
		}
		out = slices.Concat(out, onOther, ofOther)
	}
	m.done, m.heads = append(m.done, w), append(m.heads, heads)
	return out, nil
}

// crossTask tests heads of another task on the test examples of this one.
func (w *workbench) crossTask(ctx context.Context, heads []trained) ([]result.Head, error) {
	var out []result.Head
	for _, t := range heads {
		if t.Role == result.Control {
			continue
		}
		if labels := w.labelled[t.Model]; t.labels != nil { // it labels every task itself
			out = append(out, t.Head.TestedOn(w.info.Name, ofExamples(labels, w.test)))
			continue
		}
		test, err := w.predictWith(ctx, w.data[t.Model].raw, []*head.Head{t.head}, w.test)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.ID, err)
		}
		out = append(out, t.Head.TestedOn(w.info.Name, test[0]))
	}
	return out, nil
}

// openAll opens the tasks and removes leaks from their test examples. It returns two maps by the name of a task: the
// workbenches of the tasks that can take part, and the reasons why the others cannot.
func openAll(ctx context.Context, cfg Config, env Env) (benches map[string]*workbench, failed map[string]error) {
	benches, failed = map[string]*workbench{}, map[string]error{}
	var opened []*workbench
	for _, task := range cfg.Tasks {
		w, err := open(ctx, cfg, env, task)
		if err == nil && w.info.Form == tasks.Classify && len(opened) > 0 {
			if got, want := len(w.record.TestGold[0]), len(opened[0].record.TestGold[0]); got != want {
				err = fmt.Errorf("it has %s and %s has %d: their heads do not fit each other", visible.Count(got, "class"), opened[0].info.Name, want)
			}
		}
		if err != nil {
			failed[task.Info().Name] = err
			continue
		}
		opened = append(opened, w)
	}
	for _, w := range removeLeaks(opened, failed) {
		benches[w.info.Name] = w
	}
	return benches, failed
}

// removeLeaks removes test examples that share a text or a group with the training pool of another task. It returns the tasks
// that keep enough test examples, and adds the others to failed.
func removeLeaks(benches []*workbench, failed map[string]error) (kept []*workbench) {
	pools := map[*workbench]map[string]bool{}
	for _, w := range benches {
		pools[w] = map[string]bool{}
		for _, e := range w.examples[:w.pooled] {
			for _, mark := range marks(e) {
				pools[w][mark] = true
			}
		}
	}
	leaks := func(e tasks.Example, from *workbench) bool {
		return slices.ContainsFunc(marks(e), func(mark string) bool { return pools[from][mark] })
	}
	for _, w := range benches {
		clean := 0
		for _, e := range w.test {
			if !slices.ContainsFunc(benches, func(other *workbench) bool { return other != w && leaks(w.examples[e], other) }) {
				clean++
			}
		}
		if clean < minTest {
			failed[w.info.Name] = fmt.Errorf("%d of its test examples share nothing with the training pools of the other tasks, want %d or more (the tasks overlap too much to test transfer)", clean, minTest)
			continue
		}
		kept = append(kept, w)
	}
	for _, w := range kept {
		for _, other := range kept {
			if other == w {
				continue
			}
			before := len(w.test)
			w.keepTest(func(e tasks.Example) bool { return !leaks(e, other) })
			if n := before - len(w.test); n > 0 {
				w.warn("%s of %s left out: they share a text or a group with the training pool of %s", visible.Count(n, "test example"), w.info.Name, other.info.Name)
			}
		}
	}
	return kept
}

// marks returns what an example must not share with a training example of another task: the normal form of each text, and
// its group.
func marks(e tasks.Example) []string {
	out := list.Map(e.Texts, func(text string) string { return "text " + tasks.NormalForm(text) })
	if e.Group != "" {
		out = append(out, "group "+e.Group)
	}
	return out
}

// keepTest removes the test examples for which keep returns false.
func (w *workbench) keepTest(keep func(tasks.Example) bool) {
	var test []int
	r := w.record
	r.TestIDs, r.TestGold, r.Texts = nil, nil, nil
	for i, e := range w.test {
		if !keep(w.examples[e]) {
			continue
		}
		test = append(test, e)
		r.TestIDs, r.TestGold = append(r.TestIDs, w.record.TestIDs[i]), append(r.TestGold, w.record.TestGold[i])
		if w.record.Texts != nil {
			r.Texts = append(r.Texts, w.record.Texts[i])
		}
	}
	r.TestGroups = groupNumbers(list.Map(test, func(e int) string { return w.groups[e] }))
	w.test, w.record = test, r
}
