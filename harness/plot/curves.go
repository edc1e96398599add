package plot

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// Alpha draws PGR against the weight of the confidence term, for losses with two or more weights.
func Alpha(rows []summary.Row) (*Chart, error) {
	c := newChart("alpha", "PGR by the weight of the confidence term", "alpha: weight of the student's own answers", "PGR")
	var swept []summary.Row
	for _, g := range groups(rows, joined(lossWithoutAlpha, taskOf, summary.Row.Pair, setting)) {
		without := func(r summary.Row) bool { _, _, found := loss.CutAlpha(r.Loss); return !found }
		if len(groups(g.items, func(r summary.Row) string { return r.Loss })) > 1 && !slices.ContainsFunc(g.items, without) {
			swept = append(swept, g.items...)
		}
	}
	if len(swept) == 0 {
		return nil, c.nothing("no loss has more than one alpha")
	}
	name := distinguishing(swept, lossWithoutAlpha, taskOf, summary.Row.Pair, setting)
	drawn, err := c.defined(swept)
	if err != nil {
		return nil, err
	}
	var all []*marks
	for i, g := range groups(drawn, name) {
		m := series(i, g.key)
		m.points = list.Map(g.items, func(r summary.Row) point {
			_, alpha, _ := loss.CutAlpha(r.Loss)
			return pgrPoint(alpha, r)
		})
		m.join()
		all = append(all, m)
	}
	c.addApart(all)
	c.plot.X.Min, c.plot.X.Max = min(c.plot.X.Min, 0)-0.03, max(c.plot.X.Max, 1)+0.03
	c.plot.X.Tick.Marker = every(0, 1, 5)
	c.pgrAxis(drawn)
	c.basis(drawn)
	c.Alt = fmt.Sprintf("%d curves of PGR against alpha with %s. The PGR table has the numbers.", len(c.legend), visible.Count(c.points, "point"))
	return c, nil
}

// Size draws floor, students and ceiling of one task and pair against the number of training examples.
func Size(rows []summary.Row) (*Chart, error) {
	c := newChart("size", "Scores by the size of the training set", "training examples of each head (log scale)", "")
	rows = where(rows, func(r summary.Row) bool { return r.Train > 0 }) // imported rows do not say
	sizes := list.Map(rows, func(r summary.Row) int { return r.Train })
	slices.Sort(sizes)
	if sizes = slices.Compact(sizes); len(sizes) < 2 {
		return nil, c.nothing("all rows have the same size of the training set")
	}
	first := rows[0]
	if err := agree(rows, func(r summary.Row) string { return r.Task + ", " + r.Pair() }); err != nil {
		return nil, err
	}
	c.scores(rows, groups(rows, distinguishing(rows, lossOf, treatmentOf)), first.Strong, func(r summary.Row) float64 { return float64(r.Train) })
	c.plot.X.Scale = plot.LogScale{}
	c.plot.X.Tick.Marker = sizeTicks(sizes)
	c.plot.X.Min, c.plot.X.Max = float64(sizes[0])*0.95, float64(sizes[len(sizes)-1])*1.05
	c.plot.Y.Label.Text = scoreOf(rows, metricOf) + ", %"
	c.plot.Y.Tick.Marker = every(c.plot.Y.Min, c.plot.Y.Max, 8)
	c.Title = clean(titled(fmt.Sprintf("Scores by the size of the training set: %s, %s", first.Task, first.Pair()), first))
	c.basis(rows)
	c.Alt = fmt.Sprintf("Curves of the %s of floor, students and ceiling against the size of the training set, for %d sizes.", scoreOf(rows, metricOf), len(sizes))
	return c, nil
}

// Curves draws score and agreement of students of one task and pair against the step after which their training was stopped. Students that
// were not stopped stand at the right.
func Curves(rows []summary.Row) (*Chart, error) {
	c := newChart("curves", "Scores by step of training", "steps of Adam after which training was stopped", "")
	var steps []int
	for _, r := range rows {
		if r.Stopped > 0 {
			steps = list.AppendNew(steps, r.Stopped)
		}
	}
	if slices.Sort(steps); len(steps) == 0 {
		return nil, c.nothing("no training was stopped")
	}
	first := rows[0]
	end := 2 * steps[len(steps)-1] // where students that were not stopped stand
	curve := func(m *marks, rows []summary.Row, of func(x float64, r summary.Row) point) {
		m.points = list.Map(rows, func(r summary.Row) point { return of(float64(cmp.Or(r.Stopped, end)), r) })
		m.join()
		m.points = slices.CompactFunc(m.points, func(a, b point) bool { return a.x == b.x })
		c.add(m)
	}
	floor := floorMarks("weak floor: " + first.Weak)
	curve(floor, rows, func(x float64, r summary.Row) point { return pointAt(x, r.Floor) })
	students := groups(rows, distinguishing(rows, lossOf, treatmentOf))
	series := studentSeries(students)
	for i, g := range students {
		curve(series[i], g.items, func(x float64, r summary.Row) point { return pointAt(x, r.Transfer) })
		agreement := *series[i]
		agreement.name, agreement.glyph, agreement.dashes = "agreement, "+g.key, nil, []vg.Length{2, 2}
		curve(&agreement, g.items, func(x float64, r summary.Row) point { return point{x: x, y: 100 * r.Imitation.Student.All.Value} })
	}
	curve(ceilingMarks("strong ceiling: "+first.Strong), rows, func(x float64, r summary.Row) point { return pointAt(x, r.Ceiling) })
	c.plot.X.Scale = plot.LogScale{}
	ticks := append(sizeTicks(steps), plot.Tick{Value: float64(end), Label: "all"})
	c.plot.X.Tick.Marker = ticks
	c.plot.X.Min, c.plot.X.Max = float64(steps[0])*0.9, float64(end)*1.1
	c.plot.Y.Label.Text = scoreOf(rows, metricOf) + ", agreement, %"
	c.plot.Y.Tick.Marker = every(c.plot.Y.Min, c.plot.Y.Max, 8)
	c.Title = clean(titled(fmt.Sprintf("Scores by step of training: %s, %s", first.Task, first.Pair()), first))
	c.note("Dashed: share of test examples that the student answers as its supervisor does.")
	c.basis(rows)
	c.Alt = fmt.Sprintf("Curves of the %s of students and of their agreement with the supervisor against the step after which training was stopped, for %d steps.", scoreOf(rows, metricOf), len(steps))
	return c, nil
}

