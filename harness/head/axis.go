package head

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"w2s/internal/visible"
)

// MainAxis returns the first principal component of some examples' scaled features: the direction, of length 1, along which they
// vary most. No label takes part. Candidates are centred on the mean of their example, so of pairs it is the main axis of their
// differences. Of the two opposite directions, it returns the one whose largest component is positive. It returns nil if the
// features do not vary.
func MainAxis(data Data, examples []int) ([]float64, error) {
	x, err := newCentred(data, examples)
	if err != nil {
		return nil, err
	}
	dims := data.X.Dims
	// Lanczos' method finds the largest eigenvector of the covariance in a few dozen products, where a whole decomposition takes
	// seconds. All vectors are kept orthogonal, so the method is exact after dims steps.
	var basis [][]float64
	var diagonal, beside []float64
	next := RandomDirection(dims, 0)
	for {
		v := next
		basis = append(basis, v)
		projection, _ := x.project(v)
		next = x.sum(projection)
		diagonal = append(diagonal, floats.Dot(v, next))
		for range 2 { // once leaves rounding errors
			for _, b := range basis {
				floats.AddScaled(next, -floats.Dot(b, next), b)
			}
		}
		norm := floats.Norm(next, 2)
		size := len(basis)
		// The products of features that do not vary are rounding errors, of either sign.
		last := size == min(dims, maxLanczos) || norm <= 1e-12*max(floats.Max(diagonal), 1e-12*float64(len(projection)))
		if last || size%lanczosCheck == 0 {
			value, vector, err := largestEigen(diagonal, beside)
			if err != nil {
				return nil, err
			}
			if value <= 1e-12*float64(len(projection)) { // features of unit size have a sum of squares of one for each row
				return nil, nil
			}
			if last || norm*math.Abs(vector[size-1]) <= 1e-10*value {
				axis := make([]float64, dims)
				for k, b := range basis {
					floats.AddScaled(axis, vector[k], b)
				}
				floats.Scale(1/floats.Norm(axis, 2), axis)
				if largest := floats.MaxIdx(absolute(axis)); axis[largest] < 0 {
					floats.Scale(-1, axis)
				}
				return axis, nil
			}
		}
		beside = append(beside, norm)
		floats.Scale(1/norm, next)
	}
}

const (
	maxLanczos   = 300 // steps after which MainAxis takes the direction as it is
	lanczosCheck = 10  // steps between two looks at the residual
)

