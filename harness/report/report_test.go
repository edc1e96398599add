package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/visible"
)

var quick = summary.Options{Resamples: 200}

func pageOf(t *testing.T, opt Options, results ...*result.Result) string {
	t.Helper()
	var inputs []Input
	for i, r := range results {
		inputs = append(inputs, Input{Name: fmt.Sprintf("result %d <i>.json", i), SHA256: strings.Repeat("ab", 32), Result: r})
	}
	opt.Summary = quick
	r, err := New(inputs, opt)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// nodes returns the elements of a page.
func nodes(t *testing.T, page string) []*html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var out []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			out = append(out, n)
		}
	}
	return out
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// Every element is closed where it should be. A parser would repair the page if not, but parsers differ in how.
func TestPageIsWellFormed(t *testing.T) {
	page := pageOf(t, Options{}, chained(sample(60, 2)))
	void := []string{"meta", "link", "input", "br", "img"}
	var open []string
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		name, _ := z.TagName()
		tag := string(name)
		switch kind {
		case html.StartTagToken:
			if !slices.Contains(void, tag) {
				open = append(open, tag)
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != tag {
				t.Fatalf("</%s> closes %v", tag, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("not closed: %v", open)
	}
	if strings.ContainsAny(page, "\x00\x07\x1b") {
		t.Error("a control character is in the page")
	}
}

func TestPageIsAccessible(t *testing.T) {
	all := nodes(t, pageOf(t, Options{}, chained(sample(60, 2))))
	ids, landmarks := map[string]int{}, map[string]int{}
	for _, n := range all {
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
		landmarks[n.Data]++
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%d elements have the id %q", n, id)
		}
	}
	for _, one := range []string{"header", "nav", "main", "footer", "h1", "title"} {
		if landmarks[one] != 1 {
			t.Errorf("%d <%s> elements, want one", landmarks[one], one)
		}
	}
	level := 0
	for _, n := range all {
		switch n.Data {
		case "th":
			if !slices.Contains([]string{"col", "row", "rowgroup"}, attr(n, "scope")) {
				t.Errorf("a table header without scope: %q", text(n))
			}
		case "svg":
			if attr(n, "role") != "img" || len(attr(n, "aria-label")) < 20 {
				t.Errorf("a chart without a description for screen readers: %v", n.Attr)
			}
		case "input", "select":
			if n.Parent.Data != "label" {
				t.Errorf("%s without a label", n.Data)
			}
		case "a":
			if target, ok := strings.CutPrefix(attr(n, "href"), "#"); !ok || ids[target] == 0 {
				t.Errorf("the target of link %q is not on the page", attr(n, "href"))
			}
		case "h1", "h2", "h3":
			if next := int(n.Data[1] - '0'); next > level+1 {
				t.Errorf("%s %q follows h%d", n.Data, text(n), level)
			} else {
				level = next
			}
		}
		for _, id := range strings.Fields(attr(n, "aria-labelledby")) {
			if ids[id] == 0 {
				t.Errorf("an element is labelled by %q, which is not on the page", id)
			}
		}
		if strings.Contains(attr(n, "class"), "scroll") && attr(n, "tabindex") != "0" {
			t.Error("a table does not scroll from the keyboard")
		}
	}
	if landmarks["svg"] < 6 {
		t.Errorf("%d charts", landmarks["svg"])
	}
}

func TestPageLoadsNothing(t *testing.T) {
	page := pageOf(t, Options{}, sample(60, 2))
	for _, n := range nodes(t, page) {
		for _, a := range n.Attr {
			if slices.Contains([]string{"src", "href", "srcset", "action", "data", "xlink:href"}, a.Key) && !strings.HasPrefix(a.Val, "#") && a.Val != "data:," {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has a handler %s", n.Data, a.Key)
			}
		}
	}
	for _, css := range []string{"@import", "url("} {
		if strings.Contains(pageCSS, css) {
			t.Errorf("the style sheet has %s", css)
		}
	}
}

func TestHostileTextIsText(t *testing.T) {
	r := chained(sample(60, 2))
	page := pageOf(t, Options{Title: hostile}, r)
	if shown := visible.Text(page); shown != page {
		t.Error("hidden characters are in the page")
	}
	scripts, images := 0, 0
	found := map[string]bool{}
	for _, n := range nodes(t, page) {
		switch n.Data {
		case "script":
			scripts++
		case "img", "b", "i":
			if n.Data != "b" || len(text(n)) > 1 { // <b> holds the letters of notes
				images++
			}
		case "h1", "dd", "th":
			if strings.Contains(text(n), "window.hacked=1</script><img src=x onerror=window.hacked=2>") {
				found[n.Data] = true
			}
		}
	}
	if scripts != 2 || images != 0 {
		t.Errorf("%d scripts and %d elements made from names, want the two scripts of the page and none", scripts, images)
	}
	for _, where := range []string{"h1", "dd", "th"} {
		if !found[where] {
			t.Errorf("the hostile name is not shown as text in %s", where)
		}
	}
	// The data of the browser is unchanged but for control characters, which are replaced by symbols.
	b := browserData(t, page)
	shown := 0
	for _, e := range b.Examples {
		if strings.ContainsAny(e.Text, "\x00\x07\x1b\u202e") {
			t.Errorf("control characters in %q", e.Text)
		}
		if strings.Contains(e.Text, "</script><script>window.hacked=1</script>") && strings.Contains(e.Text, "[U+0000][U+0007][U+001B][31m") {
			shown++
		}
	}
	if shown == 0 {
		t.Error("no example shows the hostile text")
	}
}

// browserData returns the data of the example browser in a page.
func browserData(t *testing.T, page string) browser {
	t.Helper()
	var b browser
	for _, n := range nodes(t, page) {
		if attr(n, "id") == "example-data" {
			if err := json.Unmarshal([]byte(text(n)), &b); err != nil {
				t.Fatalf("the data of the browser is not JSON: %v", err)
			}
			return b
		}
	}
	t.Fatal("the page has no data for the browser")
	return b
}

// The table of the page has the figures of summary.Rows in the columns that name them.
func TestPageHasTheFiguresOfRows(t *testing.T) {
	r := sample(80, 3, "xent", "confidence:alpha=0.5", "logconf:alpha=0.5:warmup=0.2")
	rows, err := summary.Rows(r, quick)
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	var caption string
	got := map[string][]string{} // by task and loss
	for _, n := range nodes(t, pageOf(t, Options{}, r)) {
		if n.Data != "table" || attr(n, "id") != "pgr-table" {
			continue
		}
		for c := range n.Descendants() {
			if c.Data == "caption" {
				caption = text(c)
			}
			if c.Data == "th" && attr(c, "scope") == "col" {
				columns = append(columns, text(c))
			}
			if c.Data != "tr" || attr(c, "class") == "group" || c.Parent.Data != "tbody" {
				continue
			}
			var row []string
			for cell := range c.ChildNodes() {
				if cell.Type == html.ElementNode {
					row = append(row, text(cell))
				}
			}
			key := row[0] + "|" + row[slices.Index(columns, "loss")]
			if got[key] != nil {
				t.Fatalf("two rows for %s", key)
			}
			got[key] = row
		}
	}
	if !strings.Contains(caption, "80 test examples") {
		t.Errorf("caption %q", caption)
	}
	if len(got) != len(rows) {
		t.Fatalf("%d rows on the page, want the %d of summary.Rows", len(got), len(rows))
	}
	short := map[string]string{"confidence:alpha=0.5": "confidence", "logconf:alpha=0.5:warmup=0.2": "logconf"}
	for _, row := range rows {
		loss := row.Loss
		if s := short[loss]; s != "" {
			loss = s
		}
		cells := got[shown(row.Task, 200)+"|"+loss]
		if cells == nil {
			t.Errorf("no row for %q, %s", row.Task, row.Loss)
			continue
		}
		is := func(column, want string) {
			t.Helper()
			if have := cells[slices.Index(columns, column)]; have != want {
				t.Errorf("%s, %s: %s is %q on the page, want %q", row.Task, row.Loss, column, have, want)
			}
		}
		score := func(f summary.Figure) string {
			return fmt.Sprintf("%.1f ±%.1f", 100*f.Value, 100*(f.Interval.Hi-f.Interval.Lo)/2)
		}
		is("weak", score(row.Floor))
		is("student", score(row.Transfer))
		is("ceiling", score(row.Ceiling))
		if row.PGR.Defined {
			is("PGR", fmt.Sprintf("%.2f", row.PGR.Value))
			is("95% CI (seeds, test)", fmt.Sprintf("[%.2f, %.2f]", row.PGR.Interval.Lo, row.PGR.Interval.Hi))
		} else {
			is("PGR", "undefined")
		}
	}
}

// Every warning of a row is a link to a note with its text.
func TestWarningsAreMarked(t *testing.T) {
	r := sample(60, 2)
	r.Heads[2].Warnings = []string{"did not converge <b>"}
	page := pageOf(t, Options{}, r)
	all := nodes(t, page)
	said := map[string]string{}
	for _, n := range all {
		if n.Data == "li" && strings.HasPrefix(attr(n, "id"), "pgr-note-") {
			said["#"+attr(n, "id")] = text(n)
		}
	}
	marked := 0
	for _, n := range all {
		if n.Data == "a" && attr(n, "class") == "mark" {
			if !strings.HasSuffix(said[attr(n, "href")], attr(n, "title")) || attr(n, "title") == "" {
				t.Errorf("mark %q refers to %q, want %q", text(n), said[attr(n, "href")], attr(n, "title"))
			}
			if attr(n, "title") == "did not converge <b>" {
				marked++
			}
		}
	}
	if marked != 1 {
		t.Errorf("the warning of one head marks %d rows, want 1", marked)
	}
}

// Categories whose PGR is outside the published range are marked, and not by colour alone.
func TestCategoriesOutsidePublishedRanges(t *testing.T) {
	r := sample(400, 6, "xent")
	for i, student := range r.Heads { // as good as the ceiling
		if student.Role != result.Student {
			continue
		}
		at := slices.IndexFunc(r.Heads, func(h result.Head) bool {
			return h.Role == result.Ceiling && h.Task == student.Task && h.Seed == student.Seed
		})
		r.Heads[i].Test = r.Heads[at].Test
	}
	rows, err := summary.Rows(r, quick)
	if err != nil {
		t.Fatal(err)
	}
	categories, err := summary.Categories(rows)
	if err != nil {
		t.Fatal(err)
	}
	outside := 0
	for _, c := range categories {
		if c.Outside {
			outside++
		}
	}
	marked := 0
	for _, n := range nodes(t, pageOf(t, Options{}, r)) {
		if n.Data == "tr" && attr(n, "class") == "outside" {
			marked++
			if !strings.Contains(text(n), "(outside)") {
				t.Errorf("marked by colour alone: %s", text(n))
			}
		}
	}
	if marked != outside || outside == 0 {
		t.Errorf("%d categories marked, %d are outside", marked, outside)
	}
}

func TestSameResultSameBytes(t *testing.T) {
	first := pageOf(t, Options{}, chained(sample(60, 2)))
	if second := pageOf(t, Options{}, chained(sample(60, 2))); first != second {
		t.Error("two pages of the same result differ")
	}
}

// Rows that two files share are shown once, and the page says so. Losses are not compared across files.
func TestSeveralFiles(t *testing.T) {
	a, b := sample(60, 2, "xent", "confidence:alpha=0.5"), sample(60, 2, "xent", "logconf:alpha=0.5:warmup=0.2")
	b.Models[1].Key = "another"
	s, err := Summarize([]Input{{Name: "a", Result: a}, {Name: "b", Result: b}}, quick)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Rows) != 6 {
		t.Errorf("%d rows, want 4 of the first file and 2 of the second", len(s.Rows))
	}
	for _, l := range s.Losses {
		if l.Loss == "logconf:alpha=0.5:warmup=0.2" {
			t.Errorf("logconf is compared with %s of another file", l.Against)
		}
	}
	warnings := strings.Join(s.Warnings, "\n")
	for _, want := range []string{"2 of 4 rows of b are left out because an earlier file has the same predictions", "model large <b> is not the same in a and in b"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("warnings do not say %q:\n%s", want, warnings)
		}
	}
}

