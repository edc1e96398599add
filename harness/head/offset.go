package head

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/floats"

	"w2s/harness/feature"
	"w2s/internal/visible"
)

// Logits returns the head's logits for every row of x as a row-major (rows, outputs) matrix, computed in float64. It can be
// the Offset of Data.
func (h *Head) Logits(x *feature.Matrix) ([]float64, error) {
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("head: logits: %w", err)
	}
	if h.Dims != x.Dims {
		return nil, fmt.Errorf("head: logits: a head of %d dimensions and features of %d", h.Dims, x.Dims)
	}
	if h.Mix != nil {
		return nil, errors.New("head: logits: a mixture of heads has none")
	}
	l, n := h.unscaled(), h.Outputs()
	out := make([]float64, x.Rows*n)
	const block = 256 // rows for each task
	parallel((x.Rows+block-1)/block, func(t int) {
		row := make([]float64, x.Dims)
		for r := t * block; r < min((t+1)*block, x.Rows); r++ {
			for j, v := range x.Row(r) {
				row[j] = float64(v)
			}
			for k, w := range l.columns {
				out[r*n+k] = floats.Dot(w, row) + l.bias[k]
			}
			h.toLogits(out[r*n:(r+1)*n], n)
		}
	})
	return out, nil
}

// Plus returns a head for unscaled features whose logits are the sum of the logits of h and other.
func (h *Head) Plus(other *Head) (*Head, error) {
	for _, summand := range []*Head{h, other} {
		if err := summand.check(); err != nil {
			return nil, fmt.Errorf("head: sum: %w", err)
		}
		if summand.Evidence || summand.Mix != nil {
			return nil, errors.New("head: sum: the logits of evidence and of mixtures are not linear")
		}
	}
	if h.Dims != other.Dims || h.Classes != other.Classes {
		return nil, fmt.Errorf("head: sum: one head has %s and %s, the other %d and %d", visible.Count(h.Dims, "dimension"), visible.Count(h.Classes, "class"), other.Dims, other.Classes)
	}
	n := h.Outputs()
	sum := &Head{Dims: h.Dims, Classes: h.Classes, W: make([]float64, h.Dims*n), B: make([]float64, n)}
	for _, l := range []layer{h.unscaled(), other.unscaled()} {
		for k, column := range l.columns {
			sum.B[k] += l.bias[k]
			for j, w := range column {
				sum.W[j*n+k] += w
			}
		}
	}
	return sum, nil
}

// checkOffset reports why the offset cannot be added to logits, or nil.
func (d Data) checkOffset() error {
	if d.Offset == nil {
		return nil
	}
	if want := d.X.Rows * max(1, d.Classes); len(d.Offset) != want {
		return fmt.Errorf("head: %d offsets for the %s, want one for each logit (%d)", len(d.Offset), visible.Count(d.X.Rows, "row"), want)
	}
	for i, v := range d.Offset {
		if !finite(v) {
			return fmt.Errorf("head: offset %d of row %d is %v", i%max(1, d.Classes), i/max(1, d.Classes), v)
		}
	}
	return nil
}

// offsets returns the fixed logits of example e, or nil if there are none.
func (d Data) offsets(e int) []float64 {
	if d.Offset == nil {
		return nil
	}
	from, to := d.Rows(e)
	width := max(1, d.Classes)
	return d.Offset[from*width : to*width]
}

// gatherOffsets returns the fixed logits of examples in the layout of a batch's logits, or nil if there are none.
func (d Data) gatherOffsets(examples []int) []float64 {
	if d.Offset == nil {
		return nil
	}
	var out []float64
	for _, e := range examples {
		out = append(out, d.offsets(e)...)
	}
	return out
}
