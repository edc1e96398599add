// Package visible makes text that comes from files fit to be shown: it cannot steer a terminal, reorder what stands beside
// it, or fill the screen.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s with control characters and invisible characters that change how other text is shown written as escapes,
// such as \x1b and \u202e, and bytes that are not UTF-8 as \xff. Line feeds and tabs stay.
func Text(s string) string {
	return escape(s, func(r rune) bool { return r == '\n' || r == '\t' })
}

// Line is like Text for a text that must stay on one line: line feeds and tabs become escapes too.
func Line(s string) string {
	return escape(s, func(rune) bool { return false })
}

func escape(s string, keep func(rune) bool) string {
	if strings.IndexFunc(s, func(r rune) bool { return hidden(r) && !keep(r) || r == utf8.RuneError }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case !hidden(r) || keep(r):
			b.WriteString(s[:n])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		s = s[n:]
	}
	return b.String()
}

// hidden reports whether a character controls a terminal or the direction and place of other characters. The joiners of
// emoji and of several scripts are not hidden; neither are combining marks.
func hidden(r rune) bool {
	switch {
	case unicode.Is(unicode.Cc, r), r == '\u2028', r == '\u2029':
		return true
	case r == '\u200c' || r == '\u200d':
		return false
	}
	// Format characters: bidirectional controls, zero-width characters, tags and the like.
	return unicode.Is(unicode.Cf, r) && !visibleFormat(r)
}

// visibleFormat reports whether a format character has a shape of its own, such as the Arabic number sign.
func visibleFormat(r rune) bool {
	return unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

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
	return fmt.Sprintf("%s … (%d characters left out) … %s", string(runes[:most-tail]), n-most, string(runes[n-tail:]))
}