// scores draws floor, students and ceiling of one task and pair at the x of each row.
func (c *Chart) scores(rows []summary.Row, students []group[summary.Row], strong string, at func(summary.Row) float64) {
	curve := func(m *marks, rows []summary.Row, of func(summary.Row) summary.Figure) {
		m.points = list.Map(rows, func(r summary.Row) point { return pointAt(at(r), of(r)) })
		m.join()
		m.points = slices.CompactFunc(m.points, func(a, b point) bool { return a.x == b.x })
		c.add(m)
	}
	curve(floorMarks("weak floor: "+rows[0].Weak), rows, func(r summary.Row) summary.Figure { return r.Floor })
	series := studentSeries(students)
	for i, g := range students {
		curve(series[i], g.items, func(r summary.Row) summary.Figure { return r.Transfer })
	}
	curve(ceilingMarks("strong ceiling: "+strong), rows, func(r summary.Row) summary.Figure { return r.Ceiling })
}

// Imbalance draws floor, students and ceiling of one task and pair against the share of the rare class in training.
func Imbalance(rows []summary.Row) (*Chart, error) {
	c := newChart("imbalance", "Scores by share of the rare class", "share of the rare class in training, %", "")
	share := func(r summary.Row) float64 { _, s, _ := tasks.CutMinority(r.Task); return 100 * s }
	rows = where(rows, func(r summary.Row) bool { return share(r) > 0 })
	shares := list.AppendNew(nil, list.Map(rows, share)...)
	if slices.Sort(shares); len(shares) < 2 {
		return nil, c.nothing("fewer than two shares of the rare class")
	}
	first := rows[0]
	c.scores(rows, groups(rows, distinguishing(rows, lossOf, treatmentOf)), first.Strong, share)
	c.plot.X.Scale = plot.LogScale{}
	c.plot.X.Tick.Marker = names(list.Map(shares, func(s float64) plot.Tick { return plot.Tick{Value: s, Label: strconv.FormatFloat(s, 'g', -1, 64)} }))
	c.plot.X.Min, c.plot.X.Max = shares[0]*0.9, shares[len(shares)-1]*1.1
	c.plot.Y.Label.Text = scoreOf(rows, metricOf) + ", %"
	c.plot.Y.Tick.Marker = every(c.plot.Y.Min, c.plot.Y.Max, 8)
	base, _, _ := tasks.CutMinority(first.Task)
	c.Title = clean(titled(fmt.Sprintf("Scores by share of the rare class: %s, %s", base, first.Pair()), first))
	c.note("The test examples are balanced.")
	c.basis(rows)
	c.Alt = fmt.Sprintf("Curves of the %s of floor, students and ceiling against the share of the rare class in training, for %d shares.", scoreOf(rows, metricOf), len(shares))
	return c, nil
}

// sizeTicks returns a tick for each size, in ascending order. A label that would cover the previous one is left out.
func sizeTicks(sizes []int) names {
	var ticks names
	last := 0
	for _, n := range sizes {
		label := ""
		if last == 0 || math.Log(float64(n)/float64(last)) >= 0.12 {
			label, last = strconv.Itoa(n), n
		}
		ticks = append(ticks, plot.Tick{Value: float64(n), Label: label})
	}
	return ticks
}

