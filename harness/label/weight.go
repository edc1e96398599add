package label

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"w2s/internal/prob"
	"w2s/internal/visible"
)

// weighted returns labels with a weight for each. Weights that are all near 0 are left out, as CWPO does.
func weighted(l Labels, weights []float64) Treated {
	t := keepAll(l)
	if floats.Sum(weights) < 1e-8 {
		t.Warnings = append(t.Warnings, "all weights of labels are 0, and are left out")
		return t
	}
	t.Weights = weights
	t.Notes = append(t.Notes, fmt.Sprintf("%d labels with weights that leave as much as %.0f of equal weight", len(weights), Effective(weights)))
	return t
}

// Effective returns the number of equally weighted labels that weights leave as much as, (Σw)²/Σw² (Kish 1965).
func Effective(weights []float64) float64 {
	sum := floats.Sum(weights)
	return sum * sum / floats.Dot(weights, weights)
}

// CWPO weighs each label by its confidence, |2y - 1| of two classes (confidence-weighted preference optimisation). Of K classes or
// candidates, this is our (K·max y - 1)/(K - 1), which is the same for two.
type CWPO struct{}

func (CWPO) String() string { return "weight:cwpo" }

// Apply adds weights.
func (w CWPO) Apply(_ context.Context, l Labels, _ Evidence) (Treated, error) {
	if err := l.Check(); err != nil {
		return Treated{}, fmt.Errorf("label: %s: %w", w, err)
	}
	weights := make([]float64, len(l.Soft))
	for i, p := range l.Soft {
		weights[i] = w.of(p)
	}
	return weighted(l, weights), nil
}

// of returns the weight of a label, 0 to 1.
func (CWPO) of(p []float64) float64 {
	k := float64(len(p))
	return min(1, max(0, (k*p[prob.Argmax(p)]-1)/(k-1)))
}

// InverseEntropy weighs each label by 1/H, where H is its entropy as a share of the largest possible one, and at least leastEntropy.
type InverseEntropy struct{}

// leastEntropy bounds the weight of a label. It is ours.
const leastEntropy = 0.05

func (InverseEntropy) String() string { return "weight:entropy" }

// Apply adds weights.
func (w InverseEntropy) Apply(_ context.Context, l Labels, _ Evidence) (Treated, error) {
	if err := l.Check(); err != nil {
		return Treated{}, fmt.Errorf("label: %s: %w", w, err)
	}
	weights := make([]float64, len(l.Soft))
	for i, p := range l.Soft {
		weights[i] = 1 / max(leastEntropy, prob.Entropy(p)/math.Log(float64(len(p))))
	}
	return weighted(l, weights), nil
}

// Excess weighs a label by how much less probable the supervisor's answer is to a probe on the student's features than to the
// supervisor: exp(-s) with the excess loss s = log y - log q of that answer, and at most 1. The score is after the excess loss of
// yuxinjinito/w2s-overlap, whose strong model is untrained. The weight is ours.
type Excess struct{ Probe LogReg }

func (w Excess) String() string { return withProbeSettings("weight:excess", w.Probe) }

// Apply runs the probe and adds weights.
func (w Excess) Apply(ctx context.Context, l Labels, e Evidence) (Treated, error) {
	predicted, _, err := disputes(ctx, w.Probe, l, e)
	if err != nil {
		return Treated{}, fmt.Errorf("label: %s: %w", w, err)
	}
	weights := make([]float64, len(l.Soft))
	for i, p := range l.Soft {
		answer := prob.Argmax(p)
		weights[i] = min(1, predicted[i][answer]/p[answer])
	}
	return weighted(l, weights), nil
}

// withProbeSettings returns a name with the settings of its probe, as [Parse] reads it.
func withProbeSettings(name string, p LogReg) string { return name + p.String()[len("logreg"):] }

// DefaultRepeats is the number of heads that answer an example again where a treatment asks for none. It is ours.
const DefaultRepeats = 10

