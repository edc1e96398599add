// Package suggest finds the known name that a user probably meant by an unknown one.
package suggest

import (
	"fmt"
	"strings"
)

// Hint completes an error about an unknown name: `did you mean "soft"? treatments: soft, hard`. It leaves the question out if
// no name is near. kind says what the names are.
func Hint(given, kind string, names []string) string {
	have := kind + ": " + strings.Join(names, ", ")
	if near := Nearest(given, names); near != "" {
		return fmt.Sprintf("did you mean %q? %s", near, have)
	}
	return have
}

// Nearest returns the name that is the fewest edits away from given, ignoring case. In a tie it returns the first one. If
// every name is at least half of given's length away, it returns the first name that contains given, if given has at least
// three bytes. Otherwise it returns "".
func Nearest(given string, names []string) string {
	if len(given) > 64 {
		return "" // no known name is near, and the distance would take long
	}
	low := strings.ToLower(given)
	best, least := "", (len(given)+1)/2
	for _, n := range names {
		if d := distance(low, strings.ToLower(n)); d < least || d == 0 {
			best, least = n, d
		}
	}
	if best != "" || len(given) < 3 {
		return best
	}
	for _, n := range names {
		if strings.Contains(strings.ToLower(n), low) {
			return n
		}
	}
	return ""
}

// distance returns the number of edits that turn a into b: insertions, deletions and changes of a byte, and swaps of
// neighbouring bytes (optimal string alignment distance).
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