// LayerScores draws floor, students and ceiling of one task, supervisor and strong model against the layer of the strong model.
func LayerScores(rows []summary.Row) (*Chart, error) {
	c := newChart("layers", "Scores by layer", layerAxis, "")
	first, err := oneModel(rows)
	if err != nil {
		return nil, err
	}
	c.scores(rows, groups(rows, lossOf), first.StrongLayer.Of, func(r summary.Row) float64 { return float64(r.StrongLayer.Number) })
	c.layerAxis(rows)
	c.plot.Y.Label.Text = scoreOf(rows, metricOf) + ", %"
	c.plot.Y.Tick.Marker = every(c.plot.Y.Min, c.plot.Y.Max, 8)
	c.Title = clean(titled(fmt.Sprintf("Scores by layer: %s, %s → %s", first.Task, first.Weak, first.StrongLayer.Of), first))
	c.basis(rows)
	c.Alt = fmt.Sprintf("Curves of the %s of floor, students and ceiling against the layer of %s, for %d layers.", scoreOf(rows, metricOf), first.StrongLayer.Of,
		len(c.plot.X.Tick.Marker.(names)))
	return c, nil
}

// LayerPGR draws PGR of one task, supervisor and strong model against the layer of the strong model, one series for each loss.
func LayerPGR(rows []summary.Row) (*Chart, error) {
	c := newChart("layers", "PGR by layer", layerAxis, "PGR")
	first, err := oneModel(rows)
	if err != nil {
		return nil, err
	}
	drawn, err := c.defined(rows)
	if err != nil {
		return nil, err
	}
	var all []*marks
	for i, g := range groups(drawn, lossOf) {
		m := series(i, g.key)
		m.points = list.Map(g.items, func(r summary.Row) point { return pgrPoint(float64(r.StrongLayer.Number), r) })
		m.join()
		all = append(all, m)
	}
	c.addApart(all)
	c.layerAxis(rows)
	c.pgrAxis(drawn)
	c.Title = clean(titled(fmt.Sprintf("PGR by layer: %s, %s → %s", first.Task, first.Weak, first.StrongLayer.Of), first))
	c.basis(drawn)
	c.Alt = fmt.Sprintf("%d curves of PGR against the layer of %s with %d points. The PGR table has the numbers.", len(all), first.StrongLayer.Of, c.points)
	return c, nil
}

const layerAxis = "layer of the strong model whose states are the features"

// oneModel returns the first of the rows, which must have the same task, supervisor and strong model, with layers.
func oneModel(rows []summary.Row) (summary.Row, error) {
	first := rows[0]
	return first, agree(rows, func(r summary.Row) string {
		if r.StrongLayer == nil {
			return "the own output of " + r.Strong
		}
		return r.Task + ", " + r.Weak + " → " + r.StrongLayer.Of
	})
}

// layerAxis sets the x axis. Each layer has a tick. If there are many, a label that would cover the previous one is left out.
func (c *Chart) layerAxis(rows []summary.Row) {
	layers := list.Map(rows, func(r summary.Row) int { return r.StrongLayer.Number })
	slices.Sort(layers)
	layers = slices.Compact(layers)
	low, high := layers[0], layers[len(layers)-1]
	digits := max(2, len(strconv.Itoa(high)))
	room := float64(high-low) * (0.015 + 0.0125*float64(digits)) // what a label takes
	var ticks names
	last := low - 1 - high
	for _, n := range layers {
		label := ""
		if float64(n-last) >= room {
			label, last = strconv.Itoa(n), n
		}
		ticks = append(ticks, plot.Tick{Value: float64(n), Label: label})
	}
	c.plot.X.Min, c.plot.X.Max = float64(low)-room-0.1, float64(high)+room+0.1
	c.plot.X.Tick.Marker = ticks
}

// Noise draws the student's score against the accuracy of the labels of simulated supervisors, one series for each kind of
// error. If the score is accuracy, a student above the diagonal is better than its labels.
func Noise(rows []summary.Row) (*Chart, error) {
	c := newChart("noise", "Students of simulated supervisors", "accuracy of the weak labels, %", "")
	rows = where(rows, func(r summary.Row) bool { return r.Simulated })
	if len(rows) == 0 {
		return nil, c.nothing("no simulated supervisor")
	}
	kind := func(r summary.Row) string {
		k, _, _ := strings.Cut(strings.TrimPrefix(r.Weak, result.SimulatedPrefix), ":")
		return k
	}
	name := distinguishing(rows, kind, taskOf, func(r summary.Row) string { return r.Strong }, lossOf, setting)
	for i, g := range groups(rows, name) {
		m := series(i, g.key)
		m.points = list.Map(g.items, func(r summary.Row) point { return pointAt(100*r.Labels.Accuracy, r.Transfer) })
		m.join()
		c.add(m)
	}
	score := scoreOf(rows, metricOf)
	if score == string(tasks.Accuracy) { // another metric cannot be compared with the accuracy of the labels
		lo, hi := min(c.plot.X.Min, c.plot.Y.Min, 100)-1, max(c.plot.X.Max, c.plot.Y.Max, 0)+1
		c.square(lo, hi, 8, "as good as the labels")
	} else {
		for _, a := range []*plot.Axis{&c.plot.X, &c.plot.Y} {
			a.Min, a.Max = a.Min-1, a.Max+1
			a.Tick.Marker = every(a.Min, a.Max, 8)
		}
	}
	c.plot.Y.Label.Text = fmt.Sprintf("student's %s, %%", score)
	c.basis(rows)
	c.Alt = fmt.Sprintf("%d students of simulated supervisors: their %s against the accuracy of the labels that they were trained on.", len(rows), score)
	return c, nil
}
