// Package prob holds the two operations that every package needs on rows of probabilities and logits.
package prob

import "math"

// Argmax returns the index of the largest value, the first of equal ones, or -1 if there are no values. NaN is never
// larger.
func Argmax(values []float64) int {
	best := -1
	for i, v := range values {
		if best < 0 || v > values[best] {
			best = i
		}
	}
	return best
}

// Softmax writes the softmax of logits to probs, which has the same length and may be the same slice. It subtracts the
// largest logit first, so finite logits do not overflow.
func Softmax(logits, probs []float64) {
	if len(logits) == 2 { // most tasks are binary, and one exponential is enough for them
		d := logits[1] - logits[0]
		e := math.Exp(-math.Abs(d))
		p, q := 1/(1+e), e/(1+e)
		if d > 0 {
			p, q = q, p
		}
		probs[0], probs[1] = p, q
		return
	}
	most := math.Inf(-1)
	for _, z := range logits {
		most = max(most, z)
	}
	sum := 0.0
	for k, z := range logits {
		probs[k] = math.Exp(z - most)
		sum += probs[k]
	}
	for k := range probs {
		probs[k] /= sum
	}
}

// Entropy returns the entropy of a distribution in nats.
func Entropy(p []float64) float64 {
	h := 0.0
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log(v)
		}
	}
	return h
}
