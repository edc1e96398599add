package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A folding tells which runes Oniguruma treats as equal when it ignores case.
type folding struct {
	representatives map[rune]rune    // representative of a rune's group; runes without other cases are absent
	groups          map[rune][]rune  // runes of a group, by its representative
	expansion       map[rune]string  // runes that fold to several runes
	pairs           map[[2]rune]bool // representatives of the first two runes of every expansion, such as s and s for ß
}

// newFolding makes a folding from two mappings: fold has runes that fold to one rune, folds those that fold to several.
func newFolding(fold, folds map[rune]string) folding {
	f := folding{representatives: map[rune]rune{}, groups: map[rune][]rune{}, expansion: folds, pairs: map[[2]rune]bool{}}
	for r, to := range fold {
		first, _ := utf8.DecodeRuneInString(to)
		f.representatives[r], f.representatives[first] = first, first
		f.groups[first] = append(f.groups[first], r)
	}
	for first := range f.groups {
		f.groups[first] = append(f.groups[first], first)
		slices.Sort(f.groups[first])
	}
	for _, to := range folds {
		runes := []rune(to)
		f.pairs[[2]rune{f.representative(runes[0]), f.representative(runes[1])}] = true
	}
	return f
}

// representative returns the rune that stands for all cases of r.
func (f *folding) representative(r rune) rune {
	if rep, ok := f.representatives[r]; ok {
		return rep
	}
	return r
}

// cases returns a rune and the single runes that are its other cases.
func (f *folding) cases(r rune) [][2]rune {
	set := [][2]rune{{r, r}}
	for _, other := range f.groups[f.representative(r)] {
		set = append(set, [2]rune{other, other})
	}
	return normalizeRanges(set)
}

// closure returns a set with the single runes that are other cases of its runes.
func (f *folding) closure(set [][2]rune) [][2]rune {
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

// expansions returns the expansions of the runes of a set that fold to several runes, the shortest first.
func (f *folding) expansions(set [][2]rune) []string {
	has := newClass(set)
	var out []string
	for r, to := range f.expansion {
		if has.has(r) {
			out = append(out, to)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(utf8.RuneCountInString(a)-utf8.RuneCountInString(b), strings.Compare(a, b))
	})
	return slices.Compact(out)
}
