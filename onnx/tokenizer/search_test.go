package tokenizer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// count returns the number of matches of an expression in a text, and the time that the search took.
func count(t *testing.T, source, text string, c *call) (matches int, took time.Duration, err error) {
	t.Helper()
	p, err := compileRegex(source)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	err = p.find(c, text, func(_, _ int) { matches++ })
	return matches, time.Since(start), err
}

// TestRegexTime checks that all searches of a text share one time limit, and that the error does not contain the whole text.
func TestRegexTime(t *testing.T) {
	for source, text := range map[string]string{
		`(?:\w+\s?)*[!?]`:  strings.Repeat("word ", 3000), // one search that does not end
		`a.*?e|(?:ab)+?|b`: strings.Repeat("ab", 100_000), // many searches, each to the end of the text
	} {
		c := newCall(t.Context())
		c.regexBudget = 200 * time.Millisecond
		_, took, err := count(t, source, text, c)
		if took > 5*time.Second {
			t.Errorf("%s took %v", source, took)
		}
		if err == nil {
			t.Errorf("%s: no error", source)
			continue
		}
		if message := err.Error(); !strings.Contains(message, "takes more than") || !strings.Contains(message, text[:20]) || len(message) > 300 {
			t.Errorf("%s: %v", source, err)
		}
		if c.regexBudget > 0 {
			t.Errorf("%s: %v of the time is left, want none", source, c.regexBudget)
		}
	}
}

// TestRegexCancel cancels a search that would run until its time limit of ten seconds.
func TestRegexCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, took, err := count(t, `(?:\w+\s?)*[!?]`, strings.Repeat("word ", 3000), newCall(ctx))
	if !errors.Is(err, context.Canceled) || took > 5*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}

// TestRegexRequired checks that a text without the text that every match contains is not searched, and that this does not change
// the matches of other texts. A search of the first text would fail because it takes too long.
func TestRegexRequired(t *testing.T) {
	words := strings.Repeat("word ", 3000)
	for _, c := range []struct {
		source, text string
		want         int
	}{
		{`(?:\w+\s?)*!`, words, 0},
		{`(?:\w+\s?)*!`, words + "!", 1},
		{`(?:\w+\s?)*!`, "a b! c!" + words, 2},
		{`a!?`, "aa", 2},
		{`a!*b{0,3}`, "aa", 2},
		{`a!{0}`, "aa", 2},
		{`a|b!`, "aa", 2},
		{`(?!!)a`, "aa", 2},
		{`(?i)a`, "AA", 2},
		{`a(?=!)`, "a!a", 1},
		{` {2,}`, "a  b   c d", 2},
		{`x{2}?y{1,2}`, "xxy y", 2},
		{`x{2}y{,3}`, "xx xxyy", 2},
		{`x{3}yx`, "xxxyx xyx", 1},
	} {
		got, _, err := count(t, c.source, c.text, newCall(t.Context()))
		if err != nil || got != c.want {
			t.Errorf("%s on %.20q: %d matches, %v, want %d", c.source, c.text, got, err, c.want)
		}
	}
}

// FuzzRegex checks that no expression makes the translator or a search panic, and that matches are in order and have whole runes.
func FuzzRegex(f *testing.F) {
	for _, source := range []string{`\p{N}{1,3}+|[^\W\p{^lu}&&[[:^alpha:]-]]*?`, `(?i)(?<=[ß-ﬆ])(?:s|\x{1f})++$`, `^\0[\0-\u00ff]\b(?>a|(?m:.))`, `(?i)s(?:`} {
		f.Add(source, "Straße ½\n\x00ﬁ 12345 x")
	}
	f.Fuzz(func(t *testing.T, source, text string) {
		p, err := compileRegex(source)
		if err != nil || !utf8.ValidString(text) {
			return
		}
		c := newCall(t.Context())
		c.regexBudget = 100 * time.Millisecond
		last := 0
		if err := p.find(c, text, func(start, end int) {
			if start < last || end < start || end > len(text) || !utf8.ValidString(text[start:end]) {
				t.Errorf("%q on %q: a match from %d to %d after %d", source, text, start, end, last)
			}
			last = end
		}); err != nil && !strings.Contains(err.Error(), "regular expression") {
			t.Error(err)
		}
	})
}
