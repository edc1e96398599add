package plot

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot/vg"

	"w2s/harness/summary"
	"w2s/internal/visible"
)

// Tracks draws weak floor and strong ceiling of every task and, below them, a line from one to the other for every loss, with the
// student on it. The axis covers the scores that occur. All rows must have the same pair of models, treatment and variant.
func Tracks(rows []summary.Row) (*Chart, error) {
	c := newChart("scores", "From weak floor to strong ceiling", "", "")
	if len(rows) == 0 {
		return nil, c.nothing("no rows")
	}
	first := rows[0]
	if err := agree(rows, func(r summary.Row) string { return r.Pair() + " " + setting(r) }); err != nil {
		return nil, err
	}
	losses := groups(rows, lossOf)
	if len(losses) > MaxSeries {
		return nil, c.nothing(fmt.Sprintf("one chart cannot tell %d losses apart", len(losses)))
	}
	weak, ceiling := floorMarks("weak floor: "+first.Weak), ceilingMarks("strong ceiling: "+first.Strong)
	students := studentSeries(losses)
	all := slices.Concat([]*marks{weak}, students, []*marks{ceiling})
	var ticks names
	y := 0.0
	for _, task := range groups(rows, taskOf) {
		start := y
		floor, top := task.items[0].Floor, task.items[0].Ceiling
		// A little apart, so that their whiskers do not cover each other.
		weak.points = append(weak.points, pointAcross(floor, y+0.15))
		ceiling.points = append(ceiling.points, pointAcross(top, y-0.15))
		y -= 0.9
		for _, r := range task.items {
			c.add(&marks{tone: faint(), line: true, points: []point{{x: 100 * floor.Value, y: y}, {x: 100 * top.Value, y: y}}})
			at := slices.IndexFunc(losses, func(g group[summary.Row]) bool { return g.key == lossOf(r) })
			students[at].points = append(students[at].points, pointAcross(r.Transfer, y))
			y--
		}
		ticks = append(ticks, tick((start+y+1)/2, task.key))
		y -= 0.5
	}
	for _, m := range all {
		c.add(m)
	}
	c.Title = clean(fmt.Sprintf("From weak floor to strong ceiling: %s", first.Pair()))
	c.plot.X.Label.Text = scoreOf(rows, metricOf) + ", %"
	lo, hi := max(c.plot.X.Min-1, 0), min(c.plot.X.Max+1, 100)
	c.plot.X.Min, c.plot.X.Max = lo, hi
	c.plot.X.Tick.Marker = every(lo, hi, 8)
	c.nameLines(ticks)
	c.plot.Y.Min, c.plot.Y.Max = y+0.9, 0.6
	c.height = vg.Length(-y*13 + 46)
	if s := setting(first); s != "" {
		c.note("Weak labels: %s.", s)
	}
	c.basis(rows)
	c.Alt = fmt.Sprintf("Lines for %s, from the %s of the weak floor to that of the strong ceiling, with the students of %s. The PGR table has the numbers.",
		visible.Count(len(ticks), "task"), scoreOf(rows, metricOf), listed(losses))
	return c, nil
}
