package table

import (
	"fmt"
	"strconv"

	"w2s/harness/loss"
	"w2s/harness/summary"
	"w2s/tasks"
)

// Combinations lays out the comparison of combinations of supervisors with single ones, or returns nil if there is none.
func Combinations(rows []summary.CombinationRow) *Table {
	if len(rows) == 0 {
		return nil
	}
	metric := func(r summary.CombinationRow) tasks.Metric { return r.Metric }
	caption := "combined supervisors against each alone, in points"
	if !severalMetrics(rows, metric) {
		caption += " of " + string(rows[0].Metric)
	}
	columns := []column[summary.CombinationRow]{
		text("task", "", func(r summary.CombinationRow) string { return r.Task }).said("%s").kept(),
		text("pair", "", func(r summary.CombinationRow) string { return r.Combined + " → " + r.Strong }).said("%s"),
		text("treatment", "", func(r summary.CombinationRow) string { return r.Treatment }).said("%s labels"),
		text("variant", "", func(r summary.CombinationRow) string { return r.Variant }).said("%s"),
		text("loss", "", func(r summary.CombinationRow) string { return loss.Short(r.Loss) }),
	}
	columns = append(columns, metricColumn(rows, metric)...)
	columns = append(columns,
		text("alone", "the single supervisor; (best) is the one with the highest score on the test examples, which takes gold labels to know.",
			func(r summary.CombinationRow) string {
				if r.Best {
					return r.Alone + " (best)"
				}
				return r.Alone
			}),
		number("labels", "score of the combination - that of the single supervisor.", func(r summary.CombinationRow) string { return fmt.Sprintf("%+.1f", 100*r.Weak.Diff) }),
		text("interval", "95 % interval of the difference before it, over seeds and test examples.", func(r summary.CombinationRow) string { return differenceInterval(r.Weak.Interval) }),
		number("students", "score of the combination's student - that of the single supervisor's.", func(r summary.CombinationRow) string { return fmt.Sprintf("%+.1f", 100*r.Student.Diff) }),
		text("interval", "", func(r summary.CombinationRow) string { return differenceInterval(r.Student.Interval) }),
		number("p adjusted", fmt.Sprintf("p-value of the students' difference, with Holm's correction for the %d comparisons in this table.", len(rows)),
			func(r summary.CombinationRow) string { return pValue(r.Adjusted) }),
		number("n", "number of test examples.", func(r summary.CombinationRow) string { return strconv.Itoa(r.Student.N) }).said("%s test examples").ranked(1),
	)
	return layOut("combinations", []string{caption}, rows, columns...)
}
