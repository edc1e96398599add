package table

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rivo/uniseg"

	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

// A column is a heading, the text of the cell in each row, and what the legend says about it.
type column[R any] struct {
	Column
	legend string // one short sentence, or "" if the heading says enough
	cell   func(R) string
}

// text returns a column of words.
func text[R any](name, legend string, cell func(R) string) column[R] {
	return column[R]{Column{Name: name}, legend, cell}
}

// number returns a column of numbers.
func number[R any](name, legend string, cell func(R) string) column[R] {
	return column[R]{Column{Name: name, Numeric: true}, legend, cell}
}

// within turns columns of a part of a row into columns of the row.
func within[R, P any](part func(R) P, columns ...column[P]) []column[R] {
	return list.Map(columns, func(c column[P]) column[R] {
		return column[R]{c.Column, c.legend, func(r R) string { return c.cell(part(r)) }}
	})
}

// layOut returns a table with a line for each row, whose notes are the legend of the columns.
func layOut[R any](name, caption string, rows []R, columns ...column[R]) *Table {
	t := &Table{Name: name, Caption: caption}
	var sentences []string
	for _, c := range columns {
		t.Columns = append(t.Columns, c.Column)
		if c.legend != "" {
			sentences = append(sentences, c.Name+": "+c.legend)
		}
	}
	for _, r := range rows {
		t.Add(list.Map(columns, func(c column[R]) string { return c.cell(r) })...)
	}
	t.Notes = fillLines(sentences)
	return t
}

// lineWidth is the number of columns of a terminal that lines of several sentences fill.
const lineWidth = 130

// fillLines puts as many sentences on a line as fit. It does not break a sentence.
func fillLines(sentences []string) []string {
	var lines []string
	for _, s := range sentences {
		last := len(lines) - 1
		if last >= 0 && uniseg.StringWidth(lines[last]+" "+s) <= lineWidth {
			lines[last] += " " + s
		} else {
			lines = append(lines, s)
		}
	}
	return lines
}

// Columns that several tables have.
var (
	taskColumn      = text("task", "", func(r summary.Row) string { return r.Task })
	pairColumn      = text("pair", "weak supervisor → strong student.", summary.Row.Pair)
	treatmentColumn = text("treatment", "", func(r summary.Row) string { return r.Treatment })
	lossColumn      = text("loss", "", func(r summary.Row) string { return loss.Short(r.Loss) })
	nColumn         = number("n", "number of test examples.", func(r summary.Row) string { return count(r.N) })
	seedsColumn     = number("seeds", "", func(r summary.Row) string { return strconv.Itoa(r.Seeds) })
	weakColumn      = number("weak", "score of the weak supervisor.", func(r summary.Row) string { return points(r.Floor) })
	studentColumn   = number("student", "score of the strong student.", func(r summary.Row) string { return points(r.Transfer) })
	ceilingColumn   = number("ceiling", "score of the strong model trained on gold.", func(r summary.Row) string { return points(r.Ceiling) })
	gapColumn       = number("gap", "ceiling - weak.", func(r summary.Row) string {
		return points(summary.Figure{Value: r.PGR.Gap, Interval: r.PGR.GapInterval})
	})
	pgrColumn      = number("PGR", "(student - weak) / (ceiling - weak).", func(r summary.Row) string { return r.PGR.String() })
	intervalColumn = text("interval", "interval of PGR over seeds and test examples.", func(r summary.Row) string { return known(r.PGR.Interval) })
	labelsColumn   = number("labels", "accuracy of the labels that the student was trained on, in per cent.",
		func(r summary.Row) string { return fmt.Sprintf("%.1f", 100*r.Labels.Accuracy) })
)

// intervalsNote explains the intervals of scores and PGR.
func intervalsNote(rows []summary.Row) string {
	level := stats.Level
	if at := slices.IndexFunc(rows, func(r summary.Row) bool { return r.PGR.GapInterval.Known() }); at >= 0 { // imported rows have none
		level = rows[at].PGR.GapInterval.Level
	}
	return fmt.Sprintf("±: half of the %.0f %% interval over seeds and test examples.", 100*level)
}

// inPerCent names the metric of the rows for a caption.
func inPerCent(rows []summary.Row) string {
	return scoreOf(rows, metricOf) + " in per cent"
}

func metricOf(r summary.Row) tasks.Metric { return r.Metric }

// scoreOf returns the metric of the rows, or "scores" if they have several or do not say.
func scoreOf[R any](rows []R, metric func(R) tasks.Metric) string {
	if len(rows) == 0 || metric(rows[0]) == "" || severalMetrics(rows, metric) {
		return "scores"
	}
	return string(metric(rows[0]))
}

func severalMetrics[R any](rows []R, metric func(R) tasks.Metric) bool {
	return slices.ContainsFunc(rows, func(r R) bool { return metric(r) != metric(rows[0]) })
}

// metricColumn returns the column of the metric, or none if all rows have the same.
func metricColumn[R any](rows []R, metric func(R) tasks.Metric) []column[R] {
	if !severalMetrics(rows, metric) {
		return nil
	}
	return []column[R]{text("metric", "", func(r R) string { return string(metric(r)) })}
}

// count writes a number of examples, or "?" for an imported result that does not state it.
func count(n int) string {
	if n == 0 {
		return "?"
	}
	return strconv.Itoa(n)
}

// points writes a figure in per cent with half of its interval.
func points(f summary.Figure) string {
	if !f.Interval.Known() {
		return fmt.Sprintf("%.1f", 100*f.Value)
	}
	return fmt.Sprintf("%.1f ±%.1f", 100*f.Value, 50*(f.Interval.Hi-f.Interval.Lo))
}

// differenceInterval writes the interval of a difference in percentage points, with signs.
func differenceInterval(v stats.Interval) string {
	if !v.Known() {
		return ""
	}
	return fmt.Sprintf("[%+.1f, %+.1f]", 100*v.Lo, 100*v.Hi)
}

// share writes a share in per cent.
func share(s stats.Share) string {
	if !s.Defined() {
		return "–"
	}
	return fmt.Sprintf("%.0f", 100*s.Value)
}

// shares writes the shares of student and ceiling.
func shares(student, ceiling stats.Share) string { return share(student) + " / " + share(ceiling) }

// pValue writes a p-value. The smallest one that a permutation test can give is 0.0001.
func pValue(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

// known writes an interval, or nothing if it is not known.
func known(v stats.Interval) string {
	if !v.Known() {
		return ""
	}
	return v.String()
}

// letters gives each of a table's warnings a letter. Cells show the letters, and lines below the table explain them.
type letters struct{ warnings []string }

// of returns the letters of warnings, separated by spaces.
func (l *letters) of(warnings []string) string {
	l.warnings = list.AppendNew(l.warnings, warnings...)
	return strings.Join(list.Map(warnings, func(w string) string { return letter(slices.Index(l.warnings, w)) }), " ")
}

// lines returns a line for each letter.
func (l *letters) lines() []string {
	var out []string
	for i, w := range l.warnings {
		out = append(out, letter(i)+": "+w)
	}
	return out
}

// letter returns a, b, …, z, aa, ab, … for 0, 1, …
func letter(i int) string {
	s := ""
	for i++; i > 0; i = (i - 1) / 26 {
		s = string(rune('a'+(i-1)%26)) + s
	}
	return s
}
