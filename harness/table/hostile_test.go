package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"w2s/internal/visible"
)

// attacks has what a terminal obeys, and what hides or turns text.
const attacks = "\x1b]0;title\x07 \x1b[2J \u009b31m \u202eturned\u2066 zero\u200bwidth\ufeff line\u2028paragraph\u2029 \x7f\b \u061c\u00ad\U000e0041"

// Wherever a hostile text is in a table, no format writes a character that is obeyed or hidden.
func TestNoFormatWritesHiddenCharacters(t *testing.T) {
	hostile := attacks + " over\rwritten"
	table := &Table{Name: "sample", Caption: hostile, Columns: []Column{{Name: hostile}, {Name: "2" + hostile, Numeric: true}}, Notes: []string{hostile}}
	table.Add(hostile, hostile)
	for _, format := range Formats {
		if format == "parquet" { // no terminal shows it
			continue
		}
		out := write(t, format, table)
		if shown := visible.Text(out); shown != out {
			t.Errorf("%s has hidden characters: %q", format, out)
		}
		if n := strings.Count(out, "U+202E"); !ForPrograms(format) && n < 4 || format == "csv" && n < 4 {
			t.Errorf("%s shows %d hidden characters: %q", format, n, out)
		}
		if strings.Contains(out, "\r") {
			t.Errorf("%s has a carriage return", format)
		}
	}
	var back []map[string]string
	if err := json.Unmarshal([]byte(write(t, "json", table)), &back); err != nil || back[0][hostile] != hostile {
		t.Errorf("JSON changed a value: %+v, %v", back, err)
	}
}

// Names in the heading are as hostile as those in the cells: w2s transfer has a column for each task.
func TestCSVHasNoFormulas(t *testing.T) {
	formulas := []string{"=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\n=1", "＝1", `=HYPERLINK("http://a")`, "-x"}
	table := &Table{}
	for _, f := range formulas {
		table.Columns = append(table.Columns, Column{Name: f})
	}
	table.Add(formulas...)
	rows, err := csv.NewReader(strings.NewReader(write(t, "csv", table))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range rows {
		for k, f := range formulas {
			if line[k] != "'"+f {
				t.Errorf("line %d: %q, want a quote before %q", i+1, line[k], f)
			}
		}
	}
	numbers := &Table{values: &Data{Columns: []string{"-a", "b"}, Rows: [][]any{{-1.5, "-1.5"}, {nil, "x"}}}}
	if got, want := write(t, "csv", numbers), "'-a,b\n-1.5,'-1.5\n,x\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLaTeXPrintsEveryCharacter(t *testing.T) {
	for in, want := range map[string]string{
		"a<b>c|d":      `a\textless{}b\textgreater{}c\textbar{}d`,
		"`code` \"q\"": "\\textasciigrave{}code\\textasciigrave{} \\char`\\\"{}q\\char`\\\"{}",
		"[1] *":        `{[}1{]} {*}`, // \\[1] would be a length
		"--- ,, '''":   `-{}-{}- ,{}, '{}'{}'`,
		`\&%$#_{}~^`:   `\textbackslash{}\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}`,
		"± → − ≤ ≥":    `$\pm$ $\rightarrow$ $-$ $\le$ $\ge$`,
	} {
		table := &Table{Caption: in, Columns: []Column{{Name: in}}, Notes: []string{in}}
		table.Add(in)
		out := write(t, "latex", table)
		for _, place := range []string{"\\caption{" + want + "}\n", "\\toprule\n" + want + " \\\\\n", "\\midrule\n" + want + " \\\\\n", "\\raggedright " + want + "\n"} {
			if !strings.Contains(out, place) {
				t.Errorf("%q: want %s in\n%s", in, place, out)
			}
		}
	}
}

func TestMarkdownPrintsEveryCharacter(t *testing.T) {
	for in, want := range map[string]string{
		"a|b `c` <script> [x](http://a) *b* _i_ ~~s~~ $m$": "a\\|b \\`c\\` &lt;script> \\[x\\](http://a) \\*b\\* \\_i\\_ \\~\\~s\\~\\~ \\$m\\$",
		"Q&A &lt; &#60; &amp;":                             "Q&A &amp;lt; &amp;#60; &amp;amp;",
	} {
		table := &Table{Columns: []Column{{Name: "c"}}, Notes: []string{in}}
		table.Add(in)
		out := write(t, "markdown", table)
		if !strings.Contains(out, "\n| "+want+" |\n") || !strings.Contains(out, "\n- "+want+"\n") {
			t.Errorf("%q: want %s in\n%s", in, want, out)
		}
	}
	for in, want := range map[string]string{ // a note is an item of a list
		"# heading": `- \# heading`, "- item": `- \- item`, "> quotation": `- \> quotation`, "1. first": `- 1\. first`, "=== x": `- \=== x`,
	} {
		if out := write(t, "markdown", &Table{Notes: []string{in}}); !strings.Contains(out, want+"\n") {
			t.Errorf("%q: want %s in\n%s", in, want, out)
		}
	}
}

// A task may be named as a column of the table is. JSON then keeps both.
func TestJSONKeepsColumnsOfOneName(t *testing.T) {
	table := &Table{Columns: []Column{{Name: "notes"}, {Name: "notes", Numeric: true}, {Name: "notes 2"}}}
	table.Add("a", "b", "c")
	var back []map[string]string
	if err := json.Unmarshal([]byte(write(t, "json", table)), &back); err != nil {
		t.Fatal(err)
	}
	if r := back[0]; len(r) != 3 || r["notes"] != "a" || r["notes 2"] != "b" || r["notes 2 2"] != "c" {
		t.Errorf("%+v", back)
	}
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, map[string]string{"name": "\u202e<b>"}); err != nil || b.String() != "{\n  \"name\": \"\\u202e<b>\"\n}\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}
