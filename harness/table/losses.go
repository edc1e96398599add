package table

import (
	"fmt"
	"slices"
	"strconv"

	"w2s/harness/loss"
	"w2s/harness/summary"
)

// Losses lays out the paired comparison of losses. There is a column for variants only if some row has one.
func Losses(rows []summary.LossRow) *Table {
	caption, test := "losses compared on the same test examples", ""
	if len(rows) > 0 {
		caption += ", in points of " + string(rows[0].Metric)
		test = rows[0].Test
	}
	columns := []column[summary.LossRow]{
		text("task", "", func(r summary.LossRow) string { return r.Task }),
		text("pair", "", func(r summary.LossRow) string { return r.Weak + " → " + r.Strong }),
		text("treatment", "", func(r summary.LossRow) string { return r.Treatment }),
	}
	if slices.ContainsFunc(rows, func(r summary.LossRow) bool { return r.Variant != "" }) {
		columns = append(columns, text("variant", "", func(r summary.LossRow) string { return r.Variant }))
	}
	columns = append(columns,
		text("loss", "", func(r summary.LossRow) string { return loss.Short(r.Loss) }),
		text("against", "", func(r summary.LossRow) string { return loss.Short(r.Against) }),
		number("n", "number of test examples.", func(r summary.LossRow) string { return strconv.Itoa(r.N) }),
		number("difference", `student's score with the loss - its score with the loss under "against".`,
			func(r summary.LossRow) string { return fmt.Sprintf("%+.1f", 100*r.Diff) }),
		text("interval", "interval of the difference over test examples (paired bootstrap).",
			func(r summary.LossRow) string { return differenceInterval(r.Interval) }),
		number("p", fmt.Sprintf("p-value of one comparison (%s).", test), func(r summary.LossRow) string { return fmt.Sprintf("%.4f", r.P) }),
		number("p adjusted", fmt.Sprintf("p-value with Holm's correction for the %d comparisons in this table.", len(rows)),
			func(r summary.LossRow) string { return fmt.Sprintf("%.4f", r.Adjusted) }),
	)
	t := layOut("losses", caption, rows, columns...)
	if len(rows) == 0 {
		t.Notes = []string{"No task has two losses for the same pair and treatment, so there is nothing to compare."}
	}
	return t
}
