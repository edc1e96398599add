package tasks

import (
	"cmp"
	"encoding/hex"
	"slices"
)

// A unit is a set of examples that the split keeps together: examples of one group, near copies of each other, and whatever
// these are linked with.
type unit struct {
	named    *Example // the example with the smallest name
	order    uint64
	examples []*Example // of the data, not copied: an example has hundreds of bytes
}

// name returns the smallest name of the unit's examples.
func (u unit) name() string { return nameOf(u.named) }

// pointers returns pointers to the examples of lists.
func pointers(lists ...[]Example) []*Example {
	n := 0
	for _, l := range lists {
		n += len(l)
	}
	all := make([]*Example, 0, n)
	for _, l := range lists {
		for i := range l {
			all = append(all, &l[i])
		}
	}
	return all
}

// copies returns copies of the examples.
func copies(examples []*Example) []Example {
	out := make([]Example, len(examples))
	for i, e := range examples {
		out[i] = *e
	}
	return out
}

// nameOf returns what an example contributes to the name of its unit: its group, or its texts up to case and white space.
func nameOf(e *Example) string {
	if e.Group != "" {
		return "group " + e.Group
	}
	return "text " + fold(e.Texts...)
}

// textKey returns a digest of the normal forms of an example's texts. The order of the candidates of a ranking does not matter.
func textKey(e *Example) string {
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

// unitNumbers returns the number of each example's unit. Examples with the same texts (see textKey), group or link are of one unit. Units
// are numbered from 0 in the order of their first example.
func unitNumbers(examples []*Example) []int {
	parent := make([]int, len(examples)) // a forest with a tree for each unit; the root is its first example
	var root func(int) int
	root = func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	join := func(first map[string]int, key string, i int) { // first is the first example with a key
		other, ok := first[key]
		if !ok {
			first[key] = i
			return
		}
		a, b := root(other), root(i)
		parent[max(a, b)] = min(a, b)
	}
	// Kinds of keys have maps of their own, so that no key has to be written anew with its kind.
	texts, groups, links := make(map[string]int, len(examples)), map[string]int{}, map[string]int{}
	for i, e := range examples {
		parent[i] = i
		join(texts, textKey(e), i)
		if e.Group != "" {
			join(groups, e.Group, i)
		}
		for _, l := range e.links {
			join(links, l, i)
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
	numbers := unitNumbers(pointers(examples))
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
func unitsOf(examples []*Example) []unit {
	numbers := unitNumbers(examples)
	var sizes []int
	for _, n := range numbers {
		if n == len(sizes) {
			sizes = append(sizes, 0)
		}
		sizes[n]++
	}
	units, all := make([]unit, len(sizes)), make([]*Example, len(examples))
	for n, size := range sizes {
		units[n].examples, all = all[:0:size], all[size:]
	}
	for i, n := range numbers {
		units[n].examples = append(units[n].examples, examples[i])
	}
	for n := range units {
		u := &units[n]
		if u.named = u.examples[0]; len(u.examples) > 1 {
			u.named = slices.MinFunc(u.examples, func(a, b *Example) int { return cmp.Compare(nameOf(a), nameOf(b)) })
			slices.SortFunc(u.examples, compareIDs)
		}
	}
	return units
}

// ordered returns the units sorted by a hash of the salt and their name.
func ordered(units []unit, salt ...string) []unit {
	out := slices.Clone(units)
	for i := range out {
		out[i].order = hash64(append(slices.Clone(salt), out[i].name())...)
	}
	slices.SortFunc(out, func(a, b unit) int {
		if a.order != b.order {
			return cmp.Compare(a.order, b.order)
		}
		return cmp.Compare(a.name(), b.name())
	})
	return out
}

// grouped returns the examples, where those of a unit with several groups or near copies have the unit as their group. Examples
// that are made from them then stay together as well.
func grouped(examples []Example) []Example {
	out := slices.Clone(examples)
	numbers := unitNumbers(pointers(examples))
	names := make(map[int][2]string, len(examples)) // smallest and largest name of each unit
	for i := range examples {
		name := nameOf(&examples[i])
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
	for i := range examples {
		count[textKey(&examples[i])]++
	}
	n := 0
	for _, c := range count {
		if c > 1 {
			n += c
		}
	}
	return n
}
