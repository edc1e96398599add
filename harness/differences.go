package harness

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"w2s/tasks"
)

// Differences says, a line each, why the result is not one of this experiment: other settings, models, tasks that are not
// asked for here. There are none where Run can go on from it, and to store what Run makes in its place loses nothing
// but what was made of data that has changed since.
func (c Config) Differences(r *Result) []string {
	if kind := r.kind(); kind != "" {
		return []string{kind + " there, not here"}
	}
	return c.differences(r)
}

// Differences is that of Config, for a chain.
func (c ChainConfig) Differences(r *Result) []string {
	if len(r.Chains) == 0 {
		return []string{"a chain here, not there"}
	}
	there, here := r.chain(), strings.Join(c.Chain, " -> ")+" on "+c.data()+" data"
	if there != here {
		return []string{differ("chain", there, here)}
	}
	c.Pairs = []Pair{{Weak: c.Chain[0], Strong: c.Chain[len(c.Chain)-1]}}
	return c.differences(r)
}

// Differences is that of Config, for a transfer matrix.
func (c TransferConfig) Differences(r *Result) []string {
	// Where all tasks but one failed, nothing shows what the result is.
	if kind := r.kind(); kind != transferKind && (kind != "" || len(r.Tasks) > 1) {
		return []string{"a transfer matrix here, not there"}
	}
	return c.differences(r)
}

const transferKind = "a transfer matrix"

// kind is what a result is beyond a plain one: "a chain", "a transfer matrix" or nothing.
func (r *Result) kind() string {
	switch {
	case len(r.Chains) > 0:
		return "a chain"
	case slices.ContainsFunc(r.Heads, func(h HeadRecord) bool { return h.Trained != "" }):
		return transferKind
	}
	return ""
}

// chain describes the first chain, which the others of a result resemble.
func (r *Result) chain() string {
	heads := index(r).heads
	models := each(r.Chains[0].Steps, func(id string) string { return heads[id].Model })
	return strings.Join(models, " -> ") + " on " + r.Chains[0].Data + " data"
}

func (c Config) differences(r *Result) []string {
	c = c.withDefaults()
	var lines []string
	there, here := reflect.ValueOf(r.Config), reflect.ValueOf(c.Settings())
	for i := range there.NumField() {
		if a, b := there.Field(i).Interface(), here.Field(i).Interface(); !reflect.DeepEqual(a, b) {
			name, _, _ := strings.Cut(there.Type().Field(i).Tag.Get("json"), ",")
			lines = append(lines, differ(name, a, b))
		}
	}
	lines = append(lines, modelDifferences(r.Models, modelRecords(c.Models))...)
	for _, t := range r.Tasks {
		if !slices.ContainsFunc(c.Tasks, func(asked tasks.Task) bool { return asked.Info().Name == t.Name }) {
			lines = append(lines, fmt.Sprintf("task %s: there, not here", t.Name))
		} else if kept := t.Texts != nil; kept != c.KeepTexts {
			lines = append(lines, differ("texts of "+t.Name+" kept", kept, c.KeepTexts))
		}
	}
	return lines
}

func modelDifferences(there, here []ModelRecord) []string {
	name := func(m ModelRecord) string { return m.Name }
	if a, b := each(there, name), each(here, name); !slices.Equal(a, b) {
		return []string{differ("models", a, b)}
	}
	var lines []string
	for i, a := range there {
		b := here[i]
		if reflect.DeepEqual(a, b) {
			continue
		}
		facts := maps.Clone(a.Description)
		if facts == nil {
			facts = map[string]string{}
		}
		maps.Copy(facts, b.Description)
		before := len(lines)
		for _, fact := range slices.Sorted(maps.Keys(facts)) {
			if x, y := a.Description[fact], b.Description[fact]; x != y {
				lines = append(lines, differ("model "+a.Name+": "+fact, x, y))
			}
		}
		if len(lines) == before {
			lines = append(lines, differ("model "+a.Name+": key", a.Key, b.Key))
		}
	}
	return lines
}

func differ(what string, there, here any) string {
	return fmt.Sprintf("%s: there %s; here %s", what, brief(there), brief(here))
}

// brief writes a setting in few words.
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
