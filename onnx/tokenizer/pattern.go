package tokenizer

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode/utf8"

	"w2s/internal/visible"
)

// A pattern calls emit for every match in s, from left to right and without overlaps. It stops if the call is cancelled.
type pattern interface {
	find(c *call, s string, emit func(start, end int)) error
}

type patternFunc func(c *call, s string, emit func(start, end int)) error

func (f patternFunc) find(c *call, s string, emit func(start, end int)) error { return f(c, s, emit) }

// runePattern returns a pattern that matches every single rune for which is returns true.
func runePattern(is func(r rune) bool) pattern {
	return patternFunc(func(c *call, s string, emit func(start, end int)) error {
		for i := 0; i < len(s); {
			if err := c.spend(1); err != nil {
				return err
			}
			r, size := cutRune(s[i:])
			if is(r) {
				emit(i, i+size)
			}
			i += size
		}
		return nil
	})
}

// A literal matches a string, which must not be empty.
type literal string

func (l literal) find(c *call, s string, emit func(start, end int)) error {
	for at := 0; ; {
		if err := c.spend(1); err != nil {
			return err
		}
		i := strings.Index(s[at:], string(l))
		if i < 0 {
			return nil
		}
		at += i + len(l)
		emit(at-len(l), at)
	}
}

// pattern reads {"String": ...} or {"Regex": ...}, the pattern of a part of that kind.
func (l *loader) pattern(kind string, raw json.RawMessage) (pattern, error) {
	var c struct{ String, Regex *string }
	if err := l.decode(kind+" pattern", raw, &c); err != nil {
		return nil, err
	}
	switch {
	case c.String != nil && *c.String == "" || c.Regex != nil && *c.Regex == "":
		return nil, unsupported("%s with an empty pattern", kind)
	case c.String != nil && c.Regex == nil:
		return literal(*c.String), nil
	case c.Regex == nil || c.String != nil:
		return nil, fmt.Errorf("%s: the pattern is neither a String nor a Regex", kind)
	}
	if p := knownPattern(*c.Regex); p != nil {
		return p, nil
	}
	p, err := compileRegex(*c.Regex)
	if err != nil {
		return nil, fmt.Errorf("%s: regular expression %q: %w", kind, visible.Cut(*c.Regex, 80), err)
	}
	if l.regexSize += p.size; l.regexSize > maxTranslatedAll {
		return nil, unsupported("%s: a file with this many large regular expressions", kind)
	}
	return p, nil
}

const gpt2Regex = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// cl100kRegex matches the pattern of cl100k_base and its variants. They differ in the number of digits that stay together, and in
// possessive quantifiers that do not change the matches.
var cl100kRegex = regexp.MustCompile(`^` +
	regexp.QuoteMeta(`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?`) + `\+?` + regexp.QuoteMeta(`\p{L}+|\p{N}`) +
	`(\{1,[1-9]\}|\+?)` + regexp.QuoteMeta(`| ?[^\s\p{L}\p{N}]+`) + `\+?` + regexp.QuoteMeta(`[\r\n]*|\s*[\r\n]`) +
	`\+?` + regexp.QuoteMeta(`|\s+(?!\S)|\s+`) + `$`)

// knownPattern returns a hand-written scanner for the patterns that most models use, and nil for others.
func knownPattern(regex string) pattern {
	if regex == gpt2Regex {
		return gpt2Pattern()
	}
	m := cl100kRegex.FindStringSubmatch(regex)
	if m == nil {
		return nil
	}
	switch digits := m[1]; digits {
	case "":
		return cl100kPattern(1)
	case "+":
		return cl100kPattern(unlimited)
	default:
		return cl100kPattern(int(digits[3] - '0'))
	}
}

// A runeKind is one of the kinds of runes that the patterns of byte-level models distinguish.
type runeKind uint8

const (
	otherKind runeKind = iota
	letterKind
	numberKind
	spaceKind
)

// runeKinds determines the kinds of runes. It has a table for ASCII.
type runeKinds struct {
	ascii  [utf8.RuneSelf]runeKind
	tables *unicodeTables
}

func newRuneKinds() *runeKinds {
	k := &runeKinds{tables: tables()}
	for r := range rune(utf8.RuneSelf) {
		k.ascii[r] = k.slow(r)
	}
	return k
}

