package summary

import (
	"fmt"
	"slices"
	"strings"

	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/tasks"
)

// A LossRow compares a loss with the first loss of the same task, pair and treatment, on the same test examples.
type LossRow struct {
	Task, Weak, Strong, Treatment, Variant string
	Loss, Against                          string
	Metric                                 tasks.Metric
	stats.Difference
	Adjusted float64 // p-value, adjusted for all comparisons of the list (Holm 1979)
}

// NotCompared says which rows [Losses] cannot compare with any other, or returns "" if there are none.
func NotCompared(rows []Row) string {
	var reasons []string
	for _, r := range rows {
		switch {
		case r.bySeed != nil:
		case r.conditions == "":
			reasons = list.AppendNew(reasons, "imported rows have no predictions")
		default:
			reasons = list.AppendNew(reasons, fmt.Sprintf("%s is not a mean over test examples", r.Metric))
		}
	}
	if len(reasons) == 0 {
		return ""
	}
	return "Not compared: " + strings.Join(reasons, "; ") + "."
}

// Losses compares every row with the first row that has another loss and is otherwise made under the same conditions, from
// the same data. Rows of several results that [Together] had to tell apart are not compared with each other. Rows without a
// value for every example are left out: imported ones, and those whose metric is not a mean over examples.
func Losses(rows []Row, opt Options) ([]LossRow, error) {
	var out []LossRow
	for i, r := range rows {
		if r.bySeed == nil {
			continue
		}
		first := slices.IndexFunc(rows, func(o Row) bool { return o.conditions == r.conditions && o.Setup == r.Setup })
		if first == i || rows[first].Loss == r.Loss {
			continue
		}
		d, err := stats.Compare(r.bySeed, rows[first].bySeed, opt.bootstrap(r.task))
		if err != nil {
			return nil, fmt.Errorf("summary: %s, %s against %s: %w", r.Task, r.Loss, rows[first].Loss, err)
		}
		out = append(out, LossRow{Task: r.Task, Weak: r.Weak, Strong: r.Strong, Treatment: r.Treatment, Variant: r.Variant(), Metric: r.Metric,
			Loss: r.Loss, Against: rows[first].Loss, Difference: d})
	}
	adjusted, err := stats.Holm(list.Map(out, func(l LossRow) float64 { return l.P }))
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Adjusted = adjusted[i]
	}
	return out, nil
}
