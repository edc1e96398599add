package summary

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/list"
)

// A Baseline is what a row's student is compared with beside floor and ceiling, over the same seeds and test examples.
type Baseline struct {
	Kind     string    `json:"kind"` // see result.OfGold and the other kinds of comparisons
	Train    int       `json:"train"`
	Seeds    int       `json:"seeds"`
	Score    Figure    `json:"score"`
	PGR      stats.PGR `json:"pgr"` // (score - weak) / (ceiling - weak)
	Cosines  *Cosines  `json:"cosines,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`

	loss, treatment string // of the students that it belongs to; "" if to all of the pair
}

// Name describes the baseline for a reader.
func (b Baseline) Name() string {
	switch {
	case b.Kind == result.OfShuffled:
		return "shuffled labels"
	case b.Kind == result.OfAxis:
		return "main axis"
	case b.Kind == result.OfRandom:
		return "random direction"
	case b.Kind == result.OfProbes:
		return "consensus of random probes"
	case b.Kind == result.OfComponents:
		return "consensus of components"
	case b.Kind == result.OfCRC:
		return "main axis of statements"
	case b.Kind == result.OfCCS:
		return "CCS"
	case b.Kind == result.OfUE:
		return "weak labels + CCS"
	case b.Kind == result.OfGold:
		return "gold of weak-train"
	case result.LearnsGold(b.Kind):
		return fmt.Sprintf("%d gold labels", b.Train)
	}
	return b.Kind
}

// SeesGold reports whether it is a student that sees gold of strong-train.
func (b Baseline) SeesGold() bool {
	_, _, ok := result.CutSomeGold(b.Kind)
	return ok
}

// Cosines are means over the seeds, with intervals over the seeds alone; see [result.Cosines].
type Cosines struct {
	Axis    Cosine  `json:"axis"`
	Ceiling *Cosine `json:"ceiling,omitempty"` // nil for the ceiling itself
}

// A Cosine is a mean cosine over the seeds.
type Cosine struct {
	Value    float64        `json:"value"`
	Interval stats.Interval `json:"interval"`
}

// Baseline returns the row's baseline of a kind, or nil.
func (r Row) Baseline(kind string) *Baseline {
	at := slices.IndexFunc(r.Baselines, func(b Baseline) bool { return b.Kind == kind })
	if at < 0 {
		return nil
	}
	return &r.Baselines[at]
}

// cosinesOf returns the mean cosines of heads that differ in the seed, or nil if one has none.
func cosinesOf(heads []*result.Head, level float64) (*Cosines, error) {
	if slices.ContainsFunc(heads, func(h *result.Head) bool { return h.Cosines == nil }) {
		return nil, nil
	}
	over := func(of func(*result.Head) float64) (c Cosine, err error) {
		c.Value, c.Interval, err = stats.TInterval(list.Map(heads, of), level)
		return c, err
	}
	axis, err := over(func(h *result.Head) float64 { return h.Cosines.Axis })
	if err != nil || heads[0].Role == result.Ceiling {
		return &Cosines{Axis: axis}, err
	}
	ceiling, err := over(func(h *result.Head) float64 { return h.Cosines.Ceiling })
	return &Cosines{axis, &ceiling}, err
}

// A comparisonKey tells the heads of a baseline, which differ in the seed, from those of others. weak, loss and treatment are "" if the
// baseline does not depend on them.
type comparisonKey struct {
	groupKey
	kind string
}

// addComparison stores the head of a baseline.
func (x *index) addComparison(h *result.Head) {
	k := comparisonKey{groupKey{h.Task, "", h.Model, h.Loss, h.Treatment, h.Trained, h.Size, 0}, h.Baseline}
	if s := x.heads[h.Supervisor]; s != nil {
		k.weak = s.Source()
	}
	if h.Baseline != result.OfShuffled { // which alone belongs to students of one loss and treatment
		k.loss, k.treatment = "", ""
	}
	if x.comparisons[k] == nil {
		x.comparisonOrder = append(x.comparisonOrder, k)
	}
	x.comparisons[k] = append(x.comparisons[k], h)
}

