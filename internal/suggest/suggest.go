// Package suggest finds the name that somebody probably meant.
package suggest

// Nearest returns the name that is the fewest edits away, the first of them in a tie, and "" where none is within a third
// of the length of what was given, rounded up.
func Nearest(given string, names []string) string {
	best, least := "", (len(given)+2)/3+1
	for _, n := range names {
		if d := distance(given, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is the number of bytes to insert, delete or change (Levenshtein).
func distance(a, b string) int {
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
