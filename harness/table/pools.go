package table

import (
	"fmt"
	"slices"
	"strconv"

	"w2s/harness/loss"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

// Categories lays out the PGR pooled over the tasks of each category, with the published range.
func Categories(rows []summary.CategoryRow) *Table {
	columns := []column[summary.CategoryRow]{text("category", "", func(r summary.CategoryRow) string { return string(r.Category) })}
	columns = append(columns, pooled(rows, func(r summary.CategoryRow) summary.Pool { return r.Pool })...)
	columns = append(columns, text("published", "range of the PGR of accuracy that is commonly quoted from Burns et al. 2023, for naive finetuning.", func(r summary.CategoryRow) string {
		switch {
		case r.Published == nil:
			return "–"
		case r.Outside:
			return fmt.Sprintf("%.1f to %.1f (outside)", r.Published.Low, r.Published.High)
		default:
			return fmt.Sprintf("%.1f to %.1f", r.Published.Low, r.Published.High)
		}
	}))
	t := layOut("categories", pgrOf(rows, func(r summary.CategoryRow) tasks.Metric { return r.Metric })+" by category", rows, columns...)
	if slices.ContainsFunc(rows, func(r summary.CategoryRow) bool { return r.Outside }) {
		t.Notes = append(t.Notes, "(outside): PGR and its interval are outside the published range.")
	}
	return t
}

// Pairs lays out the PGR pooled over all tasks for each pair of models.
func Pairs(rows []summary.PairRow) *Table {
	columns := pooled(rows, func(r summary.PairRow) summary.Pool { return r.Pool })
	columns = append(columns, number("median gap", "median of ceiling - weak over all tasks, also those with an undefined PGR, in points.",
		func(r summary.PairRow) string { return fmt.Sprintf("%.1f", 100*r.Gap) }))
	return layOut("pairs", pgrOf(rows, func(r summary.PairRow) tasks.Metric { return r.Metric })+" by pair", rows, columns...)
}

// pgrOf names what the rows pool.
func pgrOf[R any](rows []R, metric func(R) tasks.Metric) string {
	return "PGR of " + scoreOf(rows, metric)
}

// pooled returns the columns for the pools of rows. There is a column for variants only if some pool has one.
func pooled[R any](rows []R, pool func(R) summary.Pool) []column[R] {
	columns := []column[summary.Pool]{
		text("pair", "", func(p summary.Pool) string { return p.Weak + " → " + p.Strong }),
		text("treatment", "", func(p summary.Pool) string { return p.Treatment }),
	}
	if slices.ContainsFunc(rows, func(r R) bool { return pool(r).Variant != "" }) {
		columns = append(columns, text("variant", "", func(p summary.Pool) string { return p.Variant }))
	}
	columns = append(columns, metricColumn(list.Map(rows, pool), func(p summary.Pool) tasks.Metric { return p.Metric })...)
	columns = append(columns,
		text("loss", "", func(p summary.Pool) string { return loss.Short(p.Loss) }),
		number("tasks", "number of tasks with a defined PGR.", func(p summary.Pool) string { return strconv.Itoa(p.PGR.N) }),
		number("undefined", "number of tasks whose gap is noise or not positive.", func(p summary.Pool) string { return strconv.Itoa(p.PGR.Undefined) }),
		number("PGR", "mean of student - weak, divided by the mean of ceiling - weak, over all tasks; tasks with the same texts count as one.",
			func(p summary.Pool) string {
				if !p.PGR.Ratio.Defined {
					return "–"
				}
				return p.PGR.Ratio.String()
			}),
		text("interval", "95 % interval of PGR over sets of texts (Fieller's, with Student's t).", func(p summary.Pool) string { return known(p.PGR.Ratio.Interval) }),
		number("median", "median PGR of the tasks that have one.", func(p summary.Pool) string {
			if p.PGR.N == 0 {
				return "–"
			}
			return fmt.Sprintf("%.2f", p.PGR.Median)
		}),
		text("its interval", "interval of the median over tasks (order statistics), with the level that the number of tasks allows.", func(p summary.Pool) string {
			if !p.PGR.Interval.Known() {
				return ""
			}
			return fmt.Sprintf("%s (%.0f %%)", p.PGR.Interval, 100*p.PGR.Interval.Level)
		}),
	)
	return within(pool, columns...)
}
