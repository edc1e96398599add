package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/visible"
	"w2s/tasks"
)

// hostile lists names that users' files may contain and that a format could misread.
var hostile = []string{"plain", "=1+1", "-2", "a|b", "<script>alert(1)</script>", "50 % & $x_1^2$ \\ {}~#", "two\nlines", "\x1b[31mred", "日本語", "a,\"b\""}

func sample() *Table {
	t := &Table{Name: "sample", Caption: "a <b> & c", Columns: []Column{{Name: "text"}, {Name: "n", Numeric: true}}, Notes: []string{"a: <note> | _x_"}}
	for _, h := range hostile {
		t.Add(h, "-1.5")
	}
	return t
}

func write(t *testing.T, format string, tables ...*Table) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, Style{Format: format}, tables...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	out := write(t, "text", sample())
	if strings.Contains(out, "\x1b") {
		t.Error("an escape sequence reaches the terminal")
	}
	lines := strings.Split(out, "\n")
	if len(lines) != 4+len(hostile)+2+1 {
		t.Errorf("%d lines, want one for each row:\n%s", len(lines), out)
	}
	// Each of the three wide characters takes two columns of the screen, so an aligned line has three runes less.
	wide := lines[4+8]
	if want := lines[4]; len([]rune(wide))+3 != len([]rune(want)) {
		t.Errorf("not aligned:\n%s\n%s", want, wide)
	}
}

func TestCSVIsSafeAndReadable(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(write(t, "csv", sample()))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range hostile {
		got := rows[i+1][0]
		if strings.ContainsRune("=+-@", rune(got[0])) {
			t.Errorf("a spreadsheet would read %q as a formula", got)
		}
		if want := strings.ReplaceAll(h, "\x1b", "[U+001B]"); strings.TrimPrefix(got, "'") != want {
			t.Errorf("%q became %q", h, got)
		}
		if rows[i+1][1] != "'-1.5" { // a text, since the table has no values for programs
			t.Errorf("a text became %q", rows[i+1][1])
		}
	}
}

