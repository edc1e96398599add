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
	"w2s/internal/visible"
	"w2s/tasks"
)

// Categories lays out the PGR pooled over the tasks of each category, with the published range.
func Categories(rows []summary.CategoryRow) *Table {
	columns := []column[summary.CategoryRow]{text("category", "", func(r summary.CategoryRow) string { return string(r.Category) }).said("%s").kept()}
	columns = append(columns, pooled(rows, func(r summary.CategoryRow) summary.Pool { return r.Pool })...)
	legend := "range of the PGR of accuracy that is commonly quoted from Burns et al. 2023, for naive finetuning."
	if slices.ContainsFunc(rows, func(r summary.CategoryRow) bool { return r.Outside }) {
		legend += " (outside): PGR and its interval are outside the published range."
	}
	columns = append(columns, text("published", legend, func(r summary.CategoryRow) string {
		switch {
		case r.Published == nil:
			return "–"
		case r.Outside:
			return fmt.Sprintf("%.1f to %.1f (outside)", r.Published.Low, r.Published.High)
		default:
			return fmt.Sprintf("%.1f to %.1f", r.Published.Low, r.Published.High)
		}
	}))
	t := layOut("categories", []string{pgrOf(rows, func(r summary.CategoryRow) tasks.Metric { return r.Metric }) + " by category"}, rows, columns...)
	t.values = categoryData(rows)
	t.Notes = append(t.Notes, InWords(rows)...)
	return t
}

// Pairs lays out the PGR pooled over all tasks for each pair of models.
func Pairs(rows []summary.PairRow) *Table {
	columns := pooled(rows, func(r summary.PairRow) summary.Pool { return r.Pool })
	columns = append(columns, number("median gap", "median of ceiling - weak over all tasks, also those with an undefined PGR, in points.",
		func(r summary.PairRow) string { return fmt.Sprintf("%.1f", 100*r.Gap) }).ranked(1))
	t := layOut("pairs", []string{pgrOf(rows, func(r summary.PairRow) tasks.Metric { return r.Metric }) + " by pair"}, rows, columns...)
	t.values = pairData(rows)
	return t
}

// pgrOf names what the rows pool.
func pgrOf[R any](rows []R, metric func(R) tasks.Metric) string {
	return "PGR of " + scoreOf(rows, metric)
}

// pooled returns the columns for the pools of rows.
func pooled[R any](rows []R, pool func(R) summary.Pool) []column[R] {
	ratio := func(p summary.Pool) shade { return pgrShade(p.PGR.PGR()) }
	columns := []column[summary.Pool]{
		text("pair", "", func(p summary.Pool) string { return p.Weak + " → " + p.Strong }).said("%s"),
		text("treatment", "", func(p summary.Pool) string { return p.Treatment }).said("%s labels"),
		text("variant", "", func(p summary.Pool) string { return p.Variant }).said("%s"),
	}
	columns = append(columns, metricColumn(list.Map(rows, pool), func(p summary.Pool) tasks.Metric { return p.Metric })...)
	columns = append(columns,
		text("loss", "", func(p summary.Pool) string { return loss.Short(p.Loss) }),
		number("tasks", "number of tasks with a defined PGR.", func(p summary.Pool) string { return strconv.Itoa(p.PGR.N) }),
		number("undefined", "number of tasks whose gap is noise or not positive.", func(p summary.Pool) string { return strconv.Itoa(p.PGR.Undefined) }).ranked(2),
		number("n", "number of test examples of all tasks together, also of those with an undefined PGR.", func(p summary.Pool) string { return count(p.N) }).said("%s test examples").ranked(2),
		number("seeds", "number of seeds.", func(p summary.Pool) string { return span(float64(p.Seeds[0]), float64(p.Seeds[1])) }).said("%s seeds").ranked(2),
		number("PGR", "mean of student - weak, divided by the mean of ceiling - weak, over all tasks; tasks with the same texts count as one.",
			func(p summary.Pool) string {
				if !p.PGR.PGR().Defined {
					return "–"
				}
				return p.PGR.PGR().String()
			}).shaded(ratio),
		text(ciHead(stats.Level, "seeds, test"), "interval of PGR over seeds and test examples of these tasks.",
			func(p summary.Pool) string { return known(p.PGR.PGR().Interval) }).shaded(ratio),
		text(ciHead(stats.Level, "tasks"), "interval over sets of texts like these (Fieller's, with Student's t).",
			func(p summary.Pool) string { return known(p.PGR.Over()) }).ranked(1),
		number("median", "median PGR of the tasks that have one.", func(p summary.Pool) string {
			if p.PGR.N == 0 {
				return "–"
			}
			return fmt.Sprintf("%.2f", p.PGR.Median)
		}).ranked(3),
		text("its CI", "interval of the median over tasks (order statistics), with the level that the number of tasks allows.", func(p summary.Pool) string {
			if !p.PGR.Interval.Known() {
				return ""
			}
			return fmt.Sprintf("%s (%.0f %%)", p.PGR.Interval, 100*p.PGR.Interval.Level)
		}).ranked(4),
	)
	return within(pool, columns...)
}

