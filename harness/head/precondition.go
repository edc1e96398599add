package head

import (
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"w2s/harness/loss"
	"w2s/internal/simd"
)

// A preconditioner approximates the inverse of the Hessian of an objective by its inverse at W = 0, where all classes and
// candidates are equally likely. For the columns of features X it is (c·XᵀX/n + L2)⁻¹, with one c for all. It changes the
// way to a minimum, not the minimum.
type preconditioner struct {
	inverse []float64 // [dims][padded dims]
	rows    []int32   // all of them
	dims    int
	bias    float64 // 1/c
}

// apply replaces v, which is laid out as the parameters of a trainee, by the product with the preconditioner.
func (p *preconditioner) apply(v []float64, columns int) {
	padded := simd.Padded(p.dims)
	in, out := make([]float64, columns*padded), make([]float64, columns*p.dims)
	for k := range columns {
		copy(in[k*padded:], v[k*p.dims:(k+1)*p.dims])
	}
	simd.Forward(p.inverse, p.rows, padded, in, out, p.dims)
	copy(v, out)
	for k := columns * p.dims; k < len(v); k++ {
		v[k] *= p.bias
	}
}

const (
	// An inverse takes dims³ operations and saves some forty evaluations of rows·dims operations. It pays from dims²/24 rows
	// if about three heads share it, as in an experiment. It must not depend on how many do, because a head is the same
	// alone and beside others.
	dimsSquaredPerRow = 24
	maxPreconditioned = 1024 // dimensions; an inverse takes 8 MiB
)

// A startHessian is the Hessian of the cross-entropy at W = 0 on some examples, with its preconditioner for every penalty
// that was asked for.
type startHessian struct {
	data     Data
	examples []int
	hessian  func() *mat.SymDense
	mu       sync.Mutex
	inverses map[float64]func() *preconditioner // by penalty
}

// newStartHessian returns the Hessian on examples, or nil if it is not worth its time.
func newStartHessian(d Data, examples []int, rows int) *startHessian {
	if d.X.Dims > maxPreconditioned || dimsSquaredPerRow*rows < d.X.Dims*d.X.Dims {
		return nil
	}
	c := &startHessian{data: d, examples: examples, inverses: map[float64]func() *preconditioner{}}
	c.hessian = sync.OnceValue(c.atZero)
	return c
}

// scale returns c of the preconditioner for classes: the second derivative of the objective with respect to a logit. A
// binary head has W = [-u, u], and half the objective.
func (c *startHessian) scale() float64 {
	switch c.data.Classes {
	case 0: // the rows of candidates are scaled by the size of their group
		return 1
	case 2:
		return 0.5
	}
	return 1 / float64(c.data.Classes)
}

// atZero returns the Hessian of the features. Of many rows it takes a share, evenly.
func (c *startHessian) atZero() *mat.SymDense {
	const chunk, most = 256, 16 // most rows for each dimension
	d, dims, padded := c.data, c.data.X.Dims, simd.Padded(c.data.X.Dims)
	rows := 0
	for _, e := range c.examples {
		from, to := d.Rows(e)
		rows += to - from
	}
	step := max(1, rows/(most*dims))
	x, transposed := make([]float32, chunk*padded), make([]float32, padded*chunk)
	part, sum := make([]float32, padded*padded), make([]float64, padded*padded)
	all, filled := firstRows(chunk), 0
	flush := func() {
		clear(x[filled*padded:])
		for i := range chunk {
			for j := range dims {
				transposed[j*chunk+i] = x[i*padded+j]
			}
		}
		clear(part)
		simd.Backward(x, all, padded, transposed, chunk, part)
		for i, v := range part {
			sum[i] += float64(v)
		}
		filled = 0
	}
	mean, buffer := make([]float64, dims), make([]float32, dims)
	n := 0
	for at := 0; at < len(c.examples); at += step {
		n++
		from, to := d.Rows(c.examples[at])
		size := float64(to - from)
		clear(mean)
		if d.Classes == 0 {
			for r := from; r < to; r++ {
				for j, v := range d.X.ReadRow(r, buffer) {
					mean[j] += float64(v) / size
				}
			}
		}
		for r := from; r < to; r++ {
			row := x[filled*padded : filled*padded+dims]
			for j, v := range d.X.ReadRow(r, buffer) {
				v := float64(v) - mean[j]
				switch s := d.Scaling; {
				case s != nil && d.Classes == 0:
					v /= s.SD[j]
				case s != nil:
					v = (v - s.Mean[j]) / s.SD[j]
				}
				row[j] = float32(v)
			}
			if filled++; filled == chunk {
				flush()
			}
		}
	}
	flush()
	h := mat.NewSymDense(dims, nil)
	scale := c.scale() / float64(n)
	if d.Classes == 0 {
		scale = float64(len(c.examples)) / float64(rows) / float64(n) // the mean of 1/size
	}
	for i := range dims {
		for j := i; j < dims; j++ {
			h.SetSym(i, j, scale*sum[i*padded+j])
		}
	}
	return h
}

// with returns the preconditioner for a penalty, or nil if there is none.
func (c *startHessian) with(l2 float64) *preconditioner {
	c.mu.Lock()
	inverse := c.inverses[l2]
	if inverse == nil {
		inverse = sync.OnceValue(func() *preconditioner { return c.invert(l2) })
		c.inverses[l2] = inverse
	}
	c.mu.Unlock()
	return inverse()
}

func (c *startHessian) invert(l2 float64) *preconditioner {
	h := c.hessian()
	dims := h.SymmetricDim()
	penalised := mat.NewSymDense(dims, nil)
	penalised.CopySym(h)
	least := 1e-4 * mat.Trace(h) / float64(dims) // directions that hardly vary have no other bound if there is no penalty
	for j := range dims {
		penalised.SetSym(j, j, h.At(j, j)+max(l2, least))
	}
	var factors mat.Cholesky
	var inverse mat.SymDense
	if !factors.Factorize(penalised) || factors.InverseTo(&inverse) != nil {
		return nil
	}
	padded := simd.Padded(dims)
	p := &preconditioner{inverse: make([]float64, dims*padded), rows: firstRows(dims), dims: dims, bias: 1 / c.scale()}
	for i := range dims {
		for j := range dims {
			p.inverse[i*padded+j] = inverse.At(i, j)
		}
	}
	return p
}

// A hessianCache holds the Hessians of the last sets of examples.
type hessianCache struct{ last []*startHessian }

// keptHessians bounds the memory of a hessianCache. Jobs with the same examples follow each other, fold by fold.
const keptHessians = 8

// of returns the Hessian for a job, or nil if it needs none.
func (c *hessianCache) of(d Data, l loss.Loss, examples []int, rows int) *startHessian {
	if l.Moving() {
		return nil
	}
	for i, k := range c.last {
		if slices.Equal(k.examples, examples) {
			c.last = append(slices.Delete(c.last, i, i+1), k)
			return k
		}
	}
	k := newStartHessian(d, examples, rows)
	if k == nil {
		return nil
	}
	if c.last = append(c.last, k); len(c.last) > keptHessians {
		c.last = slices.Delete(c.last, 0, 1)
	}
	return k
}
