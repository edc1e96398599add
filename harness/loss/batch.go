package loss

import (
	"math"

	"w2s/internal/prob"
	"w2s/internal/simd"
)

// A Batch is what a loss sees: examples, each with one logit and one label probability for every class or candidate.
// Elements Start[i]:Start[i+1] of Logits, Probs and Labels belong to example i.
type Batch struct {
	Start    []int     // number of examples + 1 offsets
	Classes  int       // number of classes, or 0 if the elements are candidates, whose number may differ by example
	Labels   []float64 // one distribution for each example
	Weights  []float64 // one weight of 0 or more for each example; weight 0 leaves the example out. nil: all 1
	Sure     []bool    // examples of whose labels LogConf takes nothing for the student's own prediction, because they are gold; nil: none
	Logits   []float64
	Probs    []float64 // softmax of the logits, made by UpdateProbs
	Progress float64   // share of the training steps that are done: step / steps, with steps counted from 0

	// GradientOnly tells CrossEntropy to skip the value of the loss and return 0, because only the gradient is used.
	GradientOnly bool

	total           float64   // sum of weights
	logProbs        []float64 // see LogProbs
	logged          bool      // logProbs are up to date
	targets, values []float64 // scratch
}

// NewBatch returns a batch of len(start)-1 examples without logits. It keeps start, labels and weights.
func NewBatch(classes int, start []int, labels, weights []float64) *Batch {
	n := start[len(start)-1]
	b := &Batch{Start: start, Classes: classes, Labels: labels, Weights: weights,
		Logits: make([]float64, n), Probs: make([]float64, n)}
	b.total = float64(b.Len())
	if weights != nil {
		b.total = 0
		for _, w := range weights {
			b.total += w
		}
	}
	return b
}

// Len returns the number of examples.
func (b *Batch) Len() int { return len(b.Start) - 1 }

// Weight returns the weight of example i.
func (b *Batch) Weight(i int) float64 {
	if b.Weights == nil {
		return 1
	}
	return b.Weights[i]
}

// Mean returns the weighted mean of f over the examples.
func (b *Batch) Mean(f func(i int) float64) float64 {
	sum := 0.0
	for i := range b.Len() {
		if w := b.Weight(i); w > 0 {
			sum += w * f(i)
		}
	}
	return sum / b.total
}

// UpdateProbs recomputes Probs after a change of Logits.
func (b *Batch) UpdateProbs() {
	b.logged = false
	simd.Softmax(b.Start, b.Logits, b.Probs)
}

// LogProbs returns the log softmax of the logits, in the layout of the logits. The first call after UpdateProbs computes
// it.
func (b *Batch) LogProbs() []float64 {
	if b.logged {
		return b.logProbs
	}
	if b.logProbs == nil {
		b.logProbs = make([]float64, len(b.Logits))
	}
	for i := range b.Len() {
		from, to := b.Start[i], b.Start[i+1]
		most := from + prob.Argmax(b.Logits[from:to])
		log := math.Log(b.Probs[most]) // near 1 the logarithm is as exact as the probability, 1e-16
		for k := from; k < to; k++ {
			b.logProbs[k] = b.Logits[k] - b.Logits[most] + log
		}
	}
	b.logged = true
	return b.logProbs
}

// Targets returns a slice of zeros in the layout of the logits, to be filled for CrossEntropy. Every call returns the
// same slice.
func (b *Batch) Targets() []float64 {
	if b.targets == nil {
		b.targets = make([]float64, len(b.Labels))
	}
	clear(b.targets)
	return b.targets
}

// CrossEntropy returns the weighted mean cross-entropy of the logits against targets and writes its gradient to grad.
// Targets have the layout of the logits and count as constants. An example whose targets are all 0 adds nothing. With
// GradientOnly the returned value is 0.
func (b *Batch) CrossEntropy(targets, grad []float64) float64 {
	for i := range b.Len() {
		from, to := b.Start[i], b.Start[i+1]
		share, sum := b.Weight(i)/b.total, 0.0
		for _, t := range targets[from:to] {
			sum += t
		}
		for k := from; k < to; k++ {
			grad[k] = share * (b.Probs[k]*sum - targets[k])
		}
	}
	if b.GradientOnly {
		return 0
	}
	logProbs := b.LogProbs()
	return b.Mean(func(i int) float64 {
		loss := 0.0
		for k := b.Start[i]; k < b.Start[i+1]; k++ {
			// Skipping targets of 0 keeps 0 times an infinite logarithm at 0.
			if t := targets[k]; t != 0 {
				loss -= t * logProbs[k]
			}
		}
		return loss
	})
}
