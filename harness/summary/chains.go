package summary

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/metric"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// A ChainRow is one chain over all seeds: the scores of all steps, of the jump and of the ceiling.
type ChainRow struct {
	Task     string         `json:"task"`
	Category tasks.Category `json:"category"`
	Metric   tasks.Metric   `json:"metric"`
	Data     string         `json:"data"` // training examples of the steps: "shared" or "disjoint"
	Loss     string         `json:"loss"`
	N        int            `json:"n"` // test examples
	Seeds    int            `json:"seeds"`
	Models   []string       `json:"models"`
	Steps    []Figure       `json:"steps"`  // score of every model of the chain; the first one is the weak floor
	Labels   []float64      `json:"labels"` // accuracy of the labels that every step after the first was trained on
	// LabelIntervals are those of Labels; see labelInterval.
	LabelIntervals []stats.Interval  `json:"labels_interval"`
	Jump           Figure            `json:"jump"`            // the last model trained by the first
	Ceiling        Figure            `json:"ceiling"`         // the last model trained on gold
	PGR            stats.PGR         `json:"pgr"`             // of the end of the chain
	JumpPGR        stats.PGR         `json:"jump_pgr"`        // of the jump
	Gain           *stats.Difference `json:"gain,omitempty"`  // end of the chain minus jump; nil if the metric is not a mean over examples
	Setup          string            `json:"setup,omitempty"` // settings in which results of one table differ; see Together
	Warnings       []string          `json:"warnings,omitempty"`

	identity
}

// Label returns the accuracy of the labels that step i+2 was trained on, with its interval if it is known.
func (r ChainRow) Label(i int) Figure {
	f := Figure{Value: r.Labels[i]}
	if i < len(r.LabelIntervals) {
		f.Interval = r.LabelIntervals[i]
	}
	return f
}

