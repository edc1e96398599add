package head

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/floats"

	"w2s/internal/prob"
)

// A Head is a trained linear layer: logits = scaled(x)·W + B.
type Head struct {
	Dims int
	// Classes is the number of classes, or 0 for a head that scores candidates.
	Classes int
	W       []float64 // (Dims, Outputs) row-major
	B       []float64 // length Outputs; 0 for candidates, whose softmax does not feel a bias
	Scaling *Scaling  // applied to features first, nil for none
}

// Outputs is the number of logits a row: the number of classes, or 1 score a candidate.
func (h *Head) Outputs() int { return max(1, h.Classes) }

// check reports what keeps the head from being used on data.
func (h *Head) check() error {
	switch n := h.Outputs(); {
	case h.Dims < 1 || h.Classes < 0 || h.Classes == 1:
		return fmt.Errorf("a head of %d dimensions and %d classes", h.Dims, h.Classes)
	case len(h.W) != h.Dims*n || len(h.B) != n:
		return fmt.Errorf("%d weights and %d biases, want %d and %d", len(h.W), len(h.B), h.Dims*n, n)
	case h.Scaling != nil && (len(h.Scaling.Mean) != h.Dims || len(h.Scaling.SD) != h.Dims):
		return fmt.Errorf("scaling is for %d dimensions, the head has %d", len(h.Scaling.Mean), h.Dims)
	}
	return nil
}

// Predict returns the probabilities that each head gives the classes or candidates of each of the examples, nil for
// all: the result is indexed by head, place in examples, class or candidate. data.Scaling is not used, each head has
// its own; data.Offset is. It computes in float64.
func Predict(ctx context.Context, data Data, heads []*Head, examples []int) ([][][]float64, error) {
	data.Scaling = nil
	if err := data.check(); err != nil {
		return nil, err
	}
	for i, h := range heads {
		if err := h.check(); err != nil {
			return nil, fmt.Errorf("head: head %d: %w", i, err)
		}
		if h.Dims != data.X.Dims || h.Classes != data.Classes {
			return nil, fmt.Errorf("head: head %d is for %d dimensions and %d classes, the data has %d and %d (0 classes: candidates)",
				i, h.Dims, h.Classes, data.X.Dims, data.Classes)
		}
	}
	if examples == nil {
		examples = make([]int, data.Examples())
		for e := range examples {
			examples[e] = e
		}
	}
	for _, e := range examples {
		if e < 0 || e >= data.Examples() {
			return nil, fmt.Errorf("head: example %d is not in 0..%d", e, data.Examples()-1)
		}
	}
	layers := make([]layer, len(heads))
	for i, h := range heads {
		layers[i] = h.fold()
	}
	out := make([][][]float64, len(heads))
	for i := range out {
		out[i] = make([][]float64, len(examples))
	}
	const block = 256 // examples a task
	parallel((len(examples)+block-1)/block, func(t int) {
		if ctx.Err() != nil {
			return
		}
		x := make([]float64, data.X.Dims)
		for place := t * block; place < min((t+1)*block, len(examples)); place++ {
			e := examples[place]
			from, to := data.rows(e)
			n := data.elements(e)
			logits := make([]float64, len(layers)*n) // becomes the result
			for r := from; r < to; r++ {
				for j, v := range data.X.Row(r) {
					x[j] = float64(v)
				}
				for i, l := range layers {
					for k, w := range l.columns {
						logits[i*n+r-from+k] = floats.Dot(w, x) + l.bias[k]
					}
				}
			}
			for i := range layers {
				row := logits[i*n : (i+1)*n : (i+1)*n]
				addTo(row, data.offsets(e))
				prob.Softmax(row, row)
				out[i][place] = row
			}
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// A layer is a head for raw features.
type layer struct {
	columns [][]float64 // one an output
	bias    []float64
}

// fold puts the scaling into the weights: x·W/sd + (b - mean·W/sd).
func (h *Head) fold() layer {
	n := h.Outputs()
	l := layer{columns: make([][]float64, n), bias: append([]float64(nil), h.B...)}
	for k := range n {
		column := make([]float64, h.Dims)
		for j := range column {
			column[j] = h.W[j*n+k]
			if h.Scaling != nil {
				column[j] /= h.Scaling.SD[j]
			}
		}
		if h.Scaling != nil {
			l.bias[k] -= floats.Dot(h.Scaling.Mean, column)
		}
		l.columns[k] = column
	}
	return l
}
