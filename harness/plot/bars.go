package plot

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot/vg"

	"w2s/harness/loss"
	"w2s/harness/summary"
)

// Bars draws, for every task, the weak floor, a student for every loss and the strong ceiling. All rows must have the same
// pair of models and treatment.
func Bars(rows []summary.Row) (*Chart, error) {
	c := newChart("bars", "Weak floor, student and strong ceiling", "", "")
	if len(rows) == 0 {
		return nil, c.nothing("no rows")
	}
	first := rows[0]
	for _, r := range rows {
		if r.Pair() != first.Pair() || setting(r) != setting(first) {
			return nil, fmt.Errorf("plot: bars of %s %s and of %s %s cannot share a chart", first.Pair(), setting(first), r.Pair(), setting(r))
		}
	}
	losses := groups(rows, func(r summary.Row) string { return loss.Short(r.Loss) })
	if len(losses) > MaxSeries {
		return nil, c.nothing(fmt.Sprintf("%d losses are more than one chart tells apart", len(losses)))
	}
	const thick = 9
	weak := &marks{name: "weak floor: " + first.Weak, tone: weakTone(), bar: thick}
	top := &marks{name: "strong ceiling: " + first.Strong, tone: ink(), bar: thick}
	students := make([]*marks, len(losses))
	for i, l := range losses {
		students[i] = &marks{name: "student, " + l.key, tone: seriesTone(i), bar: thick}
	}
	var ticks names
	y := 0.0
	bar := func(m *marks, f summary.Figure) {
		v, interval := percent(f)
		m.points = append(m.points, point{x: v, y: y, xRange: interval})
		y--
	}
	for _, task := range groups(rows, func(r summary.Row) string { return r.Task }) {
		start := y
		bar(weak, task.items[0].Floor)
		for _, r := range task.items {
			bar(students[slices.IndexFunc(losses, func(g group[summary.Row]) bool { return g.key == loss.Short(r.Loss) })], r.Transfer)
		}
		bar(top, task.items[0].Ceiling)
		ticks = append(ticks, tick((start+y+1)/2, task.key))
		y -= 0.7
	}
	for _, m := range slices.Concat([]*marks{weak}, students, []*marks{top}) {
		c.add(m)
	}
	c.Title = clean(fmt.Sprintf("Weak floor, student and strong ceiling: %s", first.Pair()))
	c.plot.X.Label.Text = string(first.Metric) + ", %"
	c.plot.X.Min, c.plot.X.Max = 0, 100
	c.plot.X.Tick.Marker = every(0, 100, 10)
	c.plot.Y.Tick.Marker = ticks
	c.plot.Y.Tick.Length = 0
	c.plot.Y.Min, c.plot.Y.Max = y+1, 0.7
	c.height = vg.Length(-y*(thick+1.5) + 46)
	if s := setting(first); s != "" {
		c.note("Weak labels: %s.", s)
	}
	c.basis(rows)
	c.Alt = fmt.Sprintf("Bars for %d tasks: %s of the weak floor, of students with %s, and of the strong ceiling. The PGR table has the numbers.",
		len(ticks), first.Metric, listed(losses))
	return c, nil
}

func listed[T any](gs []group[T]) string {
	out := ""
	for i, g := range gs {
		switch {
		case i > 0 && i == len(gs)-1:
			out += " and "
		case i > 0:
			out += ", "
		}
		out += clean(g.key)
	}
	return out
}
