package label

import (
	"context"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// scaledRows are the scaled features of examples, one row for each. The row of a pair is the difference of its candidates.
type scaledRows struct {
	rows    blas64.General
	squares []float64 // squared norms of the rows
}

// newScaledRows returns the features of the labels at the given positions.
func newScaledRows(e Evidence, positions []int) scaledRows {
	x := e.Features.X
	s := scaledRows{
		rows:    blas64.General{Rows: len(positions), Cols: x.Dims, Stride: x.Dims, Data: make([]float64, len(positions)*x.Dims)},
		squares: make([]float64, len(positions)),
	}
	for i, at := range positions {
		row := s.rows.Data[i*x.Dims : (i+1)*x.Dims]
		first, second := e.Examples[at], -1
		if e.Features.Classes == 0 {
			first = e.Features.Start[first]
			second = first + 1
		}
		for j, v := range x.Row(first) {
			row[j] = float64(v)
			if scaling := e.Features.Scaling; scaling != nil {
				row[j] = (row[j] - scaling.Mean[j]) / scaling.SD[j]
			}
		}
		if second >= 0 {
			for j, v := range x.Row(second) {
				w := float64(v)
				if scaling := e.Features.Scaling; scaling != nil {
					w = (w - scaling.Mean[j]) / scaling.SD[j]
				}
				row[j] -= w
			}
		}
		for _, v := range row {
			s.squares[i] += v * v
		}
	}
	return s
}

// neighbours calls emit for every row with its k nearest other rows, nearest first. Of equally near rows, the one with the
// smaller index comes first. The squared distance of a and b is computed as |a|² + |b|² - 2a·b, with a·b from matrix products
// of blocks of rows.
func (s scaledRows) neighbours(ctx context.Context, k int, emit func(row int, nearest []int)) error {
	n := s.rows.Rows
	const blockRows = 256
	dots := blas64.General{Cols: n, Stride: n, Data: make([]float64, min(blockRows, n)*n)}
	nearest, distance := make([]int, 0, k+1), make([]float64, n)
	for start := 0; start < n; start += blockRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		block := s.rows
		block.Rows = min(blockRows, n-start)
		block.Data = block.Data[start*block.Stride:]
		dots.Rows = block.Rows
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, block, s.rows, 0, dots)
		for i := range block.Rows {
			row := start + i
			nearest = nearest[:0]
			for j := range n {
				if j == row {
					continue
				}
				sum := s.squares[row] + s.squares[j]
				distance[j] = sum - 2*dots.Data[i*n+j]
				if distance[j] < 1e-12*sum { // equal features, up to rounding
					distance[j] = 0
				}
				if len(nearest) == k && distance[j] >= distance[nearest[k-1]] {
					continue
				}
				at := len(nearest)
				for at > 0 && distance[j] < distance[nearest[at-1]] {
					at--
				}
				nearest = slices.Insert(nearest, at, j)[:min(len(nearest)+1, k)]
			}
			emit(row, nearest)
		}
	}
	return nil
}
