package head

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/floats"

	"w2s/harness/feature"
	"w2s/harness/loss"
)

// miniBatched reports whether a job uses only a part of its training set in each step.
func miniBatched(job Job) bool {
	a, ok := job.Optimiser.(Adam)
	return ok && a.Batch > 0 && a.Batch < len(job.Examples)
}

// miniBatches trains the jobs that use mini-batches, in float64. It trains each of them on its own, because heads with
// different seeds have different batches.
func (f *fitter) miniBatches(ctx context.Context) error {
	var x *rowMatrix
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	for i, job := range f.jobs {
		if !miniBatched(job) {
			continue
		}
		if x == nil {
			x = newRowMatrix(f.data.Scaling.apply(f.data.X))
		}
		g.Go(func() error {
			t, err := trainInBatches(ctx, f.data, x, i, job)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			f.finish(t)
			return nil
		})
	}
	return g.Wait()
}

func trainInBatches(ctx context.Context, d Data, x *rowMatrix, index int, job Job) (*trainee, error) {
	t := newTrainee(d, index, job, job.labelled(d), float64Noise)
	whole, columns, all := t.labelled, t.cols, t.parts
	for _, c := range columns {
		c.z = make(reals[float64], len(c.rows))
	}
	var s scratch
	size := job.Optimiser.(Adam).Batch
	var order []int
	for step := 0; ; step++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		perEpoch := (whole.batch.Len() + size - 1) / size
		if at := step % perEpoch; t.stepper.progress() == 1 {
			t.labelled, t.cols, t.parts = whole, columns, all // the final objective is over all examples
		} else {
			if at == 0 {
				order = rand.New(rand.NewPCG(job.Seed, uint64(step/perEpoch))).Perm(whole.batch.Len())
			}
			t.take(whole, columns, order[at*size:min(at*size+size, len(order))])
		}
		for _, c := range t.cols {
			x.multiply(c, 0, len(c.rows))
		}
		for k := range t.parts {
			t.evaluatePart(&t.parts[k], &s)
		}
		t.gather()
		for _, c := range t.cols {
			x.multiplyBack(c, 0, d.X.Dims)
		}
		t.update()
		if t.finished {
			return t, nil
		}
	}
}

// take makes some examples of the training set the batch. columns are those of the whole training set.
func (t *trainee) take(whole *labelled, columns []*column, examples []int) {
	start := make([]int, 1, len(examples)+1)
	var labels, weights []float64
	var sure []bool
	taken := &labelled{}
	width := len(columns) * t.outputsPerColumn // logits for each row
	for _, e := range examples {
		from, to := whole.batch.Start[e], whole.batch.Start[e+1]
		labels = append(labels, whole.batch.Labels[from:to]...)
		start = append(start, len(labels))
		if whole.offset != nil {
			taken.offset = append(taken.offset, whole.offset[from:to]...)
		}
		if whole.batch.Weights != nil {
			weights = append(weights, whole.batch.Weights[e])
		}
		if whole.batch.Sure != nil {
			sure = append(sure, whole.batch.Sure[e])
		}
		taken.rows = append(taken.rows, whole.rows[from/width:to/width]...)
	}
	taken.batch = loss.NewBatch(whole.batch.Classes, start, labels, weights)
	taken.batch.Sure = sure
	t.labelled, t.parts = taken, cut(t.loss, taken.batch)
	t.cols = make([]*column, len(columns))
	for k, c := range columns {
		t.cols[k] = &column{rows: taken.rows, w: c.w, d: c.d, z: make(reals[float64], len(taken.rows))}
	}
}

// A rowMatrix holds scaled features in float64.
type rowMatrix struct {
	x    []float64
	dims int
}

func newRowMatrix(x *feature.Matrix) *rowMatrix {
	m := &rowMatrix{x: make([]float64, 0, x.Rows*x.Dims), dims: x.Dims}
	for r := range x.Rows {
		for _, v := range x.Row(r) {
			m.x = append(m.x, float64(v))
		}
	}
	return m
}

// multiply computes the elements from:to of a column's z.
func (m *rowMatrix) multiply(c *column, from, to int) {
	z := c.z.(reals[float64])
	for i := from; i < to; i++ {
		r := c.rows[i]
		z[i] = floats.Dot(m.x[r*m.dims:(r+1)*m.dims], c.w)
	}
}

// multiplyBack computes the elements from:to of a column's d.
func (m *rowMatrix) multiplyBack(c *column, from, to int) {
	d, z := c.d[from:to], c.z.(reals[float64])
	clear(d)
	for i, r := range c.rows {
		if g := z[i]; g != 0 {
			floats.AddScaled(d, g, m.x[r*m.dims+from:r*m.dims+to])
		}
	}
}