// Chains makes a row of every group of chains that differ in the seed alone, in the order of the result.
func Chains(r *result.Result, opt Options) ([]ChainRow, error) {
	opt = opt.of(r)
	if _, err := metric.Lookup(opt.Metric); err != nil {
		return nil, fmt.Errorf("summary: %w", err)
	}
	x := newIndex(r)
	type key struct {
		task, loss string
		disjoint   bool
	}
	groups, order := map[key][]result.Chain{}, []key(nil)
	for _, c := range r.Chains {
		k := key{c.Task, c.Loss, c.Disjoint}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], c)
	}
	var rows []ChainRow
	for _, k := range order {
		row, err := x.chainRow(groups[k], opt)
		if err != nil {
			return nil, fmt.Errorf("summary: chain on %s: %w", k.task, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (x *index) chainRow(chains []result.Chain, opt Options) (ChainRow, error) {
	first := chains[0]
	t := x.tasks[first.Task]
	m, err := opt.metricOf(t)
	if err != nil {
		return ChainRow{}, err
	}
	row := ChainRow{Task: first.Task, Category: t.Category, Metric: m.NameFor(t.Form), Data: first.Data(), Loss: first.Loss, N: len(t.TestIDs), Seeds: len(chains),
		Models: list.Map(first.Steps, func(id string) string { return x.heads[id].Model }), Labels: make([]float64, len(first.Steps)-1)}
	steps := make([]seedScores, len(first.Steps))
	labels := make([][]result.LabelQuality, len(first.Steps)-1)
	var jump, ceiling seedScores
	row.Warnings = list.AppendNew(nil, t.Warnings...)
	var faults []error
	var heads []*result.Head
	for _, c := range chains {
		if len(c.Steps) != len(steps) {
			return row, fmt.Errorf("%s for seed %d, %d for seed %d", visible.Count(len(c.Steps), "step"), c.Seed, len(steps), first.Seed)
		}
		for _, id := range append(slices.Clone(c.Steps), c.Jump, c.Ceiling) {
			row.Warnings = list.AppendNew(row.Warnings, x.heads[id].Warnings...)
			heads = append(heads, x.heads[id])
		}
		for i, id := range c.Steps {
			h := x.heads[id]
			faults = append(faults, steps[i].add(m, t, h))
			if i > 0 && h.Labels != nil {
				row.Labels[i-1] += h.Labels.Accuracy / float64(len(chains))
				labels[i-1] = append(labels[i-1], *h.Labels)
			}
		}
		faults = append(faults, jump.add(m, t, x.heads[c.Jump]), ceiling.add(m, t, x.heads[c.Ceiling]))
	}
	if err := cmp.Or(faults...); err != nil { // the heads tend to have the same fault, so the first one is enough
		return row, err
	}
	note := func(who string, heads, weaks []*result.Head) {
		row.Warnings = list.AppendNew(row.Warnings, degenerate(who, t, heads)...)
		if weaks == nil {
			return
		}
		for _, n := range append(contrary(t, weaks, heads, true), guarded(heads)) {
			if n != "" {
				row.Warnings = list.AppendNew(row.Warnings, who+": "+n)
			}
		}
	}
	var teachers []*result.Head // the heads of the step before
	for i := range first.Steps {
		own := x.headsOf(chains, func(c result.Chain) string { return c.Steps[i] })
		note(fmt.Sprintf("step %d", i+1), own, teachers)
		teachers = own
	}
	note("the jump", x.headsOf(chains, func(c result.Chain) string { return c.Jump }), x.headsOf(chains, func(c result.Chain) string { return c.Steps[0] }))
	note("the ceiling", x.headsOf(chains, func(c result.Chain) string { return c.Ceiling }), nil)
	boot := opt.bootstrap(t)
	row.LabelIntervals = list.Map(labels, func(of []result.LabelQuality) stats.Interval { return labelInterval(of, boot.Level) })
	kinds := append(slices.Clone(steps), jump, ceiling)
	last, jumped, top := len(steps)-1, len(steps), len(steps)+1
	crossed, err := boot.Cross(list.Map(kinds, func(s seedScores) []stats.Score { return s.scores })...)
	if err != nil {
		return row, err
	}
	if note := undefinedOn(crossed, row.Metric); note != "" {
		row.Warnings = list.AppendNew(row.Warnings, note)
	}
	figures := make([]Figure, len(kinds))
	var wide []string
	for k := range kinds {
		if figures[k], err = kinds[k].figure(crossed, k, boot.Units()); err != nil {
			return row, err
		}
		if v := figures[k].Interval; v.Hi-v.Lo > 1 {
			wide = append(wide, append(list.Map(list.Range(len(steps)), func(i int) string { return fmt.Sprintf("step %d", i+1) }), "jump", "gold")[k])
		}
	}
	if len(wide) > 0 {
		row.Warnings = list.AppendNew(row.Warnings, tooWide(strings.Join(wide, ", "), row.Seeds))
	}
	row.Steps, row.Jump, row.Ceiling = figures[:len(steps)], figures[jumped], figures[top]
	if row.PGR, err = crossed.PGR(0, last, top); err != nil {
		return row, err
	}
	if row.JumpPGR, err = crossed.PGR(0, jumped, top); err != nil {
		return row, err
	}
	row.PGR.N, row.JumpPGR.N = row.N, row.N
	if steps[last].examples != nil {
		gain, err := stats.Compare(steps[last].examples, jump.examples, boot)
		if err != nil {
			return row, err
		}
		row.Gain = &gain
	}
	if row.Seeds == 1 {
		row.Warnings = list.AppendNew(row.Warnings, oneSeed)
	}
	row.identity = x.identify(t, heads, row.Models...)
	if !row.PGR.Defined {
		row.Warnings = list.AppendNew(row.Warnings, row.PGR.Reason)
		if note := x.reversed(row.Models[0], row.Models[len(row.Models)-1], row.PGR); note != "" {
			row.Warnings = list.AppendNew(row.Warnings, note)
		}
	}
	return row, nil
}

// headsOf returns a head of each chain.
func (x *index) headsOf(chains []result.Chain, id func(result.Chain) string) []*result.Head {
	return list.Map(chains, func(c result.Chain) *result.Head { return x.heads[id(c)] })
}
