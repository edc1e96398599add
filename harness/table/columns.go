package table

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

// A column is a heading, the text of the cell in each row, and its colour.
type column[R any] struct {
	Column
	cell  func(R) string
	shade func(R) shade // nil: plain
}

// text returns a column of words.
func text[R any](name, legend string, cell func(R) string) column[R] {
	return column[R]{Column: Column{Name: name, Legend: legend}, cell: cell}
}

// number returns a column of numbers.
func number[R any](name, legend string, cell func(R) string) column[R] {
	return column[R]{Column: Column{Name: name, Numeric: true, Legend: legend}, cell: cell}
}

// ranked returns the column with a rank: columns of higher ranks are left out first.
func (c column[R]) ranked(rank int) column[R] {
	c.rank = rank
	return c
}

// said returns the column with the phrase that states its value in the caption, if all rows have the same, and above a group of rows.
func (c column[R]) said(phrase string) column[R] {
	c.phrase, c.fold = phrase, true
	return c
}

// kept returns the column as one that stays if all rows have the same value.
func (c column[R]) kept() column[R] {
	c.keep = true
	return c
}

// shortened returns the column as one that may lose its intervals.
func (c column[R]) shortened() column[R] {
	c.terse = true
	return c
}

// shaded returns the column with the colours of its cells.
func (c column[R]) shaded(shade func(R) shade) column[R] {
	c.shade = shade
	return c
}

// within turns columns of a part of a row into columns of the row.
func within[R, P any](part func(R) P, columns ...column[P]) []column[R] {
	return list.Map(columns, func(c column[P]) column[R] {
		out := column[R]{Column: c.Column, cell: func(r R) string { return c.cell(part(r)) }}
		if c.shade != nil {
			out.shade = func(r R) shade { return c.shade(part(r)) }
		}
		return out
	})
}

// layOut returns a table with a line for each row. The caption, and not a column, states what is the same in every row, and columns
// without any value are left out, if they have a phrase or a rank and are not kept.
func layOut[R any](name string, caption []string, rows []R, columns ...column[R]) *Table {
	t := &Table{Name: name}
	columns = slices.DeleteFunc(slices.Clone(columns), func(c column[R]) bool {
		if c.phrase == "" && c.rank == 0 || c.keep || len(rows) == 0 {
			return false
		}
		v := c.cell(rows[0])
		if c.phrase == "" && v != "" {
			return false
		}
		if slices.ContainsFunc(rows, func(r R) bool { return c.cell(r) != v }) {
			return false
		}
		if v != "" {
			caption = append(caption, c.stated(v))
		}
		return true
	})
	t.Caption = strings.Join(caption, ", ")
	t.Columns = list.Map(columns, func(c column[R]) Column { return c.Column })
	for _, r := range rows {
		t.Add(list.Map(columns, func(c column[R]) string { return c.cell(r) })...)
		t.shades = append(t.shades, list.Map(columns, func(c column[R]) shade {
			if c.shade == nil {
				return plain
			}
			return c.shade(r)
		}))
	}
	return t
}

