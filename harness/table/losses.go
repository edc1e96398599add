package table

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

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
	columns := []column[summary.LossRow]{
		text("task", "", func(r summary.LossRow) string { return r.Task }),
		text("pair", "", func(r summary.LossRow) string { return r.Weak + " → " + r.Strong }),
		text("treatment", "", func(r summary.LossRow) string { return r.Treatment }),
	}
	columns = append(columns, metricColumn(rows, lossMetric)...)
	if slices.ContainsFunc(rows, func(r summary.LossRow) bool { return r.Variant != "" }) {
		columns = append(columns, text("variant", "", func(r summary.LossRow) string { return r.Variant }))
	}
	columns = append(columns,
		text("loss", "", func(r summary.LossRow) string { return loss.Short(r.Loss) }),
		text("against", "", func(r summary.LossRow) string { return loss.Short(r.Against) }),
		number("n", "number of test examples.", func(r summary.LossRow) string { return strconv.Itoa(r.N) }),
		number("difference", `student's score with the loss - its score with the loss under "against".`,
			func(r summary.LossRow) string { return fmt.Sprintf("%+.1f", 100*r.Diff) }),
		text("interval", "interval of the difference over seeds and test examples.",
			func(r summary.LossRow) string { return differenceInterval(r.Interval) }),
		number("p", fmt.Sprintf("p-value of one comparison (%s).", test), func(r summary.LossRow) string { return pValue(r.P) }),
		number("p adjusted", fmt.Sprintf("p-value with Holm's correction for the %d comparisons in this table.", len(rows)),
			func(r summary.LossRow) string { return pValue(r.Adjusted) }),
	)
	t := layOut("losses", caption, rows, columns...)
	switch {
	case len(rows) > 0:
	case left == "":
		t.Notes = []string{"No task has two losses for the same pair and treatment, so there is nothing to compare."}
	default:
		t.Notes = nil
	}
	if left != "" {
		t.Notes = append(t.Notes, left)
	}
	return t
}
