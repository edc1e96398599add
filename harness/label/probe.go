package label

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/internal/prob"
)

// A Probe is a simple model of the weak labels on the student's features. Where it disputes a label, the label may be
// wrong: supervisors err at random places, features know better what belongs together.
type Probe interface {
	// String is the probe as [Parse] reads it.
	String() string
	// Predict gives a distribution for every label, in their order. It must not depend on that order.
	Predict(ctx context.Context, l Labels, e Evidence) ([][]float64, error)
}

// KNN is the mean label of the K nearest other examples, by Euclidean distance of the features (scaled where
// Evidence.Features is). EleutherAI/w2s counts the example itself among its neighbours; here it is left out, since its
// own label is what is in question.
type KNN struct{ K int } // 0: DefaultNeighbours

// DefaultNeighbours is the K of EleutherAI/w2s.
const DefaultNeighbours = 20

func (k KNN) String() string {
	if k.K == 0 || k.K == DefaultNeighbours {
		return "knn"
	}
	return fmt.Sprintf("knn:k=%d", k.K)
}

// LogReg is a linear head that learns the weak labels: every example is judged by a head that was trained on the others,
// in five parts. Its penalty is chosen on held-out weak labels. For rankings it is the head that scores candidates.
//
// EleutherAI/w2s judges with one head that has seen the label in question, at a fixed penalty on features as they are:
// logreg:l2=0.004:in-sample (its 1e-3·‖w‖² of the difference of two logits is L2/2 times the squares of both columns of
// package head). On standardised features that penalty is so small that the head repeats the labels, errors included.
type LogReg struct {
	L2       float64 // see head.Job; 0: chosen
	InSample bool
}

// folds is in how many parts the examples are cut for a probe that is not to see the labels it judges.
const folds = 5

func (p LogReg) String() string {
	s := "logreg"
	if p.L2 != 0 {
		s += ":l2=" + number(p.L2)
	}
	if p.InSample {
		s += ":in-sample"
	}
	return s
}

// Predict trains the heads and asks them.
func (p LogReg) Predict(ctx context.Context, l Labels, e Evidence) ([][]float64, error) {
	parts := cut(l.IDs, p.InSample)
	jobs := make([]head.Job, len(parts))
	for k, part := range parts {
		jobs[k] = head.Job{Name: fmt.Sprintf("probe, part %d", k), Loss: loss.XEnt{}, L2: p.L2}
		for _, i := range part.train {
			jobs[k].Examples, jobs[k].Labels = append(jobs[k].Examples, e.Examples[i]), append(jobs[k].Labels, l.Soft[i])
		}
		if len(jobs[k].Examples) == 0 || len(part.judge) == 0 {
			return nil, fmt.Errorf("%d examples are too few for a probe", len(l.IDs))
		}
	}
	heads, err := p.fit(ctx, e, jobs)
	if err != nil {
		return nil, err
	}
	out := make([][]float64, len(l.IDs))
	for k, part := range parts {
		examples := make([]int, len(part.judge))
		for j, i := range part.judge {
			examples[j] = e.Examples[i]
		}
		predicted, err := head.Predict(ctx, e.Features, heads[k:k+1], examples)
		if err != nil {
			return nil, err
		}
		for j, i := range part.judge {
			out[i] = predicted[0][j]
		}
	}
	return out, nil
}

// fit trains the probe's heads.
func (p LogReg) fit(ctx context.Context, e Evidence, jobs []head.Job) ([]*head.Head, error) {
	var fitted []head.Fitted
	if p.L2 != 0 {
		var err error
		if fitted, err = head.Fit(ctx, e.Features, jobs, e.Training); err != nil {
			return nil, err
		}
	} else {
		grid := head.Grid{L2: []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10}}
		chosen, err := head.Select(ctx, e.Features, jobs, grid, e.Training)
		if err != nil {
			return nil, err
		}
		for _, c := range chosen {
			fitted = append(fitted, c.Fitted)
		}
	}
	heads := make([]*head.Head, len(fitted))
	for k, f := range fitted {
		if f.Status != head.Converged && f.Status != head.Precision {
			return nil, fmt.Errorf("the probe's training ended with %q (gradient %.2g; give it a larger l2)", f.Status, f.GradientNorm)
		}
		heads[k] = f.Head
	}
	return heads, nil
}

// A part says which labels a head learns and which it judges.
type part struct{ train, judge []int }

// cut makes five parts by a hash of the ids, or one that learns and judges everything.
func cut(ids []string, inSample bool) []part {
	if inSample {
		p := part{make([]int, len(ids)), make([]int, len(ids))}
		for i := range ids {
			p.train[i], p.judge[i] = i, i
		}
		return []part{p}
	}
	parts := make([]part, folds)
	for i, id := range ids {
		at := int(newDraw(0, id).Float64() * folds)
		for k := range parts {
			if k == at {
				parts[k].judge = append(parts[k].judge, i)
			} else {
				parts[k].train = append(parts[k].train, i)
			}
		}
	}
	return parts
}