// Columns that several tables have.
var (
	taskColumn      = text("task", "", func(r summary.Row) string { return r.Task }).said("%s").kept()
	pairColumn      = text("pair", "weak supervisor → strong student.", summary.Row.Pair).said("%s")
	treatmentColumn = text("treatment", "", func(r summary.Row) string { return r.Treatment }).said("%s labels")
	variantColumn   = text("variant", "", summary.Row.Variant).said("%s")
	lossColumn      = text("loss", "", func(r summary.Row) string { return loss.Short(r.Loss) })
	nColumn         = number("n", "number of test examples.", func(r summary.Row) string { return count(r.N) }).said("%s test examples").ranked(1)
	seedsColumn     = number("seeds", "", func(r summary.Row) string { return strconv.Itoa(r.Seeds) }).said("%s seeds").ranked(2)
	weakColumn      = number("weak", "score of the weak supervisor.", func(r summary.Row) string { return points(r.Floor) }).shortened()
	studentColumn   = number("student", "score of the strong student.", func(r summary.Row) string { return points(r.Transfer) })
	ceilingColumn   = number("ceiling", "score of the strong model trained on gold.", func(r summary.Row) string { return points(r.Ceiling) }).shortened()
	gapColumn       = number("gap", "ceiling - weak.", func(r summary.Row) string {
		return points(summary.Figure{Value: r.PGR.Gap, Interval: r.PGR.GapInterval})
	})
	pgrColumn = number("PGR", "(student - weak) / (ceiling - weak).", func(r summary.Row) string { return r.PGR.String() }).
			shaded(func(r summary.Row) shade { return pgrShade(r.PGR) })
	labelsColumn = number("labels", "accuracy of the labels that the student was trained on, in per cent (±: over seeds).",
		func(r summary.Row) string {
			return points(summary.Figure{Value: r.Labels.Accuracy, Interval: r.LabelInterval})
		}).shortened()
)

// pgrShade returns the colour of a PGR and its interval.
func pgrShade(p stats.PGR) shade {
	switch {
	case !p.Defined:
		return faint
	case p.Interval.Known() && p.Interval.Lo > 0:
		return good
	}
	return plain
}

// intervalColumn returns the column of the interval of a PGR. Its heading says what the interval covers.
func intervalColumn[R any](rows []R, row func(R) summary.Row, of func(R) stats.PGR) column[R] {
	own := list.Map(rows, row)
	over := "seeds, test"
	if !overManySeeds(own) {
		over = "test"
	}
	return text(ciHead(levelOf(own), over), "interval of PGR over "+covered(own)+".", func(r R) string { return known(of(r).Interval) }).
		shaded(func(r R) shade { return pgrShade(of(r)) })
}

// overManySeeds reports whether intervals of rows cover how scores vary between seeds.
func overManySeeds(rows []summary.Row) bool {
	return len(rows) == 0 || slices.ContainsFunc(rows, func(r summary.Row) bool { return r.Seeds != 1 })
}

// covered says what the intervals of rows cover.
func covered(rows []summary.Row) string {
	if overManySeeds(rows) {
		return "seeds and test examples"
	}
	return "test examples"
}

// pgrInterval is intervalColumn for the PGR of rows.
func pgrInterval(rows []summary.Row) column[summary.Row] {
	return intervalColumn(rows, func(r summary.Row) summary.Row { return r }, func(r summary.Row) stats.PGR { return r.PGR })
}

// ciHead returns the heading of an interval: "95% CI (seeds, test)".
func ciHead(level float64, over string) string { return fmt.Sprintf("%.4g%% CI (%s)", 100*level, over) }

// levelOf returns the confidence level of rows' intervals.
func levelOf(rows []summary.Row) float64 {
	at := slices.IndexFunc(rows, func(r summary.Row) bool { return r.PGR.GapInterval.Known() })
	if at < 0 { // imported rows have none
		return stats.Level
	}
	return rows[at].PGR.GapInterval.Level
}

// intervalsNote explains the intervals of scores and PGR.
func intervalsNote(rows []summary.Row) string {
	return fmt.Sprintf("±: half of the %.4g %% interval over %s.", 100*levelOf(rows), covered(rows))
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
	return []column[R]{text("metric", "", func(r R) string { return string(metric(r)) }).said("%s")}
}

// count writes a number of examples, or "?" for an imported result that does not state it.
func count(n int) string {
	if n == 0 {
		return "?"
	}
	return strconv.Itoa(n)
}

