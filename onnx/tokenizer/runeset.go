package tokenizer

import (
	"slices"
	"unicode"
)

// normalizeRanges sorts ranges of runes, and joins those that overlap or touch.
func normalizeRanges(ranges [][2]rune) [][2]rune {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b [2]rune) int { return int(a[0]) - int(b[0]) })
	out := sorted[:0]
	for _, r := range sorted {
		if n := len(out); n > 0 && r[0] <= out[n-1][1]+1 {
			out[n-1][1] = max(out[n-1][1], r[1])
		} else {
			out = append(out, r)
		}
	}
	return out
}

// complement returns all runes that are not in the normalized ranges.
func complement(ranges [][2]rune) [][2]rune {
	var out [][2]rune
	next := rune(0)
	for _, r := range ranges {
		if r[0] > next {
			out = append(out, [2]rune{next, r[0] - 1})
		}
		next = r[1] + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, [2]rune{next, unicode.MaxRune})
	}
	return out
}

// intersect returns the runes that are in both of two normalized sets.
func intersect(a, b [][2]rune) [][2]rune {
	return complement(normalizeRanges(append(complement(a), complement(b)...)))
}
