package label

import (
	"context"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// points are the features of examples, scaled, as rows.
type points struct {
	rows    blas64.General
	squares []float64 // squared lengths of the rows
}

// newPoints takes the feature row of every example in the given order of labels.
func newPoints(e Evidence, order []int) points {
	x := e.Features.X
	p := points{
		rows:    blas64.General{Rows: len(order), Cols: x.Dims, Stride: x.Dims, Data: make([]float64, len(order)*x.Dims)},
		squares: make([]float64, len(order)),
	}
	for i, o := range order {
		row := p.rows.Data[i*x.Dims : (i+1)*x.Dims]
		for j, v := range x.Row(e.Examples[o]) {
			row[j] = float64(v)
			if s := e.Features.Scaling; s != nil {
				row[j] = (row[j] - s.Mean[j]) / s.SD[j]
			}
			p.squares[i] += row[j] * row[j]
		}
	}
	return p
}

// neighbours calls got for every point with its k nearest others, nearest first, in a tie the earlier one. Distances are
// |a|² + |b|² - 2ab with ab from matrix products, a block of points at a time.
func (p points) neighbours(ctx context.Context, k int, got func(at int, near []int)) error {
	n := p.rows.Rows
	const block = 256
	dots := blas64.General{Cols: n, Stride: n, Data: make([]float64, min(block, n)*n)}
	near, distance := make([]int, 0, k+1), make([]float64, n)
	for start := 0; start < n; start += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := p.rows
		part.Rows = min(block, n-start)
		part.Data = part.Data[start*part.Stride:]
		dots.Rows = part.Rows
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, part, p.rows, 0, dots)
		for i := range part.Rows {
			at := start + i
			near = near[:0]
			for j := range n {
				if j == at {
					continue
				}
				sum := p.squares[at] + p.squares[j]
				distance[j] = sum - 2*dots.Data[i*n+j]
				if distance[j] < 1e-12*sum { // equal texts, whatever the rounding
					distance[j] = 0
				}
				if len(near) == k && distance[j] >= distance[near[k-1]] {
					continue
				}
				place := len(near)
				for place > 0 && distance[j] < distance[near[place-1]] {
					place--
				}
				near = slices.Insert(near, place, j)[:min(len(near)+1, k)]
			}
			got(at, near)
		}
	}
	return nil
}