// pointsOr is points of a figure, or none if there is no figure.
func pointsOr(f *summary.Figure, none string) string {
	if f == nil {
		return none
	}
	return points(*f)
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

// difference writes a difference in percentage points with half of its interval.
func difference(d stats.Difference) string {
	text := fmt.Sprintf("%+.1f", 100*d.Diff)
	if v := d.Interval; v.Known() {
		text += fmt.Sprintf(" ±%.1f", 50*(v.Hi-v.Lo))
	}
	return text
}

// share writes a share in per cent with half of its interval.
func share(s stats.Share) string {
	if !s.Defined() {
		return "–"
	}
	text := fmt.Sprintf("%.0f", 100*s.Value)
	if v := s.Interval; v.Known() {
		text += fmt.Sprintf(" ±%.0f", 50*(v.Hi-v.Lo))
	}
	return text
}

// keptLabels says of each treatment that drops labels or weighs them how many are left, in a line, or returns nothing.
func keptLabels(rows []summary.Row) []string {
	type counts struct{ kept, all, effective []float64 }
	of, order := map[string]*counts{}, []string(nil)
	for _, r := range rows {
		if r.Labels.N == 0 || r.Labels.N == r.Labels.Raw.N && r.Labels.Effective == 0 {
			continue
		}
		c := of[r.Treatment]
		if c == nil {
			c, order = &counts{}, append(order, r.Treatment)
			of[r.Treatment] = c
		}
		seeds := float64(r.Seeds)
		c.kept, c.all = append(c.kept, float64(r.Labels.N)/seeds), append(c.all, float64(r.Labels.Raw.N)/seeds)
		if r.Labels.Effective > 0 {
			c.effective = append(c.effective, r.Labels.Effective)
		}
	}
	if len(order) == 0 {
		return nil
	}
	return []string{"Labels kept (mean over seeds): " + strings.Join(list.Map(order, func(treatment string) string {
		c := of[treatment]
		text := treatment + " all " + span(c.all...)
		if span(c.kept...) != span(c.all...) {
			text = treatment + " " + span(c.kept...) + " of " + span(c.all...)
		}
		if c.effective != nil {
			text += ", with weights that count as much as " + span(c.effective...) + " equal ones"
		}
		return text
	}), "; ") + "."}
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

// rowWarnings are what the notes of a table say about its rows. What holds for all rows of a task, such as remarks on its data, is
// said once for the task. Everything else has letters, which mark the rows.
type rowWarnings struct {
	letters
	tasks  []string // in the order of the rows
	common map[string][]string
}

// newWarnings sorts the warnings of rows. Doubts, and why a PGR is undefined, always mark rows.
func newWarnings(rows []summary.Row) *rowWarnings {
	w := &rowWarnings{common: map[string][]string{}}
	for _, r := range rows {
		remarks := slices.DeleteFunc(slices.Clone(r.Warnings), func(note string) bool {
			return note == r.PGR.Reason || slices.Contains(r.Doubts, note)
		})
		if !slices.Contains(w.tasks, r.Task) {
			w.tasks, w.common[r.Task] = append(w.tasks, r.Task), remarks
			continue
		}
		w.common[r.Task] = slices.DeleteFunc(w.common[r.Task], func(note string) bool { return !slices.Contains(remarks, note) })
	}
	for _, r := range rows {
		w.mark(r)
	}
	return w
}

// mark returns the letters of a row.
func (w *rowWarnings) mark(r summary.Row) string { return w.markThese(r.Task, r.Warnings) }

// markThese returns the letters of warnings of a row of the task.
func (w *rowWarnings) markThese(task string, warnings []string) string {
	return w.of(slices.DeleteFunc(slices.Clone(warnings), func(note string) bool { return slices.Contains(w.common[task], note) }))
}

// lines returns a line for each letter, one for each note that all of several tasks have, and then one for each task.
func (w *rowWarnings) lines() []string {
	out := w.letters.lines()
	everywhere := func(note string) bool {
		return len(w.tasks) > 1 && !slices.ContainsFunc(w.tasks, func(task string) bool { return !slices.Contains(w.common[task], note) })
	}
	for _, task := range w.tasks {
		var own []string
		for _, note := range w.common[task] {
			if everywhere(note) {
				out = list.AppendNew(out, note)
			} else {
				own = append(own, note)
			}
		}
		if len(own) > 0 {
			out = append(out, task+": "+strings.Join(own, "; "))
		}
	}
	return out
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
