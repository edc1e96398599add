package plot

import (
	"fmt"
	"math"

	"w2s/harness"
	"w2s/harness/stats"
	"w2s/harness/table"
)

// bins of a reliability diagram: fewer than for ECE, so that each holds enough examples to be read.
const bins = 10

// Reliability draws how often answers are right against the probability they were given, for floor, student and ceiling on
// the test examples of one task, pair and setting. All rows must be of that task, pair and setting, one a loss, and of
// the result. Predictions of all seeds are taken together.
func Reliability(result *harness.Result, rows []harness.Row) (*Chart, error) {
	c := newChart("reliability", "Reliability on the test examples", "probability of the answer, %", "answers that are right, %")
	if len(rows) == 0 {
		return nil, c.nothing("no rows")
	}
	first := rows[0]
	var gold [][]float64
	for _, t := range result.Tasks {
		if t.Name == first.Task {
			gold = t.TestGold
		}
	}
	var seeds []int
	curve := func(m *marks, heads []harness.HeadRecord) error {
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
	students := make([][]harness.HeadRecord, len(rows))
	var weak, top []harness.HeadRecord
	for i, r := range rows {
		if r.Task != first.Task || pairOf(r) != pairOf(first) || setting(r) != setting(first) {
			return nil, fmt.Errorf("plot: %s, %s and %s, %s do not go into one reliability diagram", first.Task, pairOf(first), r.Task, pairOf(r))
		}
		supervisors, own := trained(result, r)
		if students[i] = own; i == 0 {
			weak = supervisors
		}
	}
	for _, h := range result.Heads {
		if h.Role == harness.Ceiling && h.Task == first.Task && h.Model == first.Strong && h.Variant == first.Variant {
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
		if err := curve(series(i, "student, "+table.LossName(r.Loss)), students[i]); err != nil {
			return nil, err
		}
	}
	if err := curve(&marks{name: "strong ceiling", tone: ink(), glyph: seriesGlyph(7)}, top); err != nil {
		return nil, err
	}
	low := 10 * math.Floor(min(c.lowest(), 90)/10)
	c.plot.X.Min, c.plot.X.Max, c.plot.Y.Min, c.plot.Y.Max = low, 100, low, 100
	c.plot.X.Tick.Marker, c.plot.Y.Tick.Marker = every(low, 100, 5), every(low, 100, 5)
	c.add(guide("as right as claimed", low, low, 100, 100))
	c.height = 320
	c.Title = clean(fmt.Sprintf("Reliability: %s, %s", first.Task, pairOf(first)))
	c.note("n = %d test examples times %s %s, in %d bins of equal width. Below the diagonal a head claims more than it knows. ECE over the same bins.",
		first.N, span(seeds), plural(seeds[0], "seed", "seeds"), bins)
	c.Alt = fmt.Sprintf("Share of right answers against claimed probability on %s for floor, %d students and ceiling.", clean(first.Task), len(rows))
	return c, nil
}

// lowest is the smallest coordinate drawn so far: with two classes the probability of an answer is never below a half.
func (c *Chart) lowest() float64 { return min(c.plot.X.Min, c.plot.Y.Min) }

// trained are the students of a row and their supervisors.
func trained(result *harness.Result, r harness.Row) (supervisors, students []harness.HeadRecord) {
	byID := map[string]harness.HeadRecord{}
	for _, h := range result.Heads {
		byID[h.ID] = h
	}
	for _, h := range result.Heads {
		if h.Role != harness.Student || h.Task != r.Task || h.Model != r.Strong || h.Loss != r.Loss || h.Treatment != r.Treatment || h.Variant != r.Variant {
			continue
		}
		sup := byID[h.Supervisor]
		if name := sup.Model; name == r.Weak && sup.Role != harness.Baseline || sup.Role == harness.Baseline && sup.Loss == r.Weak {
			supervisors, students = append(supervisors, sup), append(students, h)
		}
	}
	return supervisors, students
}
