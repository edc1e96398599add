package plot

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot/vg"

	"w2s/harness/loss"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

// Chain draws the score after every step of bootstrapping chains, of the single jump and of the ceiling. There is one
// series for each loss. All rows must have the same task, data and models.
func Chain(rows []summary.ChainRow) (*Chart, error) {
	c := newChart("chain", "Bootstrapping step by step", "score, %", "")
	if len(rows) == 0 {
		return nil, c.nothing("no chain")
	}
	first := rows[0]
	if err := agree(rows, chainKey); err != nil {
		return nil, err
	}
	c.plot.X.Label.Text = scoreOf(rows, func(r summary.ChainRow) tasks.Metric { return r.Metric }) + ", %"
	last := len(first.Models) - 1
	var labels []string
	for i, m := range first.Models {
		labels = append(labels, fmt.Sprintf("%d: %s", i+1, m))
	}
	labels = append(labels, "jump: "+first.Models[last], "gold: "+first.Models[last])
	var n, seeds []int
	level := 0.0
	losses := list.Map(rows, func(r summary.ChainRow) string { return loss.Short(r.Loss) })
	chained, single := lossSeries(losses), lossSeries(losses)
	for i, r := range rows {
		n, seeds, level = append(n, r.N), append(seeds, r.Seeds), max(level, r.Ceiling.Interval.Level)
		shift := 0.14 * (float64(len(rows)-1)/2 - float64(i))
		steps := chained[i]
		steps.line = true
		ends := single[i] // of the same colour, but not joined to the steps
		ends.name = ""
		at := func(m *marks, line int, f summary.Figure) {
			m.points = append(m.points, pointAcross(f, shift-float64(line)))
		}
		for k, f := range r.Steps {
			at(steps, k, f)
		}
		at(ends, last+1, r.Jump)
		at(ends, last+2, r.Ceiling)
		c.add(steps)
		c.add(ends)
	}
	ticks := make(names, len(labels))
	for i, l := range labels {
		ticks[i] = tick(-float64(i), l)
	}
	c.nameLines(ticks)
	c.plot.Y.Min, c.plot.Y.Max = -float64(len(labels))+0.5, 0.5
	c.height = vg.Length(len(labels)*(20+4*len(rows)) + 50)
	c.plot.X.Tick.Marker = every(c.plot.X.Min, c.plot.X.Max, 8)
	c.plot.Add(guide("", c.plot.X.Min, -float64(last)-0.5, c.plot.X.Max, -float64(last)-0.5))
	c.Title = clean(strings.TrimSuffix(fmt.Sprintf("Bootstrapping step by step: %s, %s data, %s", first.Task, first.Data, first.Setup), ", "))
	c.note("Each model learns from the one above it, and the first one from gold. jump: the last model trained by the first one. gold: the last model trained on gold.")
	c.basisOf(n, seeds, level)
	c.Alt = fmt.Sprintf("Scores of the steps of a chain of %d models on %s, of the jump and of the ceiling. The table of chains has the numbers.", last+1, clean(first.Task))
	return c, nil
}

// chainKey joins what all chains of a chart have in common: task, data, setup and models.
func chainKey(r summary.ChainRow) string {
	return strings.Join(append([]string{r.Task, r.Data, r.Setup}, r.Models...), ", ")
}
