package table

import (
	"fmt"

	"w2s/harness"
	"w2s/harness/stats"
)

// Categories lays out PGR pooled over the tasks of each category, beside what was published.
func Categories(rows []harness.CategoryRow) *Table {
	t := &Table{Name: "categories", Caption: "PGR by category: median over tasks",
		Columns: []Column{{"category", false}, {"pair", false}, {"labels", false}, {"loss", false}, {"tasks", true}, {"undefined", true},
			{"median PGR", true}, {"interval", false}, {"published", false}}}
	outside := false
	for _, r := range rows {
		median, interval, published := "–", "", "–"
		if r.PGR.N > 0 {
			median = fmt.Sprintf("%.2f", r.PGR.Median)
			if r.PGR.Interval.Known() {
				interval = fmt.Sprintf("%s (%.0f %%)", r.PGR.Interval, 100*r.PGR.Interval.Level)
			}
		}
		if r.Published != nil {
			published = fmt.Sprintf("%.1f to %.1f", r.Published.Low, r.Published.High)
			if r.Outside {
				published += " (outside)"
				outside = true
			}
		}
		t.Add(string(r.Category), r.Weak+" → "+r.Strong, r.Treatment, LossName(r.Loss), fmt.Sprint(r.PGR.N), fmt.Sprint(r.PGR.Undefined), median, interval, published)
	}
	t.Notes = []string{"tasks: with a defined PGR; undefined: with a gap that is noise or not positive. interval: of the median over tasks (order statistics), at the level it reaches.",
		"published: Burns et al. 2023."}
	if outside {
		t.Notes = append(t.Notes, "(outside): our median is not in the published range.")
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
	if len(rows) > 0 {
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
		t.Notes = append(t.Notes, fmt.Sprintf("%s, %s, %s: the chain's end less the jump: %+.1f points %s, p %.3f (%s).",
			r.Task, r.Data, LossName(r.Loss), 100*r.Gain.Diff, points100(r.Gain.Interval), r.Gain.P, r.Gain.Test))
		for _, w := range r.Warnings {
			t.Notes = append(t.Notes, fmt.Sprintf("%s, %s: %s", r.Task, r.Data, w))
		}
	}
	t.Notes = append([]string{"labels: accuracy of what the step was trained on. jump: the last model trained by the first. gold: the last model trained on gold."}, t.Notes...)
	return t
}
