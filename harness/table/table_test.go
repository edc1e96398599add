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
)

// hostile holds what names from users' files may hold.
var hostile = []string{"plain", "=1+1", "-2", "a|b", "<script>alert(1)</script>", "50 % & $x_1^2$ \\ {}~#", "two\nlines", "\x1b[31mred", "日本語", "a,\"b\""}

func sample() *Table {
	t := &Table{Name: "sample", Caption: "a <b> & c", Columns: []Column{{"text", false}, {"n", true}}, Notes: []string{"a: <note> | _x_"}}
	for _, h := range hostile {
		t.Add(h, "-1.5")
	}
	return t
}

func write(t *testing.T, format string, tables ...*Table) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, tables...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	out := write(t, "text", sample())
	if strings.Contains(out, "\x1b") {
		t.Error("a terminal's escape sequence passes through")
	}
	lines := strings.Split(out, "\n")
	if len(lines) != 4+len(hostile)+2+1 {
		t.Errorf("%d lines, want one a row:\n%s", len(lines), out)
	}
	// Wide characters take two columns: the number still ends at the same column of the screen.
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
			t.Errorf("%q is a formula for a spreadsheet", got)
		}
		if strings.TrimPrefix(got, "'") != h {
			t.Errorf("%q became %q", h, got)
		}
		if rows[i+1][1] != "-1.5" {
			t.Errorf("a number became %q", rows[i+1][1])
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
			t.Error("a script came through")
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
		if h == "\x1b[31mred" {
			continue // a control character has no place in HTML
		}
		if cells[i] != h {
			t.Errorf("%q became %q", h, cells[i])
		}
	}
}

func TestMarkdownHasOneLineARow(t *testing.T) {
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
	var back []struct {
		Rows []map[string]string
	}
	if err := json.Unmarshal([]byte(write(t, "json", sample(), sample())), &back); err != nil {
		t.Fatal(err)
	}
	if len(back) != 2 || back[1].Rows[4]["text"] != hostile[4] {
		t.Errorf("%+v", back)
	}
}

func TestUnknownFormat(t *testing.T) {
	if err := Write(&bytes.Buffer{}, "word", sample()); err == nil || !strings.Contains(err.Error(), "markdown") {
		t.Errorf("%v does not list the formats", err)
	}
}

func TestLetters(t *testing.T) {
	for i, want := range map[int]string{0: "a", 25: "z", 26: "aa", 27: "ab", 51: "az", 52: "ba", 701: "zz", 702: "aaa"} {
		if got := letter(i); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
}

// The worked example of the README: 72 / 95 / 88 gives 0.70, and an undefined PGR shows its reason.
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
