package visible

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Name returns the name of a file with every byte that is not UTF-8 written as its number, such as %FF, so that a JSON file
// can hold it.
func Name(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, "%%%02X", name[0])
		} else {
			b.WriteString(name[:n])
		}
		name = name[n:]
	}
	return b.String()
}

// Cut shortens a text to about most characters. It keeps the beginning and, of texts that are long enough, the end, and says
// how many characters are left out.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := utf8.RuneCountInString(s)
	if n <= most {
		return s
	}
	const least = 200 // shorter texts have no room for a note on what is left out
	runes := []rune(s)
	if most < least {
		return string(runes[:most]) + "…"
	}
	tail := most / 4
	return fmt.Sprintf("%s … (%s left out) … %s", string(runes[:most-tail]), Count(n-most, "character"), string(runes[n-tail:]))
}
