package head

import (
	"runtime"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/floats"

	"w2s/harness/feature"
)

// A column is one column of all that is trained at the moment.
type column struct {
	rows []int     // the rows of X that take part, ascending
	w    []float64 // length dims: the weights
	z    []float64 // length len(rows): after forward X·w, before backward the gradient with respect to it
	d    []float64 // length dims: after backward Xᵀ·z
}

// An engine multiplies the features with columns. What a column gets does not depend on the columns beside it.
type engine interface {
	forward(cols []*column) error
	backward(cols []*column) error
	// noise is the relative error to expect of an objective.
	noise() float64
	close() error
}

// exactLimit is the number of features (rows·dims) up to which float64 is used even where a fast product is given: such
// problems are quick anyway.
const exactLimit = 1 << 17

func newEngine(x *feature.Matrix, fast NewMultiplier) (engine, error) {
	if fast == nil || len(x.Data) <= exactLimit {
		return newExact(x), nil
	}
	m, err := fast(x.Data, x.Rows, x.Dims)
	if err != nil {
		return nil, err
	}
	return &single{m: m, rows: x.Rows, dims: x.Dims, w: make([]float32, x.Dims*Columns), z: make([]float32, x.Rows*Columns)}, nil
}

// exact computes in float64.
type exact struct {
	x    []float64
	dims int
}

func newExact(x *feature.Matrix) *exact {
	e := &exact{x: make([]float64, len(x.Data)), dims: x.Dims}
	for i, v := range x.Data {
		e.x[i] = float64(v)
	}
	return e
}

func (e *exact) noise() float64 { return 1e-14 }
func (e *exact) close() error   { return nil }

func (e *exact) forward(cols []*column) error {
	const block = 512 // rows a task
	var tasks []func()
	for _, c := range cols {
		for from := 0; from < len(c.rows); from += block {
			tasks = append(tasks, func() { e.multiply(c, from, min(from+block, len(c.rows))) })
		}
	}
	parallel(len(tasks), func(i int) { tasks[i]() })
	return nil
}

func (e *exact) backward(cols []*column) error {
	const block = 256 // dimensions a task; each sum runs over the rows in order, so the cut does not change it
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
func (e *exact) multiply(c *column, from, to int) {
	for i := from; i < to; i++ {
		r := c.rows[i]
		c.z[i] = floats.Dot(e.x[r*e.dims:(r+1)*e.dims], c.w)
	}
}

// multiplyBack computes the elements from:to of a column's d.
func (e *exact) multiplyBack(c *column, from, to int) {
	d := c.d[from:to]
	clear(d)
	for i, r := range c.rows {
		if g := c.z[i]; g != 0 {
			floats.AddScaled(d, g, e.x[r*e.dims+from:r*e.dims+to])
		}
	}
}

// single computes products in float32 with a Multiplier. Sums over the rows are cut into chunks that are added in
// float64, so that their error does not grow with the number of rows.
type single struct {
	m          Multiplier
	rows, dims int
	w, z       []float32 // (dims, Columns) and (rows, Columns)
}

const chunkRows = 2048

func (s *single) noise() float64 { return 1e-8 }
func (s *single) close() error   { return s.m.Close() }

func (s *single) forward(cols []*column) error {
	for group := range groups(cols) {
		s.pack(group)
		for from := 0; from < s.rows; from += chunkRows { // a chunk stays in the processor's cache
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

func (s *single) backward(cols []*column) error {
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

// pack writes the weights of a group as a (dims, Columns) matrix, zero where the group has fewer columns.
func (s *single) pack(group []*column) {
	clear(s.w)
	for k, c := range group {
		for j, w := range c.w {
			s.w[j*Columns+k] = float32(w)
		}
	}
}

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

// parallel calls f for 0 to n-1 on as many goroutines as there are processors.
func parallel(n int, f func(i int)) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		g.Go(func() error { f(i); return nil })
	}
	g.Wait()
}
