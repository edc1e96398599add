package result

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"w2s/internal/list"
)

// A Work is everything that a result holds about one task.
type Work struct {
	Task   Task
	Heads  []Head
	Chains []Chain
}

// Add appends the work on one task.
func (r *Result) Add(w Work) {
	r.Tasks, r.Heads, r.Chains = append(r.Tasks, w.Task), append(r.Heads, w.Heads...), append(r.Chains, w.Chains...)
}

// Work returns what the result holds about a task.
func (r *Result) Work(task string) (w Work, ok bool) {
	at := slices.IndexFunc(r.Tasks, func(t Task) bool { return t.Name == task })
	if at < 0 {
		return Work{}, false
	}
	w.Task = r.Tasks[at]
	for _, h := range r.Heads {
		if h.Task == task {
			w.Heads = append(w.Heads, h)
		}
	}
	for _, c := range r.Chains {
		if c.Task == task {
			w.Chains = append(w.Chains, c)
		}
	}
	return w, true
}

// MadeBy reports whether the result comes from these settings and models. r may be nil.
func (r *Result) MadeBy(config Settings, models []Model) bool {
	return r != nil && reflect.DeepEqual(r.Config, config) && slices.EqualFunc(r.Models, models, sameModel)
}

// sameModel reports whether two models are the same, wherever their files came from.
func sameModel(a, b Model) bool { return reflect.DeepEqual(a.withoutSource(), b.withoutSource()) }

// withoutSource returns the model without the fact where its files came from. The digests tell whether they are the same files.
func (m Model) withoutSource() Model {
	facts := map[string]string{}
	for k, v := range m.Description {
		if k != FetchedFrom {
			facts[k] = v
		}
	}
	m.Description = facts
	return m
}

// Finished returns what the result holds about a task, if it was made with these settings and models from the same data
// with the same test examples. r may be nil.
func (r *Result) Finished(config Settings, models []Model, task Task) (Work, bool) {
	if !r.MadeBy(config, models) {
		return Work{}, false
	}
	w, ok := r.Work(task.Name)
	if old := w.Task; !ok || old.Digest != task.Digest || old.Version != task.Version || !slices.Equal(old.TestIDs, task.TestIDs) ||
		!slices.Equal(old.TestGroups, task.TestGroups) ||
		(old.Texts == nil) != (task.Texts == nil) {
		return Work{}, false
	}
	w.Task.Metric = task.Metric // which changes no prediction
	return w, true
}

// With returns the result with the work of an earlier one on further tasks added, if both were made with the same settings
// and models. previous may be nil. The data of these tasks may have changed; the caller checks that (see Finished) before
// it works on them.
func (r *Result) With(previous *Result, tasks []string) *Result {
	if !previous.MadeBy(r.Config, r.Models) {
		return r
	}
	whole := *r
	whole.Tasks, whole.Heads, whole.Chains = slices.Clone(r.Tasks), slices.Clone(r.Heads), slices.Clone(r.Chains)
	for _, name := range tasks {
		if w, ok := previous.Work(name); ok {
			whole.Add(w)
		}
	}
	return &whole
}

// An Experiment is what a result file must agree with before it is continued or overwritten.
type Experiment struct {
	Config Settings
	Models []Model
	Tasks  []string
	Texts  bool // the test texts are kept
}

// Differences reports, one line for each difference, why the result does not belong to the experiment: other settings or
// models, or tasks that the experiment does not have. If there are none, the experiment can continue the result, and
// overwriting it loses only what was made from data that has changed since.
func (r *Result) Differences(x Experiment) []string {
	if r.Config.Kind != x.Config.Kind {
		return []string{difference("kind", r.Config.Kind, x.Config.Kind)}
	}
	var lines []string
	there, here := reflect.ValueOf(r.Config), reflect.ValueOf(x.Config)
	for i := range there.NumField() {
		if a, b := there.Field(i).Interface(), here.Field(i).Interface(); !reflect.DeepEqual(a, b) {
			name, _, _ := strings.Cut(there.Type().Field(i).Tag.Get("json"), ",")
			lines = append(lines, difference(name, a, b))
		}
	}
	lines = append(lines, modelDifferences(r.Models, x.Models)...)
	for _, t := range r.Tasks {
		if !slices.Contains(x.Tasks, t.Name) {
			lines = append(lines, fmt.Sprintf("task %s: only in the file", t.Name))
		} else if kept := t.Texts != nil; kept != x.Texts {
			lines = append(lines, difference("texts of "+t.Name+" kept", kept, x.Texts))
		}
	}
	return lines
}

func modelDifferences(there, here []Model) []string {
	name := func(m Model) string { return m.Name }
	if a, b := list.Map(there, name), list.Map(here, name); !slices.Equal(a, b) {
		return []string{difference("models", a, b)}
	}
	var lines []string
	for i := range there {
		a, b := there[i].withoutSource(), here[i].withoutSource()
		if reflect.DeepEqual(a, b) {
			continue
		}
		facts := map[string]string{}
		maps.Copy(facts, a.Description)
		maps.Copy(facts, b.Description)
		before := len(lines)
		for _, fact := range slices.Sorted(maps.Keys(facts)) {
			if x, y := a.Description[fact], b.Description[fact]; x != y {
				lines = append(lines, difference("model "+a.Name+": "+fact, x, y))
			}
		}
		if len(lines) == before {
			lines = append(lines, difference("model "+a.Name+": key", a.Key, b.Key))
		}
	}
	return lines
}

func difference(what string, there, here any) string {
	return fmt.Sprintf("%s: in the file %s; now %s", what, brief(there), brief(here))
}

// brief writes a setting in few words. Lists are cut after eight items.
func brief(v any) string {
	const most = 8
	x := reflect.ValueOf(v)
	if x.Kind() == reflect.Slice {
		var items []string
		for i := range min(x.Len(), most) {
			items = append(items, brief(x.Index(i).Interface()))
		}
		if more := x.Len() - most; more > 0 {
			items = append(items, fmt.Sprintf("%d more", more))
		}
		v = strings.Join(items, ", ")
	}
	if text := fmt.Sprint(v); text != "" {
		return text
	}
	return "none"
}
