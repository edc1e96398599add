package plot

import (
	"fmt"

	"w2s/harness/loss"
	"w2s/harness/summary"
)

// lossSeries groups rows by loss or, if a chart cannot tell that many apart, by loss without its alpha.
func lossSeries(rows []summary.Row) []group[summary.Row] {
	byLoss := groups(rows, func(r summary.Row) string { return loss.Short(r.Loss) })
	if len(byLoss) <= MaxSeries {
		return byLoss
	}
	return groups(rows, func(r summary.Row) string {
		name, _, _ := loss.CutAlpha(r.Loss)
		return loss.Short(name)
	})
}

// Gap draws PGR against the capability gap (ceiling - floor), one mark for each row and one series for each loss.
func Gap(rows []summary.Row) (*Chart, error) {
	c := newChart("gap", "PGR against the capability gap", "gap: strong ceiling - weak floor, points", "PGR")
	rows, err := c.defined(rows)
	if err != nil {
		return nil, err
	}
	lo, hi := 0.0, 0.0
	var all []*marks
	for i, g := range lossSeries(rows) {
		m := series(i, g.key)
		for _, r := range g.items {
			m.points = append(m.points, point{x: 100 * r.PGR.Gap, y: r.PGR.Value, yRange: r.PGR.Interval})
			hi = max(hi, 100*r.PGR.Gap)
		}
		all = append(all, m)
	}
	c.addApart(all)
	c.plot.X.Min, c.plot.X.Max = lo, hi*1.05
	c.plot.X.Tick.Marker = every(lo, hi*1.05, 8)
	c.pgrAxis(rows)
	c.basis(rows)
	c.Alt = fmt.Sprintf("Scatter of %d rows: PGR against a gap of up to %.1f points, a series for each loss. The PGR table has the numbers.", len(rows), hi)
	return c, nil
}

// Imitation draws how often the student repeats its supervisor's errors against how often the ceiling makes the same errors
// by itself. What is above the diagonal is imitation.
func Imitation(rows []summary.Row) (*Chart, error) {
	c := newChart("imitation", "Errors of the supervisor repeated by student and ceiling",
		"repeated by the strong ceiling, %", "repeated by the student, %")
	points, above := 0, 0
	for i, g := range lossSeries(rows) {
		m := series(i, g.key)
		for _, r := range g.items {
			s, ceiling := r.Imitation.Student.OnErrors, r.Imitation.Ceiling.OnErrors
			if !s.Defined() || !ceiling.Defined() {
				continue
			}
			m.points = append(m.points, point{x: 100 * ceiling.Value, y: 100 * s.Value, yRange: times100(s.Interval)})
			points++
			if s.Value > ceiling.Value {
				above++
			}
		}
		if len(m.points) > 0 {
			c.add(m)
		}
	}
	if points == 0 {
		return nil, c.nothing("no supervisor made an error")
	}
	c.add(guide("as often as the ceiling", 0, 0, 100, 100))
	c.plot.X.Min, c.plot.X.Max, c.plot.Y.Min, c.plot.Y.Max = 0, 100, 0, 100
	c.plot.X.Tick.Marker, c.plot.Y.Tick.Marker = every(0, 100, 5), every(0, 100, 5)
	c.height = 320
	c.note("Share of the supervisor's wrong answers that the model gives as well. The ceiling never saw them, so what is above the diagonal is imitation.")
	c.basis(rows)
	c.Alt = fmt.Sprintf("Scatter of %d rows: in %d the student repeats more of its supervisor's errors than the ceiling does.", points, above)
	return c, nil
}