func TestHTMLIsEscaped(t *testing.T) {
	doc, err := html.Parse(strings.NewReader(write(t, "html", sample())))
	if err != nil {
		t.Fatal(err)
	}
	var cells []string
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode && n.Data == "script" {
			t.Error("the page has a script")
		}
		if n.Type == html.ElementNode && n.Data == "td" && len(n.Attr) == 0 {
			cells = append(cells, n.FirstChild.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	for i, h := range hostile {
		if want := visible.Line(h); cells[i] != want {
			t.Errorf("%q became %q, want %q", h, cells[i], want)
		}
	}
}

func TestMarkdownHasOneLinePerRow(t *testing.T) {
	out := write(t, "markdown", sample())
	bars := 0
	for _, line := range strings.Split(out, "\n") {
		if strings.HasPrefix(line, "|") {
			bars++
			if n := strings.Count(strings.ReplaceAll(line, "\\|", ""), "|"); n != 3 {
				t.Errorf("%d cell borders in %q", n, line)
			}
		}
	}
	if bars != 2+len(hostile) {
		t.Errorf("%d lines, want %d", bars, 2+len(hostile))
	}
}

func TestLaTeXEscapes(t *testing.T) {
	out := write(t, "latex", sample())
	for _, want := range []string{`50 \% \& \$x\_1\textasciicircum{}2\$ \textbackslash{} \{\}\textasciitilde{}\#`, `\toprule`, `\bottomrule`} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

func TestJSON(t *testing.T) {
	var back []map[string]string
	if err := json.Unmarshal([]byte(write(t, "json", sample(), sample())), &back); err != nil {
		t.Fatal(err)
	}
	if len(back) != len(hostile) || back[4]["text"] != hostile[4] {
		t.Errorf("%+v", back)
	}
}

func TestUnknownFormat(t *testing.T) {
	if err := Write(&bytes.Buffer{}, Style{Format: "word"}, sample()); err == nil || !strings.Contains(err.Error(), "markdown") {
		t.Errorf("error %q does not list the formats", err)
	}
}

func TestLetters(t *testing.T) {
	for i, want := range map[int]string{0: "a", 25: "z", 26: "aa", 27: "ab", 51: "az", 52: "ba", 701: "zz", 702: "aaa"} {
		if got := letter(i); got != want {
			t.Errorf("letter %d is %s, want %s", i, got, want)
		}
	}
}

// The worked example of the README has a PGR of 0.70, and a note gives the reason for an undefined PGR.
func TestPGRTable(t *testing.T) {
	good, err := stats.PGROf(0.72, 0.88, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	none, err := stats.PGROf(0.95, 0.88, 0.72)
	if err != nil {
		t.Fatal(err)
	}
	row := summary.Row{Task: "a", Category: "nlp", Weak: "w", Strong: "s", Loss: "xent", N: 100, Seeds: 1, PGR: good,
		Floor: summary.Figure{Value: 0.72}, Transfer: summary.Figure{Value: 0.88}, Ceiling: summary.Figure{Value: 0.95}}
	bad := row
	bad.Task, bad.PGR, bad.Warnings = "b", none, []string{none.Reason}
	out := write(t, "text", PGR([]summary.Row{row, bad}))
	for _, want := range []string{"72.0", "88.0", "95.0", "0.70", "undefined", "a: " + none.Reason} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// What all rows share is in the caption; what varies has a column.
func TestPGRColumns(t *testing.T) {
	share := func(v float64) stats.Share { return stats.Share{Value: v, N: 100} }
	first := row("a", "logconf:alpha=0.5:warmup=0.2", 0.5, 0.7, 0.9)
	first.PGR.Examples = interval(0.35, 0.65)
	first.SeedPGR = stats.SeedPGR{PGR: stats.PGR{Value: 0.52, Interval: interval(0.42, 0.62), Defined: true}}
	first.Imitation = summary.Imitation{
		Student: stats.Imitation{All: share(0.81), OnErrors: share(0.49)}, Ceiling: stats.Imitation{OnErrors: share(0.28)}}
	second := row("b", "xent", 0.70, 0.71, 0.72)
	second.SeedPGR = first.SeedPGR // the seeds agree, but the gap is noise
	second.Warnings = []string{"y", "x"}
	table := PGR([]summary.Row{first, second})
	check(t, table, "task|loss|weak|student|ceiling|gap|PGR|95% CI (seeds, test)|95% CI (test)|PGR (seeds)|agreement|on errors", []string{
		"a|logconf|50.0 ±2.0|70.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.50|[0.30, 0.70]|[0.35, 0.65]|0.52 ±0.10|81|49 / 28",
		"b|xent|70.0 ±2.0|71.0 ±2.0|72.0 ±2.0|2.0 ±3.0|undefined|||–|–|– / –",
	}, "b: y; x", "on errors: share of the supervisor's wrong answers that student / ceiling give as well, in per cent (n 100).", "half of the 95 % interval")
	if want := "accuracy in per cent, nlp, small → large, soft labels, 3 seeds, 800 test examples"; table.Caption != want {
		t.Errorf("caption %q, want %q", table.Caption, want)
	}

	second.Weak, second.Treatment, second.Size, second.Seeds, second.Metric, second.Warnings = "tiny", "hard", 500, 1, tasks.AUROC, []string{"x"}
	second.Control = &summary.Figure{Value: 0.3}
	first.Warnings = []string{"x"}
	table = PGR([]summary.Row{first, second})
	check(t, table, "task|metric|pair|treatment|variant|seeds|loss|weak|student|ceiling|gap|PGR|95% CI (seeds, test)|95% CI (test)|PGR (seeds)|agreement|on errors|control", []string{
		"a|accuracy|small → large|soft||3 seeds|logconf|50.0 ±2.0|70.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.50|[0.30, 0.70]|[0.35, 0.65]|0.52 ±0.10|81|49 / 28|",
		"b|auroc|tiny → large|hard|train=500|1 seed|xent|70.0 ±2.0|71.0 ±2.0|72.0 ±2.0|2.0 ±3.0|undefined|||–|–|– / –|30.0",
	}, "control: ")
	if table.Caption != "scores in per cent, nlp, 800 test examples" {
		t.Errorf("caption %q", table.Caption)
	}
}

// If the classes of a task differ in size, other metrics and the share of the largest class stand beside its scores.
func TestPGRTableOfUnevenClasses(t *testing.T) {
	value := func(v float64) *float64 { return &v }
	even, uneven := row("a", "xent", 0.5, 0.7, 0.9), row("b", "xent", 0.5, 0.7, 0.9)
	uneven.Uneven = &summary.Uneven{Majority: 0.8, Scores: []summary.Scores{
		{Metric: tasks.AUROC, Weak: value(0.55), Student: value(0.6)},
		{Metric: "balanced-accuracy", Weak: value(0.51), Student: value(0.52), Ceiling: value(0.53)},
	}}
	table := PGR([]summary.Row{even, uneven})
	start := "|xent|50.0 ±2.0|70.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.50|[0.30, 0.70]|–|–|– / –|"
	check(t, table, "task|loss|weak|student|ceiling|gap|PGR|95% CI (seeds, test)|PGR (seeds)|agreement|on errors|majority|auroc|balanced-accuracy", []string{
		"a" + start + "||", "b" + start + "80.0|55.0 / 60.0 / –|51.0 / 52.0 / 53.0",
	}, "majority: accuracy of always answering with the most frequent class.", "auroc: of weak / student / ceiling.")
	if table := PGR([]summary.Row{even}); len(table.Columns) != 11 {
		t.Errorf("columns %v, want none for uneven classes", table.Columns)
	}
}
