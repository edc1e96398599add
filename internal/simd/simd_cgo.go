//go:build cgo

package simd

// #cgo CFLAGS: -O3
// #include "simd.h"
import "C"

import (
	"slices"
	"unsafe"
)

// Forward computes z[k][i] = x[rows[i]]·w[k]. x has rows of length dims, and w is (columns, dims), row-major. Column k of the result is
// at z[k*stride:].
func Forward[T Real](x []T, rows []int32, dims int, w, z []T, stride int) {
	columns := len(w) / dims
	if len(rows) == 0 || columns == 0 {
		return
	}
	checkRows(x, rows, dims)
	_ = z[(columns-1)*stride+len(rows)-1]
	at, m, d, n, s := (*C.int32_t)(&rows[0]), C.int64_t(len(rows)), C.int64_t(dims), C.int64_t(columns), C.int64_t(stride)
	switch x := any(x).(type) {
	case []float32:
		C.w2s_simd_forward32((*C.float)(&x[0]), at, m, d, (*C.float)(unsafe.Pointer(&w[0])), n, (*C.float)(unsafe.Pointer(&z[0])), s)
	case []float64:
		C.w2s_simd_forward64((*C.double)(&x[0]), at, m, d, (*C.double)(unsafe.Pointer(&w[0])), n, (*C.double)(unsafe.Pointer(&z[0])), s)
	}
}

// Backward adds g[k][i]·x[rows[i]] over rows to sums[k]. x has rows of length dims, and sums is (columns, dims), row-major. Column k of g
// is at g[k*stride:].
func Backward[T Real](x []T, rows []int32, dims int, g []T, stride int, sums []T) {
	columns := len(sums) / dims
	if len(rows) == 0 || columns == 0 {
		return
	}
	checkRows(x, rows, dims)
	_ = g[(columns-1)*stride+len(rows)-1]
	at, m, d, n, s := (*C.int32_t)(&rows[0]), C.int64_t(len(rows)), C.int64_t(dims), C.int64_t(columns), C.int64_t(stride)
	switch x := any(x).(type) {
	case []float32:
		C.w2s_simd_backward32((*C.float)(&x[0]), at, m, d, (*C.float)(unsafe.Pointer(&g[0])), n, s, (*C.float)(unsafe.Pointer(&sums[0])))
	case []float64:
		C.w2s_simd_backward64((*C.double)(&x[0]), at, m, d, (*C.double)(unsafe.Pointer(&g[0])), n, s, (*C.double)(unsafe.Pointer(&sums[0])))
	}
}

// checkRows panics if x lacks one of the rows.
func checkRows[T Real](x []T, rows []int32, dims int) {
	least, most := slices.Min(rows), slices.Max(rows)
	_, _ = x[int(least)*dims], x[(int(most)+1)*dims-1]
}

// Softmax writes the softmax of each example's logits to probs. Elements start[i]:start[i+1], at least two, belong to
// example i. It agrees with [prob.Softmax] to about 1e-15. Logits are finite.
func Softmax(start []int, logits, probs []float64) {
	e := Examples{Start: start}
	if !e.forC(logits, probs) {
		softmax(start, logits, probs)
		return
	}
	C.w2s_simd_softmax(doubles(logits), e.start(), e.n(), doubles(probs))
}

// Gradient writes the gradient of the weighted mean cross-entropy against targets, with respect to the logits, to grad:
// weight/Total·(p·sum of the example's targets - target). Targets count as constants.
func (e Examples) Gradient(probs, targets, grad []float64) {
	if !e.forC(probs, targets, grad) {
		e.gradient(probs, targets, grad)
		return
	}
	C.w2s_simd_gradient(doubles(probs), doubles(targets), e.start(), e.n(), doubles(e.Weights), C.double(e.Total), doubles(grad))
}

// Hardened is Gradient for the targets (1-c)·labels + c·hardened, where hardened is 1 for the most probable element of an
// example, the first of equals, and 0 for the others.
func (e Examples) Hardened(probs, labels []float64, c float64, grad []float64) {
	if !e.forC(probs, labels, grad) {
		e.hardened(probs, labels, c, grad)
		return
	}
	C.w2s_simd_hardened(doubles(probs), doubles(labels), e.start(), e.n(), doubles(e.Weights), C.double(e.Total), C.double(c), doubles(grad))
}

// CrossEntropy returns the sum of weight·target·-log p. probs are the softmax of logits.
func (e Examples) CrossEntropy(logits, probs, targets []float64) float64 {
	if !e.forC(logits, probs, targets) {
		return e.crossEntropy(logits, probs, targets)
	}
	return float64(C.w2s_simd_cross_entropy(doubles(logits), doubles(probs), doubles(targets), e.start(), e.n(), doubles(e.Weights)))
}

// Entropy returns the sum of alpha·weight/Total·entropy and adds its gradient with respect to the logits to grad. probs are
// the softmax of logits.
func (e Examples) Entropy(logits, probs []float64, alpha float64, grad []float64) float64 {
	if !e.forC(logits, probs, grad) {
		return e.entropy(logits, probs, alpha, grad)
	}
	return float64(C.w2s_simd_entropy(doubles(logits), doubles(probs), e.start(), e.n(), doubles(e.Weights), C.double(e.Total), C.double(alpha), doubles(grad)))
}

