package head

import (
	"runtime"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/floats"

	"w2s/harness/feature"
)

// A column is one of the columns that are trained at the moment.
type column struct {
	rows []int     // the rows of X that it is trained on, ascending
	w    []float64 // length dims: the weights
	z    []float64 // length len(rows): X·w after forward; the caller replaces it with its gradient before backward
	d    []float64 // length dims: Xᵀ·z after backward
}

// An engine multiplies the features with columns. The result for a column does not depend on the other columns.
type engine interface {
	forward(cols []*column) error
	backward(cols []*column) error
	noise() float64 // the relative error of an objective that rounding is expected to cause
	close() error
}

// float64Limit is the largest number of features (rows·dims) for which float64 is used even if there is a fast product.
// Problems of this size are quick anyway.
const float64Limit = 1 << 17

func newEngine(x *feature.Matrix, fast NewMultiplier) (engine, error) {
	if fast == nil || len(x.Data) <= float64Limit {
		return newFloat64Engine(x), nil
	}
	m, err := fast(x.Data, x.Rows, x.Dims)
	if err != nil {
		return nil, err
	}
	return &float32Engine{m: m, rows: x.Rows, dims: x.Dims, w: make([]float32, x.Dims*Columns), z: make([]float32, x.Rows*Columns)}, nil
}

// A float64Engine computes in float64.
type float64Engine struct {
	x    []float64
	dims int
}

func newFloat64Engine(x *feature.Matrix) *float64Engine {
	e := &float64Engine{x: make([]float64, len(x.Data)), dims: x.Dims}
	for i, v := range x.Data {
		e.x[i] = float64(v)
	}
	return e
}

func (e *float64Engine) noise() float64 { return 1e-14 }
func (e *float64Engine) close() error   { return nil }

func (e *float64Engine) forward(cols []*column) error {
	const block = 512 // rows for each task
	var tasks []func()
	for _, c := range cols {
		for from := 0; from < len(c.rows); from += block {
			tasks = append(tasks, func() { e.multiply(c, from, min(from+block, len(c.rows))) })
		}
	}
	parallel(len(tasks), func(i int) { tasks[i]() })
	return nil
}

func (e *float64Engine) backward(cols []*column) error {
	const block = 256 // dimensions for each task; every sum runs over all rows in order, so the size does not change it
	var tasks []func()
	for _, c := range cols {
		for from := 0; from < e.dims; from += block {
			tasks = append(tasks, func() { e.multiplyBack(c, from, min(from+block, e.dims)) })
		}
	}
	parallel(len(tasks), func(i int) { tasks[i]() })
	return nil
}

// multiply computes the elements from:to of a column's z.
func (e *float64Engine) multiply(c *column, from, to int) {
	for i := from; i < to; i++ {
		r := c.rows[i]
		c.z[i] = floats.Dot(e.x[r*e.dims:(r+1)*e.dims], c.w)
	}
}

// multiplyBack computes the elements from:to of a column's d.
func (e *float64Engine) multiplyBack(c *column, from, to int) {
	d := c.d[from:to]
	clear(d)
	for i, r := range c.rows {
		if g := c.z[i]; g != 0 {
			floats.AddScaled(d, g, e.x[r*e.dims+from:r*e.dims+to])
		}
	}
}

// A float32Engine computes products in float32 with a Multiplier. It sums over chunks of rows and adds the chunks in
// float64, so the error does not grow with the number of rows.
type float32Engine struct {
	m          Multiplier
	rows, dims int
	w, z       []float32 // (dims, Columns) and (rows, Columns)
}

const chunkRows = 2048

func (s *float32Engine) noise() float64 { return 1e-8 }
func (s *float32Engine) close() error   { return s.m.Close() }

func (s *float32Engine) forward(cols []*column) error {
	for group := range groups(cols) {
		s.pack(group)
		for from := 0; from < s.rows; from += chunkRows { // a chunk fits into the processor's cache
			to := min(from+chunkRows, s.rows)
			if err := s.m.Forward(from, to, s.w, s.z[from*Columns:to*Columns]); err != nil {
				return err
			}
		}
		parallel(len(group), func(k int) {
			c := group[k]
			for i, r := range c.rows {
				c.z[i] = float64(s.z[r*Columns+k])
			}
		})
	}
	return nil
}

func (s *float32Engine) backward(cols []*column) error {
	for group := range groups(cols) {
		clear(s.z)
		parallel(len(group), func(k int) {
			c := group[k]
			clear(c.d)
			for i, r := range c.rows {
				s.z[r*Columns+k] = float32(c.z[i])
			}
		})
		for from := 0; from < s.rows; from += chunkRows {
			to := min(from+chunkRows, s.rows)
			if err := s.m.Backward(from, to, s.z[from*Columns:to*Columns], s.w); err != nil {
				return err
			}
			for k, c := range group {
				for j := range c.d {
					c.d[j] += float64(s.w[j*Columns+k])
				}
			}
		}
	}
	return nil
}

// pack writes the weights of a group as a (dims, Columns) matrix. Columns that the group lacks are zero.
func (s *float32Engine) pack(group []*column) {
	clear(s.w)
	for k, c := range group {
		for j, w := range c.w {
			s.w[j*Columns+k] = float32(w)
		}
	}
}

// groups yields the columns in groups of at most Columns.
func groups(cols []*column) func(yield func([]*column) bool) {
	return func(yield func([]*column) bool) {
		for len(cols) > 0 {
			n := min(Columns, len(cols))
			if !yield(cols[:n]) {
				return
			}
			cols = cols[n:]
		}
	}
}

// parallel calls f(0) to f(n-1) on up to GOMAXPROCS goroutines.
func parallel(n int, f func(i int)) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		g.Go(func() error { f(i); return nil })
	}
	g.Wait()
}
