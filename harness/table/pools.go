package table

import (
	"fmt"
	"slices"

	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/harness/summary"
)

// Categories lays out the PGR pooled over the tasks of each category, beside the published range.
func Categories(rows []summary.CategoryRow) *Table {
	columns := append([]poolColumn[summary.CategoryRow]{{Column{"category", false}, func(r summary.CategoryRow) string { return string(r.Category) }}},
		pooled(rows, func(r summary.CategoryRow) summary.Pool { return r.Pool })...)
	columns = append(columns, poolColumn[summary.CategoryRow]{Column{"published", false}, func(r summary.CategoryRow) string {
		switch {
		case r.Published == nil:
			return "–"
		case r.Outside:
			return fmt.Sprintf("%.1f to %.1f (outside)", r.Published.Low, r.Published.High)
		default:
			return fmt.Sprintf("%.1f to %.1f", r.Published.Low, r.Published.High)
		}
	}})
	t := fillPool("categories", "PGR by category: median over tasks", columns, rows)
	t.Notes = append(t.Notes, "published: the range commonly quoted from Burns et al. 2023, for naive finetuning.")
	if slices.ContainsFunc(rows, func(r summary.CategoryRow) bool { return r.Outside }) {
		t.Notes = append(t.Notes, "(outside): the median is outside of the published range.")
	}
	return t
}

// Pairs lays out the PGR pooled over all tasks for each pair of models.
func Pairs(rows []summary.PairRow) *Table {
	columns := append(pooled(rows, func(r summary.PairRow) summary.Pool { return r.Pool }),
		poolColumn[summary.PairRow]{Column{"median gap", true}, func(r summary.PairRow) string { return fmt.Sprintf("%.1f", 100*r.Gap) }})
	t := fillPool("pairs", "PGR by pair: median over tasks", columns, rows)
	t.Notes = append(t.Notes, "median gap: ceiling - weak in points, over all tasks, also those with an undefined PGR.")
	return t
}

// A poolColumn is a heading and the text of a pooled row's cell.
type poolColumn[R any] struct {
	Column
	of func(R) string
}

// pooled returns the columns of a pool. It has a column for variants only if some row has one.
func pooled[R any](rows []R, of func(R) summary.Pool) []poolColumn[R] {
	text := func(name string, cell func(summary.Pool) string) poolColumn[R] {
		return poolColumn[R]{Column{name, false}, func(r R) string { return cell(of(r)) }}
	}
	number := func(name string, cell func(summary.Pool) string) poolColumn[R] {
		return poolColumn[R]{Column{name, true}, func(r R) string { return cell(of(r)) }}
	}
	columns := []poolColumn[R]{
		text("pair", func(p summary.Pool) string { return p.Weak + " → " + p.Strong }),
		text("treatment", func(p summary.Pool) string { return p.Treatment }),
	}
	if slices.ContainsFunc(rows, func(r R) bool { return of(r).Variant != "" }) {
		columns = append(columns, text("variant", func(p summary.Pool) string { return p.Variant }))
	}
	return append(columns,
		text("loss", func(p summary.Pool) string { return loss.Short(p.Loss) }),
		number("tasks", func(p summary.Pool) string { return fmt.Sprint(p.PGR.N) }),
		number("undefined", func(p summary.Pool) string { return fmt.Sprint(p.PGR.Undefined) }),
		number("median PGR", func(p summary.Pool) string {
			if p.PGR.N == 0 {
				return "–"
			}
			return fmt.Sprintf("%.2f", p.PGR.Median)
		}),
		text("interval", func(p summary.Pool) string {
			if !p.PGR.Interval.Known() {
				return ""
			}
			return fmt.Sprintf("%s (%.0f %%)", p.PGR.Interval, 100*p.PGR.Interval.Level)
		}),
	)
}

