package plot

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot"

	"w2s/harness/summary"
	"w2s/internal/list"
)

// Gap draws PGR against the capability gap (ceiling - floor), one mark for each row and one series for each loss.
func Gap(rows []summary.Row) (*Chart, error) {
	c := newChart("gap", "PGR against the capability gap", "gap: strong ceiling - weak floor, points", "PGR")
	rows, err := c.defined(rows)
	if err != nil {
		return nil, err
	}
	widest := 0.0
	losses := byLoss(rows)
	all := lossSeries(keys(losses))
	for i, g := range losses {
		m := all[i]
		for _, r := range g.items {
			m.points = append(m.points, pgrPoint(100*r.PGR.Gap, r))
			widest = max(widest, 100*r.PGR.Gap)
		}
	}
	c.addApart(all)
	c.plot.Add(topTags(rows, func(r summary.Row) float64 { return 100 * r.PGR.Gap }))
	c.plot.X.Min, c.plot.X.Max = 0, widest*1.05
	c.plot.X.Tick.Marker = every(0, widest*1.05, 8)
	c.pgrAxis(rows)
	c.basis(rows)
	c.Alt = fmt.Sprintf("Scatter plot of %d rows: PGR against the capability gap, which reaches %.1f points. The PGR table has the numbers.", len(rows), widest)
	return c, nil
}

// Raters draws PGR against the score of supervisors that are people, one mark for each row and one series for each student and loss.
func Raters(rows []summary.Row) (*Chart, error) {
	c := newChart("raters", "PGR against the raters' score", "", "PGR")
	rows, err := c.defined(rows)
	if err != nil {
		return nil, err
	}
	low, high := 100.0, 0.0
	var all []*marks
	for i, g := range groups(rows, distinguishing(rows, func(r summary.Row) string { return r.Strong }, lossOf)) {
		m := series(i, g.key)
		for _, r := range g.items {
			x := 100 * r.Floor.Value
			m.points = append(m.points, pgrPoint(x, r))
			low, high = min(low, x), max(high, x)
		}
		all = append(all, m)
	}
	c.addApart(all)
	c.plot.X.Label.Text = scoreOf(rows, metricOf) + " of the raters, %"
	c.plot.X.Min, c.plot.X.Max = low-2, high+2
	c.plot.X.Tick.Marker = every(low-2, high+2, 8)
	c.pgrAxis(rows)
	c.basis(rows)
	c.note("PGR is undefined where raters score as high as the strong ceiling.")
	c.Alt = fmt.Sprintf("Scatter plot of %d rows: PGR against the raters' score, from %.1f to %.1f %%. The PGR table has the numbers.", len(rows), low, high)
	return c, nil
}

// Imitation draws how often the student repeats its supervisor's errors against how often the ceiling makes the same
// errors by itself. What is above the diagonal is imitation.
func Imitation(rows []summary.Row) (*Chart, error) {
	c := newChart("imitation", "Errors of the supervisor repeated by student and ceiling",
		"repeated by the strong ceiling, %", "repeated by the student, %")
	above := 0
	losses := byLoss(rows)
	all := lossSeries(keys(losses))
	for i, g := range losses {
		m := all[i]
		for _, r := range g.items {
			student, ceiling := r.Imitation.Student.OnErrors, r.Imitation.Ceiling.OnErrors
			if !student.Defined() || !ceiling.Defined() {
				continue
			}
			m.points = append(m.points, point{x: 100 * ceiling.Value, y: 100 * student.Value, yRange: times100(student.Interval)})
			if student.Value > ceiling.Value {
				above++
			}
		}
		if len(m.points) > 0 {
			c.add(m)
		}
	}
	points := c.points
	if points == 0 {
		return nil, c.nothing("no supervisor made an error")
	}
	c.square(0, 100, 5, "as often as the ceiling")
	c.note("Share of the supervisor's wrong answers that the model gives as well. The ceiling never saw them, so what is above the diagonal is imitation.")
	c.basis(rows)
	c.Alt = fmt.Sprintf("Scatter plot of %d rows: in %d of them the student repeats more of its supervisor's errors than the ceiling does.", points, above)
	return c, nil
}

