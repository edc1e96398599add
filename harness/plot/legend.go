package plot

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// An entry is the name of a series in a legend, with its mark.
type entry struct {
	name string
	mark *marks
}

const (
	thumbWidth  = vg.Length(16)
	entryGap    = vg.Length(10)
	legendLabel = 44 // runes
)

// arrange puts the entries of a legend on lines of the given width and returns the number of lines. It calls at, unless it
// is nil, for every entry with the number of its line and its position on the line.
func arrange(legend []entry, style draw.TextStyle, width vg.Length, at func(e entry, line int, x vg.Length)) int {
	if len(legend) == 0 {
		return 0
	}
	line, x := 0, vg.Length(0)
	for _, e := range legend {
		w := thumbWidth + 3 + style.Width(short(e.name, legendLabel))
		if x > 0 && x+w > width {
			line, x = line+1, 0
		}
		if at != nil {
			at(e, line, x)
		}
		x += w + entryGap
	}
	return line + 1
}

func legendHeight(legend []entry, style draw.TextStyle, width vg.Length) vg.Length {
	lines := arrange(legend, style, width, nil)
	if lines == 0 {
		return 0
	}
	return vg.Length(lines)*style.Font.Size*1.4 + 4
}

// drawLegend draws the legend along the top, where it covers no mark, and returns the rest of the canvas.
func drawLegend(dc draw.Canvas, legend []entry, style draw.TextStyle) draw.Canvas {
	height := style.Font.Size * 1.4
	width := dc.Max.X - dc.Min.X
	arrange(legend, style, width, func(e entry, line int, x vg.Length) {
		top := dc.Max.Y - vg.Length(line)*height
		left := dc.Min.X + x
		box := draw.Canvas{Canvas: dc.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: left, Y: top - style.Font.Size}, Max: vg.Point{X: left + thumbWidth, Y: top}}}
		e.mark.thumbnail(&box)
		dc.FillText(style, vg.Point{X: left + thumbWidth + 3, Y: top}, short(e.name, legendLabel))
	})
	dc.Max.Y -= legendHeight(legend, style, width)
	return dc
}
