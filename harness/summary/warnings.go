package summary

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/list"
)

// warn adds warnings that the row does not have yet.
func (r *Row) warn(warnings ...string) { r.Warnings = list.AppendNew(r.Warnings, warnings...) }

// merge replaces warnings that differ in one number alone, such as those of several seeds, by one with the range of that number:
// "8 of 200 answers" and "13 of 200 answers" become "8 to 13 of 200 answers". It takes the place of the first of them. Only whole
// numbers that are words count.
func merge(warnings []string) []string {
	var out []string
	done := map[string]bool{}
	for _, text := range warnings {
		if done[text] {
			continue
		}
		words, at, values := strings.Split(text, " "), -1, []int(nil)
		for _, other := range warnings {
			if k, n, ok := numberThatDiffers(words, strings.Split(other, " ")); ok && (at < 0 || k == at) {
				at, values = k, append(values, n)
				done[other] = true
			}
		}
		done[text] = true
		if at >= 0 {
			own, _ := strconv.Atoi(words[at])
			values = append(values, own)
			words[at] = fmt.Sprintf("%d to %d", slices.Min(values), slices.Max(values))
		}
		out = append(out, strings.Join(words, " "))
	}
	return out
}

// numberThatDiffers returns the position at which two texts of words have different numbers, and the number of b. It reports false
// if they differ in anything else, or in nothing.
func numberThatDiffers(a, b []string) (position, number int, ok bool) {
	if len(a) != len(b) {
		return 0, 0, false
	}
	for k := range a {
		if a[k] == b[k] {
			continue
		}
		_, err := strconv.ParseUint(a[k], 10, 31)
		n, err2 := strconv.ParseUint(b[k], 10, 31)
		if ok || err != nil || err2 != nil {
			return 0, 0, false
		}
		position, number, ok = k, int(n), true
	}
	return position, number, ok
}
