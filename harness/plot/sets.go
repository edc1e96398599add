package plot

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"w2s/harness"
)

// A Set is the charts that answer one question.
type Set struct {
	Name   string // gap, bars, losses, imitation, chain, alpha, calibration, reliability, size, noise
	Title  string
	Charts []*Chart
	Omits  string // what there was no room for; "" where all is drawn
}

// Material is what charts are made of: what the summaries of results give. Results may be nil.
type Material struct {
	Rows    []harness.Row
	Losses  []harness.LossRow
	Chains  []harness.ChainRow
	Results []*harness.Result // for reliability diagrams: predictions, not only scores
}

// most charts of one kind.
const most = 8

// Sets draws what the material has data for.
func Sets(m Material) ([]Set, error) {
	models := slices.DeleteFunc(slices.Clone(m.Rows), simulated)
	whole := slices.DeleteFunc(slices.Clone(models), sized)
	split := func(rows []harness.Row, draw func([]harness.Row) (*Chart, error), parts ...func(harness.Row) string) func() ([]*Chart, string, error) {
		return func() ([]*Chart, string, error) {
			return several(groups(rows, joined(parts...)), draw)
		}
	}
	var sets []Set
	for _, s := range []struct {
		name, title string
		draw        func() ([]*Chart, string, error)
	}{
		{"gap", "PGR against the capability gap", split(whole, Gap)},
		{"bars", "Weak floor, student, strong ceiling", func() ([]*Chart, string, error) { return several(barParts(whole), Bars) }},
		{"losses", "Losses compared", func() ([]*Chart, string, error) {
			return several(groups(m.Losses, func(r harness.LossRow) string { return r.Against }), Losses)
		}},
		{"imitation", "Imitation of the supervisor's errors", split(whole, Imitation)},
		{"chain", "Bootstrapping chains", func() ([]*Chart, string, error) {
			return several(groups(m.Chains, func(r harness.ChainRow) string {
				return strings.Join(append([]string{r.Task, r.Data}, r.Models...), "\x00")
			}), Chain)
		}},
		{"alpha", "Weight of the confidence term", func() ([]*Chart, string, error) { return alphaParts(whole) }},
		{"calibration", "Calibration of the weak labels", split(whole, Calibration)},
		{"reliability", "Reliability of predictions", func() ([]*Chart, string, error) { return reliabilities(m.Results, whole) }},
		{"size", "Size of the training set", func() ([]*Chart, string, error) {
			return several(groups(slices.DeleteFunc(slices.Clone(models), func(r harness.Row) bool { return !hasSizes(models, r) }), joined(taskOf, pairOf)), Size)
		}},
		{"noise", "Simulated supervisors", func() ([]*Chart, string, error) { return noiseParts(m.Rows) }},
	} {
		charts, omits, err := s.draw()
		if err != nil {
			return nil, err
		}
		if len(charts) == 0 {
			continue
		}
		number(charts)
		sets = append(sets, Set{s.name, s.title, charts, omits})
	}
	return sets, nil
}

// number gives the charts of a kind names of their own.
func number(charts []*Chart) {
	for i, c := range charts {
		if len(charts) > 1 {
			c.Name = fmt.Sprintf("%s-%d", c.Name, i+1)
		}
	}
}

// several draws a chart of every group, as many as there is room for. Groups with nothing to draw are passed over.
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
		omits = fmt.Sprintf("The first %d charts of %d are shown; the tables have all figures.", most, most+left)
	}
	return charts, omits, nil
}

func joined(parts ...func(harness.Row) string) func(harness.Row) string {
	return func(r harness.Row) string {
		var key []string
		for _, of := range parts {
			key = append(key, of(r))
		}
		return strings.Join(key, "\x00")
	}
}

// sized says whether a row is of a smaller training pool than the experiment's own.
func sized(r harness.Row) bool { return strings.HasPrefix(r.Variant, "train=") }

// hasSizes says whether what a row is of was tried with several sizes of the training pool.
func hasSizes(rows []harness.Row, r harness.Row) bool {
	key := joined(taskOf, pairOf, func(r harness.Row) string { return r.Loss }, func(r harness.Row) string { return r.Treatment })
	return slices.ContainsFunc(rows, func(o harness.Row) bool { return sized(o) && key(o) == key(r) })
}

// barParts cuts rows into charts of one pair and setting and at most eight tasks.
func barParts(rows []harness.Row) []group[harness.Row] {
	var out []group[harness.Row]
	for _, g := range groups(rows, joined(pairOf, setting)) {
		tasks := groups(g.items, taskOf)
		for part := range slices.Chunk(tasks, 8) {
			var chunk group[harness.Row]
			for _, t := range part {
				chunk.items = append(chunk.items, t.items...)
			}
			out = append(out, chunk)
		}
	}
	return out
}

// alphaParts draws all curves together where a chart can tell them apart, else one chart a task.
func alphaParts(rows []harness.Row) ([]*Chart, string, error) {
	c, err := Alpha(rows)
	if errors.Is(err, ErrNothing) {
		return nil, "", nil
	}
	if err == nil && len(c.legend) <= MaxSeries {
		return []*Chart{c}, "", nil
	}
	return several(groups(rows, taskOf), func(rows []harness.Row) (*Chart, error) {
		c, err := Alpha(rows)
		if err == nil {
			c.Title += ": " + clean(rows[0].Task)
		}
		return c, err
	})
}

// noiseParts does the same for simulated supervisors.
func noiseParts(rows []harness.Row) ([]*Chart, string, error) {
	return several(groups(slices.DeleteFunc(slices.Clone(rows), func(r harness.Row) bool { return !simulated(r) }), taskOf), func(rows []harness.Row) (*Chart, error) {
		c, err := Noise(rows)
		if err == nil {
			c.Title += ": " + clean(rows[0].Task)
		}
		return c, err
	})
}

// reliabilities draws one diagram a task, of the pair with the largest gap.
func reliabilities(results []*harness.Result, rows []harness.Row) (charts []*Chart, omits string, err error) {
	var parts []group[harness.Row]
	for _, task := range groups(rows, taskOf) {
		bySetting := groups(task.items, joined(pairOf, setting))
		part := slices.MaxFunc(bySetting, func(a, b group[harness.Row]) int { return cmp.Compare(a.items[0].PGR.Gap, b.items[0].PGR.Gap) })
		part.items = part.items[:min(len(part.items), MaxSeries)]
		parts = append(parts, part)
		if len(bySetting) > 1 {
			omits = "Shown for the pair and treatment with the largest gap of each task."
		}
	}
	charts, more, err := several(parts, func(rows []harness.Row) (*Chart, error) {
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

// Study draws the charts of one study: a set of the study's name.
func Study(name string, m Material) ([]*Chart, error) {
	sets, err := Sets(m)
	if err != nil {
		return nil, err
	}
	for _, s := range sets {
		if s.Name == name {
			return s.Charts, nil
		}
	}
	return nil, fmt.Errorf("%w: this result has no data for %q", ErrNothing, name)
}
