package plot

import (
	"cmp"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"w2s/harness/summary"
	"w2s/internal/list"
)

// tags names points of a chart in small type. A name is left out where no side of its point has room beside other points and
// earlier names.
type tags struct {
	names  []tag
	points []point // of the chart
}

type tag struct {
	x, y float64
	text string
}

// maxTags is the largest number of tags that a chart has room for.
const maxTags = 10

// topTags names tasks and pairs of models, each at its highest PGR. There are no tags if there are too many of them. The pair is
// named where a task has several.
func topTags(rows []summary.Row, x func(summary.Row) float64) tags {
	name := distinguishing(rows, taskOf, summary.Row.Pair)
	if len(groups(rows, taskOf)) == len(groups(rows, name)) {
		name = taskOf
	}
	parts := groups(rows, name)
	if len(parts) > maxTags {
		return tags{}
	}
	all := tags{points: list.Map(rows, func(r summary.Row) point { return pgrPoint(x(r), r) })}
	for _, g := range parts {
		top := slices.MaxFunc(g.items, func(a, b summary.Row) int { return cmp.Compare(a.PGR.Value, b.PGR.Value) })
		all.names = append(all.names, tag{x: x(top), y: top.PGR.Value, text: short(clean(g.key), tagLength)})
	}
	return all
}

// tagLength is the largest number of characters of a tag.
const tagLength = 36

// Plot implements plot.Plotter.
func (t tags) Plot(c draw.Canvas, p *plot.Plot) {
	const away, size = 5, textSize - 1.5
	x, y := p.Transforms(&c)
	var taken []vg.Rectangle
	for _, q := range t.points {
		const half = 4 // of a mark and the shift of its series
		at := vg.Point{X: x(q.x), Y: y(q.y)}
		taken = append(taken, vg.Rectangle{Min: at.Sub(vg.Point{X: half, Y: half / 2}), Max: at.Add(vg.Point{X: half, Y: half / 2})})
	}
	for _, tag := range t.names {
		at := vg.Point{X: x(tag.x), Y: y(tag.y)}
		if !c.Contains(at) {
			continue
		}
		style := draw.TextStyle{Color: soft().light, Font: sans(size), YAlign: draw.YCenter, Handler: plot.DefaultTextHandler}
		w := style.Width(tag.text)
		for _, start := range []vg.Point{
			{X: at.X + away, Y: at.Y}, {X: at.X - away - w, Y: at.Y}, {X: at.X + away, Y: at.Y + size}, {X: at.X + away, Y: at.Y - size},
			{X: at.X - away - w, Y: at.Y + size}, {X: at.X - away - w, Y: at.Y - size},
		} {
			box := vg.Rectangle{Min: vg.Point{X: start.X, Y: start.Y - size/2}, Max: vg.Point{X: start.X + w, Y: start.Y + size/2}}
			if !c.Contains(box.Min) || !c.Contains(box.Max) || slices.ContainsFunc(taken, func(r vg.Rectangle) bool { return meet(r, box) }) {
				continue
			}
			c.FillText(style, start, tag.text)
			taken = append(taken, box)
			break
		}
	}
}

// meet reports whether two rectangles have a point in common.
func meet(a, b vg.Rectangle) bool {
	return a.Min.X <= b.Max.X && b.Min.X <= a.Max.X && a.Min.Y <= b.Max.Y && b.Min.Y <= a.Max.Y
}
