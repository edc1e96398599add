// Package amx multiplies float32 matrices on the tile unit (AMX) that Intel processors have since Sapphire Rapids, about
// twice as fast as their vector units do, without giving up a bit: a product is made of six products of bfloat16 parts and
// is as near to the exact one as a product in float32 is, or nearer. [NewOps] makes such products an operator of ONNX
// Runtime. On other processors and systems [Available] is false and nothing else may be called.
package amx

import "fmt"

// Domain and Op name the operator y = f(x·W + b) of a [Layer]. Its input x is float32 of shape [..., k], its output y of shape [..., n]; its
// only attribute, Index, is a number among the matrices that were given to [NewOps].
const (
	Domain = "w2s"
	Op     = "Linear"
	Index  = "index"
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
