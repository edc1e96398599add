// Package simd does the arithmetic of training on the vector units of one core: products of rows with many columns, and
// softmax.
//
// An element of a product depends on its own row or column alone, to the last bit, and not on the other columns. It may
// differ in the last bits between processors.
package simd

import "w2s/internal/prob"

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
