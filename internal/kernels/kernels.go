// Package kernels computes the layers and the attention of transformers on the tile unit (AMX) that Intel processors have since
// Sapphire Rapids. This is two to three times as fast as their vector units, and at least as exact as a product in float32.
// The tile unit multiplies small numbers only, so float32 numbers are split: into digits of 8 bits for layers, and into
// bfloat16 numbers for attention.
//
// Where there is no tile unit, the package computes layers on the vector unit (AVX-512), as exactly as a loop of fused multiply-adds. The
// products take as long as ONNX Runtime's, but the bias and the GELU of a layer cost next to nothing, because they are computed while the
// sums are in registers.
//
// [Unit.NewOps] adds the computations to ONNX Runtime as operators. On other processors and systems [Processor] returns nil. [Emulated]
// then still runs the same code, for tests.
package kernels

import "fmt"

// Domain is the name of the operators' domain.
const Domain = "w2s"

// Linear is the operator y = f(x·W + b) of a [Layer]. Its input x is float32 of shape [..., In], its output y is of shape
// [..., Out]. Its only attribute, LinearIndex, is the index of a matrix among those given to [Unit.NewOps].
const (
	Linear      = "Linear"
	LinearIndex = "index"
)

// Attention is the operator softmax(AttentionScale·q·k + masks)·v, in float32. Its inputs are q and v of shape
// [batch, heads, tokens, width], k of shape [batch, heads, width, tokens], and up to two masks. Its output is of shape
// [batch, tokens, heads, width]. Inputs broadcast as in ONNX, except that a mask cannot repeat a single token of k. The
// attributes AttentionQTokens, AttentionKTokens and AttentionVTokens are 1 if q, k or v is of shape
// [batch, tokens, heads, width] instead, and 0 otherwise.
const (
	Attention        = "Attention"
	AttentionScale   = "scale"
	AttentionQTokens = "q_tokens"
	AttentionKTokens = "k_tokens"
	AttentionVTokens = "v_tokens"
)

// A Layer is y = f(x·W + b) for x of shape [..., In] and y of shape [..., Out].
type Layer struct {
	In, Out int
	Weight  []float32 // W, [In, Out], row-major
	Rows    bool      // Weight is the transpose of W, [Out, In]
	Bias    []float32 // b, [Out], or nil
	GELU    bool      // f(x) = x·Φ(x), where Φ is the normal distribution; otherwise f(x) = x
}

func (l *Layer) check() error {
	// A quotient, because the product of In and Out may overflow.
	if n := len(l.Weight); l.In < 1 || l.Out < 1 || n/l.In != l.Out || n%l.In != 0 || l.Bias != nil && len(l.Bias) != l.Out {
		return fmt.Errorf("kernels: %d weights and %d biases do not fit a layer of %d inputs and %d outputs", n, len(l.Bias), l.In, l.Out)
	}
	return nil
}

// Processor returns the unit of this processor that computes layers, the tile unit before the vector unit, or nil if it has neither.
func Processor() *Unit {
	if u := TileUnit(); u != nil {
		return u
	}
	return VectorUnit()
}