// The page says which results could not be read.
func TestAbsentResult(t *testing.T) {
	r, err := New([]Input{{Name: "a.json", Result: sample(60, 1, "xent")}}, Options{Summary: quick, Absent: []string{"<b>.json"}})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := r.Write(&out); err != nil || !strings.Contains(out.String(), "&lt;b&gt;.json: this result could not be read and is not on this page.") {
		t.Errorf("error %v, or no warning on the page", err)
	}
}

func TestNoResult(t *testing.T) {
	if _, err := New(nil, Options{}); err == nil || !strings.Contains(err.Error(), "no result") {
		t.Errorf("New of no result: %v", err)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "missing.json")); err == nil || !strings.Contains(err.Error(), "missing.json") {
		t.Errorf("%v", err)
	}
	path := filepath.Join(t.TempDir(), "half.json")
	if err := os.WriteFile(path, []byte(`{"schema":"w2s.result/1","heads":[`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "half.json") {
		t.Errorf("%v", err)
	}
}

// Save writes the same page as Write and leaves no other file behind.
func TestSave(t *testing.T) {
	r, err := New([]Input{{Name: "a.json", Result: sample(60, 1, "xent")}}, Options{Summary: quick})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "report.html")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("Save and Write differ (%v)", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "new", ".w2s-*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := r.Save(filepath.Join(path, "below-a-file.html")); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("%v", err)
	}
}

