package plot

import (
	"fmt"
	"hash/fnv"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg/draw"
)

// A tone is a colour with a version for light and one for dark backgrounds. Files have the light one. An SVG element inside
// a page refers to var(--plot-NAME), which Style defines.
type tone struct {
	name        string
	light, dark color.NRGBA
}

// The backgrounds for which the tones are chosen.
var (
	lightPaper = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	darkPaper  = color.NRGBA{0x16, 0x19, 0x1d, 0xff}
)

// tones returns all tones.
func tones() []tone {
	return append([]tone{ink(), paper(), faint(), soft(), between(), published(), weakTone()}, seriesTones()...)
}

func paper() tone     { return tone{"paper", lightPaper, darkPaper} }            // the page
func ink() tone       { return tone{"ink", rgb(0x22262a), rgb(0xe6e8ea)} }       // text, axes, the strong ceiling
func faint() tone     { return tone{"faint", rgb(0xd4d8dc), rgb(0x3a4046)} }     // grid
func soft() tone      { return tone{"soft", rgb(0x555c64), rgb(0xa9b0b7)} }      // remarks
func between() tone   { return tone{"between", rgb(0xeef1f5), rgb(0x23282f)} }   // PGR from 0 to 1
func published() tone { return tone{"published", rgb(0xf2ddb0), rgb(0x5a4a22)} } // published ranges
func weakTone() tone  { return tone{"weak", rgb(0x7b8188), rgb(0x979da4)} }      // the weak floor

// seriesTones returns the colours of series. They start from the palette of Okabe and Ito (2008, "Color Universal Design").
// Orange, green, purple and sky blue are darker here, to stand out from white, and lighter for dark pages.
func seriesTones() []tone {
	return []tone{
		{"1", rgb(0x0072b2), rgb(0x56b4e9)},
		{"2", rgb(0xd55e00), rgb(0xff8a3d)},
		{"3", rgb(0x00855f), rgb(0x2fc59a)},
		{"4", rgb(0xb5518c), rgb(0xe7a0c8)},
		{"5", rgb(0x946500), rgb(0xe6c34c)},
		{"6", rgb(0x3a8fc4), rgb(0xa6d8f7)},
		{"7", rgb(0x5b4bb3), rgb(0xb9aefc)},
		{"8", rgb(0x8a3324), rgb(0xf0a090)},
	}
}

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 0xff}
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) } // as vgsvg writes it

// MaxSeries is the number of series that readers can tell apart in one chart.
const MaxSeries = 8

// seriesTone returns the colour of the i-th series. Colours repeat after MaxSeries series.
func seriesTone(i int) tone { return seriesTones()[i%MaxSeries] }

// seriesGlyph returns the shape of the i-th series. Shapes repeat after MaxSeries series.
func seriesGlyph(i int) draw.GlyphDrawer {
	return []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{},
		draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}, draw.PlusGlyph{}}[i%MaxSeries]
}

// lossNumber returns the number of a loss, given as loss.Short writes it. It depends on the name of the loss alone and not on its
// settings, so a loss has the same colour in every chart. The first four numbers have the colours that are easiest to tell apart.
func lossNumber(name string) int {
	name, _, _ = strings.Cut(name, ":")
	if i := slices.Index([]string{"xent", "logconf", "confidence", "guardconf", "entropy", "kl", "product", "window"}, name); i >= 0 {
		return i
	}
	h := fnv.New32a() // a loss of another program
	h.Write([]byte(name))
	return int(h.Sum32() % MaxSeries)
}

// lossSeries returns a series without points for each loss. Losses that share a colour in the chart have different shapes.
func lossSeries(losses []string) []*marks {
	var out []*marks
	taken := map[int]bool{}
	for _, name := range losses {
		n := lossNumber(name)
		shape := n
		for len(taken) < MaxSeries && taken[shape] {
			shape = (shape + 1) % MaxSeries
		}
		taken[shape] = true
		out = append(out, &marks{name: name, tone: seriesTone(n), glyph: seriesGlyph(shape)})
	}
	return out
}

// Style returns the CSS that defines the colours of charts inside a page, for light and for dark mode.
func Style() string {
	light, dark := "", ""
	for _, t := range tones() {
		light += fmt.Sprintf("--plot-%s:%s;", t.name, hex(t.light))
		dark += fmt.Sprintf("--plot-%s:%s;", t.name, hex(t.dark))
	}
	return ":root{" + light + "}\n@media screen and (prefers-color-scheme:dark){:root{" + dark + "}}\n"
}
