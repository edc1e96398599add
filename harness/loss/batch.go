package loss

import (
	"slices"
	"sync"

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
	Logits   []float64 // of a batch made by Part
	Probs    []float64 // softmax of the logits, made by UpdateProbs
	Progress float64   // share of the training steps that are done: step / steps, with steps counted from 0

	// GradientOnly tells CrossEntropy to skip the value of the loss and return 0, because only the gradient is used.
	GradientOnly bool

	total                           float64        // sum of the weights of the training set
	logged                          bool           // logProbs are up to date
	whole                           func() float64 // meanSecond, if all examples of a batch made by NewBatch are there
	start                           []int          // memory for Start
	targets, values, room, logProbs []float64
}

// NewBatch returns a batch of len(start)-1 examples without logits. It keeps start, labels and weights. start begins with 0.
func NewBatch(classes int, start []int, labels, weights []float64) *Batch {
	b := &Batch{Start: start, Classes: classes, Labels: labels, Weights: weights}
	b.total = float64(b.Len())
	if weights != nil {
		b.total = 0
		for _, w := range weights {
			b.total += w
		}
	}
	b.whole = sync.OnceValue(b.newMeanSecond)
	return b
}

// Part makes b the examples from:to of whole, with room for logits. Losses of parts are shares: over parts that make up whole, values
// and gradients of a [Separable] loss are those of whole. b reuses its own memory and shares labels and weights with whole.
func (b *Batch) Part(whole *Batch, from, to int) {
	first, end := whole.Start[from], whole.Start[to]
	if first == 0 || whole.Classes > 0 { // each example has as many elements
		b.Start = whole.Start[: to-from+1 : to-from+1]
	} else {
		b.start = b.start[:0]
		for _, at := range whole.Start[from : to+1] {
			b.start = append(b.start, at-first)
		}
		b.Start = b.start
	}
	if b.whole = nil; end-first == len(whole.Labels) {
		b.whole = whole.whole
	}
	b.Classes, b.Labels, b.Weights, b.Sure, b.total = whole.Classes, whole.Labels[first:end], nil, nil, whole.total
	if whole.Sure != nil {
		b.Sure = whole.Sure[from:to]
	}
	if whole.Weights != nil {
		b.Weights = whole.Weights[from:to]
	}
	b.Logits, b.Probs = sized(b.Logits, end-first), sized(b.Probs, end-first)
}

// sized returns a slice of length n that reuses the memory of s if it is large enough.
func sized(s []float64, n int) []float64 { return slices.Grow(s[:0], n)[:n] }

// Len returns the number of examples.
func (b *Batch) Len() int { return len(b.Start) - 1 }

// Weight returns the weight of example i.
func (b *Batch) Weight(i int) float64 {
	if b.Weights == nil {
		return 1
	}
	return b.Weights[i]
}

// share returns the part of the training set's weight that the batch has: 1 unless it is a part.
func (b *Batch) share() float64 { return b.Mean(func(int) float64 { return 1 }) }

// Mean returns the weighted sum of f over the examples, divided by the weight of the training set.
func (b *Batch) Mean(f func(i int) float64) float64 {
	sum := 0.0
	for i := range b.Len() {
		if w := b.Weight(i); w > 0 {
			sum += w * f(i)
		}
	}
	return sum / b.total
}

// meanSecond returns the mean label of the second class. That of a whole training set is computed once, not for every step.
func (b *Batch) meanSecond() float64 {
	if b.whole != nil {
		return b.whole()
	}
	return b.newMeanSecond()
}

func (b *Batch) newMeanSecond() float64 {
	return b.Mean(func(i int) float64 { return b.Labels[2*i+1] })
}

// examples returns what package simd needs to know.
func (b *Batch) examples() simd.Examples {
	return simd.Examples{Start: b.Start, Weights: b.Weights, Total: b.total}
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
	b.logged = true
	b.logProbs = sized(b.logProbs, len(b.Logits))
	b.examples().LogProbs(b.Logits, b.Probs, b.logProbs)
	return b.logProbs
}

// Targets returns a slice of zeros in the layout of the logits, to be filled for CrossEntropy. Every call returns the
// same slice.
func (b *Batch) Targets() []float64 {
	b.targets = sized(b.targets, len(b.Labels))
	clear(b.targets)
	return b.targets
}

// CrossEntropy returns the weighted mean cross-entropy of the logits against targets and writes its gradient to grad.
// Targets have the layout of the logits and count as constants. An example whose targets are all 0 adds nothing. With
// GradientOnly the returned value is 0.
func (b *Batch) CrossEntropy(targets, grad []float64) float64 {
	b.examples().Gradient(b.Probs, targets, grad)
	if b.GradientOnly {
		return 0
	}
	return b.examples().CrossEntropy(b.Logits, b.Probs, targets) / b.total
}
