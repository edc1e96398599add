// Package amx computes what a transformer spends its time on, the products of its layers and its attention, on the tile unit
// (AMX) that Intel processors have since Sapphire Rapids: two to three times as fast as their vector units do, and as near to
// the exact result as a product in float32 is, or nearer. Float32 numbers are taken apart for it, into whole numbers of 8 bits
// for layers and bfloat16 numbers for attention. [NewOps] makes operators of ONNX Runtime of it. On other processors and
// systems [Available] is false and nothing else may be called.
package amx

import "fmt"

// Domain is that of the operators.
const Domain = "w2s"

// Linear is the operator y = f(x·W + b) of a [Layer]. Its input x is float32 of shape [..., In], its output y of shape
// [..., Out]; its only attribute, LinearIndex, is a number among the matrices that were given to [NewOps].
const (
	Linear      = "Linear"
	LinearIndex = "index"
)

// Attention is the operator softmax(scale·q·k + masks)·v, all in float32. Its inputs are q and v of shape
// [batch, heads, tokens, width], k of shape [batch, heads, width, tokens], and up to two masks of shapes that broadcast to
// [batch, heads, tokens of q, tokens of k]; its output is [batch, tokens, heads, width]. Its attributes are the number
// AttentionScale and, for each of q, k and v, whether it is [batch, tokens, heads, width] instead: 0 or 1.
const (
	Attention        = "Attention"
	AttentionScale   = "scale"
	AttentionQTokens = "q_tokens"
	AttentionKTokens = "k_tokens"
	AttentionVTokens = "v_tokens"
)

// A Layer is y = f(x·W + b): x has shape [..., In], y [..., Out].
type Layer struct {
	In, Out int
	Weight  []float32 // W, [In, Out], row-major
	Rows    bool      // Weight is [Out, In] instead, one row an output
	Bias    []float32 // b, [Out], or nil
	GELU    bool      // f(x) = x·Φ(x), with the normal distribution Φ; otherwise f(x) = x
}

func (l *Layer) check() error {
	if l.In < 1 || l.Out < 1 || len(l.Weight) != l.In*l.Out || l.Bias != nil && len(l.Bias) != l.Out {
		return fmt.Errorf("amx: %d weights and %d biases are not those of %d inputs and %d outputs", len(l.Weight), len(l.Bias), l.In, l.Out)
	}
	return nil
}
