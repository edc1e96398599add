package plot

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
)

// Forest draws PGR with its interval, one line for each task and loss, below the name of the pair of models. Categories of several
// tasks have lines of their own. The published range of a category is drawn beside its lines, or beside the lines of its task if it
// has only one. A PGR that is undefined is a grey line with the reason.
func Forest(rows []summary.Row, categories []summary.CategoryRow) (*Chart, error) {
	c := newChart("forest", "Performance gap recovered (PGR) by task and loss", "PGR", "")
	if len(rows) == 0 {
		return nil, c.nothing("no rows")
	}
	f := forest{shade: &bands{tone: between()}, ranges: &bands{tone: published()}, text: &remarks{}, low: 0, high: 1}
	losses := list.AppendNew(nil, list.Map(rows, lossOf)...)
	f.losses = map[string]*marks{}
	all := lossSeries(losses)
	for i, m := range all {
		f.losses[losses[i]] = m
	}
	for i, pair := range groups(rows, joined(summary.Row.Pair, setting)) {
		if i > 0 {
			f.y -= 0.6
		}
		first := pair.items[0]
		heading := first.Pair()
		if s := setting(first); s != "" {
			heading += ", " + s + " labels"
		}
		f.text.add(f.y+0.2, short(heading, 60), ink())
		f.y--
		top := f.y + 0.6
		for _, g := range groups(pair.items, func(r summary.Row) string { return string(r.Category) }) {
			pooled := slices.DeleteFunc(slices.Clone(categories), func(p summary.CategoryRow) bool {
				return string(p.Category) != g.key || p.Weak != first.Weak || p.Strong != first.Strong || p.Treatment != first.Treatment || p.Variant != first.Variant()
			})
			f.category(g, pooled)
		}
		f.shade.boxes = append(f.shade.boxes, box{0, 1, f.y + 0.7, top})
	}
	c.plot.Add(f.shade, f.ranges)
	for _, b := range f.shade.boxes {
		c.plot.Add(guide("", 0, b.y0, 0, b.y1), guide("", 1, b.y0, 1, b.y1))
	}
	for _, m := range all {
		if len(m.points) > 0 {
			c.add(m)
		}
	}
	c.plot.Add(f.text)
	c.plot.X.Min, c.plot.X.Max = f.low-0.05, f.high+0.05
	c.plot.X.Tick.Marker = every(f.low-0.05, f.high+0.05, 8)
	c.nameLines(f.ticks)
	c.plot.Y.Min, c.plot.Y.Max = f.y+0.3, 0.8
	c.height = vg.Length(-f.y*12.5 + 46)
	c.note("Shaded: PGR from 0, the weak floor, to 1, the strong ceiling. An arrow marks an interval that goes on outside the frame.")
	if len(f.ranges.boxes) > 0 {
		c.note("Yellow: range that is commonly quoted for the category from Burns et al. 2023, for naive fine-tuning.")
	}
	c.basis(rows)
	c.Alt = fmt.Sprintf("PGR with intervals of %d rows, by task and loss. The sentences beside this chart and the PGR table have the numbers.", len(rows))
	return c, nil
}

// A forest collects the lines of a forest plot from top to bottom.
type forest struct {
	losses    map[string]*marks
	shade     *bands // from 0 to 1, below the name of each pair
	ranges    *bands
	text      *remarks
	ticks     names
	y         float64 // of the next line
	low, high float64 // range of PGR
}

