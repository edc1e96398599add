package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
)

func normals[T Real](rng *rand.Rand, n int) []T {
	v := make([]T, n)
	for i := range v {
		v[i] = T(rng.NormFloat64())
	}
	return v
}

// The wanted values are sums in float64. Columns must come out the same, to the last bit, when they are multiplied alone.
func TestProducts(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testProducts[float32](t, 1e-5) })
	t.Run("float64", func(t *testing.T) { testProducts[float64](t, 1e-14) })
}

func testProducts[T Real](t *testing.T, tolerance float64) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, shape := range []struct{ rows, dims, columns int }{{1, 16, 1}, {3, 16, 5}, {64, 64, 4}, {133, 144, 7}, {130, 96, 33}, {70, 80, 2}} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			rows, dims, columns, stride := shape.rows, shape.dims, shape.columns, shape.rows+3
			all, w := normals[T](rng, 2*rows*dims), normals[T](rng, columns*dims)
			x := make([]T, 0, rows*dims) // the rows that are multiplied
			var at []int32
			for _, r := range rng.Perm(2 * rows)[:rows] {
				at, x = append(at, int32(r)), append(x, all[r*dims:(r+1)*dims]...)
			}
			z := make([]T, columns*stride)
			Forward(all, at, dims, w, z, stride)
			g, d := normals[T](rng, columns*stride), normals[T](rng, columns*dims)
			before := slices.Clone(d)
			Backward(all, at, dims, g, stride, d)
			for k := range columns {
				for r := range rows {
					want := 0.0
					for j := range dims {
						want += float64(x[r*dims+j]) * float64(w[k*dims+j])
					}
					if got := float64(z[k*stride+r]); !(math.Abs(got-want) <= tolerance*math.Sqrt(float64(dims))) {
						t.Fatalf("column %d, row %d: %v, want %v", k, r, got, want)
					}
				}
				if gap := z[k*stride+rows : (k+1)*stride]; slices.ContainsFunc(gap, func(v T) bool { return v != 0 }) {
					t.Fatalf("column %d: written beyond its rows", k)
				}
				for j := range dims {
					want := float64(before[k*dims+j])
					for r := range rows {
						want += float64(g[k*stride+r]) * float64(x[r*dims+j])
					}
					if got := float64(d[k*dims+j]); !(math.Abs(got-want) <= tolerance*math.Sqrt(float64(rows))) {
						t.Fatalf("column %d, dimension %d: %v, want %v", k, j, got, want)
					}
				}
				own := make([]T, stride)
				Forward(all, at, dims, w[k*dims:(k+1)*dims], own, stride)
				if !slices.Equal(own, z[k*stride:(k+1)*stride]) {
					t.Fatalf("column %d differs alone", k)
				}
				sum := slices.Clone(before[k*dims : (k+1)*dims])
				Backward(all, at, dims, g[k*stride:(k+1)*stride], stride, sum)
				if !slices.Equal(sum, d[k*dims:(k+1)*dims]) {
					t.Fatalf("the sum of column %d differs alone", k)
				}
			}
			own := make([]T, columns*stride)
			for r := range rows {
				Forward(x[r*dims:(r+1)*dims], []int32{0}, dims, w, own[r:], stride)
			}
			if !slices.Equal(own, z) {
				t.Fatal("rows differ alone")
			}
		})
	}
}

func BenchmarkProducts(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, dims := range []int{144, 384} {
		for _, columns := range []int{1, 2, 3, 7, 14, 42} {
			const rows = 1024
			x, w := normals[float32](rng, rows*dims), normals[float32](rng, columns*dims)
			z := make([]float32, columns*rows)
			at := make([]int32, rows)
			for r := range at {
				at[r] = int32(r)
			}
			report := func(b *testing.B) {
				b.ReportMetric(2*float64(rows*dims*columns*b.N)/1e9/b.Elapsed().Seconds(), "GFLOPS")
			}
			b.Run(fmt.Sprintf("forward/%d×%d", dims, columns), func(b *testing.B) {
				for range b.N {
					Forward(x, at, dims, w, z, rows)
				}
				report(b)
			})
			b.Run(fmt.Sprintf("backward/%d×%d", dims, columns), func(b *testing.B) {
				for range b.N {
					Backward(x, at, dims, z, rows, w)
				}
				report(b)
			})
		}
	}
}

