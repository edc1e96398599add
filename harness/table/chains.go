package table

import (
	"fmt"
	"strconv"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

// A chainLine is one line of the table of chains: a step, the jump or the ceiling.
type chainLine struct {
	summary.ChainRow
	step, model, labels string
	score               summary.Figure
	labelAccuracy       any        // a float64, or nil for the supervisor, the jump and the ceiling
	pgr                 *stats.PGR // nil for steps before the last and for the ceiling
}

// own returns the PGR of the line, which is undefined if it has none.
func (l chainLine) own() stats.PGR {
	if l.pgr == nil {
		return stats.PGR{}
	}
	return *l.pgr
}

// Chains lays out bootstrapping chains, one line for each step.
func Chains(rows []summary.ChainRow) *Table {
	metric := func(r summary.ChainRow) tasks.Metric { return r.Metric }
	var lines []chainLine
	var notes []string
	var gains []float64 // p-values of the gains of chains
	for _, r := range rows {
		if r.Gain != nil {
			gains = append(gains, r.Gain.P)
		}
	}
	adjusted, err := stats.Holm(gains)
	if err != nil {
		panic(err) // Compare returns p-values between 0 and 1
	}
	compared := 0
	for _, r := range rows {
		name := strings.TrimSuffix(fmt.Sprintf("%s, %s, %s", r.Task, r.Data, r.Setup), ", ")
		last := len(r.Steps) - 1
		for i, f := range r.Steps {
			line := chainLine{ChainRow: r, step: strconv.Itoa(i + 1), model: r.Models[i], score: f}
			if i > 0 {
				line.labels, line.labelAccuracy = points(r.Label(i-1)), r.Labels[i-1]
			}
			if i == last {
				line.pgr = &r.PGR
			}
			lines = append(lines, line)
		}
		lines = append(lines,
			chainLine{ChainRow: r, step: "jump", model: r.Models[last], score: r.Jump, pgr: &r.JumpPGR},
			chainLine{ChainRow: r, step: "gold", model: r.Models[last], score: r.Ceiling})
		if g := r.Gain; g != nil {
			notes = append(notes, fmt.Sprintf("%s, %s: end of the chain - jump = %+.1f points %s, p %s (%s), %s with Holm's correction for %d chains.",
				name, loss.Short(r.Loss), 100*g.Diff, differenceInterval(g.Interval), pValue(g.P), g.Test, pValue(adjusted[compared]), len(gains)))
			compared++
		}
		for _, w := range r.Warnings {
			notes = list.AppendNew(notes, name+": "+w) // chains on one task share warnings
		}
	}
	pgr := func(l chainLine, cell func(stats.PGR) string) string {
		if l.pgr == nil {
			return ""
		}
		return cell(*l.pgr)
	}
	columns := []column[chainLine]{
		text("task", "", func(l chainLine) string { return l.Task }).said("%s").kept(),
		text("data", "whether the steps share their training examples or have disjoint ones.", func(l chainLine) string { return l.Data }).said("%s data"),
		text("variant", "", func(l chainLine) string { return l.Setup }).said("%s"),
		text("loss", "", func(l chainLine) string { return loss.Short(l.Loss) }).said("%s")}
	columns = append(columns, metricColumn(lines, func(l chainLine) tasks.Metric { return l.Metric })...)
	columns = append(columns,
		number("step", "position in the chain; jump is the last model trained by the first one, gold the last model trained on gold.",
			func(l chainLine) string { return l.step }),
		text("model", "", func(l chainLine) string { return l.model }),
		number("labels", "accuracy of the labels that the step was trained on, in per cent (±: over seeds).", func(l chainLine) string { return l.labels }).ranked(3),
		number("score", "", func(l chainLine) string { return points(l.score) }),
		number("PGR", "PGR of the end of the chain, and of the jump.", func(l chainLine) string { return pgr(l, stats.PGR.String) }).
			shaded(func(l chainLine) shade { return pgrShade(l.own()) }),
		intervalColumn(lines, func(l chainLine) summary.Row {
			return summary.Row{Seeds: l.Seeds, PGR: stats.PGR{GapInterval: l.PGR.GapInterval}}
		}, chainLine.own),
		number("n", "number of test examples.", func(l chainLine) string { return strconv.Itoa(l.N) }).said("%s test examples").ranked(1),
		number("seeds", "", func(l chainLine) string { return strconv.Itoa(l.Seeds) }).said("%s seeds").ranked(2),
	)
	t := layOut("chains", []string{fmt.Sprintf("bootstrapping chains step by step, and the single jump: %s in per cent", scoreOf(rows, metric))}, lines, columns...)
	t.values = chainData(lines)
	t.Notes = append(t.Notes, notes...)
	return t
}
