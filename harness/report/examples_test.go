package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/internal/race"
)

func TestKindOf(t *testing.T) {
	gold := []float64{0, 1, 0}
	for _, c := range []struct{ weak, student, ceiling, want int }{
		{1, 1, 1, -1}, {0, 0, 0, -1},
		{0, 1, 1, 0}, {0, 1, 0, 0}, {2, 1, 0, 0},
		{0, 0, 1, 1}, {0, 0, 2, 1},
		{1, 0, 1, 2}, {1, 0, 0, 2}, {1, 2, 0, 2},
		{1, 1, 0, 3},
		{0, 2, 1, 4}, {0, 2, 2, 4},
	} {
		if got := kindOf(c.weak, c.student, c.ceiling, gold); got != c.want {
			t.Errorf("weak %d, student %d, ceiling %d with gold 1: kind %d, want %d", c.weak, c.student, c.ceiling, got, c.want)
		}
	}
	// Both answers are right: they disagree, but neither is an error.
	if got := kindOf(0, 1, 0, []float64{0.5, 0.5, 0}); got != 4 {
		t.Errorf("different right answers: kind %d, want 4", got)
	}
}

// answer returns the most probable answer, the first one of equals. It does not use the code under test.
func answer(p []float64) int { return slices.Index(p, slices.Max(p)) }

// The browser has every disagreement that a count over the heads of the result finds.
func TestBrowserHasEveryDisagreement(t *testing.T) {
	r := sample(60, 2)
	heads := map[string]result.Head{}
	for _, h := range r.Heads {
		heads[h.ID] = h
	}
	want := map[string]int{}
	for _, h := range r.Heads {
		if h.Role != result.Student {
			continue
		}
		ceiling := heads[fmt.Sprintf("%s/ceiling/%d", h.Task, h.Seed)]
		weak := heads[h.Supervisor]
		for i := range h.Test {
			if a, b, c := answer(weak.Test[i]), answer(h.Test[i]), answer(ceiling.Test[i]); a != b || b != c {
				want[fmt.Sprint(h.Task, "|", h.Seed, "|", i, "|", a, b, c)]++
			}
		}
	}
	b := browse([]Input{{Result: r}}, nil, 1e6)
	got := map[string]int{}
	for _, d := range b.Items {
		got[fmt.Sprint(b.Cells[d.Cell].Task, "|", b.Cells[d.Cell].Seed, "|", d.test, "|", d.Answers[0], d.Answers[1], d.Answers[2])]++
		if text := b.Examples[d.Example].Text; !strings.Contains(text, fmt.Sprintf("number %d of", d.test)) {
			t.Fatalf("example %d has the text %q", d.test, text)
		}
	}
	if len(want) == 0 || len(got) != len(want) {
		t.Errorf("%d different disagreements, want %d", len(got), len(want))
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%s: %d times, want %d", k, got[k], n)
		}
	}
	if b.Found != len(b.Items) || !strings.Contains(b.Note, fmt.Sprint("all ", b.Found)) {
		t.Errorf("found %d, has %d, note %q", b.Found, len(b.Items), b.Note)
	}
}

// The page of a thousand heads has a bounded size, says what it leaves out, and has examples of every student of the first
// seed.
func TestLargeResultIsCapped(t *testing.T) {
	race.SkipLong(t)
	var losses []string
	for i := range 48 {
		losses = append(losses, fmt.Sprintf("logconf:alpha=%g:warmup=0.2", float64(i)/64))
	}
	r := sample(200, 10, losses...)
	if len(r.Heads) != 1000 {
		t.Fatalf("%d heads", len(r.Heads))
	}
	b := browse([]Input{{Result: r}}, nil, DefaultExamples)
	if b.Found < 10*DefaultExamples || len(b.Items) > DefaultExamples || len(b.Items) < DefaultExamples/2 {
		t.Errorf("%d of %d disagreements, want about %d of at least %d", len(b.Items), b.Found, DefaultExamples, 10*DefaultExamples)
	}
	if want := fmt.Sprintf("has %d of the %d disagreements, all from the first seed", len(b.Items), b.Found); !strings.Contains(b.Note, want) {
		t.Errorf("note %q does not say %q", b.Note, want)
	}
	perCell := map[int]int{}
	for _, d := range b.Items {
		perCell[d.Cell]++
		if b.Cells[d.Cell].Seed != 0 {
			t.Fatalf("a disagreement of seed %d", b.Cells[d.Cell].Seed)
		}
	}
	if len(perCell) != 2*48 {
		t.Errorf("examples of %d students, want of all %d", len(perCell), 2*48)
	}
	if page := pageOf(t, Options{}, r); len(page) > 3<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
}

// With fewer heads, every seed contributes the same number.
func TestCapKeepsSeeds(t *testing.T) {
	b := browse([]Input{{Result: sample(200, 3)}}, nil, 400)
	perSeed := map[uint64]int{}
	for _, d := range b.Items {
		perSeed[b.Cells[d.Cell].Seed]++
	}
	if len(perSeed) != 3 || perSeed[0] != perSeed[2] || len(b.Items) >= b.Found {
		t.Errorf("items per seed %v of %d, want three equal numbers", perSeed, b.Found)
	}
}

func TestSmallCap(t *testing.T) {
	r := sample(60, 2)
	for _, most := range []int{1, 3, 7} {
		if b := browse([]Input{{Result: r}}, nil, most); len(b.Items) == 0 || len(b.Items) > most {
			t.Errorf("%d items, want 1 to %d", len(b.Items), most)
		}
	}
}

func TestWithoutTexts(t *testing.T) {
	r := sample(60, 1)
	for i := range r.Tasks {
		r.Tasks[i].Texts = nil
	}
	b := browse([]Input{{Result: r}}, nil, 100)
	if !strings.Contains(b.Note, "--texts") || !strings.HasPrefix(b.Examples[0].Text, "example digest-1-") {
		t.Errorf("note %q, first example %q", b.Note, b.Examples[0].Text)
	}
}

func TestShown(t *testing.T) {
	for in, want := range map[string]string{
		"plain":           "plain",
		"two\r\nlines\tx": "two\nlines\tx",
		"\x00\x1b\x7f":    "[U+0000][U+001B][U+007F]",
		"a\u202eb\u2066c": "a[U+202E]b[U+2066]c",
		"日本語":             "日本語",
	} {
		if got := shown(in, 100); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := shown(strings.Repeat("é", 1000), 10); got != strings.Repeat("é", 10)+"… (990 more characters)" {
		t.Errorf("%q", got)
	}
}

func TestShell(t *testing.T) {
	if got, want := shell([]string{"w2s", "run", "--task", "it's; rm -rf /", ""}), `w2s run --task 'it'\''s; rm -rf /' ''`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