// Calibration draws PGR against the calibration error of the labels that the student was trained on, one series for each
// treatment.
func Calibration(rows []summary.Row) (*Chart, error) {
	c := newChart("calibration", "PGR by calibration error of the weak labels", "ECE of the treated weak labels (15 bins)", "PGR")
	key := joined(taskOf, summary.Row.Pair, func(r summary.Row) string { return r.Loss }, summary.Row.Variant)
	var treated []summary.Row // rows with a single treatment say nothing about treatments
	for _, g := range groups(rows, key) {
		if len(groups(g.items, treatmentOf)) > 1 {
			treated = append(treated, g.items...)
		}
	}
	if len(treated) == 0 {
		return nil, c.nothing("all labels have the same treatment")
	}
	drawn, err := c.defined(treated)
	if err != nil {
		return nil, err
	}
	for _, g := range groups(drawn, key) {
		m := &marks{tone: faint(), points: list.Map(g.items, func(r summary.Row) point { return point{x: r.Labels.ECE, y: r.PGR.Value} })}
		m.join()
		c.plot.Add(m)
	}
	high := 0.0
	for i, g := range groups(drawn, treatmentOf) {
		m := series(i, g.key)
		for _, r := range g.items {
			m.points = append(m.points, pgrPoint(r.Labels.ECE, r))
			high = max(high, r.Labels.ECE)
		}
		c.add(m)
	}
	high = max(high*1.05, 0.05)
	c.plot.X.Min, c.plot.X.Max = 0, high
	c.plot.X.Tick.Marker = every(0, high, 6)
	c.pgrAxis(drawn)
	c.basis(drawn)
	c.note("A thin line joins rows of the same task, pair and loss.")
	c.Alt = fmt.Sprintf("Scatter plot of %d rows: PGR against the calibration error of the labels, for the treatments %s.", len(drawn), listed(groups(treated, treatmentOf)))
	return c, nil
}

// Answers draws two figures of a question against each other, one mark for each row and one series for each loss.
func Answers(all summary.Answers) (*Chart, error) {
	q := all.Question
	axes := q.Chart
	if axes.Along != nil {
		return answersAlong(all)
	}
	scale := func(key string) (label string, times float64) {
		name, unit := q.Title(key)
		switch unit {
		case summary.Percent:
			return name + ", %", 100
		case summary.Points:
			return name + ", points", 100
		}
		return name, 1
	}
	xLabel, xTimes := scale(axes.X)
	yLabel, yTimes := scale(axes.Y)
	c := newChart(q.Name, strings.ToUpper(q.Caption[:1])+q.Caption[1:], xLabel, yLabel)
	points := map[string][]point{} // by loss
	var drawn []summary.Row
	low, high := point{}, point{}
	for _, a := range all.Rows {
		x, y := q.Figure(a, axes.X), q.Figure(a, axes.Y)
		if x == nil || y == nil {
			continue
		}
		p := point{x: xTimes * x.Value, y: yTimes * y.Value, xRange: scaled(x.Interval, xTimes), yRange: scaled(y.Interval, yTimes)}
		if drawn == nil {
			low, high = p, p
		}
		low.x, low.y, high.x, high.y = min(low.x, p.x), min(low.y, p.y), max(high.x, p.x), max(high.y, p.y)
		points[lossOf(a.Row)] = append(points[lossOf(a.Row)], p)
		drawn = append(drawn, a.Row)
	}
	if len(drawn) == 0 {
		return nil, c.nothing("no row has both figures")
	}
	if left := len(all.Rows) - len(drawn); left > 0 {
		c.note("Left out: %d of %d rows without a defined %s.", left, len(all.Rows), strings.Split(yLabel, ",")[0])
	}
	losses := byLoss(drawn)
	for i, m := range lossSeries(keys(losses)) {
		for _, name := range list.AppendNew(nil, list.Map(losses[i].items, lossOf)...) {
			m.points = append(m.points, points[name]...)
		}
		c.add(m)
	}
	if axes.Diagonal != "" {
		least, most := min(low.x, low.y), max(high.x, high.y)
		if !axes.Low {
			least = min(0, least)
		}
		edge := max(0.05*(most-least), 1e-6)
		c.square(least-edge, most+edge, 6, axes.Diagonal)
	} else {
		edge := max(0.05*(high.x-low.x), 1e-6)
		c.plot.X.Min, c.plot.X.Max = low.x-edge, high.x+edge
		c.plot.X.Tick.Marker = every(low.x-edge, high.x+edge, 8)
		if axes.Y == summary.PGRKey {
			c.pgrAxis(drawn)
		} else {
			edge = max(0.05*(high.y-low.y), 1e-6)
			c.plot.Y.Min, c.plot.Y.Max = low.y-edge, high.y+edge
			c.plot.Y.Tick.Marker = every(low.y-edge, high.y+edge, 6)
		}
	}
	c.basis(drawn)
	c.Alt = fmt.Sprintf("Scatter plot of %d rows: %s against %s. The table has the numbers.", len(drawn), yLabel, xLabel)
	return c, nil
}

