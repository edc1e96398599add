package plot

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"w2s/harness"
	"w2s/harness/stats"
)

// The frame of PGR axes. Where the gap is near noise PGR has no bounds; such points are counted in a note.
const pgrLow, pgrHigh = -1.0, 2.0

// percent gives a figure in per cent for an axis.
func percent(f harness.Figure) (float64, stats.Interval) { return 100 * f.Value, times100(f.Interval) }

func times100(v stats.Interval) stats.Interval {
	if !v.Known() {
		return v
	}
	return stats.Interval{Lo: 100 * v.Lo, Hi: 100 * v.Hi, Level: v.Level}
}

// group is the items that share a key.
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

// span is "800" or "240 to 800".
func span(values []int) string {
	lo, hi := slices.Min(values), slices.Max(values)
	if lo == hi {
		return strconv.Itoa(lo)
	}
	return fmt.Sprintf("%d to %d", lo, hi)
}

// basis notes over what the figures of rows are: test examples, seeds, and what whiskers mean.
func (c *Chart) basis(rows []harness.Row) {
	var n, seeds []int
	level := 0.0
	for _, r := range rows {
		n, seeds = append(n, r.N), append(seeds, r.Seeds)
		level = max(level, r.Floor.Interval.Level, r.PGR.GapInterval.Level)
	}
	c.basisOf(n, seeds, level)
}

func (c *Chart) basisOf(n, seeds []int, level float64) {
	text := fmt.Sprintf("n = %s test examples a task, %s %s.", span(n), span(seeds), plural(slices.Max(seeds), "seed", "seeds"))
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
func (c *Chart) defined(rows []harness.Row) ([]harness.Row, error) {
	kept := slices.DeleteFunc(slices.Clone(rows), func(r harness.Row) bool { return !r.PGR.Defined })
	if left := len(rows) - len(kept); left > 0 {
		c.note("Left out: %d of %d rows without a defined PGR.", left, len(rows))
	}
	if len(kept) == 0 {
		return nil, c.nothing("no row has a defined PGR")
	}
	return kept, nil
}

func (c *Chart) nothing(why string) error { return fmt.Errorf("%w: %s: %s", ErrNothing, c.Name, why) }

// pgrAxis frames the y axis for PGR, with lines at the floor and at the ceiling, and notes what lies outside.
func (c *Chart) pgrAxis(rows []harness.Row) {
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

// grid draws dashed lines at the given heights.
func (c *Chart) grid(heights ...float64) {
	for _, y := range heights {
		m := guide("", c.plot.X.Min, y, c.plot.X.Max, y)
		c.plot.Add(m)
	}
}

// names labels places along an axis.
type names []plot.Tick

func (n names) Ticks(_, _ float64) []plot.Tick { return n }

// every is a tick a step, for round numbers.
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

// lines lays named lines from top to bottom along y and returns the height they need.
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

func pairOf(r harness.Row) string { return r.Weak + " → " + r.Strong }

// setting is what a row says beyond task, pair and loss, in words.
func setting(r harness.Row) string {
	return strings.TrimSpace(strings.Join([]string{r.Treatment, r.Variant}, " "))
}

// simulated says whether a row's supervisor is no model.
func simulated(r harness.Row) bool {
	_, err := harness.ParseSimulated(r.Weak)
	return err == nil
}
