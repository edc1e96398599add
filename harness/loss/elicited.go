package loss

import (
	"errors"
	"math"

	"w2s/internal/prob"
)

// Elicited is Alpha times the cross-entropy against the labels, plus 1 - Alpha times the objective of contrast-consistent search (Burns
// et al. 2022, arXiv 2212.03827), which needs no labels. It is UE+E2H of Canavan et al. 2026 (arXiv 2602.20400) with weak labels in place
// of gold of easy examples.
//
// With Contrast, the two elements of an example are statements that either answer is right. Each has a probability p = σ(logit) of its
// own, and the objective is (p1 - (1 - p0))² + min(p0, p1)². Otherwise the probabilities of an example's elements add up to 1, so that
// the first term is 0. What is left is min(p0, p1)², or (1 - max p)² for more than two elements.
//
// With Contrast it depends on every logit by itself, which the one column of candidates allows.
//
// Elicited has no name, because it is the loss of a baseline.
type Elicited struct {
	Alpha    float64
	Contrast bool
}

func (l Elicited) String() string { return render("ue", "alpha", l.Alpha) }
func (Elicited) Moving() bool     { return false }

// Separable is true.
func (Elicited) Separable(int) bool { return true }

// Check rejects contrast for classes, whose elements are not statements.
func (l Elicited) Check(classes int) error {
	if l.Contrast && classes > 0 {
		return errors.New("contrast needs the two statements of an example as candidates")
	}
	return nil
}

func (l Elicited) Gradient(b *Batch, grad []float64) float64 {
	value := l.Alpha * b.CrossEntropy(b.Labels, grad)
	for k := range grad {
		grad[k] *= l.Alpha
	}
	return value + (1-l.Alpha)*b.Mean(func(i int) float64 {
		from, to := b.Start[i], b.Start[i+1]
		scale := (1 - l.Alpha) * b.Weight(i) / b.total
		if l.Contrast && to-from == 2 {
			z := b.Logits[from:to]
			p := [2]float64{1 / (1 + math.Exp(-z[0])), 1 / (1 + math.Exp(-z[1]))}
			off, least := p[0]+p[1]-1, 0
			if p[1] <= p[0] {
				least = 1
			}
			for k := range p {
				slope := 2 * off
				if k == least {
					slope += 2 * p[k]
				}
				grad[from+k] += scale * slope * p[k] * (1 - p[k])
			}
			return off*off + p[least]*p[least]
		}
		p := b.Probs[from:to]
		most := prob.Argmax(p)
		rest := 0.0
		for k := range p {
			if k != most {
				rest += p[k]
			}
		}
		for k := range p {
			if k == most {
				grad[from+k] -= scale * 2 * rest * p[most] * rest
			} else {
				grad[from+k] += scale * 2 * rest * p[most] * p[k]
			}
		}
		return rest * rest
	})
}
