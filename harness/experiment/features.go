package experiment

import (
	"context"
	"fmt"
	"slices"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/internal/list"
	"w2s/tasks"
)

// features are the features of all examples of a task under one model.
type features struct {
	raw     head.Data
	scaling map[uint64]*head.Scaling // by seed
}

// of returns the features with the scaling of a seed.
func (f features) of(seed uint64) head.Data {
	data := f.raw
	data.Scaling = f.scaling[seed]
	return data
}

// passes groups models by Pass, in the order of the first of each.
func passes(models []Model) [][]Model {
	var groups [][]Model
	for _, m := range models {
		at := slices.IndexFunc(groups, func(g []Model) bool { return m.Pass != nil && g[0].Pass == m.Pass })
		if at < 0 {
			groups = append(groups, []Model{m})
			continue
		}
		groups[at] = append(groups[at], m)
	}
	return groups
}

// features computes the features of every example's texts under models that are encoded together. For each seed they are
// standardised over the texts of its training pool, without labels and without the test texts.
func (w *workbench) features(ctx context.Context, models []Model, into map[string]features, textsOf func(Model, tasks.Example) ([]string, error)) error {
	matrices, start, summaries, err := w.vectors(ctx, models, textsOf)
	if err != nil {
		return err
	}
	for i, m := range models {
		x := matrices[i]
		f := features{raw: head.Data{X: x}, scaling: map[uint64]*head.Scaling{}}
		if w.info.Form == tasks.Rank {
			f.raw.Start = start
			w.twins[x] = findTwins(x, start)
			w.describeTwins(m.Name, w.twins[x], summaries[i].Truncated > 0)
		} else {
			f.raw.Classes = len(w.record.TestGold[0])
		}
		for _, h := range w.halves {
			if h.size > 0 {
				continue
			}
			var rows []int
			for _, e := range slices.Sorted(slices.Values(slices.Concat(h.weak, h.strong))) {
				for r := start[e]; r < start[e+1]; r++ {
					rows = append(rows, r)
				}
			}
			f.scaling[h.seed] = head.Standardise(x, rows)
		}
		into[m.Name] = f
	}
	return nil
}

// vectors encodes every example's texts under models that are encoded together. The rows of example i are start[i] to start[i+1]-1.
func (w *workbench) vectors(ctx context.Context, models []Model, textsOf func(Model, tasks.Example) ([]string, error)) (matrices []*feature.Matrix, start []int,
	summaries []feature.Summary, err error) {
	var texts []string
	start = []int{0}
	for _, e := range w.examples {
		if err := ctx.Err(); err != nil {
			return nil, nil, nil, err
		}
		own, err := textsOf(models[0], e)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("example %s: %w", e.ID, err)
		}
		texts = append(texts, own...)
		start = append(start, len(texts))
	}
	if matrices, summaries, err = w.env.features(ctx, models, w.info.Name, texts); err != nil {
		return nil, nil, nil, err
	}
	w.warnOfFeatures(models, summaries)
	return matrices, start, summaries, nil
}

// warnOfFeatures adds the warnings about the features of models that are encoded together. What is the same for all is one warning.
func (w *workbench) warnOfFeatures(models []Model, summaries []feature.Summary) {
	about := map[string][]Model{} // by warning
	var order []string
	for i, m := range models {
		warnings := slices.Clone(summaries[i].Warnings)
		if n := summaries[i].Truncated; n > 0 {
			warnings = append(warnings, fmt.Sprintf("%d of %d texts truncated", n, summaries[i].Texts))
		}
		for _, text := range list.AppendNew(nil, warnings...) {
			order = list.AppendNew(order, text)
			about[text] = append(about[text], m)
		}
	}
	for _, text := range order {
		w.warn("%s: %s", together(about[text]), text)
	}
}

// A part holds the features of some examples, numbered anew from 0, so that a head does not depend on the rest.
type part struct {
	data   head.Data
	groups []string
	index  map[int][]int // from the numbers of the workbench; several of an example that is there several times
}

// part returns the features of examples with the scaling of a seed.
func (w *workbench) part(f features, seed uint64, examples []int) part {
	whole := f.of(seed)
	p := part{data: whole, index: make(map[int][]int, len(examples))}
	var rows []int
	if whole.Start != nil {
		p.data.Start = []int{0}
	}
	for i, e := range examples {
		p.index[e] = append(p.index[e], i)
		p.groups = append(p.groups, w.groups[e])
		from, to := whole.Rows(e)
		if whole.Start != nil {
			p.data.Start = append(p.data.Start, len(rows)+to-from)
		}
		for r := from; r < to; r++ {
			rows = append(rows, r)
		}
	}
	p.data.X = whole.X.Pick(rows)
	return p
}

// numbers returns the numbers of examples in the part. An example that is there several times has as many numbers.
func (p part) numbers(examples []int) []int {
	taken := map[int]int{}
	return list.Map(examples, func(e int) int {
		of := p.index[e]
		taken[e]++
		return of[(taken[e]-1)%len(of)]
	})
}
