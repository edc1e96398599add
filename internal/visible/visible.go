// Package visible shows characters that a terminal, a browser or a typesetter obeys or hides: escape sequences, controls of
// the direction of text, line separators, and characters without a glyph. Texts from users' files pass through it before
// they reach a terminal or a table.
//
// A hidden character is written as its code point, as in [U+202E]. This notation is plain text in every format that tables
// are written in, and inside strings of JSON and JavaScript.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns s with hidden characters as code points. It keeps line feeds, carriage returns before them, and tabs. Bytes
// that are not UTF-8 become U+FFFD.
func Text(s string) string { return rewrite(s, notation) }

// Line returns s on one line: as [Text] does, with a space for every tab and line break.
func Line(s string) string { return Text(toSpaces.Replace(s)) }

var toSpaces = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ")

// JSON returns JSON text with escapes such as \u202e for hidden characters, which does not change the values in it.
func JSON(data []byte) []byte {
	return []byte(rewrite(string(data), func(r rune) string {
		if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
			return fmt.Sprintf(`\u%04x\u%04x`, high, low)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}))
}

func notation(r rune) string { return fmt.Sprintf("[U+%04X]", r) }

// rewrite replaces hidden characters by what show returns for them.
func rewrite(s string, show func(rune) string) string {
	var b strings.Builder
	kept, before := 0, rune(-1)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		after, _ := utf8.DecodeRuneInString(s[i+size:])
		invalid := r == utf8.RuneError && size == 1
		if invalid || hidden(before, r, after) {
			b.WriteString(s[kept:i])
			kept = i + size
			if invalid {
				b.WriteRune(utf8.RuneError)
			} else {
				b.WriteString(show(r))
			}
		}
		before = r
		i += size
	}
	if kept == 0 {
		return s
	}
	b.WriteString(s[kept:])
	return b.String()
}

const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
)

// hidden reports whether r, between two other characters, is not shown as a glyph or as white space.
func hidden(before, r, after rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r == '\r':
		return after != '\n'
	case r < 0x7f:
		return r < ' '
	case r == nonJoiner || r == joiner:
		// Some scripts and emoji need them.
		return !joins(before) || !joins(after)
	case unicode.Is(unicode.Variation_Selector, r):
		// One may follow the character that it varies. Longer sequences can carry a hidden text.
		return before <= ' ' || unicode.Is(unicode.Variation_Selector, before)
	}
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point) ||
		unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// joins reports whether a joiner beside r can have an effect.
func joins(r rune) bool {
	return r > 0x7f && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsSymbol(r)) &&
		!unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic)
}
