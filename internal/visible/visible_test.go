package visible

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"plain äöü 日本語 – → ±":                "plain äöü 日本語 – → ±",
		"two\nlines\tand\r\nthree":           "two\nlines\tand\r\nthree",
		"\x1b[31mred\x1b[0m":                 "[U+001B][31mred[U+001B][0m",
		"\x1b]0;title\x07":                   "[U+001B]]0;title[U+0007]",
		"over\rwritten":                      "over[U+000D]written",
		"\x00\b\v\f\x7f":                     "[U+0000][U+0008][U+000B][U+000C][U+007F]",
		"\u0085\u009b31m":                    "[U+0085][U+009B]31m",
		"\u202eturned\u202c":                 "[U+202E]turned[U+202C]",
		"\u200e\u200f\u061c":                 "[U+200E][U+200F][U+061C]",
		"\u2066a\u2069":                      "[U+2066]a[U+2069]",
		"line\u2028paragraph\u2029":          "line[U+2028]paragraph[U+2029]",
		"mo\u200bvies\ufeff\u00ad\u2060":     "mo[U+200B]vies[U+FEFF][U+00AD][U+2060]",
		"\u3164\u034f":                       "[U+3164][U+034F]",
		"a\U000e0041\U000e007f":              "a[U+E0041][U+E007F]",
		"\ufffe\uffff":                       "[U+FFFE][U+FFFF]",
		"caf\xe9 \xff":                       "caf\ufffd \ufffd",
		"already \ufffd":                     "already \ufffd",
		"می\u200cخواهم":                      "می\u200cخواهم", // Persian needs the non-joiner
		"क्\u200dष":                          "क्\u200dष",
		"👩\u200d👩\u200d👧 ❤\ufe0f":            "👩\u200d👩\u200d👧 ❤\ufe0f",
		"mov\u200dies mov\u200cies é\u200dé": "mov[U+200D]ies mov[U+200C]ies é[U+200D]é",
		"x\ufe0f\ufe0e\ufe0f":                "x\ufe0f[U+FE0E][U+FE0F]",
		"\ufe0f":                             "[U+FE0F]",
		"葛\U000e0100":                        "葛\U000e0100",
		"\u0600 5":                           "\u0600 5", // an Arabic sign of class Cf that has a glyph
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"one\ntwo\r\nthree\rfour\tfive": "one two three four five",
		"a\u2028b\x1b":                  "a[U+2028]b[U+001B]",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) is %q, want %q", in, got, want)
		}
	}
}

// Escapes in JSON make the text harmless and keep its values.
func TestJSON(t *testing.T) {
	in := map[string]string{"a\u202e": "\x1b\u009b \u2028 \U000e0041 \u200b ok 日本語\n"}
	data, err := json.MarshalIndent(in, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	safe := JSON(data)
	if string(safe) != Text(string(safe)) {
		t.Errorf("hidden characters in %s", safe)
	}
	var back map[string]string
	if err := json.Unmarshal(safe, &back); err != nil || back["a\u202e"] != in["a\u202e"] {
		t.Errorf("%q, %v", back, err)
	}
	if !strings.Contains(string(safe), `\udb40\udc41`) || !strings.Contains(string(safe), "日本語") {
		t.Errorf("%s", safe)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "\x1b[31m", "a\u200db", "\xff\u202e", "👩\u200d👩", "\r", "\r\n", "x\ufe0f\ufe0f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := Text(s)
		if !utf8.ValidString(out) {
			t.Fatalf("%q is not UTF-8", out)
		}
		if strings.ContainsAny(out, "\x00\a\b\v\f\x0e\x1b\x7f\u0085\u009b\u061c\u200b\u200e\u200f\u202a\u202e\u2028\u2029\u2066\u2069\ufeff") {
			t.Fatalf("%q became %q", s, out)
		}
		if again := Text(out); again != out {
			t.Fatalf("a second time, %q becomes %q", out, again)
		}
		if line := Line(s); strings.ContainsAny(line, "\r\n\t") || !utf8.ValidString(line) {
			t.Fatalf("%q became %q", s, line)
		}
	})
}
