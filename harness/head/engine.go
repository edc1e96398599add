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
	forward(cols []*column)
	backward(cols []*column)
	noise() float64 // the relative error of an objective that rounding is expected to cause
}

// float64Limit is the largest number of features (rows·dims) for which float64 is used even if float32 is allowed.
// Problems of this size are quick anyway.
const float64Limit = 1 << 17

// newEngine returns the engine for scaled features.
func newEngine(d Data, float64Only bool) engine {
	if float64Only || len(d.X.Data) <= float64Limit {
		return newFloat64Engine(d.Scaling.apply(d.X))
	}
	return newFloat32Engine(d)
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

func (e *float64Engine) forward(cols []*column) {
	const block = 512 // rows for each task
	var tasks []func()
	for _, c := range cols {
		for from := 0; from < len(c.rows); from += block {
			tasks = append(tasks, func() { e.multiply(c, from, min(from+block, len(c.rows))) })
		}
	}
	parallel(len(tasks), func(i int) { tasks[i]() })
}

func (e *float64Engine) backward(cols []*column) {
	const block = 256 // dimensions for each task; every sum runs over all rows in order, so the size does not change it
	var tasks []func()
	for _, c := range cols {
		for from := 0; from < e.dims; from += block {
			tasks = append(tasks, func() { e.multiplyBack(c, from, min(from+block, e.dims)) })
		}
	}
	parallel(len(tasks), func(i int) { tasks[i]() })
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

// parallel calls f(0) to f(n-1) on up to GOMAXPROCS goroutines.
func parallel(n int, f func(i int)) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		g.Go(func() error { f(i); return nil })
	}
	g.Wait()
}
