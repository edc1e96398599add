package head

import (
	"math"

	"w2s/harness/feature"
	"w2s/internal/simd"
)

// A Scaling maps a feature x to (x - Mean) / SD, so that each dimension has mean 0 and standard deviation 1 over the rows
// that the scaling was computed from. No label affects it.
type Scaling struct {
	Mean, SD []float64 // length dims; an SD is never 0
}

// Standardise returns the mean and standard deviation of each dimension over some rows of x, or over all if rows is nil. It
// divides by n, like scikit-learn's StandardScaler. A dimension that does not vary has an SD of 1.
func Standardise(x *feature.Matrix, rows []int) *Scaling {
	if rows == nil {
		rows = make([]int, x.Rows)
		for i := range rows {
			rows[i] = i
		}
	}
	s := &Scaling{Mean: make([]float64, x.Dims), SD: make([]float64, x.Dims)}
	buffer := make([]float32, x.Dims)
	for _, i := range rows {
		simd.Accumulate(x.ReadRow(i, buffer), s.Mean)
	}
	n := max(1, float64(len(rows)))
	for j := range s.Mean {
		s.Mean[j] /= n
	}
	for _, i := range rows {
		for j, v := range x.ReadRow(i, buffer) {
			d := float64(v) - s.Mean[j]
			s.SD[j] += d * d
		}
	}
	for j := range s.SD {
		s.SD[j] = math.Sqrt(s.SD[j] / n)
		// A deviation within the rounding of float32 is noise.
		if s.SD[j] <= 1e-7*math.Abs(s.Mean[j]) || s.SD[j] == 0 {
			s.SD[j] = 1
		}
	}
	return s
}

// apply returns the scaled matrix, or x itself if s is nil.
func (s *Scaling) apply(x *feature.Matrix) *feature.Matrix {
	if s == nil {
		return x
	}
	out := &feature.Matrix{Rows: x.Rows, Dims: x.Dims, Data: make([]float32, x.Rows*x.Dims)}
	for i := range x.Rows {
		s.ApplyTo(x.Row(i), out.Row(i))
	}
	return out
}

// ApplyTo writes a scaled row to out, or the row itself if s is nil.
func (s *Scaling) ApplyTo(row, out []float32) {
	if s == nil {
		copy(out, row)
		return
	}
	for j, v := range row {
		out[j] = float32((float64(v) - s.Mean[j]) / s.SD[j])
	}
}

// Dot returns the dot product of a scaled row with a direction.
func (s *Scaling) Dot(row []float32, direction []float64) float64 {
	sum := 0.0
	for j, v := range row {
		sum += direction[j] * (float64(v) - s.Mean[j]) / s.SD[j]
	}
	return sum
}
