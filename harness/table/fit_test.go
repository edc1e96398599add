package table

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"w2s/harness/summary"
	"w2s/internal/list"
)

// grid returns rows of two tasks, three pairs and two losses. The last row has a doubt, and all rows of a task a remark.
func grid() []summary.Row {
	var rows []summary.Row
	for _, task := range []string{"movies", "chess-mate1-free"} {
		for _, strong := range []string{"all-MiniLM-L6-v2", "e5-small-v2", "wordllama-256"} {
			for _, loss := range []string{"xent", "confidence:alpha=0.5"} {
				r := row(task, loss, 0.5, 0.7, 0.9)
				r.Weak, r.Strong, r.N, r.Warnings = "wordllama-64", strong, 10*len(task), []string{task + " has duplicates"}
				rows = append(rows, r)
			}
		}
	}
	last := &rows[len(rows)-1]
	last.PGR.Defined, last.PGR.Reason, last.Doubts = false, "a gap of noise", []string{"it contradicts its supervisor"}
	last.PGR.Interval.Level = 0
	last.Warnings = append(last.Warnings, last.Doubts[0], last.PGR.Reason)
	return rows
}

func render(t *testing.T, s Style, tables ...*Table) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s, tables...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A table fits every usual width, shows a cell of each row in the columns that matter, and does not break rows.
func TestTablesFit(t *testing.T) {
	rows := grid()
	for _, width := range []int{72, 80, 100, 120, 160} {
		text := render(t, Style{Format: "text", Width: width}, PGR(rows))
		for _, line := range strings.Split(text, "\n") {
			if n := uniseg.StringWidth(line); n > width {
				t.Errorf("a line of %d columns in %d:\n%s", n, width, line)
			}
		}
		if n := strings.Count(text, "70.0 ±2.0"); n != len(rows) {
			t.Errorf("width %d: %d students of %d:\n%s", width, n, len(rows), text)
		}
		for _, want := range []string{"loss", "weak", "student", "ceiling", "PGR", "95% CI", "(seeds, test)", "[0.30, 0.70]", "undefined", "wordllama-64 → e5-small-v2"} {
			if !strings.Contains(text, want) {
				t.Errorf("width %d: no %s:\n%s", width, want, text)
			}
		}
	}
	if text := render(t, Style{Format: "text", Width: 80, Wide: true}, PGR(rows)); !strings.Contains(text, "agreement") {
		t.Errorf("a wide table leaves out columns:\n%s", text)
	}
}

// What the rows of a group share is above them. Doubts and an undefined PGR mark their row, and remarks on a task's data are said once.
func TestFoldedTable(t *testing.T) {
	rows := grid()
	got := render(t, Style{Format: "text", Width: 80}, PGR([]summary.Row{rows[0], rows[1], rows[10], rows[11]}))
	want := `accuracy in per cent, nlp, soft labels, 3 seeds

                                                         95% CI
  loss             weak    student    ceiling       PGR  (seeds, test)  notes
  ----------  ---------  ---------  ---------  ---------  -------------  -----
movies, wordllama-64 → all-MiniLM-L6-v2, 60 test examples
  xent        50.0 ±2.0  70.0 ±2.0  90.0 ±2.0       0.50  [0.30, 0.70]
  confidence  50.0 ±2.0  70.0 ±2.0  90.0 ±2.0       0.50  [0.30, 0.70]
chess-mate1-free, wordllama-64 → wordllama-256, 160 test examples
  xent        50.0 ±2.0  70.0 ±2.0  90.0 ±2.0       0.50  [0.30, 0.70]
  confidence  50.0 ±2.0  70.0 ±2.0  90.0 ±2.0  undefined                 a b

weak: score of the weak supervisor. student: score of the strong student.
  ceiling: score of the strong model trained on gold. PGR: (student - weak) /
  (ceiling - weak). 95% CI (seeds, test): interval of PGR over seeds and test
  examples.
±: half of the 95 % interval over seeds and test examples.
a: it contradicts its supervisor
b: a gap of noise
movies: movies has duplicates
chess-mate1-free: chess-mate1-free has duplicates
`
	want = strings.Replace(want, "ceiling       PGR", "ceiling        PGR", 1)
	want = strings.Replace(want, "                                                         95% CI", "                                                          95% CI", 1)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The table of one task and pair is flat, and the least important columns are left out first.
func TestColumnsAreLeftOutByRank(t *testing.T) {
	rows := []summary.Row{row("movies", "xent", 0.5, 0.7, 0.9), row("tweets", "xent", 0.5, 0.7, 0.9)}
	rows[1].N = 5
	for width, want := range map[int]string{
		120: "task loss weak student ceiling gap PGR 95% CI (seeds, test) n",
		76:  "task loss weak student ceiling PGR 95% CI (seeds, test) n",
		68:  "task loss weak student ceiling PGR 95% CI (seeds, test)",
		58:  "loss weak student ceiling PGR 95% CI (seeds, test)", // the task is above the row
	} {
		f := PGR(rows).fit(width, fitted.width)
		names := strings.Join(list.Map(f.Columns, func(c Column) string { return c.Name }), " ")
		if names != want || (f.headings != nil) != (width == 58) {
			t.Errorf("width %d: %s, headings %q, want %s", width, names, f.headings, want)
		}
	}
	if f := PGR(rows).fit(10, fitted.width); len(f.Rows) != 2 || len(f.Rows[0]) != len(f.Columns) || len(f.shades[0]) != len(f.Columns) {
		t.Errorf("a width that nothing fits: %+v", f)
	}
}

// Intervals of one seed cover test examples alone, and their level is in the heading.
func TestHeadingsSayWhatIntervalsCover(t *testing.T) {
	one := row("a", "xent", 0.5, 0.7, 0.9)
	one.Seeds, one.PGR.GapInterval.Level = 1, 0.9
	names := list.Map(PGR([]summary.Row{one}).Columns, func(c Column) string { return c.Name })
	if !slices.Contains(names, "90% CI (test)") || slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "seeds") }) {
		t.Errorf("columns %q", names)
	}
	if notes := PGR([]summary.Row{one}).Notes; notes[0] != "±: half of the 90 % interval over test examples." {
		t.Errorf("notes %q", notes)
	}
}

