package plot

import (
	"fmt"
	"math"
	"slices"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/internal/visible"
)

// bins is the number of bins of a reliability diagram. It is smaller than for ECE so that each bin holds enough examples.
const bins = 10

// minBin is the least number of predictions of a bin that is drawn.
const minBin = 10

// Reliability draws how often answers are right against the probability that the heads give to them, for floor, students
// and ceiling on the test examples of r. All rows must have the same task, pair, treatment and variant, one row for each
// loss. The predictions of all seeds are pooled.
func Reliability(r *result.Result, rows []summary.Row) (*Chart, error) {
	c := newChart("reliability", "Reliability on the test examples", "probability of the answer, %", "answers that are right, %")
	if len(rows) == 0 {
		return nil, c.nothing("no rows")
	}
	if err := agree(rows, func(r summary.Row) string { return r.Task + ", " + r.Pair() + ", " + setting(r) }); err != nil {
		return nil, err
	}
	first := rows[0]
	var gold result.Distributions
	if at := slices.IndexFunc(r.Tasks, func(t result.Task) bool { return t.Name == first.Task }); at >= 0 {
		gold = r.Tasks[at].TestGold
	}
	floor, _ := studentsOf(r, first)
	ceiling := ceilingsOf(r, first)
	if len(gold) == 0 || len(floor) == 0 || len(ceiling) == 0 {
		return nil, c.nothing("the result does not hold the rows' heads")
	}
	type curve struct {
		marks *marks
		heads []*result.Head // one for each seed
	}
	curves := []curve{{floorMarks("weak floor"), floor}}
	for i, m := range lossSeries(list.Map(rows, lossOf)) {
		_, students := studentsOf(r, rows[i])
		m.name = "student, " + m.name
		curves = append(curves, curve{m, students})
	}
	curves = append(curves, curve{ceilingMarks("strong ceiling"), ceiling})
	var seeds, sizes []int
	few, least := 0, 0
	for _, cv := range curves {
		var predictions [][]float64
		for _, h := range cv.heads {
			predictions = append(predictions, h.Test...)
		}
		seeds = append(seeds, len(cv.heads))
		m := cv.marks
		least = min(minBin, len(predictions)/bins)
		cal, err := stats.Calibrate(predictions, slices.Repeat(gold, len(cv.heads)), bins)
		if err != nil {
			return nil, fmt.Errorf("plot: reliability of %s on %s: %w", m.name, first.Task, err)
		}
		for _, b := range cal.Bins {
			if b.N < least {
				few++
				continue
			}
			m.points = append(m.points, point{x: 100 * b.Confidence, y: 100 * b.Accuracy})
			sizes = append(sizes, b.N)
		}
		m.line = true
		m.name += fmt.Sprintf(" (ECE %.3f)", cal.ECE)
		c.add(m)
	}
	// The axes begin below the first point: with two classes, the probability of an answer is at least one half.
	low := 10 * math.Floor(min(c.plot.X.Min, c.plot.Y.Min, 90)/10)
	c.square(low, 100, 5, "calibrated")
	c.Title = clean(titled(fmt.Sprintf("Reliability: %s, %s", first.Task, first.Pair()), first))
	c.note("n = %s times %s %s, in %d bins of equal width. A point holds %s predictions. Below the diagonal, a head is overconfident. ECE is computed with the same bins.",
		visible.Count(first.N, "test example"), span(seeds), visible.Plural(seeds[0], "seed"), bins, span(sizes))
	if few > 0 {
		c.note("Left out: %s of fewer than %d predictions.", visible.Count(few, "bin"), least)
	}
	c.Alt = fmt.Sprintf("Share of right answers against predicted probability on %s, for the floor, %d students and the ceiling.", clean(first.Task), len(rows))
	return c, nil
}

// studentsOf returns the students of a row and their supervisors, one of each for every seed.
func studentsOf(r *result.Result, row summary.Row) (supervisors, students []*result.Head) {
	byID := map[string]*result.Head{}
	for i := range r.Heads {
		byID[r.Heads[i].ID] = &r.Heads[i]
	}
	for i := range r.Heads {
		h := &r.Heads[i]
		if h.Role == result.Student && h.Stopped == row.Stopped && belongs(h, row) && h.Loss == row.Loss && h.Treatment == row.Treatment {
			if s := byID[h.Supervisor]; s.Source() == row.Weak {
				supervisors, students = append(supervisors, s), append(students, h)
			}
		}
	}
	return supervisors, students
}

// ceilingsOf returns the strong ceilings of a row.
func ceilingsOf(r *result.Result, row summary.Row) []*result.Head {
	var heads []*result.Head
	for i := range r.Heads {
		if h := &r.Heads[i]; h.Role == result.Ceiling && belongs(h, row) {
			heads = append(heads, h)
		}
	}
	return heads
}

// belongs reports whether h is a head of a row's strong model with the row's task and training data.
func belongs(h *result.Head, row summary.Row) bool {
	return h.Task == row.Task && h.Model == row.Strong && h.Size == row.Size && h.Trained == row.Trained
}
