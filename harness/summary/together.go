package summary

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/result"
	"w2s/internal/list"
)

// A Part is what one result contributes to tables of several results.
type Part struct {
	Name   string // of the file
	Rows   []Row
	Chains []ChainRow
}

// Together prepares the parts for common tables. A row or chain whose predictions an earlier part has as well is left out,
// and notes say how many are. All others stay, and the settings in which they differ are added to their variants: first
// those of the experiments, the data and the models, then, where these are the same, the test examples or the file. If no task
// is in two parts, notes list the settings instead.
func Together(parts []Part) (kept []Part, notes []string) {
	if len(parts) < 2 {
		return parts, nil
	}
	digests := digests{tests: map[*result.Task]string{}, heads: map[*result.Head]string{}}
	// Only a row whose key another one has can have its predictions. Digests of predictions take longer than all the rest.
	count := map[string]int{}
	for _, p := range parts {
		for _, r := range p.Rows {
			count[r.key()]++
		}
		for _, c := range p.Chains {
			count[c.key()]++
		}
	}
	seen, baselines := map[string]bool{}, map[string][]Baseline{}
	for _, p := range parts {
		for _, r := range p.Rows {
			if len(r.Baselines) > 0 && count[r.key()] > 1 {
				baselines[digests.predictions(r.identity)+r.key()] = r.Baselines
			}
		}
	}
	names := map[string]int{}
	for _, p := range parts {
		if names[p.Name]++; names[p.Name] > 1 {
			p.Name = fmt.Sprintf("%s (%d)", p.Name, names[p.Name])
		}
		all := Part{Name: p.Name}
		dropped := 0
		again := func(id identity, key string) bool {
			if count[key] < 2 {
				return false
			}
			predictions := digests.predictions(id)
			key = predictions + key
			repeated := predictions != "" && seen[key]
			if seen[key] = true; repeated {
				dropped++
			}
			return repeated
		}
		for _, r := range p.Rows {
			if !again(r.identity, r.key()) {
				if len(r.Baselines) == 0 && count[r.key()] > 1 { // a later file may have trained them
					r.Baselines = baselines[digests.predictions(r.identity)+r.key()]
				}
				all.Rows = append(all.Rows, r)
			}
		}
		for _, c := range p.Chains {
			if !again(c.identity, c.key()) {
				all.Chains = append(all.Chains, c)
			}
		}
		if dropped > 0 {
			notes = append(notes, fmt.Sprintf("%d of %d rows of %s are left out because an earlier file has the same predictions.",
				dropped, len(p.Rows)+len(p.Chains), p.Name))
		}
		kept = append(kept, all)
	}
	var rows, chains []entry
	for i := range kept {
		for j := range kept[i].Rows {
			r := &kept[i].Rows[j]
			rows = append(rows, entry{r.Task, r.settings, digests.test(r.identity), kept[i].Name, func() string { return r.key() }, &r.Setup, r.Size > 0})
		}
		for j := range kept[i].Chains {
			c := &kept[i].Chains[j]
			chains = append(chains, entry{c.Task, c.settings, digests.test(c.identity), kept[i].Name, func() string { return c.key() }, &c.Setup, false})
		}
	}
	for _, n := range append(distinguish(rows), distinguish(chains)...) {
		notes = list.AppendNew(notes, n)
	}
	return kept, notes
}

// key joins what tells a row from the others of its table.
func (r Row) key() string {
	return strings.Join([]string{r.Task, r.Weak, r.Strong, r.Loss, r.Treatment, r.Variant()}, "\x00")
}

// key joins what tells a chain from the others of its table.
func (r ChainRow) key() string {
	return strings.Join(append([]string{"chain", r.Task, r.Data, r.Loss, r.Setup}, r.Models...), "\x00")
}

// An identity tells what a row or a chain was made with.
type identity struct {
	settings []setting
	task     *result.Task // nil for an imported row
	heads    []*result.Head
}

// digests computes digests, each once. Rows share test examples, supervisors and ceilings.
type digests struct {
	tests map[*result.Task]string
	heads map[*result.Head]string
}

// test returns a digest of the test examples, or "" for an imported row.
func (d digests) test(id identity) string {
	t := id.task
	if t == nil {
		return ""
	}
	if d.tests[t] == "" {
		d.tests[t] = digestOf(t.TestIDs, t.TestGold, t.TestAnswers)
	}
	return d.tests[t]
}

// predictions returns a digest of the test examples and of all predictions, or "" for an imported row.
func (d digests) predictions(id identity) string {
	if id.task == nil {
		return ""
	}
	all := []any{d.test(id)}
	for _, h := range id.heads {
		if d.heads[h] == "" {
			d.heads[h] = digestOf(h.Role, h.Seed, h.Test, h.Answers, h.TokenAccuracy)
		}
		all = append(all, d.heads[h])
	}
	return digestOf(all...)
}

// A setting is a setting of an experiment, or a fact about its data or its models.
type setting struct {
	scope       string // what has the setting: "" for the experiment, or a task or model. Only those of one scope are compared
	name, value string
}