// slow determines the kind of a rune without the table.
func (k *runeKinds) slow(r rune) runeKind {
	switch {
	case k.tables.letter.has(r):
		return letterKind
	case isSpace(r):
		return spaceKind
	case k.tables.number.has(r):
		return numberKind
	}
	return otherKind
}

// at returns the kind and the size of the first rune of s[i:]. At the end of s the size is 0.
func (k *runeKinds) at(s string, i int) (runeKind, int) {
	if i >= len(s) {
		return otherKind, 0
	}
	if s[i] < utf8.RuneSelf {
		return k.ascii[s[i]], 1
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	return k.slow(r), size
}

// run returns the end of a run of at most limit runes of one kind that starts at i.
func (k *runeKinds) run(s string, i int, kind runeKind, limit int) int {
	for ; limit > 0; limit-- {
		now, size := k.at(s, i)
		if size == 0 || now != kind {
			break
		}
		i += size
	}
	return i
}

const unlimited = math.MaxInt

// spaces returns the end of the match of \s+(?!\S)|\s+ at i. White space before a word leaves its last rune to the word.
func (k *runeKinds) spaces(s string, i int) int {
	end := k.run(s, i, spaceKind, unlimited)
	if end == len(s) {
		return end
	}
	_, size := utf8.DecodeLastRuneInString(s[i:end])
	if end-size > i {
		return end - size
	}
	return end
}

// gpt2Pattern returns a scanner for gpt2Regex.
func gpt2Pattern() pattern {
	k := newRuneKinds()
	return patternFunc(func(c *call, s string, emit func(start, end int)) error {
		for i := 0; i < len(s); {
			if err := c.spend(1); err != nil {
				return err
			}
			end := i + contraction(s[i:], false)
			if end == i {
				start := i
				if s[i] == ' ' {
					start++
				}
				if kind, size := k.at(s, start); size > 0 && kind != spaceKind {
					end = k.run(s, start, kind, unlimited)
				} else {
					end = k.spaces(s, i)
				}
			}
			emit(i, end)
			i = end
		}
		return nil
	})
}

// cl100kPattern returns a scanner for the patterns of cl100kRegex, with at most the given number of digits in a match.
func cl100kPattern(digits int) pattern {
	k := newRuneKinds()
	match := func(s string, i int) int {
		if n := contraction(s[i:], true); n > 0 {
			return i + n
		}
		kind, size := k.at(s, i)
		newline := s[i] == '\r' || s[i] == '\n'
		if kind == letterKind {
			return k.run(s, i, letterKind, unlimited)
		}
		if kind != numberKind && !newline {
			if next, n := k.at(s, i+size); n > 0 && next == letterKind {
				return k.run(s, i+size, letterKind, unlimited)
			}
		}
		if kind == numberKind {
			return k.run(s, i, numberKind, digits)
		}
		start := i
		if s[i] == ' ' {
			start++
		}
		if end := k.run(s, start, otherKind, unlimited); end > start {
			for end < len(s) && (s[end] == '\r' || s[end] == '\n') {
				end++
			}
			return end
		}
		end := k.run(s, i, spaceKind, unlimited)
		if last := strings.LastIndexAny(s[i:end], "\r\n"); last >= 0 {
			return i + last + 1
		}
		return k.spaces(s, i)
	}
	return patternFunc(func(c *call, s string, emit func(start, end int)) error {
		for i := 0; i < len(s); {
			if err := c.spend(1); err != nil {
				return err
			}
			end := match(s, i)
			emit(i, end)
			i = end
		}
		return nil
	})
}

// contraction returns the length of 's, 't, 're, 've, 'm, 'll or 'd at the start of s, or 0. fold ignores case, so that U+017F is
// an s too.
func contraction(s string, fold bool) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	at := func(i int) byte {
		switch {
		case i >= len(s):
			return 0
		case fold && s[i] >= 'A' && s[i] <= 'Z':
			return s[i] + 'a' - 'A'
		}
		return s[i]
	}
	switch first, second := at(1), at(2); {
	case first == 's', first == 't', first == 'm', first == 'd':
		return 2
	case first == 'r' && second == 'e', first == 'v' && second == 'e', first == 'l' && second == 'l':
		return 3
	case fold && strings.HasPrefix(s[1:], "\u017F"):
		return 1 + len("\u017F")
	}
	return 0
}
