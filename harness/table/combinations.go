package table

import (
	"fmt"
	"slices"
	"strconv"

	"w2s/harness/loss"
	"w2s/harness/stats"
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
	over := "seeds, test"
	if !slices.ContainsFunc(rows, func(r summary.CombinationRow) bool { return r.Student.Seeds > 1 }) {
		over = "test"
	}
	level := stats.Level
	if v := rows[0].Student.Interval; v.Known() {
		level = v.Level
	}
	head := ciHead(level, over)
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
		number("labels", "score of the combination - that of the single supervisor (±: half of its interval).", func(r summary.CombinationRow) string { return difference(r.Weak) }),
		number("students", "score of the combination's student - that of the single supervisor's.", func(r summary.CombinationRow) string { return fmt.Sprintf("%+.1f", 100*r.Student.Diff) }),
		text(head, "", func(r summary.CombinationRow) string { return differenceInterval(r.Student.Interval) }),
		number("p adjusted", fmt.Sprintf("p-value of the students' difference, with Holm's correction for the %d comparisons in this table.", len(rows)),
			func(r summary.CombinationRow) string { return pValue(r.Adjusted) }),
		number("n", "number of test examples.", func(r summary.CombinationRow) string { return strconv.Itoa(r.Student.N) }).said("%s test examples").ranked(1),
	)
	t := layOut("combinations", []string{caption}, rows, columns...)
	t.values = combinationData(rows)
	return t
}

func combinationData(rows []summary.CombinationRow) *Data {
	difference := func(name string, of func(summary.CombinationRow) stats.Difference) []field[summary.CombinationRow] {
		return ranged(name, func(r summary.CombinationRow) (float64, stats.Interval, bool) {
			d := of(r)
			return d.Diff, d.Interval, true
		})
	}
	return tidy(rows, slices.Concat([]field[summary.CombinationRow]{
		{"task", func(r summary.CombinationRow) any { return r.Task }},
		{"combination", func(r summary.CombinationRow) any { return r.Combined }},
		{"alone", func(r summary.CombinationRow) any { return r.Alone }},
		{"best", func(r summary.CombinationRow) any { return r.Best }},
		{"strong_model", func(r summary.CombinationRow) any { return r.Strong }},
		{"metric", func(r summary.CombinationRow) any { return r.Metric }},
		{"loss", func(r summary.CombinationRow) any { return loss.Short(r.Loss) }},
		{"treatment", func(r summary.CombinationRow) any { return r.Treatment }},
		{"variant", func(r summary.CombinationRow) any { return r.Variant }},
		{"n", func(r summary.CombinationRow) any { return r.Student.N }},
		{"seeds", func(r summary.CombinationRow) any { return r.Student.Seeds }},
	}, difference("weak_difference", func(r summary.CombinationRow) stats.Difference { return r.Weak }),
		difference("student_difference", func(r summary.CombinationRow) stats.Difference { return r.Student }),
		[]field[summary.CombinationRow]{{"p_adjusted", func(r summary.CombinationRow) any { return r.Adjusted }}}))
}
