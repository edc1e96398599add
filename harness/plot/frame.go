package plot

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"w2s/harness/stats"
	"w2s/harness/summary"
)

// pgrLow and pgrHigh bound PGR axes. PGR has no bounds if the gap is near noise; a note counts the points outside.
const pgrLow, pgrHigh = -1.0, 2.0

// percent returns a figure and its interval in per cent.
func percent(f summary.Figure) (float64, stats.Interval) { return 100 * f.Value, times100(f.Interval) }

func times100(v stats.Interval) stats.Interval {
	if !v.Known() {
		return v
	}
	return stats.Interval{Lo: 100 * v.Lo, Hi: 100 * v.Hi, Level: v.Level}
}

// A group holds the items that share a key.
type group[T any] struct {
	key   string
	items []T
}

// groups splits items by key, in order of first appearance.
func groups[T any](items []T, key func(T) string) []group[T] {
	var out []group[T]
	at := map[string]int{}
	for _, item := range items {
		k := key(item)
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, group[T]{key: k})
		}
		out[i].items = append(out[i].items, item)
	}
	return out
}

// span writes the range of values: "800" or "240 to 800".
func span(values []int) string {
	lo, hi := slices.Min(values), slices.Max(values)
	if lo == hi {
		return strconv.Itoa(lo)
	}
	return fmt.Sprintf("%d to %d", lo, hi)
}

// basis notes how many test examples and seeds the figures of rows come from, and what whiskers mean.
func (c *Chart) basis(rows []summary.Row) {
	var n, seeds []int
	level := 0.0
	for _, r := range rows {
		n, seeds = append(n, r.N), append(seeds, r.Seeds)
		level = max(level, r.Floor.Interval.Level, r.PGR.GapInterval.Level)
	}
	c.basisOf(n, seeds, level)
}

func (c *Chart) basisOf(n, seeds []int, level float64) {
	text := fmt.Sprintf("n = %s test examples for each task, %s %s.", span(n), span(seeds), plural(slices.Max(seeds), "seed", "seeds"))
	if level > 0 {
		text += fmt.Sprintf(" Whiskers: %.0f %% interval over test examples (paired bootstrap).", 100*level)
	}
	c.note("%s", text)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// defined returns the rows that have a PGR and notes how many do not.
func (c *Chart) defined(rows []summary.Row) ([]summary.Row, error) {
	kept := slices.DeleteFunc(slices.Clone(rows), func(r summary.Row) bool { return !r.PGR.Defined })
	if left := len(rows) - len(kept); left > 0 {
		c.note("Left out: %d of %d rows without a defined PGR.", left, len(rows))
	}
	if len(kept) == 0 {
		return nil, c.nothing("no row has a defined PGR")
	}
	return kept, nil
}

func (c *Chart) nothing(why string) error { return fmt.Errorf("%w: %s: %s", ErrNothing, c.Name, why) }

// pgrAxis sets the range of the y axis for PGR, draws lines at 0 and 1, and notes how many points are outside.
func (c *Chart) pgrAxis(rows []summary.Row) {
	low, high, outside := 0.0, 1.0, 0
	for _, r := range rows {
		v := r.PGR.Value
		if v < pgrLow || v > pgrHigh {
			outside++
			continue
		}
		low, high = min(low, v), max(high, v)
		if i := r.PGR.Interval; i.Known() {
			low, high = min(low, max(i.Lo, pgrLow)), max(high, min(i.Hi, pgrHigh))
		}
	}
	c.plot.Y.Min, c.plot.Y.Max = low-0.05, high+0.05
	c.plot.Y.Tick.Marker = every(low-0.05, high+0.05, 8)
	c.grid(0, 1)
	if outside > 0 {
		c.note("Outside of the frame: %d %s with PGR below %g or above %g.", outside, plural(outside, "point", "points"), pgrLow, pgrHigh)
	}
}

// grid draws dashed horizontal lines.
func (c *Chart) grid(heights ...float64) {
	for _, y := range heights {
		m := guide("", c.plot.X.Min, y, c.plot.X.Max, y)
		c.plot.Add(m)
	}
}

// names are labelled ticks of an axis.
type names []plot.Tick

func (n names) Ticks(_, _ float64) []plot.Tick { return n }

// every returns ticks at round numbers, at most most of them.
func every(low, high float64, most int) plot.Ticker {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/float64(most))))
	for _, f := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*f) <= float64(most) {
			step *= f
			break
		}
	}
	var ticks names
	for i := math.Ceil(low/step - 1e-9); i*step <= high+1e-9*step; i++ {
		v := i*step + 0 // -0 becomes 0
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 6, 64)})
	}
	return ticks
}

// lines labels the y axis with lines from top to bottom and sets the height of the chart, with each for a line.
func (c *Chart) lines(labels []string, each vg.Length) {
	ticks := make(names, len(labels))
	for i, l := range labels {
		ticks[i] = plot.Tick{Value: -float64(i), Label: short(l, 30)}
	}
	c.plot.Y.Tick.Marker = ticks
	c.plot.Y.Tick.Length = 0
	c.plot.Y.Min, c.plot.Y.Max = -float64(len(labels))+0.5, 0.5
	c.height = vg.Length(len(labels))*each + 50
}

// setting returns the treatment and variant of a row.
func setting(r summary.Row) string { return strings.TrimSpace(r.Treatment + " " + r.Variant()) }
