package head

import (
	"errors"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"w2s/internal/list"
)

// RandomDirections returns n directions of length 1, drawn evenly from all by the seed.
func RandomDirections(dims, n int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0x5eed5))
	out := make([][]float64, n)
	for i := range out {
		out[i] = drawDirection(rng, dims)
	}
	return out
}

// MainAxes returns the first n principal components of some examples' scaled features, the one of largest variance first. They are
// those of [MainAxis] and the ones after it. There are fewer if the features vary along fewer directions.
func MainAxes(data Data, examples []int, n int) ([][]float64, error) {
	c, err := newCentred(data, examples)
	if err != nil {
		return nil, err
	}
	rows := c.matrix()
	var covariance mat.SymDense
	covariance.SymOuterK(1, rows.T())
	var eigen mat.EigenSym
	if !eigen.Factorize(&covariance, true) {
		return nil, errors.New("head: principal components: no eigenvalues")
	}
	values := eigen.Values(nil) // ascending
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	var axes [][]float64
	for k := len(values) - 1; k >= 0 && len(axes) < n; k-- {
		if values[k] <= 1e-10*values[len(values)-1] {
			break
		}
		axes = append(axes, mat.Col(nil, k, &vectors))
	}
	return axes, nil
}

// matrix returns the centred rows.
func (c *centred) matrix() *mat.Dense {
	dims := c.data.X.Dims
	var all []float64
	for _, e := range c.examples {
		from, to := c.data.Rows(e)
		own := make([][]float64, 0, to-from)
		for r := from; r < to; r++ {
			row := list.Map(c.data.X.Row(r), func(v float32) float64 { return float64(v) })
			floats.Mul(row, c.inverse)
			own = append(own, row)
		}
		if c.data.Classes == 0 {
			centre(own)
		}
		for _, row := range own {
			all = append(all, row...)
		}
	}
	m := mat.NewDense(len(all)/dims, dims, all)
	if c.data.Classes > 0 {
		rows := make([][]float64, len(all)/dims)
		for i := range rows {
			rows[i] = m.RawRowView(i)
		}
		centre(rows)
	}
	return m
}

// centre subtracts the mean of rows from each of them.
func centre(rows [][]float64) {
	mean := make([]float64, len(rows[0]))
	for _, row := range rows {
		floats.AddScaled(mean, 1/float64(len(rows)), row)
	}
	for _, row := range rows {
		floats.Sub(row, mean)
	}
}

// Consensus returns the direction on which an ensemble of directions agrees, without labels. A direction scores a row by its projection
// in standard deviations. The first direction begins the sum of scores; each further one is turned round if its scores have another sign
// than the sum on more than half of the rows, and is then added. It returns nil if no direction has scores that vary.
func Consensus(directions [][]float64, data Data, examples []int) ([]float64, error) {
	c, err := newCentred(data, examples)
	if err != nil {
		return nil, err
	}
	var sum, out []float64
	for _, d := range directions {
		p, _ := c.project(d)
		size := floats.Norm(p, 2)
		if size == 0 {
			continue
		}
		floats.Scale(1/size, p)
		if sum == nil {
			sum, out = make([]float64, len(p)), make([]float64, len(d))
		}
		other := 0
		for i, s := range sum {
			if s*p[i] < 0 {
				other++
			}
		}
		sign := 1.0
		if 2*other > len(p) {
			sign = -1
		}
		floats.AddScaled(sum, sign, p)
		floats.AddScaled(out, sign/size, d)
	}
	if out == nil || floats.Norm(out, 2) == 0 {
		return nil, nil
	}
	floats.Scale(1/floats.Norm(out, 2), out)
	return out, nil
}

// Signed returns the head of candidates, or its opposite if its scores then follow the labels of the examples better, and nothing else of
// the labels. settled is false if the labels do not vary along its direction, so that they cannot decide.
func (h *Head) Signed(data Data, examples []int, labels [][]float64) (_ *Head, settled bool, err error) {
	data.Scaling = h.Scaling
	along, settled, err := Along(h.W, data, examples, labels)
	if err != nil || floats.Dot(along.W, h.W) >= 0 {
		return h, settled, err
	}
	turned := *h
	turned.W = list.Map(h.W, func(w float64) float64 { return -w })
	return &turned, settled, nil
}
