package importer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

// A cell is one student of one seed with its floor and ceiling.
type cell struct {
	dir                                 string // its folder or file
	program                             string
	task, weak, strong, loss, treatment string
	seed                                string
	settings                            map[string]string // all other settings
	n                                   int               // test examples; 0 if not known
	floor, student, ceiling             map[tasks.Metric]float64
	warnings                            []string
}

// rows makes a row of every group of cells that differ in the seed alone, in order of first appearance.
func rows(cells []cell, opt Options) ([]summary.Row, []error) {
	var faults []error
	cells = slices.DeleteFunc(slices.Clone(cells), func(c cell) bool {
		for _, scores := range []map[tasks.Metric]float64{c.floor, c.student, c.ceiling} {
			if _, ok := scores[opt.Metric]; !ok {
				faults = append(faults, fmt.Errorf("importer: %s: %s stored no %s (use --metric %s)", c.dir, c.program, opt.Metric, tasks.Accuracy))
				return true
			}
		}
		return false
	})
	type key struct{ task, weak, strong, loss, treatment, variant string }
	groups, order := map[key][]cell{}, []key(nil)
	variants := variants(cells)
	for i, c := range cells {
		k := key{c.task, c.weak, c.strong, c.loss, c.treatment, variants[i]}
		if groups[k] == nil {
			order = append(order, k)
		}
		if at := slices.IndexFunc(groups[k], func(o cell) bool { return o.seed == c.seed }); at >= 0 {
			faults = append(faults, fmt.Errorf("importer: %s is the same run as %s (move one away)", c.dir, groups[k][at].dir))
			continue
		}
		groups[k] = append(groups[k], c)
	}
	var out []summary.Row
	for _, k := range order {
		row, err := newRow(groups[k], opt)
		if err != nil {
			faults = append(faults, fmt.Errorf("importer: %s: %w", groups[k][0].dir, err))
			continue
		}
		row.Other = k.variant
		out = append(out, row)
	}
	return out, faults
}

// variants returns, for each cell, the settings in which it differs from others of the same task, pair, loss and
// treatment: "a=1 b=2", or "" if there are none.
func variants(cells []cell) []string {
	type key struct{ task, weak, strong, loss, treatment string }
	keyOf := func(c cell) key { return key{c.task, c.weak, c.strong, c.loss, c.treatment} }
	values := map[key]map[string]map[string]bool{} // the values of each setting
	for _, c := range cells {
		of := values[keyOf(c)]
		if of == nil {
			of = map[string]map[string]bool{}
			values[keyOf(c)] = of
		}
		for name, v := range c.settings {
			if of[name] == nil {
				of[name] = map[string]bool{}
			}
			of[name][v] = true
		}
	}
	out := make([]string, len(cells))
	for i, c := range cells {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(values[keyOf(c)])) {
			if len(values[keyOf(c)][name]) > 1 {
				parts = append(parts, name+"="+c.settings[name])
			}
		}
		out[i] = strings.Join(parts, " ")
	}
	return out
}

// newRow makes a row of cells that differ in the seed alone.
func newRow(seeds []cell, opt Options) (summary.Row, error) {
	c := seeds[0]
	level := opt.Level
	if level == 0 {
		level = stats.Level
	}
	row := summary.Row{Task: c.task, Category: category(c.task), Weak: c.weak, Strong: c.strong, Loss: c.loss, Treatment: c.treatment,
		Metric: opt.Metric, N: c.n, Seeds: len(seeds),
		Warnings: []string{fmt.Sprintf("imported from %s: without predictions for each example there is no interval over test examples and no test of whether the gap is noise", c.program)}}
	var floor, student, ceiling []float64
	for _, s := range seeds {
		floor, student, ceiling = append(floor, s.floor[opt.Metric]), append(student, s.student[opt.Metric]), append(ceiling, s.ceiling[opt.Metric])
		if s.n != row.N {
			row.N = 0
		}
		row.Warnings = list.AppendNew(row.Warnings, s.warnings...)
	}
	row.Floor.Value, row.Transfer.Value, row.Ceiling.Value = mean(floor), mean(student), mean(ceiling)
	if row.N == 0 {
		row.Warnings = append(row.Warnings, "imported: the number of test examples is not stored")
	}
	var errPGR, errSeeds error
	row.PGR, errPGR = stats.PGROf(row.Floor.Value, row.Transfer.Value, row.Ceiling.Value)
	row.SeedPGR, errSeeds = stats.PGROverSeeds(floor, student, ceiling, level)
	if !row.PGR.Defined {
		row.Warnings = append(row.Warnings, row.PGR.Reason)
	} else if row.SeedPGR.LeftOut > 0 {
		row.Warnings = append(row.Warnings, row.SeedPGR.Note())
	}
	negative := func(s cell) bool { return s.ceiling[opt.Metric] < s.floor[opt.Metric] }
	if row.Weak != row.Strong && !slices.ContainsFunc(seeds, func(s cell) bool { return !negative(s) }) {
		row.Doubts = []string{summary.WrongWayRound(row.Weak, row.Strong)}
		row.Warnings = append(row.Warnings, row.Doubts...)
	}
	return row, errors.Join(errPGR, errSeeds)
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
