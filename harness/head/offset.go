package head

import (
	"fmt"

	"gonum.org/v1/gonum/floats"

	"w2s/harness/feature"
)

// Data.Offset is how a layer that exists is fine-tuned with a penalty towards where it started: with W = W0 + D and
// the logits x·W0 + b0 as the offset, heads are trained from D = 0, and their penalty is L2/2·‖W-W0‖². Logits makes the
// offset of a layer, Plus the layer of the two.

// Logits returns the head's logits of every row of x, (rows, outputs) row-major, in float64.
func (h *Head) Logits(x *feature.Matrix) ([]float64, error) {
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("head: logits: %w", err)
	}
	if h.Dims != x.Dims {
		return nil, fmt.Errorf("head: logits: a head of %d dimensions and features of %d", h.Dims, x.Dims)
	}
	l, n := h.fold(), h.Outputs()
	out := make([]float64, x.Rows*n)
	const block = 256 // rows a task
	parallel((x.Rows+block-1)/block, func(t int) {
		row := make([]float64, x.Dims)
		for r := t * block; r < min((t+1)*block, x.Rows); r++ {
			for j, v := range x.Row(r) {
				row[j] = float64(v)
			}
			for k, w := range l.columns {
				out[r*n+k] = floats.Dot(w, row) + l.bias[k]
			}
		}
	})
	return out, nil
}

// Plus returns one head for raw features whose logits are the sum of both heads'.
func (h *Head) Plus(other *Head) (*Head, error) {
	for _, part := range []*Head{h, other} {
		if err := part.check(); err != nil {
			return nil, fmt.Errorf("head: sum: %w", err)
		}
	}
	if h.Dims != other.Dims || h.Classes != other.Classes {
		return nil, fmt.Errorf("head: sum of a head of %d dimensions and %d classes and one of %d and %d", h.Dims, h.Classes, other.Dims, other.Classes)
	}
	n := h.Outputs()
	sum := &Head{Dims: h.Dims, Classes: h.Classes, W: make([]float64, h.Dims*n), B: make([]float64, n)}
	for _, l := range []layer{h.fold(), other.fold()} {
		for k, column := range l.columns {
			sum.B[k] += l.bias[k]
			for j, w := range column {
				sum.W[j*n+k] += w
			}
		}
	}
	return sum, nil
}

// checkOffset reports what keeps the offset from being added to logits.
func (d Data) checkOffset() error {
	if d.Offset == nil {
		return nil
	}
	if want := d.X.Rows * max(1, d.Classes); len(d.Offset) != want {
		return fmt.Errorf("head: %d offsets, want one for every logit of the %d rows: %d", len(d.Offset), d.X.Rows, want)
	}
	for i, v := range d.Offset {
		if !finite(v) {
			return fmt.Errorf("head: offset %d of row %d is %v", i%max(1, d.Classes), i/max(1, d.Classes), v)
		}
	}
	return nil
}

// offsets are the fixed logits of example e, or nil.
func (d Data) offsets(e int) []float64 {
	if d.Offset == nil {
		return nil
	}
	from, to := d.rows(e)
	width := max(1, d.Classes)
	return d.Offset[from*width : to*width]
}

// gatherOffsets are those of the given examples one after the other, as a batch has its logits.
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

// addTo adds offsets where there are any.
func addTo(logits, offsets []float64) {
	if offsets != nil {
		floats.Add(logits, offsets)
	}
}
