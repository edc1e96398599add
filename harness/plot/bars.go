package plot

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"w2s/harness/summary"
	"w2s/internal/visible"
)

// Bars draws, for every task, the weak floor, a student for every loss, and the strong ceiling. All rows must have the
// same pair of models, treatment and variant.
func Bars(rows []summary.Row) (*Chart, error) {
	c := newChart("bars", "Weak floor, student and strong ceiling", "", "")
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
	const thick = 9
	weak, ceiling := floorMarks("weak floor: "+first.Weak), ceilingMarks("strong ceiling: "+first.Strong)
	all := []*marks{weak}
	students := map[string]*marks{}
	for i, l := range losses {
		students[l.key] = series(i, "student, "+l.key)
		all = append(all, students[l.key])
	}
	all = append(all, ceiling)
	for _, m := range all {
		m.bar, m.glyph = thick, nil
	}
	var ticks names
	y := 0.0
	bar := func(m *marks, f summary.Figure) {
		m.points = append(m.points, pointAcross(f, y))
		y--
	}
	for _, task := range groups(rows, taskOf) {
		start := y
		bar(weak, task.items[0].Floor)
		for _, r := range task.items {
			bar(students[lossOf(r)], r.Transfer)
		}
		bar(ceiling, task.items[0].Ceiling)
		ticks = append(ticks, tick((start+y+1)/2, task.key))
		y -= 0.7
	}
	for _, m := range all {
		c.add(m)
	}
	c.Title = clean(fmt.Sprintf("Weak floor, student and strong ceiling: %s", first.Pair()))
	c.plot.X.Label.Text = scoreOf(rows, metricOf) + ", %"
	c.plot.X.Min, c.plot.X.Max = 0, 100
	c.plot.X.Tick.Marker = every(0, 100, 10)
	c.nameLines(ticks)
	c.plot.Y.Min, c.plot.Y.Max = y+1, 0.7
	c.height = vg.Length(-y*(thick+1.5) + 46)
	if s := setting(first); s != "" {
		c.note("Weak labels: %s.", s)
	}
	c.basis(rows)
	c.Alt = fmt.Sprintf("Bars for %s: %s of the weak floor, of the students with %s, and of the strong ceiling. The PGR table has the numbers.",
		visible.Count(len(ticks), "task"), scoreOf(rows, metricOf), listed(losses))
	return c, nil
}
