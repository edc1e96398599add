package plot

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/internal/visible"
)

// Supervision draws, for every task and loss, the student beside a student of shuffled labels, the main axis of the features, a random
// direction, floor and ceiling. All rows must have the same pair of models, treatment and variant.
func Supervision(rows []summary.Row) (*Chart, error) {
	c := newChart("supervision", "What students get from their supervisor", "", "")
	rows = where(rows, func(r summary.Row) bool { return len(r.Baselines) > 0 })
	if len(rows) == 0 {
		return nil, c.nothing("no row has baselines")
	}
	first := rows[0]
	if err := agree(rows, func(r summary.Row) string { return r.Pair() + " " + setting(r) }); err != nil {
		return nil, err
	}
	all := []*marks{floorMarks("weak floor: " + first.Weak), series(0, "student"), series(1, "shuffled labels"), series(2, "main axis"),
		series(3, "random direction"), series(4, "32 gold labels"), ceilingMarks("strong ceiling: " + first.Strong)}
	kinds := map[int]string{2: result.OfShuffled, 3: result.OfAxis, 4: result.OfRandom, 5: result.FewGold(32)}
	var ticks names
	y := 0.0
	for _, task := range groups(rows, taskOf) {
		for _, r := range task.items {
			figures := map[int]summary.Figure{0: r.Floor, 1: r.Transfer, 6: r.Ceiling}
			for i, kind := range kinds {
				if b := r.Baseline(kind); b != nil {
					figures[i] = b.Score
				}
			}
			for i, m := range all {
				if f, ok := figures[i]; ok {
					m.points = append(m.points, pointAcross(f, y-0.11*float64(i-3))) // side by side, so that whiskers do not cover each other
				}
			}
			ticks = append(ticks, tick(y, task.key+", "+lossOf(r)))
			y--
		}
		y -= 0.3
	}
	for _, m := range all {
		if len(m.points) > 0 {
			c.add(m)
		}
	}
	c.Title = clean(fmt.Sprintf("What students get from their supervisor: %s", first.Pair()))
	c.plot.X.Label.Text = scoreOf(rows, metricOf) + ", %"
	c.plot.X.Min, c.plot.X.Max = 0, 100
	c.plot.X.Tick.Marker = every(0, 100, 10)
	c.nameLines(ticks)
	c.plot.Y.Min, c.plot.Y.Max = y+0.6, 0.6
	c.height = vg.Length(-y*30 + 46)
	if s := setting(first); s != "" {
		c.note("Weak labels: %s.", s)
	}
	c.basis(rows)
	c.Alt = fmt.Sprintf("Marks for %s: %s of the student, of a student of shuffled labels, of the main axis of the features, of a random direction, "+
		"of 32 gold labels, of floor and ceiling.", visible.Count(len(ticks), "student"), scoreOf(rows, metricOf))
	return c, nil
}
