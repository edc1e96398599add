package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/head"
	"w2s/tasks"
)

// A TransferConfig says which transfer matrix to make: the heads of every task are tested on the test examples of all of
// them.
type TransferConfig struct{ Config }

// Validate reports all faults at once, as a [ConfigError].
func (c TransferConfig) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("harness: transfer: "+format, args...))
	}
	if len(c.Tasks) < 2 {
		fault("%d tasks, a matrix needs two or more", len(c.Tasks))
	}
	for _, t := range c.Tasks {
		info, first := t.Info(), c.Tasks[0].Info()
		switch {
		case info.Form == tasks.Generate:
			fault("task %s: free answers have no head that could be tested elsewhere", info.Name)
		case info.Form != first.Form:
			fault("task %s is a %s task and %s a %s task: their heads do not fit each other", info.Name, info.Form, first.Name, first.Form)
		case len(info.Classes) != len(first.Classes):
			fault("task %s has %d classes and %s has %d: their heads do not fit each other", info.Name, len(info.Classes), first.Name, len(first.Classes))
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

// RunTransfer trains supervisors, students and ceilings on every task as Run does, and asks each about the test examples
// of all tasks. Test examples that share a text or a group with what another task trains on are left out for all heads,
// so that every column of the matrix has the same examples in all rows.
//
// A task that fails is named in the error; the result then holds the matrix of the others. Where ctx ends it holds that of
// the tasks that were done.
func RunTransfer(ctx context.Context, cfg TransferConfig, env Env) (*Result, error) {
	cfg.Config = cfg.Config.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	env = env.withDefaults()
	benches, failed := openAll(ctx, cfg.Config, env)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(benches) < 2 { // nothing is lost yet, and one task is no matrix
		return nil, errors.Join(failed...)
	}
	m := matrix{result: newResult(cfg.Config)}
	for _, b := range benches {
		err := m.add(ctx, b)
		if ctx.Err() != nil {
			return m.result, ctx.Err()
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("harness: task %s: %w", b.info.Name, err))
			continue
		}
		if env.Finished != nil {
			if err := env.Finished(m.result); err != nil {
				return m.result, errors.Join(append(failed, err)...)
			}
		}
	}
	return m.result, errors.Join(failed...)
}

// A matrix is a transfer matrix that grows by a line and a column with each task.
type matrix struct {
	result *Result
	done   []*workbench
	heads  [][]trained      // by task: those trained on it
	abroad [][][]HeadRecord // by the task that was trained on and the task tested on; nil at home
}

// add trains on a task, tests its heads on the tasks before it and theirs on it. After an error the matrix is as before.
func (m *matrix) add(ctx context.Context, b *workbench) error {
	if err := b.encode(ctx); err != nil {
		return err
	}
	heads, err := b.allHeads(ctx)
	if err != nil {
		return err
	}
	var line, column [][]HeadRecord
	for i, other := range m.done {
		there, err := other.examine(ctx, heads)
		if err != nil {
			return fmt.Errorf("its heads on %s: %w", other.info.Name, err)
		}
		here, err := b.examine(ctx, m.heads[i])
		if err != nil {
			return fmt.Errorf("heads of %s on it: %w", other.info.Name, err)
		}
		line, column = append(line, there), append(column, here)
	}
	for i, here := range column {
		m.abroad[i] = append(m.abroad[i], here)
	}
	m.done, m.heads, m.abroad = append(m.done, b), append(m.heads, heads), append(m.abroad, append(line, nil))
	m.collect()
	return nil
}

// collect makes the result of what was done: for each task its own heads, then the same on the others.
func (m *matrix) collect() {
	r := *m.result
	r.Tasks, r.Heads = nil, nil
	for i, b := range m.done {
		r.Tasks = append(r.Tasks, b.record)
		r.Heads = append(r.Heads, records(m.heads[i])...)
		r.Heads = append(r.Heads, slices.Concat(m.abroad[i]...)...)
	}
	m.result = &r
}

// openAll opens the tasks, leaves leaks out of their tests, and says what is wrong with those that cannot take part.
func openAll(ctx context.Context, cfg Config, env Env) (benches []*workbench, failed []error) {
	for _, task := range cfg.Tasks {
		b, err := open(ctx, cfg, env, task)
		if err == nil && b.info.Form == tasks.Classify && len(benches) > 0 {
			if got, want := len(b.record.TestGold[0]), len(benches[0].record.TestGold[0]); got != want {
				err = fmt.Errorf("it has %d classes and %s has %d: their heads do not fit each other", got, benches[0].info.Name, want)
			}
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("harness: task %s: %w", task.Info().Name, err))
			continue
		}
		benches = append(benches, b)
	}
	benches, crowded := leaveLeaksOut(benches)
	return benches, append(failed, crowded...)
}

