package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// folding is what Oniguruma takes as equal where case is folded.
type folding struct {
	first  map[rune]rune    // the first rune of a rune's group; runes without cases are not in it
	groups map[rune][]rune  // the runes of a group, by its first
	many   map[rune]string  // runes that fold to several
	pairs  map[[2]rune]bool // first runes of the groups that begin what a rune folds to: s and s, as ß
}

func newFolding(fold, folds map[rune]string) folding {
	f := folding{first: map[rune]rune{}, groups: map[rune][]rune{}, many: folds, pairs: map[[2]rune]bool{}}
	for r, to := range fold {
		first, _ := utf8.DecodeRuneInString(to)
		f.first[r], f.first[first] = first, first
		f.groups[first] = append(f.groups[first], r)
	}
	for first := range f.groups {
		f.groups[first] = append(f.groups[first], first)
		slices.Sort(f.groups[first])
	}
	for _, to := range folds {
		runes := []rune(to)
		f.pairs[[2]rune{f.of(runes[0]), f.of(runes[1])}] = true
	}
	return f
}

// of gives the rune that stands for all cases of r.
func (f *folding) of(r rune) rune {
	if first, ok := f.first[r]; ok {
		return first
	}
	return r
}

// cases gives a rune and its other cases, one rune for one rune.
func (f *folding) cases(r rune) [][2]rune {
	set := [][2]rune{{r, r}}
	for _, other := range f.groups[f.of(r)] {
		set = append(set, [2]rune{other, other})
	}
	return normalizeRanges(set)
}

// closed adds the other cases of a set's runes, one rune for one rune.
func (f *folding) closed(set [][2]rune) [][2]rune {
	has := newClass(set)
	more := slices.Clone(set)
	for _, group := range f.groups {
		if slices.ContainsFunc(group, has.has) {
			for _, r := range group {
				more = append(more, [2]rune{r, r})
			}
		}
	}
	return normalizeRanges(more)
}

// strings gives what the runes of a set that fold to several runes fold to, shorter strings first.
func (f *folding) strings(set [][2]rune) []string {
	has := newClass(set)
	var out []string
	for r, to := range f.many {
		if has.has(r) {
			out = append(out, to)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(utf8.RuneCountInString(a)-utf8.RuneCountInString(b), strings.Compare(a, b))
	})
	return slices.Compact(out)
}
