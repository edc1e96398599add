package plot

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"w2s/harness/loss"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

// Losses draws how much better losses are than another one on the same task and pair, with paired intervals. All rows
// must compare with the same loss.
func Losses(rows []summary.LossRow) (*Chart, error) {
	c := newChart("losses", "Losses compared on the same test examples", "", "")
	if len(rows) == 0 {
		return nil, c.nothing("no task and pair has two losses")
	}
	if err := agree(rows, func(r summary.LossRow) string { return "comparisons with " + r.Against }); err != nil {
		return nil, err
	}
	against := loss.Short(rows[0].Against)
	c.Title = clean("Losses compared with " + against)
	score := scoreOf(rows, func(r summary.LossRow) tasks.Metric { return r.Metric })
	c.plot.X.Label.Text = clean(fmt.Sprintf("student's %s - %s with %s, points", score, score, short(against, 30)))

	name := func(r summary.LossRow) string { return r.Task }
	if len(groups(rows, name)) > MaxSeries { // too many to tell apart by colour
		name = func(summary.LossRow) string { return "" }
	}
	var all []*marks
	byName := map[string]*marks{}
	for i, g := range groups(rows, name) {
		byName[g.key] = series(i, g.key) // the shape is of the task, the colour of the loss
		byName[g.key].tone = ink()
		all = append(all, byName[g.key])
	}
	var ticks names
	y, better, lo, hi := 0.0, 0, -0.5, 0.5
	for _, g := range groups(rows, func(r summary.LossRow) string { return loss.Short(r.Loss) }) {
		start := y
		for _, r := range g.items {
			m, interval := byName[name(r)], times100(r.Interval)
			m.points = append(m.points, point{x: 100 * r.Diff, y: y, xRange: interval, tone: seriesTone(lossNumber(g.key))})
			lo, hi = min(lo, 100*r.Diff, interval.Lo), max(hi, 100*r.Diff, interval.Hi) // an unknown interval is [0, 0]
			if r.Adjusted < 0.05 {
				better++
			}
			y--
		}
		ticks = append(ticks, tick((start+y+1)/2, g.key))
		y -= 1.5
	}
	for _, m := range all {
		c.add(m)
	}
	c.plot.X.Min, c.plot.X.Max = lo*1.05, hi*1.05
	c.plot.X.Tick.Marker = every(lo*1.05, hi*1.05, 8)
	c.plot.Y.Min, c.plot.Y.Max = y+1.5, 1
	c.nameLines(ticks)
	c.plot.Add(guide("", 0, y+1.5, 0, 1))
	c.height = vg.Length(min(max(-y*9, 40), 900) + 50)
	c.note("The colour shows the loss, the shape the task.")
	c.note("n = %s test examples for each task. Whiskers: %.0f %% intervals over seeds and test examples. There is one line for each task and pair. %d of %d differences have p < 0.05 after Holm's correction for all comparisons in the table.",
		span(list.Map(rows, func(r summary.LossRow) int { return r.N })), 100*rows[0].Interval.Level, better, len(rows))
	c.Alt = fmt.Sprintf("%d differences between losses. With their intervals, they range from %.1f to %.1f points. The table of losses has the numbers.", len(rows), lo, hi)
	return c, nil
}
