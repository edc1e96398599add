package tasks

import (
	"cmp"
	"encoding/hex"
	"slices"
)

// A unit is a set of examples that the split keeps together: examples of one group, near copies of each other, and whatever
// these are linked with.
type unit struct {
	name     string // the smallest name of its examples
	order    uint64
	examples []Example
}

// nameOf returns what an example contributes to the name of its unit: its group, or its texts up to case and white space.
func nameOf(e Example) string {
	if e.Group != "" {
		return "group " + e.Group
	}
	return "text " + fold(e.Texts...)
}

// textKey returns a digest of the normal forms of an example's texts. The order of the candidates of a ranking does not matter.
func textKey(e Example) string {
	if e.key != "" {
		return e.key
	}
	forms := make([]string, len(e.Texts))
	for i, t := range e.Texts {
		forms[i] = NormalForm(t)
	}
	slices.Sort(forms)
	sum := digestOf(forms...)
	return hex.EncodeToString(sum[:16])
}

// unitKeys returns the keys of an example. Examples that share a key belong to one unit.
func unitKeys(e Example) []string {
	keys := []string{"text " + textKey(e)}
	if e.Group != "" {
		keys = append(keys, "group "+e.Group)
	}
	for _, l := range e.links {
		keys = append(keys, "link "+l)
	}
	return keys
}

// unitNumbers returns the number of each example's unit. Units are numbered from 0 in the order of their first example.
func unitNumbers(examples []Example) []int {
	parent := make([]int, len(examples)) // a forest with a tree for each unit; the root is its first example
	var root func(int) int
	root = func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	first := make(map[string]int, 2*len(examples)) // the first example with a key
	for i, e := range examples {
		parent[i] = i
		for _, key := range unitKeys(e) {
			other, ok := first[key]
			if !ok {
				first[key] = i
				continue
			}
			a, b := root(other), root(i)
			parent[max(a, b)] = min(a, b)
		}
	}
	numbers, count := make([]int, len(examples)), 0
	for i := range examples {
		if r := root(i); r == i {
			numbers[i] = count
			count++
		} else {
			numbers[i] = numbers[r]
		}
	}
	return numbers
}

// Units returns a name for each example. Examples with the same name must stay together wherever examples are divided:
// those of one group, those whose texts differ only in case, white space, punctuation or repeated characters, and those that
// are linked by others.
func Units(examples []Example) []string {
	numbers := unitNumbers(examples)
	byNumber := make(map[int]string, len(examples))
	for i, e := range examples {
		name := cmp.Or(e.Group, e.ID)
		if old, ok := byNumber[numbers[i]]; !ok || name < old {
			byNumber[numbers[i]] = name
		}
	}
	names := make([]string, len(examples))
	for i, n := range numbers {
		names[i] = byNumber[n]
	}
	return names
}

// unitsOf gathers examples into units.
func unitsOf(examples []Example) []unit {
	var units []unit
	for i, n := range unitNumbers(examples) {
		if n == len(units) {
			units = append(units, unit{})
		}
		u := &units[n]
		if name := nameOf(examples[i]); len(u.examples) == 0 || name < u.name {
			u.name = name
		}
		u.examples = append(u.examples, examples[i])
	}
	for _, u := range units {
		slices.SortFunc(u.examples, byID)
	}
	return units
}

// ordered returns the units sorted by a hash of the salt and their name.
func ordered(units []unit, salt ...string) []unit {
	out := slices.Clone(units)
	for i := range out {
		out[i].order = hash64(append(slices.Clone(salt), out[i].name)...)
	}
	slices.SortFunc(out, func(a, b unit) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.name, b.name)) })
	return out
}

// grouped returns the examples, where those of a unit with several groups or near copies have the unit as their group. Examples
// that are made from them then stay together as well.
func grouped(examples []Example) []Example {
	out := slices.Clone(examples)
	numbers := unitNumbers(examples)
	names := make(map[int][2]string, len(examples)) // smallest and largest name of each unit
	for i, e := range examples {
		name := nameOf(e)
		ends, ok := names[numbers[i]]
		if !ok {
			ends = [2]string{name, name}
		}
		names[numbers[i]] = [2]string{min(ends[0], name), max(ends[1], name)}
	}
	for i, n := range numbers {
		if ends := names[n]; ends[0] != ends[1] {
			out[i].Group = "unit of " + ends[0]
		}
	}
	return out
}

// nearCopies returns the number of examples whose texts another one has too, but for case, white space, punctuation and
// repeated characters.
func nearCopies(examples []Example) int {
	count := make(map[string]int, len(examples))
	for _, e := range examples {
		count[textKey(e)]++
	}
	n := 0
	for _, c := range count {
		if c > 1 {
			n += c
		}
	}
	return n
}
