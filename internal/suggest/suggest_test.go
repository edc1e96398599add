package suggest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	names := []string{"soft", "hard", "temperature", "top"}
	for given, want := range map[string]string{
		"temprature": "temperature", "sfot": "soft", "hart": "hard", "tip": "top", "zzzz": "", "": "", "t": "", "softly and slowly": "", "TOP": "top", "temper": "temperature", "pot": "",
		"softp": "soft", "tap": "top", "sort": "soft", "hot": "", strings.Repeat("top", 22): "",
	} {
		if got := Nearest(given, names); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
	if got := Nearest("cat", []string{"dog", "bat", "hat", "Cats"}); got != "bat" {
		t.Errorf("in a tie: %q, want the first", got)
	}
	if got := Nearest("x", nil); got != "" {
		t.Errorf("without names: %q", got)
	}
}

func TestHint(t *testing.T) {
	for given, want := range map[string]string{
		"hart": `did you mean "hard"? treatments: soft, hard`,
		"zzzz": "treatments: soft, hard",
	} {
		if got := Hint(given, "treatments", []string{"soft", "hard"}); got != want {
			t.Errorf("Hint(%q) = %q, want %q", given, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"same", "same", 0}, {"ab", "ba", 1}, {"mvoies", "movies", 1}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
