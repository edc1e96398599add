package table

import (
	"fmt"
	"slices"
	"strings"

	"w2s/harness"
	"w2s/harness/stats"
)

// PGR lays out rows as the table of a weak-to-strong experiment: one line a task, pair, treatment and loss. Columns that
// would say the same in every line are left to the caption.
func PGR(rows []harness.Row) *Table {
	t := &Table{Name: "pgr"}
	if len(rows) == 0 {
		t.Caption = "no students in this result"
		return t
	}
	first := rows[0]
	same := func(of func(harness.Row) string) bool {
		return !slices.ContainsFunc(rows, func(r harness.Row) bool { return of(r) != of(first) })
	}
	pair := func(r harness.Row) string { return r.Weak + " → " + r.Strong }
	treatment := func(r harness.Row) string { return r.Treatment }
	variant := func(r harness.Row) string { return r.Variant }
	seeds := func(r harness.Row) string { return seedCount(r.Seeds) }
	metric := func(r harness.Row) string { return string(r.Metric) }

	var caption []string
	columns := []column{
		{"category", false, func(r harness.Row) string { return string(r.Category) }},
		taskColumn,
	}
	vary := func(name, word string, of func(harness.Row) string) {
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
	vary("pair", "%s", pair)
	vary("labels", "%s labels", treatment)
	vary("variant", "%s", variant)
	vary("seeds", "%s", seeds)
	columns = append(columns, nColumn, weakColumn, lossColumn, studentColumn, ceilingColumn, gapColumn, pgrColumn, intervalColumn,
		column{"over seeds", true, overSeeds},
		column{"agreement", true, func(r harness.Row) string { return share(r.Imitates.Student.All) }},
		column{"on errors", true, func(r harness.Row) string {
			return share(r.Imitates.Student.OnErrors) + " / " + share(r.Imitates.Ceiling.OnErrors)
		}},
	)
	if slices.ContainsFunc(rows, func(r harness.Row) bool { return r.Control != nil }) {
		columns = append(columns, column{"control", true, func(r harness.Row) string {
			if r.Control == nil {
				return ""
			}
			return points(*r.Control)
		}})
	}
	notes := &notes{}
	columns = append(columns, column{"notes", false, func(r harness.Row) string { return notes.marks(r.Warnings) }})
	t.Caption = strings.Join(caption, ", ")
	fill(t, columns, rows)
	t.Notes = append(explain(first), notes.lines()...)
	if slices.ContainsFunc(rows, func(r harness.Row) bool { return r.Control != nil }) {
		t.Notes = append(t.Notes, "control: the strong model trained on gold with the texts stripped of what the task is about; only what a ceiling has above it is capability.")
	}
	return t
}

// explain says what the figures of a PGR table are.
func explain(r harness.Row) []string {
	level := r.PGR.GapInterval.Level
	if level == 0 {
		level = stats.Level
	}
	return []string{
		fmt.Sprintf("±: half of the %.0f %% interval over test examples (paired bootstrap). interval: the same of PGR = (student - weak) / (ceiling - weak).", 100*level),
		"over seeds: mean ± t interval of the seeds' own PGR. agreement: share of answers that are the supervisor's; on errors: of its wrong answers, repeated by student / ceiling.",
	}
}

// A column is a heading and what a row has under it.
type column struct {
	name    string
	numeric bool
	of      func(harness.Row) string
}

func fill(t *Table, columns []column, rows []harness.Row) {
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

// points is a share in per cent with half its interval.
func points(f harness.Figure) string {
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

func overSeeds(r harness.Row) string {
	if !r.SeedPGR.Defined || !r.PGR.Defined {
		return "–" // seeds that agree on the ratio of two noises do not make it a figure
	}
	if !r.SeedPGR.Interval.Known() {
		return fmt.Sprintf("%.2f", r.SeedPGR.Value)
	}
	return fmt.Sprintf("%.2f ±%.2f", r.SeedPGR.Value, (r.SeedPGR.Interval.Hi-r.SeedPGR.Interval.Lo)/2)
}

// notes gives warnings letters: the cell has the letter, the line below the table the text.
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

// letter is a, b, …, z, aa, ab, …
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