// category adds the lines of a category: the pooled ones if it has several tasks, and those of its tasks.
func (f *forest) category(rows group[summary.Row], pooled []summary.CategoryRow) {
	byTask := groups(rows.items, taskOf)
	var published *summary.Range
	if len(pooled) > 0 {
		published = pooled[0].Published
	}
	if len(byTask) > 1 {
		var lines []forestLine
		for _, p := range pooled {
			lines = append(lines, forestLine{loss.Short(p.Loss), p.PGR.PGR()})
		}
		f.add(fmt.Sprintf("%s, %d tasks", rows.key, len(byTask)), published, lines)
	}
	for _, task := range byTask {
		label, own := task.key, (*summary.Range)(nil)
		if len(byTask) == 1 {
			label, own = short(task.key, 28-len(rows.key))+" ("+rows.key+")", published
		}
		var lines []forestLine
		for _, r := range task.items {
			lines = append(lines, forestLine{lossOf(r), r.PGR})
		}
		f.add(label, own, lines)
	}
}

// A forestLine is the PGR of a loss.
type forestLine struct {
	loss string
	pgr  stats.PGR
}

// add adds lines with a common label.
func (f *forest) add(label string, published *summary.Range, lines []forestLine) {
	if len(lines) == 0 {
		return
	}
	start := f.y
	for i, l := range lines {
		if !l.pgr.Defined {
			reason := strings.TrimSuffix(l.pgr.Reason, ": PGR undefined")
			differs := func(o forestLine) bool { return o.pgr.Defined || o.pgr.Reason != l.pgr.Reason }
			switch {
			case slices.ContainsFunc(lines, differs):
				f.text.add(f.y, l.loss+": undefined, "+reason, soft())
			case i == 0:
				f.text.add(f.y, "undefined: "+reason, soft())
			default:
				continue // said once
			}
			f.y--
			continue
		}
		v := l.pgr.Value
		f.losses[l.loss].points = append(f.losses[l.loss].points, point{x: v, y: f.y, xRange: l.pgr.Interval})
		f.low, f.high = min(f.low, max(v, pgrLow)), max(f.high, min(v, pgrHigh))
		if r := l.pgr.Interval; r.Known() {
			f.low, f.high = min(f.low, max(r.Lo, pgrLow)), max(f.high, min(r.Hi, pgrHigh))
		}
		f.y--
	}
	if published != nil {
		f.ranges.boxes = append(f.ranges.boxes, box{published.Low, published.High, f.y + 0.55, start + 0.45})
	}
	f.ticks = append(f.ticks, tick((start+f.y+1)/2, label))
	f.y -= 0.35
}

// A box is an area of a chart.
type box struct{ x0, x1, y0, y1 float64 }

// bands are shaded boxes.
type bands struct {
	tone  tone
	boxes []box
}

// Plot implements plot.Plotter.
func (b *bands) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, q := range b.boxes {
		c.FillPolygon(b.tone.light, c.ClipPolygonXY([]vg.Point{{X: x(q.x0), Y: y(q.y0)}, {X: x(q.x1), Y: y(q.y0)}, {X: x(q.x1), Y: y(q.y1)}, {X: x(q.x0), Y: y(q.y1)}}))
	}
}

// remarks are lines of text at the left edge of a chart.
type remarks struct{ lines []remark }

type remark struct {
	y    float64
	text string
	tone tone
}

func (r *remarks) add(y float64, text string, t tone) {
	r.lines = append(r.lines, remark{y, clean(text), t})
}

// Plot implements plot.Plotter.
func (r *remarks) Plot(c draw.Canvas, p *plot.Plot) {
	_, y := p.Transforms(&c)
	for _, l := range r.lines {
		style := draw.TextStyle{Color: l.tone.light, Font: sans(textSize - 0.5), YAlign: draw.YCenter, Handler: plot.DefaultTextHandler}
		// Lines do not cross the text.
		low, high := vg.Point{X: c.Min.X, Y: y(l.y) - textSize*0.62}, vg.Point{X: c.Min.X + 4 + style.Width(l.text), Y: y(l.y) + textSize*0.62}
		c.FillPolygon(paper().light, []vg.Point{low, {X: high.X, Y: low.Y}, high, {X: low.X, Y: high.Y}})
		c.FillText(style, vg.Point{X: c.Min.X + 2, Y: y(l.y)}, l.text)
	}
}
