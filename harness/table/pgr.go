package table

import (
	"fmt"
	"slices"
	"strings"

	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// PGR lays out rows as the table of a weak-to-strong experiment, one line for each task, pair, treatment and loss. What is
// the same in every line is stated in the caption instead of a column. Wide adds the parts of the interval of PGR.
func PGR(rows []summary.Row, wide bool) *Table {
	if len(rows) == 0 {
		return &Table{Name: "pgr", Caption: "no students in this result"}
	}
	varies := func(c column[summary.Row]) bool {
		return slices.ContainsFunc(rows, func(r summary.Row) bool { return c.cell(r) != c.cell(rows[0]) })
	}
	caption := []string{inPerCent(rows)}
	columns := []column[summary.Row]{text("category", "", func(r summary.Row) string { return string(r.Category) }), taskColumn}
	columns = append(columns, metricColumn(rows, metricOf)...)
	for _, c := range []struct {
		column  column[summary.Row]
		caption string
	}{
		{pairColumn, "%s"},
		{treatmentColumn, "%s labels"},
		{text("variant", "", summary.Row.Variant), "%s"},
		{text("seeds", "", func(r summary.Row) string { return visible.Count(r.Seeds, "seed") }), "%s"},
	} {
		if varies(c.column) {
			columns = append(columns, c.column)
		} else if v := c.column.cell(rows[0]); v != "" {
			caption = append(caption, fmt.Sprintf(c.caption, v))
		}
	}
	over := "mean PGR of the seeds ± half of its t interval."
	if slices.ContainsFunc(rows, func(r summary.Row) bool { return r.SeedPGR.LeftOut > 0 && overSeeds(r) != "–" }) {
		over += " (2/3): of the 2 seeds of 3 whose gap is positive."
	}
	columns = append(columns, nColumn, weakColumn, lossColumn, studentColumn, ceilingColumn, gapColumn, pgrColumn, intervalColumn)
	if wide {
		columns = append(columns,
			text("over examples", "interval of PGR over test examples alone, for these seeds (paired bootstrap).",
				func(r summary.Row) string { return known(r.PGR.Examples) }),
			number("over seeds", over, overSeeds))
	}
	columns = append(columns,
		number("agreement", "share of test examples that the student answers as its supervisor does, in per cent.",
			func(r summary.Row) string { return share(r.Imitation.Student.All) }),
		number("on errors", "the same share among the supervisor's wrong answers, for student / ceiling.",
			func(r summary.Row) string { return shares(r.Imitation.Student.OnErrors, r.Imitation.Ceiling.OnErrors) }),
	)
	if slices.ContainsFunc(rows, func(r summary.Row) bool { return r.Control != nil }) {
		columns = append(columns, number("control",
			"score of a ceiling on texts that lack what the task is about; only what the ceiling has above it is capability.",
			func(r summary.Row) string {
				if r.Control == nil {
					return ""
				}
				return points(*r.Control)
			}))
	}
	columns = append(columns, unevenColumns(rows)...)
	warnings := &letters{}
	columns = append(columns, text("notes", "", func(r summary.Row) string { return warnings.of(r.Warnings) }))

	t := layOut("pgr", strings.Join(caption, ", "), rows, columns...)
	t.Notes = append(append(t.Notes, intervalsNote(rows)), warnings.lines()...)
	return t
}

func overSeeds(r summary.Row) string {
	if !r.SeedPGR.Defined || !r.PGR.Defined { // seeds can agree on a ratio of noise
		return "–"
	}
	text := fmt.Sprintf("%.2f", r.SeedPGR.Value)
	if r.SeedPGR.Interval.Known() {
		text += fmt.Sprintf(" ±%.2f", (r.SeedPGR.Interval.Hi-r.SeedPGR.Interval.Lo)/2)
	}
	if r.SeedPGR.LeftOut > 0 {
		text += fmt.Sprintf(" (%d/%d)", r.SeedPGR.N, r.SeedPGR.N+r.SeedPGR.LeftOut)
	}
	return text
}

// unevenColumns returns the columns that stand beside the scores of tasks whose classes differ in size, or none.
func unevenColumns(rows []summary.Row) []column[summary.Row] {
	var metrics []tasks.Metric
	uneven := false
	for _, r := range rows {
		if r.Uneven != nil {
			uneven = true
			metrics = list.AppendNew(metrics, list.Map(r.Uneven.Scores, func(s summary.Scores) tasks.Metric { return s.Metric })...)
		}
	}
	if !uneven {
		return nil
	}
	value := func(v *float64) string {
		if v == nil {
			return "–"
		}
		return fmt.Sprintf("%.1f", 100**v)
	}
	columns := []column[summary.Row]{number("majority", "accuracy of always answering with the most frequent class.", func(r summary.Row) string {
		if r.Uneven == nil {
			return ""
		}
		return value(&r.Uneven.Majority)
	})}
	for _, m := range metrics {
		columns = append(columns, number(string(m), "of weak / student / ceiling.", func(r summary.Row) string {
			if r.Uneven == nil {
				return ""
			}
			at := slices.IndexFunc(r.Uneven.Scores, func(s summary.Scores) bool { return s.Metric == m })
			if at < 0 {
				return ""
			}
			s := r.Uneven.Scores[at]
			return value(s.Weak) + " / " + value(s.Student) + " / " + value(s.Ceiling)
		}))
	}
	return columns
}