// Predict averages over neighbours.
func (k KNN) Predict(ctx context.Context, l Labels, e Evidence) ([][]float64, error) {
	if k.K == 0 {
		k.K = DefaultNeighbours
	}
	switch {
	case l.Classes == 0:
		return nil, errors.New("candidates of a ranking have no neighbours with labels of their own (use logreg)")
	case k.K < 1:
		return nil, fmt.Errorf("%d neighbours", k.K)
	case len(l.IDs) <= k.K:
		return nil, fmt.Errorf("%d examples are too few for %d neighbours each", len(l.IDs), k.K)
	}
	// By id, so that sums and ties do not depend on the order in which examples came.
	order := make([]int, len(l.IDs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(l.IDs[a], l.IDs[b]) })
	points := newPoints(e, order)
	out := make([][]float64, len(order))
	err := points.neighbours(ctx, k.K, func(at int, near []int) {
		p := make([]float64, l.Classes)
		for _, n := range near {
			for c, v := range l.Soft[order[n]] {
				p[c] += v / float64(k.K)
			}
		}
		out[order[at]] = p
	})
	return out, err
}

// disputes runs a probe and says how far it is from each label: the total variation distance, which for two classes is
// the |difference of probabilities| of EleutherAI/w2s.
func disputes(ctx context.Context, p Probe, l Labels, e Evidence) (predicted [][]float64, distance []float64, err error) {
	if err := l.Check(); err != nil {
		return nil, nil, err
	}
	if e.Features.X == nil {
		return nil, nil, errors.New("a probe needs the student's features, and there are none")
	}
	if len(e.Examples) != len(l.IDs) {
		return nil, nil, fmt.Errorf("%d labels with features of %d examples", len(l.IDs), len(e.Examples))
	}
	for _, x := range e.Examples {
		if x < 0 || x >= e.Features.Examples() {
			return nil, nil, fmt.Errorf("example %d is not among the %d with features", x, e.Features.Examples())
		}
	}
	if predicted, err = p.Predict(ctx, l, e); err != nil {
		return nil, nil, err
	}
	if err := stats.CheckPairs(predicted, l.Soft); err != nil {
		return nil, nil, fmt.Errorf("probe: %w", err)
	}
	distance = make([]float64, len(predicted))
	for i, q := range predicted {
		for k, v := range q {
			distance[i] += math.Abs(v-l.Soft[i][k]) / 2
		}
	}
	return predicted, distance, nil
}

// Relabel replaces labels by the probe's predictions: those of the Share of examples that the probe disputes most, or
// all labels when Share is 1 (EleutherAI/w2s --probe_relabel).
type Relabel struct {
	Probe Probe
	Share float64 // above 0, at most 1
}

func (r Relabel) String() string { return probeName("relabel", r.Probe, r.Share, r.Share == 1) }

func (r Relabel) check() error {
	switch {
	case r.Probe == nil:
		return errors.New("no probe")
	case !(r.Share > 0 && r.Share <= 1):
		return fmt.Errorf("share %v is not above 0 and at most 1", r.Share)
	}
	return nil
}

// Apply asks the probe and replaces.
func (r Relabel) Apply(ctx context.Context, l Labels, e Evidence) (Treated, error) {
	fail := func(err error) (Treated, error) { return Treated{}, fmt.Errorf("label: %s: %w", r, err) }
	if err := r.check(); err != nil {
		return fail(err)
	}
	predicted, distance, err := disputes(ctx, r.Probe, l, e)
	if err != nil {
		return fail(err)
	}
	out := Labels{Classes: l.Classes, IDs: l.IDs, Soft: slices.Clone(l.Soft)}
	worst := byValue(distance, l.IDs)[:wholeShare(r.Share, len(distance))]
	changed := 0
	for _, i := range worst {
		if prob.Argmax(predicted[i]) != prob.Argmax(l.Soft[i]) {
			changed++
		}
		out.Soft[i] = predicted[i]
	}
	t := all(out)
	t.Notes = append(t.Notes, fmt.Sprintf("%d of %d labels replaced, %d with another answer", len(worst), len(l.IDs), changed))
	return t, nil
}

// Filter drops the Share of examples whose labels the probe disputes most: the contamination of EleutherAI/w2s
// (--probe_filter), 0.1 there.
type Filter struct {
	Probe Probe
	Share float64 // 0 to below 1
}

func (f Filter) String() string { return probeName("filter", f.Probe, f.Share, false) }

func (f Filter) check() error {
	switch {
	case f.Probe == nil:
		return errors.New("no probe")
	case !(f.Share >= 0 && f.Share < 1):
		return fmt.Errorf("share %v is not from 0 to below 1", f.Share)
	}
	return nil
}

// Apply asks the probe and drops.
func (f Filter) Apply(ctx context.Context, l Labels, e Evidence) (Treated, error) {
	fail := func(err error) (Treated, error) { return Treated{}, fmt.Errorf("label: %s: %w", f, err) }
	if err := f.check(); err != nil {
		return fail(err)
	}
	_, distance, err := disputes(ctx, f.Probe, l, e)
	if err != nil {
		return fail(err)
	}
	return kept(l, byValue(distance, l.IDs)[wholeShare(f.Share, len(distance)):]), nil
}

// wholeShare is a share of n examples, rounded down as in EleutherAI/w2s.
func wholeShare(share float64, n int) int { return int(share*float64(n) + 1e-9) }

// probeName is a treatment with a probe as Parse reads it: relabel:knn:0.1:k=50.
func probeName(name string, p Probe, share float64, omit bool) string {
	if p == nil {
		return name
	}
	probe, setting, _ := strings.Cut(p.String(), ":")
	parts := []string{name, probe}
	if !omit {
		parts = append(parts, number(share))
	}
	if setting != "" {
		parts = append(parts, setting)
	}
	return strings.Join(parts, ":")
}
