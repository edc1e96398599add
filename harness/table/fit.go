package table

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"w2s/internal/list"
)

// DefaultWidth is the number of columns that a table has room for where there is no terminal to ask.
const DefaultWidth = 100

// A fitted table is a table in the layout that fits a width.
type fitted struct {
	*Table
	headings []string // for each row, the line above it, or ""; nil if no columns are folded
}

// fit lays the table out for a width. It leaves out details, then the columns of the highest rank first. If the columns of rank 0
// are still too wide, it states columns in lines above groups of rows: the first columns that can be folded, as few as possible, and
// all others that do not change within such a group. At last it shows the scores of supervisor and ceiling without their intervals.
// It never breaks a row, so the result may be wider. measure returns the width of a table.
func (t *Table) fit(width int, measure func(fitted) int) fitted {
	t = t.withoutDetails()
	var foldable []int
	for i, c := range t.Columns {
		if c.fold {
			foldable = append(foldable, i)
		}
	}
	var out fitted
	for first := range len(foldable) + 1 {
		if out = t.folded(foldable[:first], foldable).narrowed(width, measure); measure(out) <= width {
			return out
		}
	}
	out.Table = out.terse()
	return out
}

// narrowed leaves out the columns of the highest rank first, the last of several, until the width is reached or only columns of rank 0 are left.
func (f fitted) narrowed(width int, measure func(fitted) int) fitted {
	for measure(f) > width {
		highest := 0
		for i, c := range f.Columns {
			if c.rank > 0 && (highest == 0 || c.rank >= f.Columns[highest-1].rank) {
				highest = i + 1
			}
		}
		if highest == 0 {
			break
		}
		f.Table = f.without(highest - 1)
	}
	return f
}

// Narrowed returns the table without details, and without the least important columns as far as it would be wider than width characters.
func (t *Table) Narrowed(width int) *Table {
	return fitted{Table: t.withoutDetails()}.narrowed(width, fitted.width).Table
}

// withoutDetails returns the table without the columns that only wide tables show.
func (t *Table) withoutDetails() *Table {
	var details []int
	for i, c := range t.Columns {
		if c.rank == detail {
			details = append(details, i)
		}
	}
	return t.without(details...)
}

var halfWidth = regexp.MustCompile(` ±[0-9.]+`)

// terse returns the table without half-widths of intervals in the columns whose values matter less.
func (t *Table) terse() *Table {
	out := *t
	out.Rows = list.Map(t.Rows, func(row []string) []string {
		row = slices.Clone(row)
		for i, c := range t.Columns {
			if c.terse {
				row[i] = halfWidth.ReplaceAllString(row[i], "")
			}
		}
		return row
	})
	return &out
}

// folded returns the table with the columns of leading, and those of foldable that are constant within the groups that these make,
// in headings.
func (t *Table) folded(leading, foldable []int) fitted {
	if len(leading) == 0 {
		return fitted{Table: t}
	}
	same := func(a, b []string, columns []int) bool {
		return !slices.ContainsFunc(columns, func(i int) bool { return a[i] != b[i] })
	}
	var away []int
	for _, i := range foldable {
		constant := true
		for r := 1; r < len(t.Rows); r++ {
			constant = constant && (!same(t.Rows[r-1], t.Rows[r], leading) || t.Rows[r-1][i] == t.Rows[r][i])
		}
		if constant || slices.Contains(leading, i) {
			away = append(away, i)
		}
	}
	out := fitted{Table: t.without(away...)}
	for r, row := range t.Rows {
		var parts []string
		if r == 0 || !same(t.Rows[r-1], row, away) {
			for _, i := range away {
				if row[i] != "" {
					parts = append(parts, t.Columns[i].stated(row[i]))
				}
			}
		}
		out.headings = append(out.headings, strings.Join(parts, ", "))
	}
	return out
}

// stated returns a value of the column as a phrase of a caption or heading.
func (c Column) stated(value string) string {
	phrase := fmt.Sprintf(c.phrase, value)
	if value == "1" { // seed, test example
		phrase = strings.TrimSuffix(phrase, "s")
	}
	return phrase
}

// without returns the table without the columns of these numbers.
func (t *Table) without(columns ...int) *Table {
	out := *t
	out.Columns = leaveOut(t.Columns, columns)
	out.Rows = list.Map(t.Rows, func(row []string) []string { return leaveOut(row, columns) })
	if t.shades != nil {
		out.shades = list.Map(t.shades, func(row []shade) []shade { return leaveOut(row, columns) })
	}
	return &out
}

// leaveOut returns the values but for those of these numbers.
func leaveOut[T any](values []T, numbers []int) []T {
	out := make([]T, 0, len(values))
	for i, v := range values {
		if !slices.Contains(numbers, i) {
			out = append(out, v)
		}
	}
	return out
}

// legend returns the sentences about the columns, or "".
func (t *Table) legend() string {
	var sentences []string
	for _, c := range t.Columns {
		if c.Legend != "" {
			sentences = append(sentences, c.Name+": "+c.Legend)
		}
	}
	return strings.Join(sentences, " ")
}

// Lines returns the legend and the notes, which stand below the table.
func (t *Table) Lines() []string {
	if l := t.legend(); l != "" {
		return append([]string{l}, t.Notes...)
	}
	return t.Notes
}

// cells returns the widest cell of each column.
func (t *Table) cells() []int {
	width := make([]int, len(t.Columns))
	for _, row := range t.Rows {
		for i, cell := range row {
			width[i] = max(width[i], uniseg.StringWidth(cell))
		}
	}
	return width
}

// headLines returns a heading in two lines, the first of which is "" if one line is no wider than width or cannot be broken. It breaks
// at the space that makes the lines as short as possible.
func headLines(name string, width int) [2]string {
	best := [2]string{"", name}
	if uniseg.StringWidth(name) <= width {
		return best
	}
	widest := func(h [2]string) int { return max(uniseg.StringWidth(h[0]), uniseg.StringWidth(h[1])) }
	for i, c := range name {
		if h := [2]string{name[:i], name[i+len(string(c)):]}; c == ' ' && widest(h) < widest(best) {
			best = h
		}
	}
	return best
}

// wrap breaks a text into lines of a width. Lines after the first begin with two spaces. 0 is no limit.
func wrap(text string, width int) []string {
	if width == 0 {
		return []string{text}
	}
	var lines []string
	line, at := "", 0
	for _, word := range strings.Split(text, " ") {
		n := uniseg.StringWidth(word)
		switch {
		case line == "":
			line, at = word, n
		case at+1+n > width:
			lines = append(lines, line)
			line, at = "  "+word, 2+n
		default:
			line, at = line+" "+word, at+1+n
		}
	}
	return append(lines, line)
}
