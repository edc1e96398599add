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

// lossLevel returns the confidence level of the intervals.
func lossLevel(rows []summary.LossRow) float64 {
	if len(rows) == 0 || !rows[0].Interval.Known() {
		return stats.Level
	}
	return rows[0].Interval.Level
}

func lossMetric(r summary.LossRow) tasks.Metric { return r.Metric }

// Losses lays out the paired comparison of losses. There is a column for variants only if some row has one. left says what is
// not compared; see [summary.NotCompared].
func Losses(rows []summary.LossRow, left string) *Table {
	caption, test := "losses compared on the same test examples", ""
	if len(rows) > 0 {
		caption += ", in points"
		if !severalMetrics(rows, lossMetric) {
			caption += " of " + string(rows[0].Metric)
		}
		test = strings.Join(list.AppendNew(nil, list.Map(rows, func(r summary.LossRow) string { return r.Test })...), " or ")
	}
	over := "seeds, test"
	if len(rows) > 0 && !slices.ContainsFunc(rows, func(r summary.LossRow) bool { return r.Seeds > 1 }) {
		over = "test"
	}
	columns := []column[summary.LossRow]{
		text("task", "", func(r summary.LossRow) string { return r.Task }).said("%s").kept(),
		text("pair", "", func(r summary.LossRow) string { return r.Weak + " → " + r.Strong }).said("%s"),
		text("treatment", "", func(r summary.LossRow) string { return r.Treatment }).said("%s labels"),
	}
	columns = append(columns, metricColumn(rows, lossMetric)...)
	columns = append(columns,
		text("variant", "", func(r summary.LossRow) string { return r.Variant }).said("%s"),
		text("loss", "", func(r summary.LossRow) string { return loss.Short(r.Loss) }),
		text("against", "", func(r summary.LossRow) string { return loss.Short(r.Against) }),
		number("difference", `student's score with the loss - its score with the loss under "against".`,
			func(r summary.LossRow) string { return fmt.Sprintf("%+.1f", 100*r.Diff) }),
		text(ciHead(lossLevel(rows), over), "interval of the difference.",
			func(r summary.LossRow) string { return differenceInterval(r.Interval) }).
			shaded(func(r summary.LossRow) shade {
				if r.Interval.Known() && r.Interval.Lo > 0 {
					return good
				}
				return plain
			}),
		number("p", fmt.Sprintf("p-value of one comparison (%s).", test), func(r summary.LossRow) string { return pValue(r.P) }),
		number("p adjusted", fmt.Sprintf("p-value with Holm's correction for the %d comparisons in this table.", len(rows)),
			func(r summary.LossRow) string { return pValue(r.Adjusted) }),
		number("n", "number of test examples.", func(r summary.LossRow) string { return strconv.Itoa(r.N) }).said("%s test examples").ranked(1),
	)
	t := layOut("losses", []string{caption}, rows, columns...)
	t.values = lossData(rows)
	if len(rows) == 0 {
		for i := range t.Columns {
			t.Columns[i].Legend = ""
		}
		if left == "" {
			left = "No task has two losses for the same pair and treatment, so there is nothing to compare."
		}
	}
	if left != "" {
		t.Notes = []string{left}
	}
	return t
}
