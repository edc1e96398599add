// Package table lays out rows as tables and writes tables as text, Markdown, CSV, LaTeX, JSON and HTML.
//
// [PGR], [Categories], [Pairs], [Losses], [Chains] and [Transfer] are the tables of w2s table and w2s transfer. [Gap],
// [Alpha], [Calibration], [Imitation], [Noise] and [Size] are the tables of studies.
//
// A new column is one entry in the list of columns of its table: the heading, one short sentence for the legend, and a
// function that writes the cell of a row. A new table of a study is a function from rows to a table, which is named in
// study.All.
package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"w2s/internal/list"
	"w2s/internal/visible"
)

// A Table is a grid of cells with a caption and notes. Every row has one cell for each column.
type Table struct {
	Name    string // one word, for the LaTeX label and the id in a page
	Caption string
	Columns []Column
	Rows    [][]string
	Notes   []string // lines below the table
}

// A Column heads one column.
type Column struct {
	Name    string
	Numeric bool // aligned right
}

// Add appends a row, which must have one cell for each column.
func (t *Table) Add(cells ...string) {
	if len(cells) != len(t.Columns) {
		panic(fmt.Sprintf("table: %d cells in a table of %d columns", len(cells), len(t.Columns)))
	}
	t.Rows = append(t.Rows, cells)
}

// Formats lists the formats that Write knows.
var Formats = []string{"text", "markdown", "csv", "latex", "json", "html"}

// Write writes tables one after the other in one of Formats. Names in tables may come from users' files, so every text is
// escaped as the format requires, and no character that a terminal obeys or hides reaches it (see package visible).
func Write(w io.Writer, format string, tables ...*Table) error {
	write, ok := map[string]func(io.Writer, []*Table) error{
		"text":     each(visible.Line, (*Table).text),
		"markdown": each(visible.Line, (*Table).markdown),
		"csv":      each(visible.Text, (*Table).csv),
		"latex":    each(visible.Line, (*Table).latex),
		"html":     each(visible.Line, (*Table).html),
		"json":     writeJSON,
	}[format]
	if !ok {
		return fmt.Errorf("table: unknown format %q (have: %s)", format, strings.Join(Formats, ", "))
	}
	return write(w, tables)
}

// each returns a function that writes tables separated by empty lines, with every text of a table passed through show.
func each(show func(string) string, write func(*Table, io.Writer) error) func(io.Writer, []*Table) error {
	return func(w io.Writer, tables []*Table) error {
		for i, t := range tables {
			if i > 0 {
				if _, err := io.WriteString(w, "\n"); err != nil {
					return err
				}
			}
			if err := write(t.mapped(show), w); err != nil {
				return err
			}
		}
		return nil
	}
}

// mapped returns a copy of the table with every text passed through show.
func (t *Table) mapped(show func(string) string) *Table {
	return &Table{
		Name: t.Name, Caption: show(t.Caption), Notes: list.Map(t.Notes, show),
		Columns: list.Map(t.Columns, func(c Column) Column { return Column{show(c.Name), c.Numeric} }),
		Rows:    list.Map(t.Rows, func(row []string) []string { return list.Map(row, show) }),
	}
}