// answersAlong draws figures of a question along the x axis, one line for each row and one colour for each loss.
func answersAlong(all summary.Answers) (*Chart, error) {
	q := all.Question
	name, unit := q.Title(q.Chart.Along[0].Key)
	c := newChart(q.Name, strings.ToUpper(q.Caption[:1])+q.Caption[1:], q.Chart.XTitle, "student - "+q.Chart.XTitle+", points")
	times := 100.0
	if unit != summary.Percent && unit != summary.Points {
		times, c.plot.Y.Label.Text = 1, name
	}
	var places []int
	for _, p := range q.Chart.Along {
		places = append(places, int(p.X))
	}
	var drawn []summary.Row
	lines := map[string][]*marks{} // by loss
	for _, a := range all.Rows {
		m := &marks{}
		for _, p := range q.Chart.Along {
			if f := q.Figure(a, p.Key); f != nil {
				m.points = append(m.points, point{x: p.X, y: times * f.Value, yRange: scaled(f.Interval, times)})
			}
		}
		if len(m.points) == 0 {
			continue
		}
		m.line = true
		lines[lossOf(a.Row)] = append(lines[lossOf(a.Row)], m)
		drawn = append(drawn, a.Row)
	}
	if len(drawn) == 0 {
		return nil, c.nothing("no row has a figure")
	}
	losses := groups(drawn, lossOf)
	series := lossSeries(keys(losses))
	var flat []*marks
	for i, g := range losses {
		for k, m := range lines[g.key] {
			m.tone, m.glyph = series[i].tone, series[i].glyph
			if k == 0 {
				m.name = g.key
			}
			flat = append(flat, m)
		}
	}
	apart(flat)
	for _, m := range flat {
		c.add(m)
	}
	first, last := q.Chart.Along[0].X, q.Chart.Along[len(q.Chart.Along)-1].X
	c.plot.X.Scale = plot.LogScale{}
	c.plot.X.Tick.Marker = sizeTicks(places)
	c.plot.X.Min, c.plot.X.Max = first*0.8, last*1.25
	c.plot.Y.Tick.Marker = every(c.plot.Y.Min, c.plot.Y.Max, 8)
	c.plot.Add(guide("", c.plot.X.Min, 0, c.plot.X.Max, 0))
	c.basis(drawn)
	c.note("A line for each task and pair of models.")
	c.Alt = fmt.Sprintf("%d lines of %s. The table has the numbers.", len(drawn), c.plot.Y.Label.Text)
	return c, nil
}
