package harness

import (
	"reflect"
	"slices"
)

// finished returns what the result has of a task, if it was made from the same data by the same models under the same
// settings.
func (r *Result) finished(cfg Config, task TaskRecord) (TaskRecord, []HeadRecord, bool) {
	if r == nil || !reflect.DeepEqual(r.Config, cfg.Settings()) || !reflect.DeepEqual(r.Models, modelRecords(cfg.Models)) {
		return TaskRecord{}, nil, false
	}
	at := slices.IndexFunc(r.Tasks, func(t TaskRecord) bool { return t.Name == task.Name })
	if at < 0 {
		return TaskRecord{}, nil, false
	}
	old := r.Tasks[at]
	if old.Digest != task.Digest || old.Version != task.Version || !slices.Equal(old.TestIDs, task.TestIDs) ||
		(old.Texts == nil) != (task.Texts == nil) {
		return TaskRecord{}, nil, false
	}
	var heads []HeadRecord
	for _, h := range r.Heads {
		if h.Task == task.Name {
			heads = append(heads, h)
		}
	}
	return old, heads, true
}