func (t *Table) text(w io.Writer) error {
	width := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		width[i] = uniseg.StringWidth(c.Name)
		for _, row := range t.Rows {
			width[i] = max(width[i], uniseg.StringWidth(row[i]))
		}
	}
	var b strings.Builder
	if t.Caption != "" {
		b.WriteString(t.Caption + "\n\n")
	}
	line := func(cell func(i int) string) {
		var l strings.Builder
		for i, c := range t.Columns {
			if i > 0 {
				l.WriteString("  ")
			}
			text := cell(i)
			pad := strings.Repeat(" ", width[i]-uniseg.StringWidth(text))
			if c.Numeric {
				l.WriteString(pad + text)
			} else {
				l.WriteString(text + pad)
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	line(func(i int) string { return t.Columns[i].Name })
	line(func(i int) string { return strings.Repeat("-", width[i]) })
	for _, row := range t.Rows {
		line(func(i int) string { return row[i] })
	}
	if len(t.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, n := range t.Notes {
		b.WriteString(n + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) markdown(w io.Writer) error {
	var b strings.Builder
	if t.Caption != "" {
		fmt.Fprintf(&b, "**%s**\n\n", markdownEscape(t.Caption))
	}
	for _, c := range t.Columns {
		b.WriteString("| " + markdownEscape(c.Name) + " ")
	}
	b.WriteString("|\n")
	for _, c := range t.Columns {
		if c.Numeric {
			b.WriteString("| ---: ")
		} else {
			b.WriteString("| --- ")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.Rows {
		for _, cell := range row {
			b.WriteString("| " + markdownEscape(cell) + " ")
		}
		b.WriteString("|\n")
	}
	if len(t.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, n := range t.Notes {
		b.WriteString("- " + markdownStart.ReplaceAllString(markdownEscape(n), `$1\$2`) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	c.Write(list.Map(t.Columns, func(col Column) string { return csvSafe(col.Name) }))
	for _, row := range t.Rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = cell
			if !t.Columns[i].Numeric || !looksNumeric(cell) {
				safe[i] = csvSafe(cell)
			}
		}
		c.Write(safe)
	}
	c.Flush()
	return c.Error()
}

func (t *Table) latex(w io.Writer) error {
	var b strings.Builder
	b.WriteString("% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n")
	if t.Caption != "" {
		fmt.Fprintf(&b, "\\caption{%s}\n", latexEscape(t.Caption))
	}
	fmt.Fprintf(&b, "\\label{tab:%s}\n\\begin{tabular}{", t.Name)
	for _, c := range t.Columns {
		if c.Numeric {
			b.WriteByte('r')
		} else {
			b.WriteByte('l')
		}
	}
	b.WriteString("}\n\\toprule\n")
	line := func(cell func(i int) string) {
		for i := range t.Columns {
			if i > 0 {
				b.WriteString(" & ")
			}
			b.WriteString(latexEscape(cell(i)))
		}
		b.WriteString(" \\\\\n")
	}
	line(func(i int) string { return t.Columns[i].Name })
	b.WriteString("\\midrule\n")
	for _, row := range t.Rows {
		line(func(i int) string { return row[i] })
	}
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "\\par\\footnotesize %s\n", latexEscape(n))
	}
	b.WriteString("\\end{table}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) html(w io.Writer) error {
	var b strings.Builder
	b.WriteString("<table>\n")
	if t.Caption != "" {
		fmt.Fprintf(&b, "<caption>%s</caption>\n", html.EscapeString(t.Caption))
	}
	class := func(i int) string {
		if t.Columns[i].Numeric {
			return ` class="number"`
		}
		return ""
	}
	b.WriteString("<thead><tr>")
	for i, c := range t.Columns {
		fmt.Fprintf(&b, `<th scope="col"%s>%s</th>`, class(i), html.EscapeString(c.Name))
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, row := range t.Rows {
		b.WriteString("<tr>")
		for i, cell := range row {
			fmt.Fprintf(&b, "<td%s>%s</td>", class(i), html.EscapeString(cell))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody>\n</table>\n")
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "<p class=\"note\">%s</p>\n", html.EscapeString(n))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeJSON writes the tables as one list. Every row is an object with the column names as keys. The second column of a
// name has the key "NAME 2".
func writeJSON(w io.Writer, tables []*Table) error {
	type out struct {
		Name    string              `json:"name"`
		Caption string              `json:"caption"`
		Columns []string            `json:"columns"`
		Rows    []map[string]string `json:"rows"`
		Notes   []string            `json:"notes"`
	}
	list := make([]out, 0, len(tables))
	for _, t := range tables {
		o := out{Name: t.Name, Caption: t.Caption, Rows: []map[string]string{}, Notes: append([]string{}, t.Notes...)}
		for _, c := range t.Columns {
			name := c.Name
			for n := 2; slices.Contains(o.Columns, name); n++ {
				name = fmt.Sprintf("%s %d", c.Name, n)
			}
			o.Columns = append(o.Columns, name)
		}
		for _, row := range t.Rows {
			m := make(map[string]string, len(row))
			for i, cell := range row {
				m[o.Columns[i]] = cell
			}
			o.Rows = append(o.Rows, m)
		}
		list = append(list, o)
	}
	return WriteJSON(w, list)
}

// WriteJSON writes a value as indented JSON, with escapes for hidden characters (see package visible).
func WriteJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(visible.JSON(b.Bytes()))
	return err
}

// csvSafe quotes a cell that a spreadsheet would read as a formula.
func csvSafe(s string) string {
	if strings.IndexAny(s, "=+-@\t\r\n＝＋－＠") == 0 {
		return "'" + s
	}
	return s
}

// looksNumeric reports whether a cell has nothing but numbers, signs and what is written between numbers.
func looksNumeric(s string) bool { return strings.Trim(s, "0123456789+-.,±→/[] %–") == "" }

var (
	markdownReplacer = strings.NewReplacer("\\", "\\\\", "|", "\\|", "*", "\\*", "_", "\\_", "`", "\\`", "<", "&lt;",
		"[", "\\[", "]", "\\]", "~", "\\~", "$", "\\$", "\n", " ", "\r", " ")
	markdownEntity = regexp.MustCompile(`&(#?[0-9A-Za-z]+;)`)
	markdownStart  = regexp.MustCompile(`^(\d*)([-+#>.)=])`) // what would begin a list, heading or quotation inside a list item
)

func markdownEscape(s string) string {
	return markdownReplacer.Replace(markdownEntity.ReplaceAllString(s, "&amp;$1"))
}

// latexReplacer escapes what is special in LaTeX, what the encoding OT1 prints as another character (< > | "), and [ and *,
// which would be an argument of the end of the row before them.
var latexReplacer = strings.NewReplacer(
	"\\", "\\textbackslash{}", "&", "\\&", "%", "\\%", "$", "\\$", "#", "\\#", "_", "\\_", "{", "\\{", "}", "\\}",
	"~", "\\textasciitilde{}", "^", "\\textasciicircum{}", "<", "\\textless{}", ">", "\\textgreater{}", "|", "\\textbar{}",
	"`", "\\textasciigrave{}", "\"", "\\char`\\\"{}", "[", "{[}", "]", "{]}", "*", "{*}",
	"±", "$\\pm$", "→", "$\\rightarrow$", "−", "$-$", "≤", "$\\le$", "≥", "$\\ge$", "\n", " ", "\r", " ")

func latexEscape(s string) string {
	s = latexReplacer.Replace(s)
	for _, c := range []string{"-", ",", "'"} { // LaTeX joins two of them into one character
		for strings.Contains(s, c+c) {
			s = strings.ReplaceAll(s, c+c, c+"{}"+c)
		}
	}
	return s
}
