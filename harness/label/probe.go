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
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/internal/visible"
)

// A Probe is a simple model of the weak labels on the student's features. A label that it disputes may be wrong, because
// examples with similar features tend to have the same gold label, and supervisors tend to err on single examples.
type Probe interface {
	// String returns the probe as [Parse] reads it.
	String() string
	// Predict returns a distribution for each label, in the order of the labels. The order must not change the distributions.
	Predict(ctx context.Context, l Labels, e Evidence) ([][]float64, error)
}

// KNN predicts the mean label of the K nearest other examples, by Euclidean distance of the features, which are scaled if
// Evidence.Features has a scaling. EleutherAI/w2s counts the example itself among its neighbours. KNN leaves it out, because
// its label is the one in question.
type KNN struct{ K int } // 0: DefaultNeighbours

// DefaultNeighbours is the K of EleutherAI/w2s.
const DefaultNeighbours = 50

func (k KNN) String() string {
	if k.K == 0 || k.K == DefaultNeighbours {
		return "knn"
	}
	return fmt.Sprintf("knn:k=%d", k.K)
}

// LogReg predicts with linear heads that learn the weak labels. The examples are cut into five folds, and the head that
// predicts for a fold is trained on the other four. Penalties are chosen on held-out weak labels. For rankings, the heads
// score candidates.
//
// EleutherAI/w2s uses a single head, which has seen the label in question, with a fixed penalty on unscaled features. That
// is logreg:l2=0.004:in-sample: its 1e-3·‖w‖², where w gives the difference of two logits, equals L2/2 times the squares of
// both columns in package head. On standardised features, the penalty is so small that the head repeats the labels with
// their errors.
type LogReg struct {
	L2       float64 // see head.Job; 0: chosen on held-out labels
	InSample bool    // one head that is trained on all examples predicts for all of them
}

// numFolds is the number of folds of a probe that must not see the labels it predicts.
const numFolds = 5

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

// Predict trains the heads and returns their predictions.
func (p LogReg) Predict(ctx context.Context, l Labels, e Evidence) ([][]float64, error) {
	return p.predict(ctx, l, e, nil)
}

// predict is Predict for heads that learn only the labels to keep, but predict for all. nil keeps all.
func (p LogReg) predict(ctx context.Context, l Labels, e Evidence, keep []bool) ([][]float64, error) {
	folds := makeFolds(l.IDs, p.InSample)
	jobs := make([]head.Job, len(folds))
	for k, f := range folds {
		jobs[k] = head.Job{Name: fmt.Sprintf("probe, fold %d", k), Loss: loss.XEnt{}, L2: p.L2}
		for _, i := range f.train {
			if keep == nil || keep[i] {
				jobs[k].Examples, jobs[k].Labels = append(jobs[k].Examples, e.Examples[i]), append(jobs[k].Labels, l.Soft[i])
			}
		}
		if len(jobs[k].Examples) == 0 || len(f.predict) == 0 {
			return nil, fmt.Errorf("too few examples for a probe: %d", len(l.IDs))
		}
	}
	heads, err := p.fit(ctx, e, jobs)
	if err != nil {
		return nil, err
	}
	out := make([][]float64, len(l.IDs))
	for k, f := range folds {
		examples := list.Map(f.predict, func(i int) int { return e.Examples[i] })
		predicted, err := head.Predict(ctx, e.Features, heads[k:k+1], examples)
		if err != nil {
			return nil, err
		}
		for j, i := range f.predict {
			out[i] = predicted[0][j]
		}
	}
	return out, nil
}

// fit trains the heads of all folds.
func (p LogReg) fit(ctx context.Context, e Evidence, jobs []head.Job) ([]*head.Head, error) {
	var fitted []head.Fitted
	if p.L2 != 0 {
		var err error
		if fitted, err = head.Fit(ctx, e.Features, jobs, head.Options{}); err != nil {
			return nil, err
		}
	} else {
		grid := head.Grid{L2: []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10}}
		chosen, err := head.Select(ctx, e.Features, jobs, grid, head.Options{})
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
			return nil, fmt.Errorf("the probe's training ended with %q at a gradient of %.2g (give it a larger l2)", f.Status, f.GradientNorm)
		}
		heads[k] = f.Head
	}
	return heads, nil
}

// A fold is a head's share of the work, as positions of labels: those to train on and those to predict.
type fold struct{ train, predict []int }

// makeFolds cuts the labels into folds by a hash of their ids. In-sample, there is one fold with all labels on both sides.
func makeFolds(ids []string, inSample bool) []fold {
	if inSample {
		f := fold{make([]int, len(ids)), make([]int, len(ids))}
		for i := range ids {
			f.train[i], f.predict[i] = i, i
		}
		return []fold{f}
	}
	folds := make([]fold, numFolds)
	for i, id := range ids {
		at := int(newDraw(0, id).Float64() * numFolds)
		for k := range folds {
			if k == at {
				folds[k].predict = append(folds[k].predict, i)
			} else {
				folds[k].train = append(folds[k].train, i)
			}
		}
	}
	return folds
}