// baselines returns a function that computes the baselines of a pair, once for all rows of the pair. students are those of one of its
// rows.
func (x *index) baselines(pair groupKey, students []*result.Head, opt Options) func() ([]Baseline, error) {
	return sync.OnceValues(func() ([]Baseline, error) {
		var out []Baseline
		var members [][]*result.Head
		for _, k := range x.comparisonOrder {
			own := k.groupKey
			own.weak, own.loss, own.treatment = cmp.Or(own.weak, pair.weak), "", ""
			if own != pair {
				continue
			}
			heads := sameSeeds(x.comparisons[k], students)
			if heads == nil {
				continue
			}
			out = append(out, Baseline{Kind: k.kind, Train: heads[0].Train, Seeds: len(heads), loss: k.loss, treatment: k.treatment})
			members = append(members, heads)
		}
		if len(out) == 0 {
			return nil, nil
		}
		t := x.tasks[pair.task]
		m, err := opt.metricOf(t)
		if err != nil {
			return nil, err
		}
		kinds := make([]seedScores, 2+len(out))
		for i, s := range students {
			ceiling := x.reference[referenceKey{result.Ceiling, pair.task, pair.strong, pair.trained, pair.size, s.Seed}]
			if ceiling == nil {
				return nil, nil // the row reports it
			}
			heads := []*result.Head{x.heads[s.Supervisor], ceiling}
			for _, of := range members {
				heads = append(heads, of[i])
			}
			for k, h := range heads {
				if err := kinds[k].add(m, t, h); err != nil {
					return nil, err
				}
			}
		}
		boot := opt.bootstrap(t)
		crossed, err := boot.Cross(list.Map(kinds, func(s seedScores) []stats.Score { return s.scores })...)
		if err != nil {
			return nil, err
		}
		for i := range out {
			b := &out[i]
			var faults [3]error
			b.Score, faults[0] = kinds[2+i].figure(crossed, 2+i, boot.Units())
			b.PGR, faults[1] = crossed.PGR(0, 2+i, 1)
			b.Cosines, faults[2] = cosinesOf(members[i], boot.Level)
			if err := cmp.Or(faults[0], faults[1], faults[2]); err != nil {
				return nil, fmt.Errorf("baseline %s: %w", b.Kind, err)
			}
			b.PGR.N = boot.N
			for _, h := range members[i] {
				b.Warnings = list.AppendNew(b.Warnings, h.Warnings...)
			}
			b.Warnings = merge(b.Warnings)
			if v := b.Score.Interval; v.Hi-v.Lo > 1 {
				b.Warnings = append(b.Warnings, tooWide("", b.Seeds))
			}
			if b.Kind != result.OfShuffled { // which often gives the same answer to all examples, rightly so
				b.Warnings = list.AppendNew(b.Warnings, degenerate("the baseline "+b.Name(), t, members[i])...)
			}
		}
		slices.SortStableFunc(out, func(a, b Baseline) int { return cmp.Compare(rankOf(a), rankOf(b)) })
		return out, nil
	})
}

// gold returns the heads of a row's strong model that learned gold labels of weak-train, by kind.
func (x *index) gold(k groupKey, seed uint64) map[string]*result.Head {
	out := map[string]*result.Head{}
	for _, c := range x.comparisonOrder {
		if c.task != k.task || c.strong != k.strong || c.trained != k.trained || c.size != k.size || !result.LearnsGold(c.kind) {
			continue
		}
		for _, h := range x.comparisons[c] {
			if h.Seed == seed {
				out[c.kind] = h
			}
		}
	}
	return out
}

// sameSeeds returns the heads with the seeds of students, in their order, or nil if one is missing.
func sameSeeds(heads, students []*result.Head) []*result.Head {
	var out []*result.Head
	for _, s := range students {
		at := slices.IndexFunc(heads, func(h *result.Head) bool { return h.Seed == s.Seed })
		if at < 0 {
			return nil
		}
		out = append(out, heads[at])
	}
	return out
}

// rankOf orders baselines by how much they know.
func rankOf(b Baseline) int {
	order := append([]string{result.OfRandom, result.OfShuffled, result.OfAxis}, result.Unlabelled()...)
	if at := slices.Index(order, b.Kind); at >= 0 {
		return at
	}
	if method, share, ok := result.CutSomeGold(b.Kind); ok { // apart from the others
		return int(1e6*share)*len(result.SomeGoldMethods()) + slices.Index(result.SomeGoldMethods(), method)
	}
	return len(order) + b.Train
}

// addBaselines adds the baselines of the pair that belong to the row's students.
func (r *Row) addBaselines(all []Baseline) {
	for _, b := range all {
		if b.SeesGold() {
			r.SomeGold = append(r.SomeGold, b)
		} else if b.loss == "" && b.treatment == "" || b.loss == r.Loss && b.treatment == r.Treatment {
			r.Baselines = append(r.Baselines, b)
		}
	}
}