// The page opens with the sentences of the categories and a forest plot, before every table. PGR against the gap needs three gaps.
func TestPageOpensWithTheAnswer(t *testing.T) {
	r := sample(400, 2)
	rows, err := summary.Rows(r, quick)
	if err != nil {
		t.Fatal(err)
	}
	categories, err := summary.Categories(rows)
	if err != nil {
		t.Fatal(err)
	}
	page := pageOf(t, Options{}, r)
	var said []string
	for _, n := range nodes(t, page) {
		if n.Data == "li" && attr(n.Parent, "class") == "answer" {
			said = append(said, text(n))
		}
	}
	if want := table.InWords(categories); !slices.Equal(said, want) || len(want) != 2 {
		t.Errorf("the page says %q, want %q", said, want)
	}
	answer, chart, first := strings.Index(page, `id="answer"`), strings.Index(page, `id="chart-forest"`), strings.Index(page, "<table")
	if !(0 < answer && answer < chart && chart < first) {
		t.Errorf("answer at %d, forest plot at %d, first table at %d", answer, chart, first)
	}
	if strings.Contains(page, `id="chart-gap"`) {
		t.Error("PGR against the gap is shown for two gaps")
	}
	third := sample(400, 2)
	third.Models[1].Name, third.Config.Pairs[0].Strong = "larger", "larger"
	for i := range third.Heads {
		if third.Heads[i].Model == "large <b>" {
			third.Heads[i].Model = "larger"
		}
	}
	if page = pageOf(t, Options{}, r, third); !strings.Contains(page, `id="chart-gap"`) {
		t.Error("PGR against the gap is hidden with four gaps")
	}
	if !strings.Contains(page, "nlp (2 pairs of models): of the gap between weak and strong, students recover ") {
		t.Error("no sentence about a category with two pairs")
	}
}
