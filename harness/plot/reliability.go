package plot

import (
	"fmt"
	"math"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
)

// bins is the number of bins of a reliability diagram. There are fewer than for ECE, so each holds enough examples.
const bins = 10

// Reliability draws how often answers are right against the probability that they were given, for floor, students and
// ceiling on the test examples of r. All rows must have the same task, pair and setting, one row for each loss. The
// predictions of all seeds are taken together.
func Reliability(r *result.Result, rows []summary.Row) (*Chart, error) {
	c := newChart("reliability", "Reliability on the test examples", "probability of the answer, %", "answers that are right, %")
	if len(rows) == 0 {
		return nil, c.nothing("no rows")
	}
	first := rows[0]
	var gold [][]float64
	for _, t := range r.Tasks {
		if t.Name == first.Task {
			gold = t.TestGold
		}
	}
	var seeds []int
	curve := func(m *marks, heads []result.Head) error {
		var pred, want [][]float64
		for _, h := range heads {
			pred, want = append(pred, h.Test...), append(want, gold...)
		}
		seeds = append(seeds, len(heads))
		cal, err := stats.Calibrate(pred, want, bins)
		if err != nil {
			return fmt.Errorf("plot: reliability of %s on %s: %w", m.name, first.Task, err)
		}
		for _, b := range cal.Bins {
			m.points = append(m.points, point{x: 100 * b.Confidence, y: 100 * b.Accuracy})
		}
		m.line = true
		m.name += fmt.Sprintf(" (ECE %.3f)", cal.ECE)
		c.add(m)
		return nil
	}
	students := make([][]result.Head, len(rows))
	var weak, top []result.Head
	for i, row := range rows {
		if row.Task != first.Task || row.Pair() != first.Pair() || setting(row) != setting(first) {
			return nil, fmt.Errorf("plot: %s, %s and %s, %s cannot share a reliability diagram", first.Task, first.Pair(), row.Task, row.Pair())
		}
		supervisors, own := trained(r, row)
		if students[i] = own; i == 0 {
			weak = supervisors
		}
	}
	for _, h := range r.Heads {
		if h.Role == result.Ceiling && h.Task == first.Task && h.Model == first.Strong && h.Size == first.Size && h.Trained == first.Trained {
			top = append(top, h)
		}
	}
	if len(gold) == 0 || len(weak) == 0 || len(top) == 0 {
		return nil, c.nothing("the result does not hold the rows' heads")
	}
	if err := curve(&marks{name: "weak floor", tone: weakTone(), glyph: seriesGlyph(6)}, weak); err != nil {
		return nil, err
	}
	for i, r := range rows {
		if err := curve(series(i, "student, "+loss.Short(r.Loss)), students[i]); err != nil {
			return nil, err
		}
	}
	if err := curve(&marks{name: "strong ceiling", tone: ink(), glyph: seriesGlyph(7)}, top); err != nil {
		return nil, err
	}
	low := 10 * math.Floor(min(c.lowest(), 90)/10)
	c.plot.X.Min, c.plot.X.Max, c.plot.Y.Min, c.plot.Y.Max = low, 100, low, 100
	c.plot.X.Tick.Marker, c.plot.Y.Tick.Marker = every(low, 100, 5), every(low, 100, 5)
	c.add(guide("calibrated", low, low, 100, 100))
	c.height = 320
	c.Title = clean(fmt.Sprintf("Reliability: %s, %s", first.Task, first.Pair()))
	c.note("n = %d test examples times %s %s, in %d bins of equal width. Below the diagonal, a head is overconfident. ECE is computed with the same bins.",
		first.N, span(seeds), plural(seeds[0], "seed", "seeds"), bins)
	c.Alt = fmt.Sprintf("Share of right answers against predicted probability on %s for floor, %d students and ceiling.", clean(first.Task), len(rows))
	return c, nil
}

// lowest returns the smallest coordinate drawn so far. With two classes, the probability of an answer is at least one half.
func (c *Chart) lowest() float64 { return min(c.plot.X.Min, c.plot.Y.Min) }

// trained returns the students of a row and their supervisors.
func trained(r *result.Result, row summary.Row) (supervisors, students []result.Head) {
	byID := map[string]result.Head{}
	for _, h := range r.Heads {
		byID[h.ID] = h
	}
	for _, h := range r.Heads {
		if h.Role != result.Student || h.Task != row.Task || h.Model != row.Strong || h.Loss != row.Loss || h.Treatment != row.Treatment ||
			h.Size != row.Size || h.Trained != row.Trained {
			continue
		}
		if s := byID[h.Supervisor]; s.Source() == row.Weak {
			supervisors, students = append(supervisors, s), append(students, h)
		}
	}
	return supervisors, students
}
