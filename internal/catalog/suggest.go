package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// suggest ends an error about an unknown name: the nearest known one, where one is near, and all of them.
func suggest(name string, known []string) string {
	slices.Sort(known)
	best, distance := "", len(name)/2+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		// A part of a name is also a good hint: "minilm".
		for _, k := range known {
			if len(name) >= 3 && strings.Contains(strings.ToLower(k), strings.ToLower(name)) {
				best = k
				break
			}
		}
	}
	have := "have: " + strings.Join(known, ", ")
	if best != "" {
		return fmt.Sprintf(" (did you mean %q? %s)", best, have)
	}
	return fmt.Sprintf(" (%s)", have)
}

// editDistance is the number of letters to insert, delete or replace to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