// RangesInWords says for each category with several pairs of models, in a sentence, between which values the PGR of its pairs lies.
func RangesInWords(rows []summary.CategoryRow) []string {
	type pair struct{ weak, strong string }
	var lines []string
	for _, own := range byCategory(rows) {
		category := own[0].Category
		pairs := list.AppendNew(nil, list.Map(own, func(r summary.CategoryRow) pair { return pair{r.Weak, r.Strong} })...)
		if len(pairs) < 2 {
			continue
		}
		var parts []string
		for _, name := range list.AppendNew(nil, list.Map(own, func(r summary.CategoryRow) string { return loss.Short(r.Loss) })...) {
			var values []float64
			for _, r := range own {
				if loss.Short(r.Loss) == name && r.PGR.PGR().Defined {
					values = append(values, r.PGR.PGR().Value)
				}
			}
			switch {
			case len(values) == 1:
				parts = append(parts, fmt.Sprintf("%.2f with %s", values[0], name))
			case len(values) > 1:
				parts = append(parts, fmt.Sprintf("%.2f to %.2f with %s", slices.Min(values), slices.Max(values), name))
			}
		}
		line := fmt.Sprintf("%s (%d pairs of models): the gaps are noise or not positive, so PGR is undefined.", category, len(pairs))
		if len(parts) > 0 {
			line = fmt.Sprintf("%s (%d pairs of models): of the gap between weak and strong, students recover %s.", category, len(pairs), strings.Join(parts, ", "))
		}
		lines = append(lines, line+published(own[0]))
	}
	return lines
}

// InWords says for each category, in a sentence, how much of the gap the students recover.
func InWords(rows []summary.CategoryRow) []string {
	var lines []string
	for _, own := range byCategory(rows) {
		category := own[0].Category
		if slices.ContainsFunc(own, func(r summary.CategoryRow) bool { return r.Weak != own[0].Weak || r.Strong != own[0].Strong }) {
			continue // a sentence for each pair says no more than the table; see RangesInWords
		}
		var recovered, undefined []string
		for _, r := range own {
			name := loss.Short(r.Loss)
			if slices.ContainsFunc(own, func(o summary.CategoryRow) bool { return o.Treatment != r.Treatment }) {
				name += " (" + r.Treatment + ")"
			}
			if r.Variant != "" {
				name += " (" + r.Variant + ")"
			}
			switch p := r.PGR; {
			case p.PGR().Defined && p.PGR().Interval.Known():
				recovered = append(recovered, fmt.Sprintf("%s %s with %s", p.PGR(), p.PGR().Interval, name))
			case p.PGR().Defined:
				recovered = append(recovered, fmt.Sprintf("%s with %s", p.PGR(), name))
			default:
				undefined = append(undefined, name)
			}
		}
		line := fmt.Sprintf("%s: the gap between %s and %s is noise or not positive, so PGR is undefined.", category, own[0].Weak, own[0].Strong)
		if n := len(recovered); n > 0 {
			all := recovered[n-1]
			if n > 1 {
				all = strings.Join(recovered[:n-1], ", ") + " and " + all
			}
			line = fmt.Sprintf("%s (%s): of the gap between %s and %s, the student recovers %s.", category, visible.Count(own[0].PGR.N+own[0].PGR.Undefined, "task"),
				own[0].Weak, own[0].Strong, all)
			if len(undefined) > 0 {
				line += fmt.Sprintf(" It is undefined with %s.", strings.Join(undefined, ", "))
			}
		}
		lines = append(lines, line+published(own[0]))
	}
	return lines
}

// byCategory returns the rows of each category, in order of first appearance.
func byCategory(rows []summary.CategoryRow) (categories [][]summary.CategoryRow) {
	at := map[tasks.Category]int{}
	for _, r := range rows {
		i, ok := at[r.Category]
		if !ok {
			i = len(categories)
			at[r.Category], categories = i, append(categories, nil)
		}
		categories[i] = append(categories[i], r)
	}
	return categories
}

// published ends a sentence about a category with its published range, if there is one.
func published(r summary.CategoryRow) string {
	if r.Published == nil {
		return ""
	}
	return fmt.Sprintf(" Published for naive fine-tuning: %.1f to %.1f.", r.Published.Low, r.Published.High)
}
