package visible

import (
	"strings"
	"testing"
	"unicode/utf8"
)

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
