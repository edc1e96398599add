package table

import (
	"fmt"
	"slices"

	"w2s/harness"
	"w2s/harness/stats"
)

// Categories lays out PGR pooled over the tasks of each category, beside what was published.
func Categories(rows []harness.CategoryRow) *Table {
	columns := append([]poolColumn[harness.CategoryRow]{{Column{"category", false}, func(r harness.CategoryRow) string { return string(r.Category) }}},
		pooled(rows, func(r harness.CategoryRow) harness.Pool { return r.Pool })...)
	columns = append(columns, poolColumn[harness.CategoryRow]{Column{"published", false}, func(r harness.CategoryRow) string {
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
	t.Notes = append(t.Notes, "published: as quoted from Burns et al. 2023, naive finetuning.")
	if slices.ContainsFunc(rows, func(r harness.CategoryRow) bool { return r.Outside }) {
		t.Notes = append(t.Notes, "(outside): our median is not in the published range.")
	}
	return t
}

// Pairs lays out PGR pooled over all tasks for each pair of models.
func Pairs(rows []harness.PairRow) *Table {
	columns := append(pooled(rows, func(r harness.PairRow) harness.Pool { return r.Pool }),
		poolColumn[harness.PairRow]{Column{"median gap", true}, func(r harness.PairRow) string { return fmt.Sprintf("%.1f", 100*r.Gap) }})
	t := fillPool("pairs", "PGR by pair: median over tasks", columns, rows)
	t.Notes = append(t.Notes, "median gap: ceiling less weak in points, over all tasks, undefined ones included.")
	return t
}

// A poolColumn is a heading and what a pooled row has under it.
type poolColumn[R any] struct {
	Column
	of func(R) string
}

// pooled are the columns of a pool; that of variants only where there are some.
func pooled[R any](rows []R, of func(R) harness.Pool) []poolColumn[R] {
	text := func(name string, cell func(harness.Pool) string) poolColumn[R] {
		return poolColumn[R]{Column{name, false}, func(r R) string { return cell(of(r)) }}
	}
	number := func(name string, cell func(harness.Pool) string) poolColumn[R] {
		return poolColumn[R]{Column{name, true}, func(r R) string { return cell(of(r)) }}
	}
	columns := []poolColumn[R]{
		text("pair", func(p harness.Pool) string { return p.Weak + " → " + p.Strong }),
		text("labels", func(p harness.Pool) string { return p.Treatment }),
	}
	if slices.ContainsFunc(rows, func(r R) bool { return of(r).Variant != "" }) {
		columns = append(columns, text("variant", func(p harness.Pool) string { return p.Variant }))
	}
	return append(columns,
		text("loss", func(p harness.Pool) string { return LossName(p.Loss) }),
		number("tasks", func(p harness.Pool) string { return fmt.Sprint(p.PGR.N) }),
		number("undefined", func(p harness.Pool) string { return fmt.Sprint(p.PGR.Undefined) }),
		number("median PGR", func(p harness.Pool) string {
			if p.PGR.N == 0 {
				return "–"
			}
			return fmt.Sprintf("%.2f", p.PGR.Median)
		}),
		text("interval", func(p harness.Pool) string {
			if !p.PGR.Interval.Known() {
				return ""
			}
			return fmt.Sprintf("%s (%.0f %%)", p.PGR.Interval, 100*p.PGR.Interval.Level)
		}),
	)
}

func fillPool[R any](name, caption string, columns []poolColumn[R], rows []R) *Table {
	t := &Table{Name: name, Caption: caption, Notes: []string{
		"tasks: with a defined PGR; undefined: with a gap that is noise or not positive. interval: of the median over tasks (order statistics), at the level it reaches."}}
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
func Losses(rows []harness.LossRow) *Table {
	t := &Table{Name: "losses", Caption: "losses compared on the same test examples, in points of accuracy",
		Columns: []Column{{"task", false}, {"pair", false}, {"labels", false}, {"loss", false}, {"against", false}, {"n", true},
			{"difference", true}, {"interval", false}, {"p", true}, {"p adjusted", true}}}
	for _, r := range rows {
		t.Add(r.Task, r.Weak+" → "+r.Strong, r.Treatment, LossName(r.Loss), LossName(r.Against), fmt.Sprint(r.N), fmt.Sprintf("%+.1f", 100*r.Diff),
			points100(r.Interval), fmt.Sprintf("%.4f", r.P), fmt.Sprintf("%.4f", r.Adjusted))
	}
	if len(rows) == 0 {
		t.Notes = []string{"no task, pair and labels with more than one loss: nothing to compare."}
	} else {
		t.Notes = []string{fmt.Sprintf("interval: paired bootstrap. p: %s. p adjusted: Holm's correction for the %d comparisons of this table.", rows[0].Test, len(rows))}
	}
	return t
}

// points100 is an interval in points of a per cent.
func points100(v stats.Interval) string {
	if !v.Known() {
		return ""
	}
	return fmt.Sprintf("[%+.1f, %+.1f]", 100*v.Lo, 100*v.Hi)
}

// Chains lays out bootstrapping chains, one line a step.
func Chains(rows []harness.ChainRow) *Table {
	t := &Table{Name: "chains", Caption: "bootstrapping chains, step by step beside the single jump, in per cent",
		Columns: []Column{{"task", false}, {"data", false}, {"loss", false}, {"step", true}, {"model", false}, {"n", true}, {"seeds", true},
			{"labels", true}, {"score", true}, {"PGR", true}, {"interval", false}}}
	for _, r := range rows {
		add := func(step, model, labels string, f harness.Figure, p *stats.PGR) {
			pgr, interval := "", ""
			if p != nil {
				pgr, interval = p.String(), known(p.Interval)
			}
			t.Add(r.Task, r.Data, LossName(r.Loss), step, model, fmt.Sprint(r.N), fmt.Sprint(r.Seeds), labels, points(f), pgr, interval)
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
			t.Notes = append(t.Notes, fmt.Sprintf("%s, %s, %s: the chain's end less the jump: %+.1f points %s, p %.3f (%s).",
				r.Task, r.Data, LossName(r.Loss), 100*g.Diff, points100(g.Interval), g.P, g.Test))
		}
		for _, w := range r.Warnings {
			t.Notes = append(t.Notes, fmt.Sprintf("%s, %s: %s", r.Task, r.Data, w))
		}
	}
	t.Notes = append([]string{"labels: accuracy of what the step was trained on. jump: the last model trained by the first. gold: the last model trained on gold."}, t.Notes...)
	return t
}
