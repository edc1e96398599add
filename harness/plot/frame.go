package plot

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"

	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// pgrLow and pgrHigh bound PGR axes. A PGR itself has no bounds, and it is far off if the gap is hardly more than noise.
const pgrLow, pgrHigh = -1.0, 2.0

// basis notes how many test examples and seeds the figures of the rows come from and what the whiskers are.
func (c *Chart) basis(rows []summary.Row) {
	var n, seeds []int
	level := 0.0
	for _, r := range rows {
		n, seeds = append(n, r.N), append(seeds, r.Seeds)
		level = max(level, r.Floor.Interval.Level, r.PGR.GapInterval.Level)
	}
	c.basisOf(n, seeds, level)
	if slices.ContainsFunc(rows, func(r summary.Row) bool { return r.Metric != tasks.Accuracy && r.Metric != "" }) {
		metrics := list.AppendNew(nil, list.Map(rows, func(r summary.Row) string { return string(r.Metric) })...)
		c.note("Scores: %s.", strings.Join(metrics, ", "))
	}
}

// basisOf does the same as basis for other kinds of rows. level is 0 if there are no whiskers.
func (c *Chart) basisOf(n, seeds []int, level float64) {
	text := fmt.Sprintf("n = %s test examples for each task, %s %s.", span(n), span(seeds), visible.Plural(slices.Max(seeds), "seed"))
	if level > 0 {
		text += fmt.Sprintf(" Whiskers: %.0f %% intervals over seeds and test examples.", 100*level)
	}
	c.note("%s", text)
}

// defined returns the rows with a defined PGR and notes how many are left out.
func (c *Chart) defined(rows []summary.Row) ([]summary.Row, error) {
	kept := where(rows, func(r summary.Row) bool { return r.PGR.Defined })
	if left := len(rows) - len(kept); left > 0 {
		c.note("Left out: %d of %d rows without a defined PGR.", left, len(rows))
	}
	if len(kept) == 0 {
		return nil, c.nothing("no row has a defined PGR")
	}
	return kept, nil
}

// nothing returns the error for a chart without data.
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
	for _, y := range []float64{0, 1} {
		c.plot.Add(guide("", c.plot.X.Min, y, c.plot.X.Max, y))
	}
	if outside > 0 {
		c.note("Outside the frame: %d %s with a PGR below %g or above %g.", outside, visible.Plural(outside, "point"), pgrLow, pgrHigh)
	}
}

// square gives both axes the range from lo to hi and draws the diagonal as a named guide.
func (c *Chart) square(lo, hi float64, ticks int, diagonal string) {
	c.add(guide(diagonal, lo, lo, hi, hi))
	c.plot.X.Min, c.plot.X.Max, c.plot.Y.Min, c.plot.Y.Max = lo, hi, lo, hi
	c.plot.X.Tick.Marker, c.plot.Y.Tick.Marker = every(lo, hi, ticks), every(lo, hi, ticks)
	c.height = 320
}

// nameLines gives the y axis names instead of numbers.
func (c *Chart) nameLines(ticks names) {
	c.plot.Y.Tick.Marker = ticks
	c.plot.Y.Tick.Length = 0
}

// names is a fixed list of labelled ticks.
type names []plot.Tick

func (n names) Ticks(_, _ float64) []plot.Tick { return n }

// tick returns a labelled tick.
func tick(at float64, label string) plot.Tick { return plot.Tick{Value: at, Label: short(label, 30)} }

// every returns at most limit ticks between low and high, at round numbers.
func every(low, high float64, limit int) plot.Ticker {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/float64(limit))))
	for _, f := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*f) <= float64(limit) {
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