// identify returns the identity of a row or chain on task t that the given heads are all heads of. models are the names of
// their models.
func (x *index) identify(t *result.Task, heads []*result.Head, models ...string) identity {
	id := identity{settings: slices.Clone(x.settings), task: t, heads: heads}
	scope := "task " + t.Name
	id.settings = append(id.settings, setting{scope, "data", shortDigest(t.Digest)}, setting{scope, "version", fmt.Sprint(t.Version)})
	for _, m := range x.result.Models {
		if slices.Contains(models, m.Name) {
			id.settings = append(id.settings, setting{"model " + m.Name, "key of " + m.Name, shortDigest(m.Key)})
		}
	}
	return id
}

// digestOf returns a digest of values that have a JSON form.
func digestOf(values ...any) string {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(values); err != nil {
		panic(err) // strings and finite numbers have one
	}
	return hex.EncodeToString(h.Sum(nil))
}

// shortDigest returns the beginning of a digest, which is enough to tell a few apart.
func shortDigest(s string) string { return s[:min(8, len(s))] }

// grid lists the settings that say which rows an experiment has. They do not change a row.
var grid = []string{"kind", "pairs", "chain", "disjoint", "losses", "treatments", "simulated", "sizes", "steps"}

// settingsOf returns the settings of an experiment that change its rows: all but the grid.
func settingsOf(c result.Settings) []setting {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and finite numbers have a JSON form
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &fields); err != nil {
		panic(err)
	}
	var list []setting
	for name, value := range fields {
		if !slices.Contains(grid, name) {
			list = append(list, setting{"", name, settingText(value)})
		}
	}
	first := []string{"test", "train"} // the sizes first, which differ most often
	slices.SortFunc(list, func(a, b setting) int {
		return cmp.Or(cmp.Compare(slices.Index(first, b.name), slices.Index(first, a.name)), strings.Compare(a.name, b.name))
	})
	return list
}

// settingText writes the value of a setting. Consecutive numbers of a list are written as a range, and a number of 0 stands
// for a default.
func settingText(value json.RawMessage) string {
	text := strings.Trim(string(value), `"`)
	var numbers []float64
	switch {
	case text == "0":
		return "default"
	case text == "null":
		return "none"
	case json.Unmarshal(value, &numbers) != nil:
		return text
	}
	var parts []string
	for i := 0; i < len(numbers); i++ {
		from := i
		for i+1 < len(numbers) && numbers[i+1] == numbers[i]+1 {
			i++
		}
		switch {
		case i > from+1:
			parts = append(parts, fmt.Sprintf("%v-%v", numbers[from], numbers[i]))
		case i > from:
			parts = append(parts, fmt.Sprint(numbers[from]), fmt.Sprint(numbers[i]))
		default:
			parts = append(parts, fmt.Sprint(numbers[i]))
		}
	}
	return strings.Join(parts, ",")
}

// An entry is a row or chain among those of several results.
type entry struct {
	task     string
	settings []setting
	test     string // digest of the test examples; "" for an imported row
	file     string
	key      func() string
	setup    *string
	part     bool // of a smaller training pool
}

func (e entry) add(text string) {
	if *e.setup != "" {
		*e.setup += ", "
	}
	*e.setup += text
}

// distinguish writes the settings in which entries differ to their setups. If no task is in two files, it returns a note on each
// file instead.
func distinguish(entries []entry) (notes []string) {
	type fact struct{ scope, name string }
	values, members, have := map[fact][]string{}, map[string]int{}, map[fact]int{}
	for _, e := range entries {
		scopes := map[string]bool{}
		for _, s := range e.settings {
			f := fact{s.scope, s.name}
			if !slices.Contains(values[f], s.value) {
				values[f] = append(values[f], s.value)
			}
			have[f]++
			scopes[s.scope] = true
		}
		for s := range scopes {
			members[s]++
		}
	}
	apart := tasksApart(entries)
	for _, e := range entries {
		var differ []string
		for _, s := range e.settings {
			f := fact{s.scope, s.name}
			if len(values[f]) < 2 && have[f] == members[s.scope] {
				continue
			}
			if apart {
				if s.scope == "" {
					differ = append(differ, s.name+"="+s.value)
				}
				continue
			}
			name := s.name
			if name == "train" && e.part { // "train=" is the size of the part
				name = "pool"
			}
			e.add(name + "=" + s.value)
		}
		if len(differ) > 0 {
			notes = list.AppendNew(notes, "settings of "+e.file+": "+strings.Join(differ, ", "))
		}
	}
	if apart {
		return notes
	}
	for _, e := range ambiguous(entries, func(e entry) string { return e.test }) {
		e.add("test examples=" + shortDigest(e.test))
	}
	for _, e := range ambiguous(entries, func(e entry) string { return e.file }) {
		e.add("from " + e.file)
	}
	return nil
}

// tasksApart reports whether every task is in one file only.
func tasksApart(entries []entry) bool {
	file := map[string]string{}
	for _, e := range entries {
		if first, ok := file[e.task]; ok && first != e.file {
			return false
		}
		file[e.task] = e.file
	}
	return true
}

// ambiguous returns the entries that have the same key as another one and differ from it in what.
func ambiguous(entries []entry, what func(entry) string) []entry {
	byKey := map[string][]entry{}
	for _, e := range entries {
		byKey[e.key()] = append(byKey[e.key()], e)
	}
	var out []entry
	for _, e := range entries {
		if slices.ContainsFunc(byKey[e.key()], func(o entry) bool { return what(o) != what(e) && what(o) != "" }) && what(e) != "" {
			out = append(out, e)
		}
	}
	return out
}