func fillPool[R any](name, caption string, columns []poolColumn[R], rows []R) *Table {
	t := &Table{Name: name, Caption: caption, Notes: []string{
		"tasks: number of tasks with a defined PGR. undefined: number of tasks whose gap is noise or not positive. interval: of the median over tasks (order statistics), with the level that the number of tasks allows."}}
	for _, c := range columns {
		t.Columns = append(t.Columns, c.Column)
	}
	for _, r := range rows {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = c.of(r)
		}
		t.Add(cells...)
	}
	return t
}

// Losses lays out the paired comparison of losses.
func Losses(rows []summary.LossRow) *Table {
	t := &Table{Name: "losses", Caption: "losses compared on the same test examples, in points of accuracy",
		Columns: []Column{{"task", false}, {"pair", false}, {"treatment", false}, {"loss", false}, {"against", false}, {"n", true},
			{"difference", true}, {"interval", false}, {"p", true}, {"p adjusted", true}}}
	for _, r := range rows {
		t.Add(r.Task, r.Weak+" → "+r.Strong, r.Treatment, loss.Short(r.Loss), loss.Short(r.Against), fmt.Sprint(r.N), fmt.Sprintf("%+.1f", 100*r.Diff),
			points100(r.Interval), fmt.Sprintf("%.4f", r.P), fmt.Sprintf("%.4f", r.Adjusted))
	}
	if len(rows) == 0 {
		t.Notes = []string{"No task has two losses for the same pair and treatment, so there is nothing to compare."}
	} else {
		t.Notes = []string{fmt.Sprintf("interval: paired bootstrap. p: %s. p adjusted: with Holm's correction for the %d comparisons in this table.", rows[0].Test, len(rows))}
	}
	return t
}

// metricOf returns the metric of the rows.
func metricOf(rows []summary.ChainRow) string {
	if len(rows) == 0 {
		return "scores"
	}
	return string(rows[0].Metric)
}

// points100 writes an interval in percentage points.
func points100(v stats.Interval) string {
	if !v.Known() {
		return ""
	}
	return fmt.Sprintf("[%+.1f, %+.1f]", 100*v.Lo, 100*v.Hi)
}

// Chains lays out bootstrapping chains, one line for each step.
func Chains(rows []summary.ChainRow) *Table {
	t := &Table{Name: "chains", Caption: fmt.Sprintf("bootstrapping chains step by step, beside the single jump: %s in per cent", metricOf(rows)),
		Columns: []Column{{"task", false}, {"data", false}, {"loss", false}, {"step", true}, {"model", false}, {"n", true}, {"seeds", true},
			{"labels", true}, {"score", true}, {"PGR", true}, {"interval", false}}}
	for _, r := range rows {
		add := func(step, model, labels string, f summary.Figure, p *stats.PGR) {
			pgr, interval := "", ""
			if p != nil {
				pgr, interval = p.String(), known(p.Interval)
			}
			t.Add(r.Task, r.Data, loss.Short(r.Loss), step, model, fmt.Sprint(r.N), fmt.Sprint(r.Seeds), labels, points(f), pgr, interval)
		}
		last := len(r.Steps) - 1
		for i, f := range r.Steps {
			labels := ""
			if i > 0 {
				labels = fmt.Sprintf("%.1f", 100*r.Labels[i-1])
			}
			var p *stats.PGR
			if i == last {
				p = &r.PGR
			}
			add(fmt.Sprint(i+1), r.Models[i], labels, f, p)
		}
		add("jump", r.Models[last], "", r.Jump, &r.JumpPGR)
		add("gold", r.Models[last], "", r.Ceiling, nil)
		if g := r.Gain; g != nil {
			t.Notes = append(t.Notes, fmt.Sprintf("%s, %s, %s: end of the chain - jump = %+.1f points %s, p %.3f (%s).",
				r.Task, r.Data, loss.Short(r.Loss), 100*g.Diff, points100(g.Interval), g.P, g.Test))
		}
		for _, w := range r.Warnings {
			t.Notes = append(t.Notes, fmt.Sprintf("%s, %s: %s", r.Task, r.Data, w))
		}
	}
	t.Notes = append([]string{"labels: accuracy of the labels that the step was trained on. jump: the last model trained by the first one. gold: the last model trained on gold."}, t.Notes...)
	return t
}