func TestSoftmaxAgreesWithMath(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, sizes := range [][]int{{2, 2, 2, 2, 2}, {2, 3, 7, 16, 33, 200}} {
		for _, scale := range []float64{1e-3, 1, 30, 800, 1e300} {
			start := []int{0}
			var logits []float64
			for _, size := range sizes {
				for range size {
					logits = append(logits, scale*(2*rng.Float64()-1))
				}
				start = append(start, len(logits))
			}
			got, want := make([]float64, len(logits)), make([]float64, len(logits))
			Softmax(start, logits, got)
			softmax(start, logits, want)
			for k := range got {
				// The smallest probabilities may come out as 0.
				if !(math.Abs(got[k]-want[k]) <= 4e-15*want[k]+1e-300) {
					t.Errorf("scale %v, sizes %v, element %d: %v, want %v", scale, sizes, k, got[k], want[k])
				}
			}
		}
	}
}

// A training that diverges must be seen.
func TestSoftmaxOfNaN(t *testing.T) {
	for _, start := range [][]int{{0, 2}, {0, 3}, {0, 9}} {
		for k := range start[1] {
			logits, probs := make([]float64, start[1]), make([]float64, start[1])
			logits[k] = math.NaN()
			Softmax(start, logits, probs)
			if !slices.ContainsFunc(probs, math.IsNaN) {
				t.Errorf("logits %v: %v", logits, probs)
			}
		}
	}
}

func TestLossesAgreeWithAndWithoutVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	close := func(got, want float64) bool { return math.Abs(got-want) <= 1e-14*max(1, math.Abs(want)) }
	for _, sizes := range [][]int{{2, 2, 2, 2, 2}, {2, 3, 7, 16, 33, 200}} {
		for _, weighted := range []bool{false, true} {
			e := Examples{Start: []int{0}, Total: 9}
			var logits, labels []float64
			for i, size := range sizes {
				for k := range size {
					logits = append(logits, 5*rng.NormFloat64())
					labels = append(labels, rng.Float64()*float64(k%3)) // 0 for some; they need not sum to 1
				}
				e.Start = append(e.Start, len(logits))
				if weighted {
					e.Weights = append(e.Weights, float64(i))
				}
			}
			logits[0], logits[1] = 1, 1 // two that are equally probable
			probs := make([]float64, len(logits))
			Softmax(e.Start, logits, probs)
			for name, f := range map[string][2]func(grad []float64) float64{
				"gradient": {func(grad []float64) float64 { e.Gradient(probs, labels, grad); return 0 },
					func(grad []float64) float64 { e.gradient(probs, labels, grad); return 0 }},
				"hardened": {func(grad []float64) float64 { e.Hardened(probs, labels, 0.3, grad); return 0 },
					func(grad []float64) float64 { e.hardened(probs, labels, 0.3, grad); return 0 }},
				"cross-entropy": {func([]float64) float64 { return e.CrossEntropy(logits, probs, labels) },
					func([]float64) float64 { return e.crossEntropy(logits, probs, labels) }},
				"entropy": {func(grad []float64) float64 { return e.Entropy(logits, probs, 0.3, grad) },
					func(grad []float64) float64 { return e.entropy(logits, probs, 0.3, grad) }},
			} {
				got, want := make([]float64, len(logits)), make([]float64, len(logits))
				if a, b := f[0](got), f[1](want); !close(a, b) {
					t.Errorf("%s of %v: %v, want %v", name, sizes, a, b)
				}
				for k := range got {
					if !close(got[k], want[k]) {
						t.Errorf("%s of %v, element %d: %v, want %v", name, sizes, k, got[k], want[k])
					}
				}
			}
		}
	}
}

func TestStandardise(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	row, mean, factor := normals[float32](rng, 21), normals[float64](rng, 21), normals[float64](rng, 21)
	single, double := make([]float32, 21), make([]float64, 21)
	Standardise(row, mean, factor, single)
	Standardise(row, mean, factor, double)
	for i, v := range row {
		want := (float64(v) - mean[i]) * factor[i]
		if !(math.Abs(float64(single[i])-want) <= 1e-7*math.Abs(want)) || double[i] != float64(single[i]) {
			t.Errorf("%d: %v and %v, want %v", i, single[i], double[i], want)
		}
	}
}

func TestAdamAgreesWithAndWithoutVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	m, v, theta := make([]float64, 21), make([]float64, 21), make([]float64, 21)
	wantM, wantV, want := slices.Clone(m), slices.Clone(v), slices.Clone(theta)
	for range 9 {
		grad := normals[float64](rng, len(theta))
		grad[3] = 0
		Adam(grad, 0.01, 0.3, 1e-8, m, v, theta)
		adam(grad, 0.01, 0.3, 1e-8, wantM, wantV, want)
	}
	for i := range theta {
		if !(math.Abs(theta[i]-want[i]) <= 1e-14) {
			t.Errorf("%d: %v, want %v", i, theta[i], want[i])
		}
	}
}