// Colours mark intervals above 0 and undefined PGRs, and do not change what is aligned.
func TestColours(t *testing.T) {
	rows := grid()[9:]
	rows[1].PGR.Interval.Lo = -0.1
	plain, coloured := render(t, Style{Format: "text", Width: 100}, PGR(rows)), render(t, Style{Format: "text", Width: 100, Colour: true}, PGR(rows))
	if strings.Contains(plain, "\x1b") {
		t.Errorf("colours that nobody asked for: %q", plain)
	}
	for _, want := range []string{"\x1b[32m0.50\x1b[0m  \x1b[32m[0.30, 0.70]\x1b[0m", "0.50  [-0.10, 0.70]", "\x1b[90mundefined\x1b[0m"} {
		if !strings.Contains(coloured, want) {
			t.Errorf("no %q in %q", want, coloured)
		}
	}
	for _, code := range []string{"\x1b[32m", "\x1b[90m", "\x1b[0m"} {
		coloured = strings.ReplaceAll(coloured, code, "")
	}
	if coloured != plain {
		t.Errorf("colours change the text:\n%s\n%s", coloured, plain)
	}
	for _, format := range []string{"markdown", "latex", "html"} {
		if text := render(t, Style{Format: format, Width: 100, Colour: true}, PGR(rows)); strings.Contains(text, "\x1b") {
			t.Errorf("%s has colours", format)
		}
	}
}

// Groups of rows of a LaTeX table have headings across all columns, and long ones are broken.
func TestLaTeXFitsAPage(t *testing.T) {
	rows := grid()
	text := render(t, Style{Format: "latex", Width: DefaultWidth}, PGR(rows))
	for _, want := range []string{"\\begin{tabular}{@{}lrrrrll@{}}", "\\shortstack[l]{95\\% CI\\\\(seeds, test)}",
		"\\multicolumn{7}{@{}l@{}}{\\emph{movies, wordllama-64 $\\rightarrow$ e5-small-v2, 60 test examples}} \\\\"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	for i := range rows {
		rows[i].Strong = strings.Repeat("long", 20) + rows[i].Strong
	}
	if text := render(t, Style{Format: "latex", Width: DefaultWidth}, PGR(rows)); !strings.Contains(text, "\\multicolumn{7}{@{}p{\\linewidth}@{}}") {
		t.Errorf("a long heading is not broken:\n%s", text)
	}
}

func TestHeadLines(t *testing.T) {
	for _, c := range []struct {
		name  string
		width int
		want  string
	}{{"95% CI (seeds, test)", 12, "95% CI|(seeds, test)"}, {"PGR", 2, "|PGR"}, {"as PGR", 6, "|as PGR"}, {"as PGR", 5, "as|PGR"}, {"on its correct labels", 7, "on its|correct labels"}} {
		if h := headLines(c.name, c.width); fmt.Sprintf("%s|%s", h[0], h[1]) != c.want {
			t.Errorf("%s in %d: %q, want %s", c.name, c.width, h, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	if got := wrap("one two three four", 9); !slices.Equal(got, []string{"one two", "  three", "  four"}) {
		t.Errorf("%q", got)
	}
	if got := wrap("日本語 日本語", 8); !slices.Equal(got, []string{"日本語", "  日本語"}) {
		t.Errorf("wide characters: %q", got)
	}
	if got := wrap("one two three four", 0); len(got) != 1 {
		t.Errorf("no limit: %q", got)
	}
}
