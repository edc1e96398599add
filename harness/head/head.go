package head

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/internal/simd"
	"w2s/internal/visible"
)

// A Head is a linear layer that computes outputs = scaled(x)·W + B, which are its logits, or evidence.
type Head struct {
	Dims    int
	Classes int       // number of classes, or 0 for a head that scores candidates
	W       []float64 // (Dims, Outputs) row-major; of a mixture, the columns of one head after those of another
	B       []float64 // length Outputs, or that of all heads of a mixture; 0 for candidates, because their softmax does not depend on it
	Scaling *Scaling  // applied to features first; nil: none
	// Evidence says that outputs z are evidence of the classes, so that the logits are log(1 + max(0, z)) ([loss.Evidential]).
	Evidence bool
	// Mix holds the weights of several heads whose predictions are mixed ([loss.Mixture]). They sum to 1. nil: it is one head.
	Mix []float64
}

// heads returns the number of heads that are mixed, or 1.
func (h *Head) heads() int { return max(1, len(h.Mix)) }

// Outputs returns the number of logits for each row: the number of classes, or 1 for candidates.
func (h *Head) Outputs() int { return max(1, h.Classes) }

// check reports a contradiction between the sizes of the head's fields, or nil.
func (h *Head) check() error {
	switch n := h.Outputs() * h.heads(); {
	case h.Dims < 1 || h.Classes < 0 || h.Classes == 1:
		return fmt.Errorf("a head of %d dimensions and %s", h.Dims, visible.Count(h.Classes, "class"))
	case h.Evidence && h.Classes == 0:
		return errors.New("evidence needs classes, and the head scores candidates")
	case len(h.W) != h.Dims*n || len(h.B) != n:
		return fmt.Errorf("%d weights and %d biases, want %d and %d", len(h.W), len(h.B), h.Dims*n, n)
	case h.Scaling != nil && (len(h.Scaling.Mean) != h.Dims || len(h.Scaling.SD) != h.Dims):
		return fmt.Errorf("scaling is for %s, the head has %d", visible.Count(len(h.Scaling.Mean), "dimension"), h.Dims)
	}
	return nil
}

// Predict returns the probabilities that heads give to the classes or candidates of some examples of the data, or of all if
// examples is nil. The result is indexed by head, by position in examples, and by class or candidate. Predict computes in
// float64. It uses data.Offset but not data.Scaling, because each head has its own scaling.
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
			return nil, fmt.Errorf("head: head %d is for %s and %s, the data has %d and %d (0 classes: candidates)",
				i, visible.Count(h.Dims, "dimension"), visible.Count(h.Classes, "class"), data.X.Dims, data.Classes)
		}
	}
	if examples == nil {
		examples = list.Range(data.Examples())
	}
	if err := data.checkExamples(examples); err != nil {
		return nil, err
	}
	layers := make([]layer, len(heads))
	for i, h := range heads {
		layers[i] = h.unscaled()
	}
	out := make([][][]float64, len(heads))
	for i := range out {
		out[i] = make([][]float64, len(examples))
	}
	const block = 256 // examples for each task
	parallel((len(examples)+block-1)/block, func(t int) {
		if ctx.Err() != nil {
			return
		}
		x, buffer := make([]float64, data.X.Dims), make([]float32, data.X.Dims)
		for at := t * block; at < min((t+1)*block, len(examples)); at++ {
			e := examples[at]
			from, to := data.Rows(e)
			n := data.elements(e)
			outputs := make([][]float64, len(heads)) // the result is made in place
			for i, h := range heads {
				outputs[i] = make([]float64, h.heads()*n)
			}
			for r := from; r < to; r++ {
				simd.Convert(data.X.ReadRow(r, buffer), x)
				for i, l := range layers {
					width := heads[i].Outputs()
					for k, w := range l.columns {
						outputs[i][k/width*n+r-from+k%width] = floats.Dot(w, x) + l.bias[k]
					}
				}
			}
			for i, h := range heads {
				row := h.toLogits(outputs[i], n)
				if o := data.offsets(e); o != nil {
					floats.Add(row, o)
				}
				prob.Softmax(row, row)
				out[i][at] = row
			}
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// toLogits makes n logits of the outputs for an example, those of one head of a mixture after those of another. It may do so in place.
func (h *Head) toLogits(outputs []float64, n int) []float64 {
	switch {
	case h.Evidence:
		for k, z := range outputs {
			outputs[k] = math.Log1p(max(0, z))
		}
	case h.Mix != nil:
		mix(h.Mix, outputs, n)
		for k, p := range outputs[:n] {
			outputs[k] = math.Log(max(p, leastMixed))
		}
	}
	return outputs[:n:n]
}

// A layer is a head without its scaling.
type layer struct {
	columns [][]float64 // [outputs of all heads][dims]
	bias    []float64
}

// unscaled returns the head with its scaling folded into the weights: x·(W/sd) + (b - mean·(W/sd)).
func (h *Head) unscaled() layer {
	n := h.Outputs() * h.heads()
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
