// Package simd does the arithmetic of training on the vector units of one core: products of rows with many columns, softmax,
// and the losses of which every loss is made.
//
// An element of a product depends on its own row or column alone, to the last bit, and not on the other columns. It may
// differ in the last bits between processors.
package simd

import (
	"math"
	"slices"

	"w2s/internal/prob"
)

// Real is the type of the numbers of a product.
type Real interface{ float32 | float64 }

// Pad is what the length of a row must be a multiple of. Callers append zeros.
const Pad = 16

// Padded returns the smallest multiple of Pad that is dims or more.
func Padded(dims int) int { return (dims + Pad - 1) / Pad * Pad }

// softmax is Softmax without vector units.
func softmax(start []int, logits, probs []float64) {
	for i := range len(start) - 1 {
		prob.Softmax(logits[start[i]:start[i+1]], probs[start[i]:start[i+1]])
	}
}

// Examples are the examples whose losses are computed: a whole training set, or a part of one.
type Examples struct {
	Start   []int     // elements Start[i]:Start[i+1] of logits, probabilities and targets belong to example i, at least two
	Weights []float64 // one for each example; nil: all 1
	Total   float64   // the sum of the weights of the whole training set
}

func (e Examples) weight(i int) float64 {
	if e.Weights == nil {
		return 1
	}
	return e.Weights[i]
}

// LogProbs writes the log softmax of logits, whose softmax is probs, to logs.
func (e Examples) LogProbs(logits, probs, logs []float64) {
	for i := range len(e.Start) - 1 {
		e.logProbs(i, logits, probs, func(k int, log float64) { logs[k] = log })
	}
}

// The functions below compute the same without vector units.

func (e Examples) gradient(probs, targets, grad []float64) {
	for i := range len(e.Start) - 1 {
		share, sum := e.weight(i)/e.Total, 0.0
		for k := e.Start[i]; k < e.Start[i+1]; k++ {
			sum += targets[k]
		}
		for k := e.Start[i]; k < e.Start[i+1]; k++ {
			grad[k] = share * (probs[k]*sum - targets[k])
		}
	}
}

func (e Examples) hardened(probs, labels []float64, c float64, grad []float64) {
	targets := make([]float64, len(labels))
	for k, label := range labels {
		targets[k] = (1 - c) * label
	}
	for i := range len(e.Start) - 1 {
		targets[e.Start[i]+prob.Argmax(probs[e.Start[i]:e.Start[i+1]])] += c
	}
	e.gradient(probs, targets, grad)
}

// logProbs calls f with each logarithm of a probability. Near 1 it is as exact as the probability, 1e-16.
func (e Examples) logProbs(i int, logits, probs []float64, f func(k int, log float64)) {
	from, to := e.Start[i], e.Start[i+1]
	most, top := slices.Max(logits[from:to]), math.Log(slices.Max(probs[from:to]))
	for k := from; k < to; k++ {
		f(k, logits[k]-most+top)
	}
}

func (e Examples) crossEntropy(logits, probs, targets []float64) (all float64) {
	for i := range len(e.Start) - 1 {
		value := 0.0
		e.logProbs(i, logits, probs, func(k int, log float64) { value -= targets[k] * log })
		all += e.weight(i) * value
	}
	return all
}

func (e Examples) entropy(logits, probs []float64, alpha float64, grad []float64) (all float64) {
	for i := range len(e.Start) - 1 {
		h, scale := 0.0, alpha*(e.weight(i)/e.Total)
		e.logProbs(i, logits, probs, func(k int, log float64) { h -= probs[k] * log })
		e.logProbs(i, logits, probs, func(k int, log float64) { grad[k] -= scale * probs[k] * (log + h) })
		all += scale * h
	}
	return all
}

func adam(grad []float64, rate, c2, eps float64, m, v, theta []float64) {
	const beta1, beta2 = 0.9, 0.999
	for i, g := range grad {
		m[i] = beta1*m[i] + (1-beta1)*g
		v[i] = beta2*v[i] + (1-beta2)*g*g
		theta[i] -= rate * m[i] / (math.Sqrt(v[i])/c2 + eps)
	}
}
