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
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
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

// Write writes tables one after the other in one of Formats. Names in tables may come from users' files, so cells are
// escaped as the format requires, and control characters do not reach a terminal.
func Write(w io.Writer, format string, tables ...*Table) error {
	write, ok := map[string]func(io.Writer, []*Table) error{
		"text":     each((*Table).text),
		"markdown": each((*Table).markdown),
		"csv":      each((*Table).csv),
		"latex":    each((*Table).latex),
		"html":     each((*Table).html),
		"json":     writeJSON,
	}[format]
	if !ok {
		return fmt.Errorf("table: unknown format %q (have: %s)", format, strings.Join(Formats, ", "))
	}
	return write(w, tables)
}

// each returns a function that writes tables separated by empty lines.
func each(write func(*Table, io.Writer) error) func(io.Writer, []*Table) error {
	return func(w io.Writer, tables []*Table) error {
		for i, t := range tables {
			if i > 0 {
				if _, err := io.WriteString(w, "\n"); err != nil {
					return err
				}
			}
			if err := write(t, w); err != nil {
				return err
			}
		}
		return nil
	}
}

func (t *Table) text(w io.Writer) error {
	width := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		width[i] = uniseg.StringWidth(c.Name)
		for _, row := range t.Rows {
			width[i] = max(width[i], uniseg.StringWidth(plain(row[i])))
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
			text := plain(cell(i))
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
		b.WriteString(plain(n) + "\n")
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
		b.WriteString("- " + markdownEscape(n) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	header := make([]string, len(t.Columns))
	for i, col := range t.Columns {
		header[i] = col.Name
	}
	c.Write(header)
	for _, row := range t.Rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = cell
			if !t.Columns[i].Numeric {
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

// writeJSON writes the tables as one list. Every row is an object with the column names as keys.
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
			o.Columns = append(o.Columns, c.Name)
		}
		for _, row := range t.Rows {
			m := make(map[string]string, len(row))
			for i, cell := range row {
				m[t.Columns[i].Name] = cell
			}
			o.Rows = append(o.Rows, m)
		}
		list = append(list, o)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}

// plain replaces control characters, which could change a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError:
			return '\uFFFD'
		default:
			return r
		}
	}, s)
}

// csvSafe quotes a cell that a spreadsheet would read as a formula.
func csvSafe(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

var markdownReplacer = strings.NewReplacer(
	"\\", "\\\\", "|", "\\|", "*", "\\*", "_", "\\_", "`", "\\`", "<", "&lt;", "[", "\\[", "]", "\\]", "\n", " ", "\r", " ")

func markdownEscape(s string) string { return markdownReplacer.Replace(s) }

var latexReplacer = strings.NewReplacer(
	"\\", "\\textbackslash{}", "&", "\\&", "%", "\\%", "$", "\\$", "#", "\\#", "_", "\\_", "{", "\\{", "}", "\\}",
	"~", "\\textasciitilde{}", "^", "\\textasciicircum{}", "±", "$\\pm$", "→", "$\\rightarrow$", "−", "$-$", "≤", "$\\le$", "≥", "$\\ge$", "\n", " ")

func latexEscape(s string) string { return latexReplacer.Replace(s) }