// Adam takes a step of Adam: m and v become means of the gradient and of its squares, with beta 0.9 and 0.999, and theta loses
// rate·m/(√v/c2 + eps).
func Adam(grad []float64, rate, c2, eps float64, m, v, theta []float64) {
	n := len(grad)
	if n == 0 {
		return
	}
	_, _, _ = m[n-1], v[n-1], theta[n-1]
	C.w2s_simd_adam(doubles(grad), C.int64_t(n), C.double(rate), C.double(c2), C.double(eps), doubles(m), doubles(v), doubles(theta))
}

// Standardise writes (row - mean)·factor, rounded to float32, to out.
func Standardise[T Real](row []float32, mean, factor []float64, out []T) {
	n := len(row)
	if n == 0 {
		return
	}
	_, _, _ = mean[n-1], factor[n-1], out[n-1]
	x := (*C.float)(&row[0])
	switch out := any(out).(type) {
	case []float32:
		C.w2s_simd_standardise32(x, doubles(mean), doubles(factor), C.int64_t(n), (*C.float)(&out[0]))
	case []float64:
		C.w2s_simd_standardise64(x, doubles(mean), doubles(factor), C.int64_t(n), doubles(out))
	}
}

// Convert writes the numbers of from to to, which is as long.
func Convert[A, B Real](from []A, to []B) {
	n := len(from)
	if n == 0 {
		return
	}
	_ = to[n-1]
	switch from := any(from).(type) {
	case []float32:
		if to, ok := any(to).([]float64); ok {
			C.w2s_simd_widen((*C.float)(&from[0]), C.int64_t(n), doubles(to))
			return
		}
	case []float64:
		if to, ok := any(to).([]float32); ok {
			C.w2s_simd_narrow(doubles(from), C.int64_t(n), (*C.float)(&to[0]))
			return
		}
	}
	copy(any(to).([]A), from)
}

// Pairs writes the logits of two classes, -(z+bias) and z+bias, for each z.
func Pairs[T Real](z []T, bias float64, logits []float64) {
	n := len(z)
	if n == 0 {
		return
	}
	_ = logits[2*n-1]
	switch z := any(z).(type) {
	case []float32:
		C.w2s_simd_pairs32((*C.float)(&z[0]), C.int64_t(n), C.double(bias), doubles(logits))
	case []float64:
		C.w2s_simd_pairs64(doubles(z), C.int64_t(n), C.double(bias), doubles(logits))
	}
}

// Firsts writes the first number of each pair to out.
func Firsts(pairs, out []float64) {
	if len(out) > 0 {
		_ = pairs[2*len(out)-1]
		C.w2s_simd_firsts(doubles(pairs), C.int64_t(len(out)), doubles(out))
	}
}

// Seconds writes the second number of each pair to out.
func Seconds(pairs, out []float64) {
	if len(out) > 0 {
		_ = pairs[2*len(out)-1]
		C.w2s_simd_seconds(doubles(pairs), C.int64_t(len(out)), doubles(out))
	}
}

// Accumulate adds x to sums.
func Accumulate[T Real](x []T, sums []float64) {
	n := len(x)
	if n == 0 {
		return
	}
	_ = sums[n-1]
	switch x := any(x).(type) {
	case []float32:
		C.w2s_simd_accumulate32((*C.float)(&x[0]), C.int64_t(n), doubles(sums))
	case []float64:
		C.w2s_simd_accumulate64(doubles(x), C.int64_t(n), doubles(sums))
	}
}

// Threshold writes (1-c)·label for each label of two classes, and adds c for the first class of an example if its probability is least or
// more, and else for the second.
func Threshold(probs, labels []float64, least, c float64, targets []float64) {
	if n := len(labels) / 2; n > 0 {
		_, _ = probs[2*n-1], targets[2*n-1]
		C.w2s_simd_threshold(doubles(probs), doubles(labels), C.int64_t(n), C.double(least), C.double(c), doubles(targets))
	}
}

// MaxAbs returns the largest absolute value, or NaN if there is one.
func MaxAbs(x []float64) float64 { return float64(C.w2s_simd_max_abs(doubles(x), C.int64_t(len(x)))) }

// Nth returns the k-th smallest value, counted from 0, and the next one, which is the same again if there is none. room is as long as
// values, which are not NaN.
func Nth(values []float64, k int, room []float64) (value, next float64) {
	_, _ = values[k], room[len(values)-1]
	var out [2]float64
	C.w2s_simd_nth(doubles(values), C.int64_t(len(values)), C.int64_t(k), doubles(room), (*C.double)(&out[0]))
	return out[0], out[1]
}

// ScaledDot adds factor·x to d, and returns the dot product of d and y. It sums in the order of gonum's products on x86-64.
func ScaledDot(factor float64, x, y, d []float64) float64 {
	n := len(d)
	if n == 0 {
		return 0
	}
	_, _ = x[n-1], y[n-1]
	return float64(C.w2s_simd_scaled_dot(C.double(factor), doubles(x), doubles(y), C.int64_t(n), doubles(d)))
}

// forC reports whether C can compute something of e, and panics if one of the slices is too short.
func (e Examples) forC(slices ...[]float64) bool {
	if len(e.Start) < 2 || unsafe.Sizeof(e.Start[0]) != 8 {
		return false
	}
	for _, s := range slices {
		_ = s[e.Start[len(e.Start)-1]-1]
	}
	return true
}

func (e Examples) start() *C.int64_t { return (*C.int64_t)(unsafe.Pointer(&e.Start[0])) }
func (e Examples) n() C.int64_t      { return C.int64_t(len(e.Start) - 1) }

// doubles returns the address of the first number, or NULL if there is none.
func doubles(v []float64) *C.double { return (*C.double)(unsafe.SliceData(v)) }
