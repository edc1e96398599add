package harness

import (
	"reflect"
	"slices"

	"w2s/tasks"
)

// finished returns what the result has of a task, if it was made from the same data by the same models under the same
// settings.
func (r *Result) finished(cfg Config, task TaskRecord) (TaskRecord, []HeadRecord, bool) {
	if !r.madeBy(cfg) {
		return TaskRecord{}, nil, false
	}
	old, heads, ok := r.task(task.Name)
	if !ok || old.Digest != task.Digest || old.Version != task.Version || !slices.Equal(old.TestIDs, task.TestIDs) ||
		(old.Texts == nil) != (task.Texts == nil) {
		return TaskRecord{}, nil, false
	}
	return old, heads, true
}

// madeBy says whether the result comes from the same models and settings.
func (r *Result) madeBy(cfg Config) bool {
	return r != nil && reflect.DeepEqual(r.Config, cfg.Settings()) && reflect.DeepEqual(r.Models, modelRecords(cfg.Models))
}

// task returns what the result has of a task.
func (r *Result) task(name string) (record TaskRecord, heads []HeadRecord, ok bool) {
	at := slices.IndexFunc(r.Tasks, func(t TaskRecord) bool { return t.Name == name })
	if at < 0 {
		return TaskRecord{}, nil, false
	}
	for _, h := range r.Heads {
		if h.Task == name {
			heads = append(heads, h)
		}
	}
	return r.Tasks[at], heads, true
}

// withRest is the result with what an earlier one of the same configuration has of further tasks. Whether their data is
// still the same is seen when their turn comes; until then they stand as they were found.
func (r *Result) withRest(previous *Result, cfg Config, rest []tasks.Task) *Result {
	if !previous.madeBy(cfg) {
		return r
	}
	whole := *r
	whole.Tasks, whole.Heads = slices.Clone(r.Tasks), slices.Clone(r.Heads)
	for _, t := range rest {
		if record, heads, ok := previous.task(t.Info().Name); ok {
			whole.Tasks, whole.Heads = append(whole.Tasks, record), append(whole.Heads, heads...)
		}
	}
	return &whole
}
