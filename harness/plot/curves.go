package plot

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"

	"w2s/harness/loss"
	"w2s/harness/summary"
)

func tick(at float64, label string) plot.Tick { return plot.Tick{Value: at, Label: short(label, 30)} }

// labelled returns a function that names the series of a row by the parts in which rows differ.
func labelled(rows []summary.Row, parts ...func(summary.Row) string) func(summary.Row) string {
	var kept []func(summary.Row) string
	for _, of := range parts {
		if slices.ContainsFunc(rows, func(r summary.Row) bool { return of(r) != of(rows[0]) }) {
			kept = append(kept, of)
		}
	}
	if len(kept) == 0 {
		kept = parts[:1]
	}
	return func(r summary.Row) string {
		var names []string
		for _, of := range kept {
			if text := of(r); text != "" {
				names = append(names, text)
			}
		}
		return strings.Join(names, ", ")
	}
}

func taskOf(r summary.Row) string { return r.Task }

// Alpha draws PGR against the weight of the confidence term, for losses with two or more weights.
func Alpha(rows []summary.Row) (*Chart, error) {
	c := newChart("alpha", "PGR by the weight of the confidence term", "alpha: weight of the student's own answers", "PGR")
	key := func(r summary.Row) string {
		name, _, _ := loss.CutAlpha(r.Loss)
		return strings.Join([]string{name, r.Task, r.Pair(), setting(r)}, "\x00")
	}
	var swept []summary.Row
	for _, g := range groups(rows, key) {
		if len(groups(g.items, func(r summary.Row) string { return r.Loss })) > 1 && !slices.ContainsFunc(g.items, func(r summary.Row) bool { _, _, ok := loss.CutAlpha(r.Loss); return !ok }) {
			swept = append(swept, g.items...)
		}
	}
	if len(swept) == 0 {
		return nil, c.nothing("no loss has more than one alpha")
	}
	name := labelled(swept, func(r summary.Row) string { n, _, _ := loss.CutAlpha(r.Loss); return loss.Short(n) }, taskOf, summary.Row.Pair, setting)
	drawn, err := c.defined(swept)
	if err != nil {
		return nil, err
	}
	var all []*marks
	for i, g := range groups(drawn, name) {
		m := series(i, g.key)
		m.line = true
		for _, r := range g.items {
			_, alpha, _ := loss.CutAlpha(r.Loss)
			m.points = append(m.points, point{x: alpha, y: r.PGR.Value, yRange: r.PGR.Interval})
		}
		slices.SortStableFunc(m.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
		all = append(all, m)
	}
	c.addApart(all)
	c.plot.X.Min, c.plot.X.Max = min(c.plot.X.Min, 0)-0.03, max(c.plot.X.Max, 1)+0.03
	c.plot.X.Tick.Marker = every(0, 1, 5)
	c.pgrAxis(drawn)
	c.basis(drawn)
	c.Alt = fmt.Sprintf("%d curves of PGR over alpha, %d points. The PGR table has the numbers.", len(c.legend), c.entries)
	return c, nil
}

// Calibration draws PGR against the calibration error of the labels that the student was trained on, one series for each
// treatment.
func Calibration(rows []summary.Row) (*Chart, error) {
	c := newChart("calibration", "PGR by calibration error of the weak labels", "ECE of the treated weak labels (15 bins)", "PGR")
	// Rows with a single treatment say nothing about treatments.
	key := joined(taskOf, summary.Row.Pair, func(r summary.Row) string { return r.Loss }, func(r summary.Row) string { return r.Variant() })
	treatment := func(r summary.Row) string { return r.Treatment }
	var treated []summary.Row
	for _, g := range groups(rows, key) {
		if len(groups(g.items, treatment)) > 1 {
			treated = append(treated, g.items...)
		}
	}
	rows = treated
	byTreatment := groups(rows, treatment)
	if len(rows) == 0 {
		return nil, c.nothing("no two treatments of the labels")
	}
	drawn, err := c.defined(rows)
	if err != nil {
		return nil, err
	}
	// A thin line joins the same task, pair and loss under different treatments.
	for _, g := range groups(drawn, key) {
		m := &marks{tone: faint(), line: true}
		for _, r := range g.items {
			m.points = append(m.points, point{x: r.Labels.ECE, y: r.PGR.Value})
		}
		slices.SortStableFunc(m.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
		c.plot.Add(m)
	}
	high := 0.0
	for i, g := range groups(drawn, treatment) {
		m := series(i, g.key)
		for _, r := range g.items {
			m.points = append(m.points, point{x: r.Labels.ECE, y: r.PGR.Value, yRange: r.PGR.Interval})
			high = max(high, r.Labels.ECE)
		}
		c.add(m)
	}
	high = max(high*1.05, 0.05)
	c.plot.X.Min, c.plot.X.Max = 0, high
	c.plot.X.Tick.Marker = every(0, high, 6)
	c.pgrAxis(drawn)
	c.basis(drawn)
	c.note("A thin line joins the same task, pair and loss.")
	c.Alt = fmt.Sprintf("Scatter of %d rows: PGR against the calibration error of the labels after %s.", len(drawn), listed(byTreatment))
	return c, nil
}

// Size draws floor, students and ceiling of one task and pair against the number of training examples.
func Size(rows []summary.Row) (*Chart, error) {
	c := newChart("size", "Scores by the size of the training set", "training examples of each head (log scale)", "")
	rows = slices.DeleteFunc(slices.Clone(rows), func(r summary.Row) bool { return r.Train < 1 }) // not known
	sizes := groups(rows, func(r summary.Row) string { return strconv.Itoa(r.Train) })
	if len(sizes) < 2 {
		return nil, c.nothing("no two sizes of the training set")
	}
	first := rows[0]
	for _, r := range rows {
		if r.Task != first.Task || r.Pair() != first.Pair() {
			return nil, fmt.Errorf("plot: sizes of %s, %s and of %s, %s do not go into one chart", first.Task, first.Pair(), r.Task, r.Pair())
		}
	}
	curve := func(m *marks, rows []summary.Row, of func(summary.Row) summary.Figure) {
		m.line = true
		for _, r := range rows {
			v, interval := percent(of(r))
			m.points = append(m.points, point{x: float64(r.Train), y: v, yRange: interval})
		}
		slices.SortStableFunc(m.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
		m.points = slices.CompactFunc(m.points, func(a, b point) bool { return a.x == b.x })
		c.add(m)
	}
	curve(&marks{name: "weak floor: " + first.Weak, tone: weakTone(), glyph: seriesGlyph(6)}, rows, func(r summary.Row) summary.Figure { return r.Floor })
	for i, g := range groups(rows, labelled(rows, func(r summary.Row) string { return loss.Short(r.Loss) }, func(r summary.Row) string { return r.Treatment })) {
		curve(series(i, "student, "+g.key), g.items, func(r summary.Row) summary.Figure { return r.Transfer })
	}
	curve(&marks{name: "strong ceiling: " + first.Strong, tone: ink(), glyph: seriesGlyph(7)}, rows, func(r summary.Row) summary.Figure { return r.Ceiling })
	c.plot.X.Scale = plot.LogScale{}
	var ticks names
	var last float64
	all := make([]int, len(rows))
	for i, r := range rows {
		all[i] = r.Train
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for _, n := range all {
		label := strconv.Itoa(n)
		if last > 0 && math.Log(float64(n)/last) < 0.12 {
			label = "" // it would cover the previous one
		} else {
			last = float64(n)
		}
		ticks = append(ticks, plot.Tick{Value: float64(n), Label: label})
	}
	c.plot.X.Tick.Marker = ticks
	c.plot.X.Min, c.plot.X.Max = float64(all[0])*0.95, float64(all[len(all)-1])*1.05
	c.plot.Y.Label.Text = string(first.Metric) + ", %"
	c.plot.Y.Tick.Marker = every(c.plot.Y.Min, c.plot.Y.Max, 8)
	c.Title = clean(fmt.Sprintf("Scores by the size of the training set: %s, %s", first.Task, first.Pair()))
	c.basis(rows)
	c.Alt = fmt.Sprintf("Curves of %s over %d sizes of the training set for floor, student and ceiling.", first.Metric, len(ticks))
	return c, nil
}

// Noise draws the student's score against the accuracy of the labels of simulated supervisors, one series for each kind of
// error. A student above the diagonal is better than its labels.
func Noise(rows []summary.Row) (*Chart, error) {
	c := newChart("noise", "Students of simulated supervisors", "accuracy of the weak labels, %", "")
	rows = slices.DeleteFunc(slices.Clone(rows), func(r summary.Row) bool { return !r.Simulated })
	if len(rows) == 0 {
		return nil, c.nothing("no simulated supervisor")
	}
	kind := func(r summary.Row) string { k, _, _ := strings.Cut(r.Weak, ":"); return k }
	lo, hi := 100.0, 0.0
	name := labelled(rows, kind, taskOf, func(r summary.Row) string { return r.Strong }, func(r summary.Row) string { return loss.Short(r.Loss) }, setting)
	for i, g := range groups(rows, name) {
		m := series(i, g.key)
		m.line = true
		for _, r := range g.items {
			v, interval := percent(r.Transfer)
			m.points = append(m.points, point{x: 100 * r.Labels.Accuracy, y: v, yRange: interval})
			lo, hi = min(lo, 100*r.Labels.Accuracy, v), max(hi, 100*r.Labels.Accuracy, v)
			if interval.Known() {
				lo, hi = min(lo, interval.Lo), max(hi, interval.Hi)
			}
		}
		slices.SortStableFunc(m.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
		c.add(m)
	}
	lo, hi = lo-1, hi+1
	c.add(guide("as good as the labels", lo, lo, hi, hi))
	c.plot.X.Min, c.plot.X.Max, c.plot.Y.Min, c.plot.Y.Max = lo, hi, lo, hi
	c.plot.X.Tick.Marker, c.plot.Y.Tick.Marker = every(lo, hi, 8), every(lo, hi, 8)
	c.plot.Y.Label.Text = fmt.Sprintf("student's %s, %%", rows[0].Metric)
	c.height = 320
	c.basis(rows)
	c.Alt = fmt.Sprintf("%d students of simulated supervisors: their %s against the accuracy of the labels they were given.", len(rows), rows[0].Metric)
	return c, nil
}
