package plot

import (
	"fmt"

	"w2s/harness"
	"w2s/harness/table"
)

// lossSeries splits rows by loss; where that is more than a chart can tell apart, by loss whatever its alpha.
func lossSeries(rows []harness.Row) []group[harness.Row] {
	byLoss := groups(rows, func(r harness.Row) string { return table.LossName(r.Loss) })
	if len(byLoss) <= MaxSeries {
		return byLoss
	}
	return groups(rows, func(r harness.Row) string {
		name, _ := table.AlphaOf(r.Loss)
		return table.LossName(name)
	})
}

// Gap draws PGR against the capability gap (ceiling less floor), one mark a row, a series a loss.
func Gap(rows []harness.Row) (*Chart, error) {
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

// Imitation draws how often the student repeats its supervisor's errors against how often the ceiling makes the same
// errors by itself. What lies above the diagonal is imitation.
func Imitation(rows []harness.Row) (*Chart, error) {
	c := newChart("imitation", "Errors of the supervisor repeated by student and ceiling",
		"repeated by the strong ceiling, %", "repeated by the student, %")
	points, above := 0, 0
	for i, g := range lossSeries(rows) {
		m := series(i, g.key)
		for _, r := range g.items {
			s, ceiling := r.Imitates.Student.OnErrors, r.Imitates.Ceiling.OnErrors
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
	c.note("Share of the supervisor's wrong answers that the model gives as well. The ceiling never saw them; what the student has above the diagonal is imitation.")
	c.basis(rows)
	c.Alt = fmt.Sprintf("Scatter of %d rows: in %d the student repeats more of its supervisor's errors than the ceiling does.", points, above)
	return c, nil
}