func (KNN) checkRankings() error {
	return errors.New("the candidates of a ranking have no labels of their own for neighbours to share (use logreg)")
}

// probeRankings reports why a probe cannot be trained on rankings, or nil.
func probeRankings(p Probe) error {
	if c, ok := p.(classed); ok {
		return c.checkRankings()
	}
	return nil
}

// Predict returns the mean labels of the nearest neighbours.
func (k KNN) Predict(ctx context.Context, l Labels, e Evidence) ([][]float64, error) {
	if k.K == 0 {
		k.K = DefaultNeighbours
	}
	switch {
	case l.Classes == 0:
		return nil, k.checkRankings()
	case k.K < 1:
		return nil, fmt.Errorf("%d neighbours, want 1 or more", k.K)
	case len(l.IDs) <= k.K:
		return nil, fmt.Errorf("too few examples for %s each: %d", visible.Count(k.K, "neighbour"), len(l.IDs))
	}
	order := byID(l.IDs)
	out := make([][]float64, len(order))
	err := newScaledRows(e, order).neighbours(ctx, k.K, func(row int, nearest []int) {
		p := make([]float64, l.Classes)
		for _, n := range nearest {
			for c, v := range l.Soft[order[n]] {
				p[c] += v / float64(k.K)
			}
		}
		out[order[row]] = p
	})
	return out, err
}

// disputes returns a probe's predictions and their total variation distances from the labels. For two classes the distance is
// the absolute difference of probabilities that EleutherAI/w2s uses.
func disputes(ctx context.Context, p Probe, l Labels, e Evidence) (predicted [][]float64, distance []float64, err error) {
	if err := e.checkFeatures(l); err != nil {
		return nil, nil, err
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

// Relabel replaces the labels that the probe disputes most, a Share of all, with the probe's predictions. With a Share of 1 it
// replaces all labels, as EleutherAI/w2s does (--probe_relabel).
type Relabel struct {
	Probe Probe
	Share float64 // above 0, at most 1
}

func (r Relabel) String() string { return probeName("relabel", r.Probe, r.Share, r.Share != 1) }

func (r Relabel) checkRankings() error { return probeRankings(r.Probe) }

func (r Relabel) check() error {
	switch {
	case r.Probe == nil:
		return errors.New("no probe")
	case !(r.Share > 0 && r.Share <= 1):
		return fmt.Errorf("share %v is not above 0 and at most 1", r.Share)
	}
	return nil
}

// Apply runs the probe and replaces labels.
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
	worst := descending(distance, l.IDs)[:floorShare(r.Share, len(distance))]
	changed := 0
	for _, i := range worst {
		if prob.Argmax(predicted[i]) != prob.Argmax(l.Soft[i]) {
			changed++
		}
		out.Soft[i] = predicted[i]
	}
	t := keepAll(out)
	t.Notes = append(t.Notes, fmt.Sprintf("%d of %d labels replaced, %d with another answer", len(worst), len(l.IDs), changed))
	return t, nil
}

// Filter drops the examples whose labels the probe disputes most, a Share of all. EleutherAI/w2s calls the share
// contamination and uses 0.1 (--probe_filter).
type Filter struct {
	Probe Probe
	Share float64 // 0 to below 1
}

func (f Filter) String() string { return probeName("filter", f.Probe, f.Share, true) }

func (f Filter) checkRankings() error { return probeRankings(f.Probe) }

func (f Filter) check() error {
	switch {
	case f.Probe == nil:
		return errors.New("no probe")
	case !(f.Share >= 0 && f.Share < 1):
		return fmt.Errorf("share %v is not from 0 to below 1", f.Share)
	}
	return nil
}

// Apply runs the probe and drops examples.
func (f Filter) Apply(ctx context.Context, l Labels, e Evidence) (Treated, error) {
	fail := func(err error) (Treated, error) { return Treated{}, fmt.Errorf("label: %s: %w", f, err) }
	if err := f.check(); err != nil {
		return fail(err)
	}
	_, distance, err := disputes(ctx, f.Probe, l, e)
	if err != nil {
		return fail(err)
	}
	return keepSome(l, descending(distance, l.IDs)[floorShare(f.Share, len(distance)):]), nil
}

// floorShare returns a share of n examples, rounded down as in EleutherAI/w2s. The small number makes up for rounding, as in
// 0.29·100.
func floorShare(share float64, n int) int { return int(share*float64(n) + 1e-9) }

// probeName returns a treatment with a probe as Parse reads it: "relabel:knn:0.1:k=50". The share comes between the probe's
// name and its settings, unless showShare is false.
func probeName(name string, p Probe, share float64, showShare bool) string {
	if p == nil {
		return name
	}
	probe, settings, _ := strings.Cut(p.String(), ":")
	fields := []string{name, probe}
	if showShare {
		fields = append(fields, number(share))
	}
	if settings != "" {
		fields = append(fields, settings)
	}
	return strings.Join(fields, ":")
}
