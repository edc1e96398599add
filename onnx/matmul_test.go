package onnx

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func newMatMul(t *testing.T, threads int) *MatMul {
	t.Helper()
	m, err := NewMatMul(threads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func normals(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func TestMatMul(t *testing.T) {
	testRuntime(t)
	m := newMatMul(t, 2)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, shape := range []struct{ rows, dims, n, from, to int }{
		{1, 1, 1, 0, 1}, {7, 3, 5, 2, 6}, {300, 70, 32, 0, 300}, {300, 70, 32, 299, 300}, {1000, 33, 1, 100, 900},
	} {
		x := normals(rng, shape.rows*shape.dims)
		p, err := m.Over(x, shape.rows, shape.dims)
		if err != nil {
			t.Fatal(err)
		}
		w, g := normals(rng, shape.dims*shape.n), normals(rng, (shape.to-shape.from)*shape.n)
		z, d := make([]float32, len(g)), make([]float32, len(w))
		if err := p.Forward(shape.from, shape.to, w, z); err != nil {
			t.Fatal(err)
		}
		if err := p.Backward(shape.from, shape.to, g, d); err != nil {
			t.Fatal(err)
		}
		wantZ, wantD := make([]float64, len(z)), make([]float64, len(d))
		for i := shape.from; i < shape.to; i++ {
			for j := range shape.dims {
				for k := range shape.n {
					a := float64(x[i*shape.dims+j])
					wantZ[(i-shape.from)*shape.n+k] += a * float64(w[j*shape.n+k])
					wantD[j*shape.n+k] += a * float64(g[(i-shape.from)*shape.n+k])
				}
			}
		}
		for i := range z {
			if !(math.Abs(float64(z[i])-wantZ[i]) <= 1e-6*float64(shape.dims+10)) {
				t.Fatalf("%+v: forward element %d is %v, want %v", shape, i, z[i], wantZ[i])
			}
		}
		for i := range d {
			if !(math.Abs(float64(d[i])-wantD[i]) <= 1e-6*float64(shape.rows+10)) {
				t.Fatalf("%+v: backward element %d is %v, want %v", shape, i, d[i], wantD[i])
			}
		}
	}
}

// TestMatMulColumnsAreIndependent checks that a column's result does not change by a bit with its position, its neighbours or the
// number of threads.
func TestMatMulColumnsAreIndependent(t *testing.T) {
	testRuntime(t)
	const rows, dims, n = 2100, 130, 32
	rng := rand.New(rand.NewPCG(3, 4))
	x, column, gradient := normals(rng, rows*dims), normals(rng, dims), normals(rng, rows)
	var wantZ, wantD []float32
	for trial, position := range []int{0, 1, 15, 16, 31, 7} {
		m := newMatMul(t, 1+trial%3)
		p, err := m.Over(x, rows, dims)
		if err != nil {
			t.Fatal(err)
		}
		w, g := make([]float32, dims*n), make([]float32, rows*n)
		if trial > 0 { // the neighbours of the first are 0
			w, g = normals(rng, dims*n), normals(rng, rows*n)
		}
		for j, v := range column {
			w[j*n+position] = v
		}
		for i, v := range gradient {
			g[i*n+position] = v
		}
		z, d := make([]float32, rows*n), make([]float32, dims*n)
		if err := p.Forward(0, rows, w, z); err != nil {
			t.Fatal(err)
		}
		if err := p.Backward(0, rows, g, d); err != nil {
			t.Fatal(err)
		}
		pick := func(v []float32) (out []float32) {
			for i := position; i < len(v); i += n {
				out = append(out, v[i])
			}
			return out
		}
		if trial == 0 {
			wantZ, wantD = pick(z), pick(d)
		} else if !slices.Equal(pick(z), wantZ) || !slices.Equal(pick(d), wantD) {
			t.Errorf("position %d with %d threads: another result", position, 1+trial%3)
		}
	}
}

func TestMatMulRefuses(t *testing.T) {
	testRuntime(t)
	m := newMatMul(t, 1)
	if _, err := m.Over(make([]float32, 5), 2, 3); err == nil || !strings.Contains(err.Error(), "5 values are not a matrix") {
		t.Errorf("5 values as a matrix of 2 x 3: %v", err)
	}
	p, err := m.Over(make([]float32, 6), 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]error{
		"weights for 2 dimensions": p.Forward(0, 2, make([]float32, 2), make([]float32, 2)),
		"results for one row":      p.Forward(0, 2, make([]float32, 3), make([]float32, 1)),
		"no columns":               p.Backward(0, 2, nil, nil),
		"no rows":                  p.Backward(1, 1, nil, make([]float32, 3)),
		"rows outside":             p.Backward(1, 3, make([]float32, 2), make([]float32, 3)),
	} {
		if got == nil || !strings.Contains(got.Error(), "do not fit") {
			t.Errorf("%s: error %v", name, got)
		}
	}
}
