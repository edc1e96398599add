package plot

import (
	"cmp"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"w2s/harness/stats"
	"w2s/harness/summary"
)

// A point is a place on a chart with the intervals of its coordinates, if they are known.
type point struct {
	x, y           float64
	xRange, yRange stats.Interval
	tone           tone // of this point; the zero value is the tone of the series
}

// marks is one series: points with whiskers, which may be joined by a line.
type marks struct {
	name   string
	points []point
	tone   tone
	glyph  draw.GlyphDrawer // nil: no glyph
	line   bool
	dashes []vg.Length
	shift  vg.Length // along x; see apart
}

// series returns the i-th series of a chart, without points.
func series(i int, name string) *marks {
	return &marks{name: name, tone: seriesTone(i), glyph: seriesGlyph(i)}
}

// floorMarks returns the series of a weak floor, without points.
func floorMarks(name string) *marks {
	return &marks{name: name, tone: weakTone(), glyph: seriesGlyph(6)}
}

// ceilingMarks returns the series of a strong ceiling, without points.
func ceilingMarks(name string) *marks {
	return &marks{name: name, tone: ink(), glyph: seriesGlyph(7)}
}

// pgrPoint returns the point of the PGR of a row at x.
func pgrPoint(x float64, r summary.Row) point {
	return point{x: x, y: r.PGR.Value, yRange: r.PGR.Interval}
}

// pointAt returns the point of a figure, in per cent, at x.
func pointAt(x float64, f summary.Figure) point {
	return point{x: x, y: 100 * f.Value, yRange: times100(f.Interval)}
}

// pointAcross returns the point of a figure, in per cent, along x at height y.
func pointAcross(f summary.Figure, y float64) point {
	return point{x: 100 * f.Value, y: y, xRange: times100(f.Interval)}
}

// times100 returns an interval in per cent.
func times100(v stats.Interval) stats.Interval { return scaled(v, 100) }

// scaled returns an interval times a positive factor.
func scaled(v stats.Interval, times float64) stats.Interval {
	if !v.Known() {
		return v
	}
	return stats.Interval{Lo: times * v.Lo, Hi: times * v.Hi, Level: v.Level}
}

// join sorts the points along x and joins them by a line.
func (m *marks) join() {
	m.line = true
	slices.SortStableFunc(m.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
}

// apart shifts series along x so that points with the same x lie side by side.
func apart(all []*marks) {
	for i, m := range all {
		m.shift = 2 * (vg.Length(i) - vg.Length(len(all)-1)/2)
	}
}

// guide returns a dashed line between two points, for comparison.
func guide(name string, x0, y0, x1, y1 float64) *marks {
	return &marks{name: name, tone: ink(), line: true, dashes: []vg.Length{3, 3}, points: []point{{x: x0, y: y0}, {x: x1, y: y1}}}
}

func (m *marks) color() color.Color { return m.tone.light }

// Plot implements plot.Plotter.
func (m *marks) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	at := make([]vg.Point, len(m.points))
	for i, q := range m.points {
		at[i] = vg.Point{X: x(q.x) + m.shift, Y: y(q.y)}
	}
	if m.line {
		c.StrokeLines(draw.LineStyle{Color: m.color(), Width: 1, Dashes: m.dashes}, c.ClipLinesXY(at)...)
	}
	for i, q := range m.points {
		tone := m.tone
		if q.tone.name != "" {
			tone = q.tone
		}
		style := draw.LineStyle{Color: tone.light, Width: 0.8}
		if v := q.yRange; v.Known() {
			whisker(c, style, vg.Point{X: at[i].X, Y: y(finite(v.Lo))}, vg.Point{X: at[i].X, Y: y(finite(v.Hi))})
		}
		if v := q.xRange; v.Known() {
			whisker(c, style, vg.Point{X: x(finite(v.Lo)), Y: at[i].Y}, vg.Point{X: x(finite(v.Hi)), Y: at[i].Y})
		}
		if m.glyph != nil && c.Contains(at[i]) {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: tone.light, Radius: 2.6, Shape: m.glyph}, at[i])
		}
	}
}

// whisker draws an interval from low to high, which differ in one coordinate. An end outside the frame is an arrow at the edge.
func whisker(c draw.Canvas, style draw.LineStyle, low, high vg.Point) {
	c.StrokeLines(style, c.ClipLinesXY([]vg.Point{low, high})...)
	const long, half = 4, 2.2
	arrow := func(tip, along, across vg.Point) { // along points into the frame
		c.FillPolygon(style.Color, []vg.Point{tip, tip.Add(along.Scale(long)).Add(across.Scale(half)), tip.Add(along.Scale(long)).Add(across.Scale(-half))})
	}
	right, up := vg.Point{X: 1}, vg.Point{Y: 1}
	if low.Y == high.Y && low.Y >= c.Min.Y && low.Y <= c.Max.Y {
		if low.X < c.Min.X {
			arrow(vg.Point{X: c.Min.X, Y: low.Y}, right, up)
		}
		if high.X > c.Max.X {
			arrow(vg.Point{X: c.Max.X, Y: low.Y}, right.Scale(-1), up)
		}
	}
	if low.X == high.X && low.X >= c.Min.X && low.X <= c.Max.X {
		if low.Y < c.Min.Y {
			arrow(vg.Point{X: low.X, Y: c.Min.Y}, up, right)
		}
		if high.Y > c.Max.Y {
			arrow(vg.Point{X: low.X, Y: c.Max.Y}, up.Scale(-1), right)
		}
	}
}

// finite moves the end of a whisker, which may be infinite, to a place that is outside every frame but can be drawn.
func finite(v float64) float64 { return min(max(v, -1e6), 1e6) }

// DataRange implements plot.DataRanger.
func (m *marks) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, ymin, xmax, ymax = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	grow := func(lo, hi *float64, v float64, r stats.Interval) {
		*lo, *hi = min(*lo, v), max(*hi, v)
		if r.Known() {
			*lo, *hi = min(*lo, finite(r.Lo)), max(*hi, finite(r.Hi))
		}
	}
	for _, q := range m.points {
		grow(&xmin, &xmax, q.x, q.xRange)
		grow(&ymin, &ymax, q.y, q.yRange)
	}
	return xmin, xmax, ymin, ymax
}

// thumbnail draws the mark of the series into the box of a legend.
func (m *marks) thumbnail(c *draw.Canvas) {
	mid := c.Center()
	if m.line {
		c.StrokeLine2(draw.LineStyle{Color: m.color(), Width: 1, Dashes: m.dashes}, c.Min.X, mid.Y, c.Max.X, mid.Y)
	}
	if m.glyph != nil {
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: m.color(), Radius: 2.6, Shape: m.glyph}, mid)
	}
}