// examine asks heads of another task about the test examples of this one.
func (b *workbench) examine(ctx context.Context, heads []trained) ([]HeadRecord, error) {
	var out []HeadRecord
	for _, t := range heads {
		if t.Role == Control {
			continue
		}
		test, err := head.Predict(ctx, b.data[t.Model], []*head.Head{t.head}, b.test)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.ID, err)
		}
		r := t.HeadRecord
		r.Trained, r.Variant = r.Task, "trained on "+r.Task
		r.Task, r.ID, r.Test = b.info.Name, abroadID(r.ID, b.info.Name), test[0]
		if r.Supervisor != "" {
			r.Supervisor = abroadID(r.Supervisor, b.info.Name)
		}
		out = append(out, r)
	}
	return out, nil
}

// abroadID names a head's predictions for the test examples of another task.
func abroadID(id, task string) string { return id + "/tested on " + task }

// leaveLeaksOut takes test examples away that share a text or a group with the training pool of another task. A task that
// has too few others cannot take part.
func leaveLeaksOut(benches []*workbench) (kept []*workbench, failed []error) {
	pools := map[*workbench]map[string]bool{}
	for _, b := range benches {
		pools[b] = map[string]bool{}
		for _, e := range b.examples[:b.pool] {
			for _, mark := range marks(e) {
				pools[b][mark] = true
			}
		}
	}
	leaks := func(e tasks.Example, from *workbench) bool {
		return slices.ContainsFunc(marks(e), func(mark string) bool { return pools[from][mark] })
	}
	for _, b := range benches {
		clean := 0
		for _, e := range b.test {
			if !slices.ContainsFunc(benches, func(other *workbench) bool { return other != b && leaks(b.examples[e], other) }) {
				clean++
			}
		}
		if clean < minTest {
			failed = append(failed, fmt.Errorf("harness: task %s: %d of its test examples share nothing with what the other tasks train on, want %d or more (the tasks overlap too much to test transfer)", b.info.Name, clean, minTest))
			continue
		}
		kept = append(kept, b)
	}
	for _, b := range kept {
		for _, other := range kept {
			if other == b {
				continue
			}
			before := len(b.test)
			b.keepTest(func(e tasks.Example) bool { return !leaks(e, other) })
			if n := before - len(b.test); n > 0 {
				b.warn("%d test examples of %s left out: they share a text or a group with what %s trains on", n, b.info.Name, other.info.Name)
			}
		}
	}
	return kept, failed
}

// marks are what an example must not share with one that a head was trained on: its texts up to case and white space,
// and its group.
func marks(e tasks.Example) []string {
	list := each(e.Texts, func(text string) string { return "text " + strings.Join(strings.Fields(strings.ToLower(text)), " ") })
	if e.Group != "" {
		list = append(list, "group "+e.Group)
	}
	return list
}

// keepTest leaves out test examples that do not pass.
func (b *workbench) keepTest(pass func(tasks.Example) bool) {
	var test []int
	kept := b.record
	kept.TestIDs, kept.TestGold, kept.Texts = nil, nil, nil
	for i, e := range b.test {
		if !pass(b.examples[e]) {
			continue
		}
		test = append(test, e)
		kept.TestIDs, kept.TestGold = append(kept.TestIDs, b.record.TestIDs[i]), append(kept.TestGold, b.record.TestGold[i])
		if b.record.Texts != nil {
			kept.Texts = append(kept.Texts, b.record.Texts[i])
		}
	}
	b.test, b.record = test, kept
}

// A TransferMatrix is one loss and treatment of one pair on all tasks: Cells[i][j] are heads trained on Tasks[i] and
// tested on Tasks[j].
type TransferMatrix struct {
	Weak      string   `json:"weak"`
	Strong    string   `json:"strong"`
	Loss      string   `json:"loss"`
	Treatment string   `json:"treatment"`
	Tasks     []string `json:"tasks"`
	Cells     [][]Row  `json:"cells"`
}

// Transfers lays the rows of a transfer result out as matrices, in the order of the rows.
func Transfers(r *Result, opt SummaryOptions) ([]TransferMatrix, error) {
	rows, err := Summarize(r, opt)
	if err != nil {
		return nil, err
	}
	names := each(r.Tasks, func(t TaskRecord) string { return t.Name })
	var out []TransferMatrix
	for _, row := range rows {
		at := slices.IndexFunc(out, func(m TransferMatrix) bool {
			return m.Weak == row.Weak && m.Strong == row.Strong && m.Loss == row.Loss && m.Treatment == row.Treatment
		})
		if at < 0 {
			at = len(out)
			m := TransferMatrix{Weak: row.Weak, Strong: row.Strong, Loss: row.Loss, Treatment: row.Treatment, Tasks: names, Cells: make([][]Row, len(names))}
			for i := range m.Cells {
				m.Cells[i] = make([]Row, len(names))
			}
			out = append(out, m)
		}
		from := row.Trained
		if from == "" {
			from = row.Task
		}
		i, j := slices.Index(names, from), slices.Index(names, row.Task)
		if i < 0 {
			return nil, fmt.Errorf("harness: heads trained on %s, which is not among the tasks", from)
		}
		out[at].Cells[i][j] = row
	}
	for _, m := range out {
		for i, cells := range m.Cells {
			for j, c := range cells {
				if c.Task == "" {
					return nil, fmt.Errorf("harness: no heads of %s tested on %s: not the result of a transfer", names[i], names[j])
				}
			}
		}
	}
	return out, nil
}
