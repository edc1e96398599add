// Package table lays out rows as tables and writes tables as text, Markdown, LaTeX and HTML for readers, and as CSV, JSON, JSON lines
// and parquet for programs.
//
// [PGR], [Categories], [Pairs], [Losses], [Chains] and [Transfer] are the tables of w2s table and w2s transfer. [Gap],
// [Alpha], [Calibration], [Imitation], [Noise] and [Size] are the tables of studies.
//
// A table has all columns. [Write] shows those that fit the width of its [Style]: it leaves out the least important ones first, and
// can state others in lines above groups of rows. What is the same in every row is in the caption.
//
// A new column is one entry in the list of columns of its table: the heading, one short sentence for the legend, and a
// function that writes the cell of a row. A new table of a study is a function from rows to a table, which is named in
// study.All.
package table

import (
	"bytes"
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
	Notes   []string // lines below the table and the legend

	shades [][]shade // of the cells; nil if the table has none
	values *Data     // for programs; nil: the cells
}

// A Column heads one column.
type Column struct {
	Name    string
	Numeric bool   // aligned right
	Legend  string // one short sentence, or "" if the heading says enough

	rank   int    // columns of higher ranks are left out first; 0: the column always stays; detail: it is shown only in wide tables
	phrase string // how a caption or a heading of rows states a value: "%s labels"; "": only the column can
	fold   bool   // the column may be folded into headings of rows; it has a phrase
	keep   bool   // the column stays if all rows have the same value
	terse  bool   // the column may lose its ± if there is no room
}

// detail is the rank of columns that only wide tables show.
const detail = 9

// A shade says how a cell is coloured.
type shade byte

const (
	plain shade = iota
	good        // an interval above 0
	faint       // a figure that is not defined
)

// A Style says how Write lays tables out.
type Style struct {
	Format string // one of Formats
	Width  int    // of lines of text, in columns of a terminal; 0: no limit
	Wide   bool   // show all columns, however wide the table is; Width is then the width of captions and notes
	Colour bool   // of text
}

// Add appends a row, which must have one cell for each column.
func (t *Table) Add(cells ...string) {
	if len(cells) != len(t.Columns) {
		panic(fmt.Sprintf("table: %d cells in a table of %d columns", len(cells), len(t.Columns)))
	}
	t.Rows = append(t.Rows, cells)
}

// Formats lists the formats that Write knows, those for readers first.
var Formats = []string{"text", "markdown", "latex", "html", "csv", "json", "jsonl", "parquet"}

// ForPrograms reports whether a format is for programs: it holds the values of one table, as numbers.
func ForPrograms(format string) bool {
	return slices.Index(Formats, format) >= slices.Index(Formats, "csv")
}

// Write writes tables one after the other. In a format for programs it writes the first one, since such a file has one header.
// Names in tables may come from users' files, so every text is escaped as the format requires, and no character that a terminal
// obeys or hides reaches it (see package visible), except in parquet.
func Write(w io.Writer, s Style, tables ...*Table) error {
	if data := map[string]func(*Data, io.Writer) error{
		"csv": (*Data).csv, "json": (*Data).json, "jsonl": (*Data).jsonl, "parquet": (*Data).parquet,
	}[s.Format]; data != nil {
		return data(tables[0].data(), w)
	}
	write, ok := map[string]func(*Table, io.Writer) error{
		"text": s.text, "markdown": s.markdown, "latex": s.latex, "html": s.html,
	}[s.Format]
	if !ok {
		return fmt.Errorf("table: unknown format %q (have: %s)", s.Format, strings.Join(Formats, ", "))
	}
	for i, t := range tables {
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		if err := write(t.mapped(visible.Line), w); err != nil {
			return err
		}
	}
	return nil
}

// mapped returns a copy of the table with every text passed through show.
func (t *Table) mapped(show func(string) string) *Table {
	out := *t
	out.Caption, out.Notes = show(t.Caption), list.Map(t.Notes, show)
	out.Columns = list.Map(t.Columns, func(c Column) Column {
		c.Name, c.Legend = show(c.Name), show(c.Legend)
		return c
	})
	out.Rows = list.Map(t.Rows, func(row []string) []string { return list.Map(row, show) })
	return &out
}

