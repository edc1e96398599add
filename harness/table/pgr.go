package table

import (
	"fmt"
	"slices"
	"strings"

	"w2s/harness/stats"
	"w2s/harness/summary"
)

// PGR lays out rows as the table of a weak-to-strong experiment, one line for each task, pair, treatment and loss. What is
// the same in every line is stated in the caption instead of a column.
func PGR(rows []summary.Row) *Table {
	t := &Table{Name: "pgr"}
	if len(rows) == 0 {
		t.Caption = "no students in this result"
		return t
	}
	first := rows[0]
	same := func(of func(summary.Row) string) bool {
		return !slices.ContainsFunc(rows, func(r summary.Row) bool { return of(r) != of(first) })
	}
	treatment := func(r summary.Row) string { return r.Treatment }
	seeds := func(r summary.Row) string { return seedCount(r.Seeds) }
	metric := func(r summary.Row) string { return string(r.Metric) }

	var caption []string
	columns := []column{
		{"category", false, func(r summary.Row) string { return string(r.Category) }},
		taskColumn,
	}
	vary := func(name, word string, of func(summary.Row) string) {
		if same(of) {
			if v := of(first); v != "" && word != "" {
				caption = append(caption, strings.TrimSpace(fmt.Sprintf(word, v)))
			}
			return
		}
		columns = append(columns, column{name, false, of})
	}
	if vary("metric", "%s in per cent", metric); len(caption) == 0 {
		caption = append(caption, "scores in per cent")
	}
	vary("pair", "%s", summary.Row.Pair)
	vary("treatment", "%s labels", treatment)
	vary("variant", "%s", summary.Row.Variant)
	vary("seeds", "%s", seeds)
	columns = append(columns, nColumn, weakColumn, lossColumn, studentColumn, ceilingColumn, gapColumn, pgrColumn, intervalColumn,
		column{"over seeds", true, overSeeds},
		column{"agreement", true, func(r summary.Row) string { return share(r.Imitation.Student.All) }},
		column{"on errors", true, func(r summary.Row) string {
			return share(r.Imitation.Student.OnErrors) + " / " + share(r.Imitation.Ceiling.OnErrors)
		}},
	)
	if slices.ContainsFunc(rows, func(r summary.Row) bool { return r.Control != nil }) {
		columns = append(columns, column{"control", true, func(r summary.Row) string {
			if r.Control == nil {
				return ""
			}
			return points(*r.Control)
		}})
	}
	notes := &notes{}
	columns = append(columns, column{"notes", false, func(r summary.Row) string { return notes.marks(r.Warnings) }})
	t.Caption = strings.Join(caption, ", ")
	fill(t, columns, rows)
	t.Notes = append(explain(first), notes.lines()...)
	if slices.ContainsFunc(rows, func(r summary.Row) bool { return r.Control != nil }) {
		t.Notes = append(t.Notes, "control: the strong model trained on gold, with texts that lack what the task is about. Only what a ceiling has above its control is capability.")
	}
	return t
}

// explain returns the legend of a PGR table.
func explain(r summary.Row) []string {
	level := r.PGR.GapInterval.Level
	if level == 0 {
		level = stats.Level
	}
	return []string{
		fmt.Sprintf("±: half of the %.0f %% interval over test examples (paired bootstrap). interval: the interval of PGR = (student - weak) / (ceiling - weak) over test examples.", 100*level),
		"over seeds: mean PGR of the seeds ± their t interval. agreement: share of the supervisor's answers that the student gives too; on errors: share of its wrong answers that student / ceiling give too.",
	}
}

// A column is a heading and the text of a row's cell.
type column struct {
	name    string
	numeric bool
	of      func(summary.Row) string
}

func fill(t *Table, columns []column, rows []summary.Row) {
	for _, c := range columns {
		t.Columns = append(t.Columns, Column{Name: c.name, Numeric: c.numeric})
	}
	for _, r := range rows {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = c.of(r)
		}
		t.Add(cells...)
	}
}

// points writes a share in per cent with half its interval.
func points(f summary.Figure) string {
	if !f.Interval.Known() {
		return fmt.Sprintf("%.1f", 100*f.Value)
	}
	return fmt.Sprintf("%.1f ±%.1f", 100*f.Value, 50*(f.Interval.Hi-f.Interval.Lo))
}

func share(s stats.Share) string {
	if !s.Defined() {
		return "–"
	}
	return fmt.Sprintf("%.0f", 100*s.Value)
}

func known(v stats.Interval) string {
	if !v.Known() {
		return ""
	}
	return v.String()
}

func overSeeds(r summary.Row) string {
	if !r.SeedPGR.Defined || !r.PGR.Defined {
		return "–" // seeds can agree on a ratio of noise
	}
	if !r.SeedPGR.Interval.Known() {
		return fmt.Sprintf("%.2f", r.SeedPGR.Value)
	}
	return fmt.Sprintf("%.2f ±%.2f", r.SeedPGR.Value, (r.SeedPGR.Interval.Hi-r.SeedPGR.Interval.Lo)/2)
}

// notes collects warnings. A cell shows their letters, and lines below the table show the texts.
type notes struct{ texts []string }

func (n *notes) marks(warnings []string) string {
	var marks []string
	for _, w := range warnings {
		i := slices.Index(n.texts, w)
		if i < 0 {
			i = len(n.texts)
			n.texts = append(n.texts, w)
		}
		marks = append(marks, letter(i))
	}
	return strings.Join(marks, " ")
}

func (n *notes) lines() []string {
	var out []string
	for i, text := range n.texts {
		out = append(out, letter(i)+": "+text)
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

func seedCount(n int) string {
	if n == 1 {
		return "1 seed"
	}
	return fmt.Sprintf("%d seeds", n)
}