func BenchmarkLosses(b *testing.B) {
	for _, size := range []int{2, 35} {
		e := Examples{Start: []int{0}, Total: 1}
		for i := range 2048 / size {
			e.Start = append(e.Start, (i+1)*size)
		}
		n := e.Start[len(e.Start)-1]
		logits, probs, labels, grad := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range logits {
			logits[i], labels[i] = rand.NormFloat64(), rand.Float64()
		}
		for _, f := range []struct {
			name string
			call func()
		}{
			{"softmax", func() { Softmax(e.Start, logits, probs) }},
			{"gradient", func() { e.Gradient(probs, labels, grad) }},
			{"hardened", func() { e.Hardened(probs, labels, 0.3, grad) }},
			{"crossentropy", func() { e.CrossEntropy(logits, probs, labels) }},
			{"entropy", func() { e.Entropy(logits, probs, 0.3, grad) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", f.name, size), func(b *testing.B) {
				for range b.N {
					f.call()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/logit")
			})
		}
	}
}

func TestNthIsThatOfSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	draws := []func() float64{
		func() float64 { return float64(rng.IntN(12)) }, // many ties
		func() float64 { return rng.Float64() },
		func() float64 { return math.Ldexp(rng.NormFloat64(), rng.IntN(2000)-1000) },
		func() float64 { return 0.5 + float64(rng.IntN(2))*0x1p-53 }, // neighbours
		func() float64 { return 0.5 },
	}
	for trial := range 2000 {
		values := make([]float64, 1+rng.IntN(200))
		for i := range values {
			values[i] = draws[trial%len(draws)]()
		}
		sorted := slices.Sorted(slices.Values(values))
		for _, k := range []int{0, rng.IntN(len(values)), len(values) - 1} {
			value, next := Nth(values, k, make([]float64, len(values)))
			if want := sorted[min(k+1, len(values)-1)]; value != sorted[k] || next != want {
				t.Fatalf("element %d of %v: %v and %v, want %v and %v", k, sorted, value, next, sorted[k], want)
			}
		}
	}
}

func TestExactFunctionsDoWhatTheySay(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for n := range 40 {
		a, b, pairs := normals[float64](rng, n), normals[float64](rng, n), normals[float64](rng, 2*n)
		single, logits, targets := make([]float32, n), make([]float64, 2*n), make([]float64, 2*n)
		Convert(a, single)
		for i, v := range a {
			if single[i] != float32(v) {
				t.Fatalf("%v is %v in float32", v, single[i])
			}
		}
		wide := make([]float64, n)
		Convert(single, wide)
		firsts, seconds, sums := make([]float64, n), make([]float64, n), slices.Clone(b)
		Firsts(pairs, firsts)
		Seconds(pairs, seconds)
		Accumulate(single, sums)
		Pairs(single, 0.25, logits)
		Threshold(pairs, logits, 0.1, 0.3, targets)
		most := 0.0
		for i, v := range single {
			most = max(most, math.Abs(a[i]))
			z := float64(v) + 0.25
			first := 0.0
			if pairs[2*i] >= 0.1 {
				first = 0.3
			}
			want := [2]float64{float64((1-0.3)*-z) + first, float64((1-0.3)*z) + (0.3 - first)}
			if wide[i] != float64(v) || firsts[i] != pairs[2*i] || seconds[i] != pairs[2*i+1] || sums[i] != b[i]+float64(v) ||
				logits[2*i] != -z || logits[2*i+1] != z || [2]float64(targets[2*i:2*i+2]) != want {
				t.Fatalf("%d of %d: %v %v %v %v %v %v", i, n, wide[i], firsts[i], seconds[i], sums[i], logits[2*i:2*i+2], targets[2*i:2*i+2])
			}
		}
		if got := MaxAbs(a); got != most {
			t.Fatalf("largest of %v: %v, want %v", a, got, most)
		}
		if n > 0 {
			odd := slices.Clone(a)
			odd[rng.IntN(n)] = math.NaN()
			if got := MaxAbs(odd); !math.IsNaN(got) {
				t.Fatalf("largest of %v: %v, want NaN", odd, got)
			}
		}
		want := slices.Clone(b)
		floats.AddScaled(want, 0.7, a)
		dot := floats.Dot(want, seconds)
		if got := ScaledDot(0.7, a, seconds, b); !slices.Equal(b, want) || got != dot && runtime.GOARCH == "amd64" || math.Abs(got-dot) > 1e-12 {
			t.Fatalf("%v and %v, want %v and %v", b, got, want, dot)
		}
	}
}
