package table

import (
	"fmt"
	"slices"

	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// PGR lays out rows as the table of a weak-to-strong experiment, one line for each task, pair, treatment and loss.
func PGR(rows []summary.Row) *Table {
	if len(rows) == 0 {
		return &Table{Name: "pgr", Caption: "no students in this result"}
	}
	over := "mean PGR of the seeds ± half of its t interval."
	if slices.ContainsFunc(rows, func(r summary.Row) bool { return r.SeedPGR.LeftOut > 0 && overSeeds(r) != "–" }) {
		over += " (2/3): of the 2 seeds of 3 whose gap is positive."
	}
	columns := []column[summary.Row]{taskColumn, text("category", "", func(r summary.Row) string { return string(r.Category) }).said("%s").ranked(4)}
	columns = append(columns, metricColumn(rows, metricOf)...)
	columns = append(columns, pairColumn, treatmentColumn, variantColumn,
		text("seeds", "", func(r summary.Row) string { return visible.Count(r.Seeds, "seed") }).said("%s").ranked(3),
		lossColumn, weakColumn, studentColumn, ceilingColumn, gapColumn.ranked(2), pgrColumn, pgrInterval(rows), nColumn)
	if overManySeeds(rows) {
		columns = append(columns, text(ciHead(levelOf(rows), "test"), "interval of PGR over test examples alone, for these seeds (paired bootstrap).",
			func(r summary.Row) string { return known(r.PGR.Examples) }).ranked(detail),
			number("PGR (seeds)", over, overSeeds).ranked(detail))
	}
	columns = append(columns,
		number("agreement", "share of test examples that the student answers as its supervisor does, in per cent.",
			func(r summary.Row) string { return share(r.Imitation.Student.All) }).ranked(detail),
		number("on errors", "share of the supervisor's wrong answers that student / ceiling give as well, in per cent"+
			onErrors(rows)+".",
			func(r summary.Row) string { return shares(r.Imitation.Student.OnErrors, r.Imitation.Ceiling.OnErrors) }).ranked(detail),
	)
	if slices.ContainsFunc(rows, func(r summary.Row) bool { return r.Control != nil }) {
		columns = append(columns, number("control",
			"score of a ceiling on texts that lack what the task is about. Only the difference between ceiling and control comes from what the task is about.",
			func(r summary.Row) string { return pointsOr(r.Control, "") }).ranked(4))
	}
	columns = append(columns, unevenColumns(rows)...)
	warnings := newWarnings(rows)
	if len(warnings.warnings) > 0 {
		columns = append(columns, text("notes", "", warnings.mark))
	}
	t := layOut("pgr", []string{inPerCent(rows)}, rows, columns...)
	t.values = rowData(rows)
	t.Notes = slices.Concat([]string{intervalsNote(rows)}, warnings.lines(), keptLabels(rows))
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
	}).ranked(3)}
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
		}).ranked(4))
	}
	return columns
}