// Reliability weighs each label by the share of the supervisor's heads on bootstrap samples that give the same answer. It is after Guo
// and Yang 2024 (arXiv 2406.19032), who ask a language model several times and weigh each answer by its frequency.
type Reliability struct{ Heads int } // 2 or more

func (r Reliability) String() string {
	return "weight:reliability" + headsSetting(r.Heads)
}

func headsSetting(n int) string {
	if n == DefaultRepeats {
		return ""
	}
	return fmt.Sprintf(":heads=%d", n)
}

func (r Reliability) repeats() int { return r.Heads }
func (r Reliability) check() error { return checkRepeats(r.Heads) }

// Apply adds weights.
func (r Reliability) Apply(_ context.Context, l Labels, e Evidence) (Treated, error) {
	votes, err := e.votes(l, r.Heads)
	if err = errors.Join(r.check(), err); err != nil {
		return Treated{}, fmt.Errorf("label: %s: %w", r, err)
	}
	weights := make([]float64, len(l.Soft))
	for i, p := range l.Soft {
		weights[i] = votes[i][prob.Argmax(p)]
	}
	return weighted(l, weights), nil
}

// Reliable keeps a Share of the examples, those of which the supervisor's heads on bootstrap samples agree most on the answer: those
// with the least entropy of the answers' frequencies (Guo and Yang 2024, who keep one half). Equal ones are ordered by id.
type Reliable struct {
	Share float64 // above 0, at most 1
	Heads int     // 2 or more
}

func (r Reliable) String() string {
	return "reliable:" + number(r.Share) + headsSetting(r.Heads)
}

func (r Reliable) repeats() int { return r.Heads }

func (r Reliable) check() error {
	if err := checkRepeats(r.Heads); err != nil {
		return err
	}
	return Top{Share: r.Share}.check()
}

// Apply drops the examples on which the heads disagree.
func (r Reliable) Apply(_ context.Context, l Labels, e Evidence) (Treated, error) {
	votes, err := e.votes(l, r.Heads)
	if err = errors.Join(r.check(), err); err != nil {
		return Treated{}, fmt.Errorf("label: %s: %w", r, err)
	}
	agreement := make([]float64, len(votes))
	for i, v := range votes {
		agreement[i] = -prob.Entropy(v)
	}
	return keepSome(l, descending(agreement, l.IDs)[:nearestShare(r.Share, len(l.IDs))]), nil
}

// A repeater is a treatment that asks the supervisor several times.
type repeater interface{ repeats() int }

// Repeats returns how many labels a treatment wants for each example of Evidence.Repeats, or 0.
func Repeats(t Treatment) int {
	most := 0
	for _, s := range stepsOf(t) {
		if r, ok := s.(repeater); ok {
			most = max(most, r.repeats())
		}
	}
	return most
}

// maxRepeats is the largest number of heads that answer again.
const maxRepeats = 1000

func checkRepeats(n int) error {
	if n < 2 || n > maxRepeats {
		return fmt.Errorf("%d heads are not in 2..%d", n, maxRepeats)
	}
	return nil
}

// votes returns the share of the first n heads of the supervisor that give each answer.
func (e Evidence) votes(l Labels, n int) ([][]float64, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	if len(e.Repeats) < n {
		return nil, fmt.Errorf("it needs the labels of %s of the supervisor on bootstrap samples, and there are %d (the supervisor must be a model that is trained here)",
			visible.Count(n, "head"), len(e.Repeats))
	}
	votes := make([][]float64, len(l.Soft))
	for i, p := range l.Soft {
		var labels [][]float64
		for _, r := range e.Repeats[:n] {
			if len(r) != len(l.Soft) || len(r[i]) != len(p) {
				return nil, errors.New("the repeated labels are of other examples")
			}
			labels = append(labels, r[i])
		}
		votes[i] = voteOf(labels)
	}
	return votes, nil
}