// fitted returns the table with the columns that fit.
func (s Style) fitted(t *Table) fitted {
	if s.Wide || s.Width == 0 {
		return fitted{Table: t}
	}
	return t.fit(s.Width, fitted.width)
}

// wrapped returns the table for a format whose viewers wrap or scroll: it lacks details only.
func (s Style) wrapped(t *Table) *Table {
	if s.Wide || s.Width == 0 {
		return t
	}
	return t.withoutDetails()
}

// widths returns the widths of the columns, whose headings may have two lines.
func (f fitted) widths() []int {
	width := f.cells()
	for i, c := range f.Columns {
		for _, line := range headLines(c.Name, width[i]) {
			width[i] = max(width[i], uniseg.StringWidth(line))
		}
	}
	return width
}

// indent is how far rows are indented below headings.
const indent = "  "

// width returns the width of the table as text. Headings do not count.
func (f fitted) width() int {
	sum := 2 * (len(f.Columns) - 1)
	for _, w := range f.widths() {
		sum += w
	}
	if f.headings != nil {
		sum += len(indent)
	}
	return sum
}

func (s Style) text(t *Table, w io.Writer) error {
	f := s.fitted(t)
	widths, heads := f.widths(), make([][2]string, len(f.Columns))
	if s.Width == 0 {
		for i, c := range f.Columns {
			widths[i] = max(widths[i], uniseg.StringWidth(c.Name))
		}
	}
	for i, c := range f.Columns {
		heads[i] = headLines(c.Name, widths[i])
	}
	var b strings.Builder
	if f.Caption != "" {
		b.WriteString(strings.Join(wrap(f.Caption, s.Width), "\n") + "\n\n")
	}
	start := ""
	if f.headings != nil {
		start = indent
	}
	line := func(cell func(i int) string, colour func(i int) string) {
		l := start
		for i, c := range f.Columns {
			if i > 0 {
				l += "  "
			}
			text := cell(i)
			pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(text))
			if on := colour(i); on != "" && text != "" {
				text = on + text + endColour
			}
			if c.Numeric {
				l += pad + text
			} else {
				l += text + pad
			}
		}
		b.WriteString(strings.TrimRight(l, " ") + "\n")
	}
	none := func(int) string { return "" }
	if slices.ContainsFunc(heads, func(h [2]string) bool { return h[0] != "" }) {
		line(func(i int) string { return heads[i][0] }, none)
	}
	line(func(i int) string { return heads[i][1] }, none)
	line(func(i int) string { return strings.Repeat("-", widths[i]) }, none)
	for r, row := range f.Rows {
		if f.headings != nil && f.headings[r] != "" {
			b.WriteString(f.headings[r] + "\n")
		}
		line(func(i int) string { return row[i] }, func(i int) string {
			if !s.Colour || f.shades == nil {
				return ""
			}
			return colours[f.shades[r][i]]
		})
	}
	lines := f.Lines()
	if len(lines) > 0 {
		b.WriteString("\n")
	}
	for _, n := range lines {
		b.WriteString(strings.Join(wrap(n, s.Width), "\n") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// What terminals obey to colour text.
var colours = map[shade]string{good: "\x1b[32m", faint: "\x1b[90m"}

const endColour = "\x1b[0m"

// markdown writes no headings of rows, since Markdown has none. Programs that show Markdown can break cells.
func (s Style) markdown(t *Table, w io.Writer) error {
	f := s.wrapped(t)
	var b strings.Builder
	if f.Caption != "" {
		fmt.Fprintf(&b, "**%s**\n\n", markdownEscape(f.Caption))
	}
	for _, c := range f.Columns {
		b.WriteString("| " + markdownEscape(c.Name) + " ")
	}
	b.WriteString("|\n")
	for _, c := range f.Columns {
		if c.Numeric {
			b.WriteString("| ---: ")
		} else {
			b.WriteString("| --- ")
		}
	}
	b.WriteString("|\n")
	for _, row := range f.Rows {
		for _, cell := range row {
			b.WriteString("| " + markdownEscape(cell) + " ")
		}
		b.WriteString("|\n")
	}
	lines := f.Lines()
	if len(lines) > 0 {
		b.WriteString("\n")
	}
	for _, n := range lines {
		b.WriteString("- " + markdownStart.ReplaceAllString(markdownEscape(n), `$1\$2`) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// latexWidth is the number of characters of a line of footnotesize that fit the text of an article on A4 or letter paper.
const latexWidth = 84

func (s Style) latex(t *Table, w io.Writer) error {
	if s.Width > 0 {
		s.Width = latexWidth
	}
	f := s.fitted(t)
	var b strings.Builder
	b.WriteString("% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n\\footnotesize\n\\setlength{\\tabcolsep}{4pt}\n")
	if f.Caption != "" {
		fmt.Fprintf(&b, "\\caption{%s}\n", latexEscape(f.Caption))
	}
	fmt.Fprintf(&b, "\\label{tab:%s}\n\\begin{tabular}{@{}", f.Name)
	align := func(c Column) string {
		if c.Numeric {
			return "r"
		}
		return "l"
	}
	for _, c := range f.Columns {
		b.WriteString(align(c))
	}
	b.WriteString("@{}}\n\\toprule\n")
	line := func(cell func(i int) string) {
		for i := range f.Columns {
			if i > 0 {
				b.WriteString(" & ")
			}
			b.WriteString(cell(i))
		}
		b.WriteString(" \\\\\n")
	}
	cells := f.cells()
	line(func(i int) string {
		c := f.Columns[i]
		if h := headLines(c.Name, cells[i]); h[0] != "" && s.Width > 0 {
			return fmt.Sprintf("\\shortstack[%s]{%s\\\\%s}", align(c), latexEscape(h[0]), latexEscape(h[1]))
		}
		return latexEscape(c.Name)
	})
	b.WriteString("\\midrule\n")
	for r, row := range f.Rows {
		if f.headings != nil && f.headings[r] != "" {
			if r > 0 {
				b.WriteString("\\addlinespace\n")
			}
			column := "l"
			if uniseg.StringWidth(f.headings[r]) > latexWidth {
				column = "p{\\linewidth}"
			}
			fmt.Fprintf(&b, "\\multicolumn{%d}{@{}%s@{}}{\\emph{%s}} \\\\\n", len(f.Columns), column, latexEscape(f.headings[r]))
		}
		line(func(i int) string { return latexEscape(row[i]) })
	}
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	for _, n := range f.Lines() {
		fmt.Fprintf(&b, "\\par\\raggedright %s\n", latexEscape(n))
	}
	b.WriteString("\\end{table}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Style) html(t *Table, w io.Writer) error {
	f := s.wrapped(t)
	var b strings.Builder
	b.WriteString("<table>\n")
	if f.Caption != "" {
		fmt.Fprintf(&b, "<caption>%s</caption>\n", html.EscapeString(f.Caption))
	}
	class := func(i int) string {
		if f.Columns[i].Numeric {
			return ` class="number"`
		}
		return ""
	}
	b.WriteString("<thead><tr>")
	for i, c := range f.Columns {
		fmt.Fprintf(&b, `<th scope="col"%s>%s</th>`, class(i), html.EscapeString(c.Name))
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, row := range f.Rows {
		b.WriteString("<tr>")
		for i, cell := range row {
			fmt.Fprintf(&b, "<td%s>%s</td>", class(i), html.EscapeString(cell))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody>\n</table>\n")
	for _, n := range f.Lines() {
		fmt.Fprintf(&b, "<p class=\"note\">%s</p>\n", html.EscapeString(n))
	}
	_, err := io.WriteString(w, b.String())
	return err
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

var (
	markdownReplacer = strings.NewReplacer("\\", "\\\\", "|", "\\|", "*", "\\*", "_", "\\_", "`", "\\`", "<", "&lt;",
		"[", "\\[", "]", "\\]", "~", "\\~", "$", "\\$", "\n", " ", "\r", " ")
	markdownEntity = regexp.MustCompile(`&(#?[0-9A-Za-z]+;)`)
	markdownStart  = regexp.MustCompile(`^(\d*)([-+#>.)=])`) // what would begin a list, heading or quotation inside a list item
)

// MarkdownText returns a text as Markdown that shows it, on one line.
func MarkdownText(s string) string { return markdownEscape(visible.Line(s)) }

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