// largestEigen returns the largest eigenvalue of a symmetric tridiagonal matrix and its vector.
func largestEigen(diagonal, beside []float64) (float64, []float64, error) {
	n := len(diagonal)
	m := mat.NewSymDense(n, nil)
	for i, d := range diagonal {
		m.SetSym(i, i, d)
		if i+1 < n {
			m.SetSym(i, i+1, beside[i])
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(m, true) {
		return 0, nil, fmt.Errorf("head: main axis: no eigenvalues of a %d × %d matrix", n, n)
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	return eigen.Values(nil)[n-1], mat.Col(nil, n-1, &vectors), nil
}

func absolute(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = math.Abs(x)
	}
	return out
}

// RandomDirection returns a direction of length 1, drawn evenly from all by the seed.
func RandomDirection(dims int, seed uint64) []float64 {
	return drawDirection(rand.New(rand.NewPCG(seed, 0xd14ec7)), dims)
}

// drawDirection draws a direction of length 1, evenly from all.
func drawDirection(rng *rand.Rand, dims int) []float64 {
	v := make([]float64, dims)
	for j := range v {
		v[j] = rng.NormFloat64()
	}
	floats.Scale(1/floats.Norm(v, 2), v)
	return v
}

// Along returns the head that scores by projection on a direction of scaled features. Of a binary task, examples on one side of
// the mean of the given examples are in one class; of candidates, the one that lies furthest is chosen. The labels of the examples
// decide which side is which, and nothing else. The logit is the projection in standard deviations over the examples. settled is
// false if the labels do not vary along the direction, so that they cannot decide.
func Along(direction []float64, data Data, examples []int, labels [][]float64) (h *Head, settled bool, err error) {
	if data.Classes > 2 {
		return nil, false, fmt.Errorf("head: a direction cannot tell %s apart", visible.Count(data.Classes, "class"))
	}
	x, err := newCentred(data, examples)
	if err != nil {
		return nil, false, err
	}
	dims := data.X.Dims
	if len(direction) != dims || len(labels) != len(examples) {
		return nil, false, fmt.Errorf("head: a direction of %s for %d and %s for %s", visible.Count(len(direction), "dimension"), dims,
			visible.Count(len(labels), "label"), visible.Count(len(examples), "example"))
	}
	p, middle := x.project(direction)
	rows := len(p)
	var targets []float64 // of the rows
	for _, l := range labels {
		if data.Classes > 0 {
			l = l[1:]
		}
		targets = append(targets, l...)
	}
	if len(targets) != rows {
		return nil, false, fmt.Errorf("head: labels of %s for %d", visible.Count(len(targets), "candidate"), rows)
	}
	floats.AddConst(-floats.Sum(targets)/float64(rows), targets)
	agreement, size := floats.Dot(p, targets), floats.Norm(p, 2)
	settled = math.Abs(agreement) > 1e-9*size*floats.Norm(targets, 2)
	scale := 0.0
	if size > 0 {
		scale = math.Sqrt(float64(rows)) / size
	}
	if settled && agreement < 0 {
		scale = -scale
	}
	h = &Head{Dims: dims, Classes: data.Classes, Scaling: data.Scaling}
	h.W, h.B = make([]float64, dims*h.Outputs()), make([]float64, h.Outputs())
	if data.Classes == 0 {
		floats.ScaleTo(h.W, scale, direction)
		return h, settled, nil
	}
	for j, d := range direction {
		h.W[2*j], h.W[2*j+1] = -scale*d/2, scale*d/2
	}
	h.B[0], h.B[1] = scale*middle/2, -scale*middle/2
	return h, settled, nil
}

// A centred holds the scaled rows of some examples without their mean, or without the mean of each example's candidates. It makes no
// copy of them.
type centred struct {
	data     Data
	examples []int
	inverse  []float64 // 1/SD of each dimension
	shift    []float64 // Mean/SD of each dimension
}

func newCentred(data Data, examples []int) (*centred, error) {
	if err := data.check(); err != nil {
		return nil, err
	}
	if len(examples) == 0 {
		return nil, errors.New("head: no examples")
	}
	if err := data.checkExamples(examples); err != nil {
		return nil, err
	}
	c := &centred{data, examples, make([]float64, data.X.Dims), make([]float64, data.X.Dims)}
	for j := range c.inverse {
		c.inverse[j] = 1
		if s := data.Scaling; s != nil {
			c.inverse[j], c.shift[j] = 1/s.SD[j], s.Mean[j]/s.SD[j]
		}
	}
	return c, nil
}

// project returns the dot products of all rows with a direction, and the mean that was subtracted from them, which is 0 for
// candidates.
func (c *centred) project(direction []float64) (projection []float64, middle float64) {
	w := make([]float64, len(direction))
	floats.MulTo(w, direction, c.inverse)
	for _, e := range c.examples {
		from, to := c.data.Rows(e)
		start := len(projection)
		for r := from; r < to; r++ {
			sum := 0.0
			for j, v := range c.data.X.Row(r) {
				sum += float64(v) * w[j]
			}
			projection = append(projection, sum)
		}
		if c.data.Classes == 0 {
			own := projection[start:]
			floats.AddConst(-floats.Sum(own)/float64(len(own)), own)
		}
	}
	if c.data.Classes > 0 {
		middle = floats.Sum(projection) / float64(len(projection))
		floats.AddConst(-middle, projection)
		middle -= floats.Dot(c.shift, direction)
	}
	return projection, middle
}

// sum returns the sum of all rows, each times its weight. The weights add up to 0, as projections do, so that means cancel.
func (c *centred) sum(weights []float64) []float64 {
	out := make([]float64, c.data.X.Dims)
	at := 0
	for _, e := range c.examples {
		from, to := c.data.Rows(e)
		for r := from; r < to; r++ {
			for j, v := range c.data.X.Row(r) {
				out[j] += weights[at] * float64(v)
			}
			at++
		}
	}
	floats.Mul(out, c.inverse)
	return out
}

// Cosine returns the cosine of the angle between the weights of two heads in the space of scaled features, the mean over the classes.
// Of each class, only what its weights have beyond the mean of all classes counts, because the rest changes no prediction. It is 0 if
// a head has no weights.
func (h *Head) Cosine(other *Head) float64 {
	a, b := h.classWeights(), other.classWeights()
	sum := 0.0
	for k := range a {
		sum += cosine(a[k], b[k])
	}
	return sum / float64(len(a))
}

// AlongDirection returns the absolute cosine of the angle between the head's weights and a direction of scaled features, the mean over
// the classes as in [Head.Cosine].
func (h *Head) AlongDirection(direction []float64) float64 {
	weights := h.classWeights()
	sum := 0.0
	for _, w := range weights {
		sum += math.Abs(cosine(w, direction))
	}
	return sum / float64(len(weights))
}

// classWeights returns the weights of every class without the mean of all classes, or those of a candidate's score. Those of a mixture
// are the mean over its heads.
func (h *Head) classWeights() [][]float64 {
	n := h.Outputs()
	out := make([][]float64, n)
	for k := range out {
		out[k] = make([]float64, h.Dims)
	}
	columns := n * h.heads()
	for j := range h.Dims {
		row := h.W[j*columns : (j+1)*columns]
		if h.Mix != nil {
			mean := make([]float64, n)
			for m, share := range h.Mix {
				floats.AddScaled(mean, share, row[m*n:(m+1)*n])
			}
			row = mean
		}
		mean := 0.0
		if n > 1 {
			mean = floats.Sum(row) / float64(n)
		}
		for k, w := range row {
			out[k][j] = w - mean
		}
	}
	return out
}

func cosine(a, b []float64) float64 {
	size := floats.Norm(a, 2) * floats.Norm(b, 2)
	if size == 0 {
		return 0
	}
	return floats.Dot(a, b) / size
}
