package plot

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/result"
	"w2s/harness/summary"
)

// A Set holds the charts that answer one question.
type Set struct {
	Name   string // for file names and sections of a page
	Title  string
	Charts []*Chart
	Omits  string // what was left out because there are too many charts; "" if nothing was
}

// Material is what charts are drawn from. Every field may be empty.
type Material struct {
	Rows    []summary.Row
	Losses  []summary.LossRow
	Chains  []summary.ChainRow
	Results []*result.Result // reliability diagrams need predictions, not only scores
}

// real returns the rows with supervisors that are models.
func (m Material) real() []summary.Row {
	return slices.DeleteFunc(slices.Clone(m.Rows), func(r summary.Row) bool { return r.Simulated })
}

// whole returns the rows with supervisors that are models and with the whole training pool.
func (m Material) whole() []summary.Row {
	return slices.DeleteFunc(m.real(), func(r summary.Row) bool { return r.Size > 0 })
}

// most is the maximal number of charts in a set.
const most = 8

// Sets returns all sets that the material has data for.
func Sets(m Material) ([]Set, error) {
	var sets []Set
	for _, draw := range []func(Material) (Set, error){
		GapSet, BarSet, LossSet, ImitationSet, ChainSet, AlphaSet, CalibrationSet, ReliabilitySet, SizeSet, NoiseSet,
	} {
		s, err := draw(m)
		if errors.Is(err, ErrNothing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sets = append(sets, s)
	}
	return sets, nil
}

// newSet numbers the charts of a set. A set without charts is ErrNothing.
func newSet(name, title string, charts []*Chart, omits string, err error) (Set, error) {
	if err != nil {
		return Set{}, err
	}
	if len(charts) == 0 {
		return Set{}, fmt.Errorf("%w: the result has no data for %q", ErrNothing, name)
	}
	if len(charts) > 1 {
		for i, c := range charts {
			c.Name = fmt.Sprintf("%s-%d", c.Name, i+1)
		}
	}
	return Set{name, title, charts, omits}, nil
}

// GapSet draws PGR against the capability gap.
func GapSet(m Material) (Set, error) {
	charts, omits, err := one(m.whole(), Gap)
	return newSet("gap", "PGR against the capability gap", charts, omits, err)
}

// BarSet draws weak floor, student and strong ceiling.
func BarSet(m Material) (Set, error) {
	charts, omits, err := several(barParts(m.whole()), Bars)
	return newSet("bars", "Weak floor, student, strong ceiling", charts, omits, err)
}

// LossSet draws the comparison of losses.
func LossSet(m Material) (Set, error) {
	charts, omits, err := several(groups(m.Losses, func(r summary.LossRow) string { return r.Against }), Losses)
	return newSet("losses", "Losses compared", charts, omits, err)
}

// ImitationSet draws how far students repeat the errors of their supervisors.
func ImitationSet(m Material) (Set, error) {
	charts, omits, err := one(m.whole(), Imitation)
	return newSet("imitation", "Imitation of the supervisor's errors", charts, omits, err)
}

// ChainSet draws bootstrapping chains.
func ChainSet(m Material) (Set, error) {
	charts, omits, err := several(groups(m.Chains, func(r summary.ChainRow) string {
		return strings.Join(append([]string{r.Task, r.Data}, r.Models...), "\x00")
	}), Chain)
	return newSet("chain", "Bootstrapping chains", charts, omits, err)
}

// AlphaSet draws PGR against the weight of the confidence term.
func AlphaSet(m Material) (Set, error) {
	charts, omits, err := alphaParts(m.whole())
	return newSet("alpha", "Weight of the confidence term", charts, omits, err)
}

// CalibrationSet draws PGR against the calibration of the weak labels.
func CalibrationSet(m Material) (Set, error) {
	charts, omits, err := one(m.whole(), Calibration)
	return newSet("calibration", "Calibration of the weak labels", charts, omits, err)
}

// ReliabilitySet draws reliability diagrams of floor, students and ceiling.
func ReliabilitySet(m Material) (Set, error) {
	charts, omits, err := reliabilities(m.Results, m.whole())
	return newSet("reliability", "Reliability of predictions", charts, omits, err)
}

// SizeSet draws scores against the size of the training pool.
func SizeSet(m Material) (Set, error) {
	rows := m.real()
	sized := slices.DeleteFunc(slices.Clone(rows), func(r summary.Row) bool { return !hasSizes(rows, r) })
	charts, omits, err := several(groups(sized, joined(taskOf, summary.Row.Pair)), Size)
	return newSet("size", "Size of the training set", charts, omits, err)
}

// NoiseSet draws the students of simulated supervisors.
func NoiseSet(m Material) (Set, error) {
	rows := slices.DeleteFunc(slices.Clone(m.Rows), func(r summary.Row) bool { return !r.Simulated })
	charts, omits, err := several(groups(rows, taskOf), func(rows []summary.Row) (*Chart, error) {
		c, err := Noise(rows)
		if err == nil {
			c.Title += ": " + clean(rows[0].Task)
		}
		return c, err
	})
	return newSet("noise", "Simulated supervisors", charts, omits, err)
}

// one draws a single chart of all rows, or none if there is nothing to draw.
func one(rows []summary.Row, draw func([]summary.Row) (*Chart, error)) ([]*Chart, string, error) {
	return several([]group[summary.Row]{{items: rows}}, draw)
}

// several draws a chart for each group, up to most of them. It skips groups with nothing to draw.
func several[T any](parts []group[T], draw func([]T) (*Chart, error)) (charts []*Chart, omits string, err error) {
	left := 0
	for _, g := range parts {
		if len(charts) == most {
			left++
			continue
		}
		c, err := draw(g.items)
		if errors.Is(err, ErrNothing) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		charts = append(charts, c)
	}
	if left > 0 {
		omits = fmt.Sprintf("The first %d of %d charts are shown. The tables have all figures.", most, most+left)
	}
	return charts, omits, nil
}

func joined(parts ...func(summary.Row) string) func(summary.Row) string {
	return func(r summary.Row) string {
		var key []string
		for _, of := range parts {
			key = append(key, of(r))
		}
		return strings.Join(key, "\x00")
	}
}

// hasSizes reports whether a row belongs to a pair, loss and treatment that was tried with smaller training pools.
func hasSizes(rows []summary.Row, r summary.Row) bool {
	key := joined(taskOf, summary.Row.Pair, func(r summary.Row) string { return r.Loss }, func(r summary.Row) string { return r.Treatment })
	return slices.ContainsFunc(rows, func(o summary.Row) bool { return o.Size > 0 && key(o) == key(r) })
}

// barParts groups rows by pair and setting, with at most eight tasks in a group.
func barParts(rows []summary.Row) []group[summary.Row] {
	var out []group[summary.Row]
	for _, g := range groups(rows, joined(summary.Row.Pair, setting)) {
		tasks := groups(g.items, taskOf)
		for part := range slices.Chunk(tasks, 8) {
			var chunk group[summary.Row]
			for _, t := range part {
				chunk.items = append(chunk.items, t.items...)
			}
			out = append(out, chunk)
		}
	}
	return out
}

// alphaParts draws all curves in one chart if they can be told apart there, or else one chart for each task.
func alphaParts(rows []summary.Row) ([]*Chart, string, error) {
	c, err := Alpha(rows)
	if errors.Is(err, ErrNothing) {
		return nil, "", nil
	}
	if err == nil && len(c.legend) <= MaxSeries {
		return []*Chart{c}, "", nil
	}
	return several(groups(rows, taskOf), func(rows []summary.Row) (*Chart, error) {
		c, err := Alpha(rows)
		if err == nil {
			c.Title += ": " + clean(rows[0].Task)
		}
		return c, err
	})
}

// reliabilities draws one diagram for each task, for the pair with the largest gap.
func reliabilities(results []*result.Result, rows []summary.Row) (charts []*Chart, omits string, err error) {
	var parts []group[summary.Row]
	for _, task := range groups(rows, taskOf) {
		bySetting := groups(task.items, joined(summary.Row.Pair, setting))
		part := slices.MaxFunc(bySetting, func(a, b group[summary.Row]) int { return cmp.Compare(a.items[0].PGR.Gap, b.items[0].PGR.Gap) })
		part.items = part.items[:min(len(part.items), MaxSeries)]
		parts = append(parts, part)
		if len(bySetting) > 1 {
			omits = "Shown for the pair and treatment with the largest gap of each task."
		}
	}
	charts, more, err := several(parts, func(rows []summary.Row) (*Chart, error) {
		for _, r := range results {
			c, err := Reliability(r, rows)
			if errors.Is(err, ErrNothing) {
				continue
			}
			return c, err
		}
		return nil, ErrNothing
	})
	return charts, strings.TrimSpace(omits + " " + more), err
}
