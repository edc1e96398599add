package visible

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"plain é 雨 😀\n\tindented":                "plain é 雨 😀\n\tindented",
		"\x1b[31mred\x1b]0;title\x07":            `\x1b[31mred\x1b]0;title\x07`,
		"over\rwritten\b\x7f":                    `over\rwritten\x08\x7f`,
		"\u202egnp.exe\u2066x\u2069\u200e\u061c": `\u202egnp.exe\u2066x\u2069\u200e\u061c`,
		"\u009b31m":                              `\u009b31m`,
		"a\u2028b\u2029c\u0085d":                 `a\u2028b\u2029c\u0085d`,
		"zero\u200bwidth\ufeff\u00ad":            `zero\u200bwidth\ufeff\u00ad`,
		"tag\U000e0041":                          `tag\U000e0041`,
		"family 👨\u200d👩 and نمی\u200cخواهم":     "family 👨\u200d👩 and نمی\u200cخواهم",
		"e\u0301":       "e\u0301",
		"\xff\xfe":      `\xff\xfe`,
		"a real \ufffd": "a real \ufffd",
		"":              "",
	} {
		if got := Text(text); got != want {
			t.Errorf("Text(%q) = %q, want %q", text, got, want)
		}
	}
	if got := Line("a\n\tb"); got != `a\n\tb` {
		t.Errorf("Line: %q", got)
	}
}

func TestName(t *testing.T) {
	for name, want := range map[string]string{"a.jsonl": "a.jsonl", "é": "é", "a\xff.jsonl": "a%FF.jsonl", "\xc3\x28": "%C3("} {
		if got := Name(name); got != want || !utf8.ValidString(got) {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	if got := Cut("short", 60); got != "short" {
		t.Errorf("%q", got)
	}
	if got := Cut(strings.Repeat("é", 60), 60); got != strings.Repeat("é", 60) {
		t.Errorf("%q", got)
	}
	if got := Cut(strings.Repeat("é", 61), 60); got != strings.Repeat("é", 60)+"…" {
		t.Errorf("%q", got)
	}
	long := "begin" + strings.Repeat("x", 180_000) + "end"
	got := Cut(long, 1000)
	if !strings.HasPrefix(got, "beginx") || !strings.HasSuffix(got, "xend") || !strings.Contains(got, "(179008 characters left out)") || len(got) > 1100 {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

// FuzzText checks that nothing hidden is left, whatever the text.
func FuzzText(f *testing.F) {
	f.Add("\x1b[0m\u202e\xff\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range Line(s) {
			if hidden(r) {
				t.Errorf("%q is left of %q", r, s)
			}
		}
		if !utf8.ValidString(Text(s)) || !utf8.ValidString(Name(s)) {
			t.Errorf("%q is not UTF-8", s)
		}
	})
}
