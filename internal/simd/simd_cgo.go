//go:build cgo

package simd

// #cgo CFLAGS: -O3
// #include "simd.h"
import "C"

import "unsafe"

// Forward computes z[k][r] = x[r]·w[k]. x is (rows, dims) and w is (columns, dims), row-major. Column k of the result
// is at z[k*stride:].
func Forward[T Real](x []T, dims int, w, z []T, stride int) {
	rows, columns := len(x)/dims, len(w)/dims
	if rows == 0 || columns == 0 {
		return
	}
	_ = z[(columns-1)*stride+rows-1]
	m, d, n, s := C.int64_t(rows), C.int64_t(dims), C.int64_t(columns), C.int64_t(stride)
	switch x := any(x).(type) {
	case []float32:
		C.w2s_simd_forward32((*C.float)(&x[0]), m, d, (*C.float)(unsafe.Pointer(&w[0])), n, (*C.float)(unsafe.Pointer(&z[0])), s)
	case []float64:
		C.w2s_simd_forward64((*C.double)(&x[0]), m, d, (*C.double)(unsafe.Pointer(&w[0])), n, (*C.double)(unsafe.Pointer(&z[0])), s)
	}
}

// Backward adds g[k][r]·x[r] over the rows to sums[k]. x is (rows, dims) and sums is (columns, dims), row-major. Column k of
// g is at g[k*stride:].
func Backward[T Real](x []T, dims int, g []T, stride int, sums []T) {
	rows, columns := len(x)/dims, len(sums)/dims
	if rows == 0 || columns == 0 {
		return
	}
	_ = g[(columns-1)*stride+rows-1]
	m, d, n, s := C.int64_t(rows), C.int64_t(dims), C.int64_t(columns), C.int64_t(stride)
	switch x := any(x).(type) {
	case []float32:
		C.w2s_simd_backward32((*C.float)(&x[0]), m, d, (*C.float)(unsafe.Pointer(&g[0])), n, s, (*C.float)(unsafe.Pointer(&sums[0])))
	case []float64:
		C.w2s_simd_backward64((*C.double)(&x[0]), m, d, (*C.double)(unsafe.Pointer(&g[0])), n, s, (*C.double)(unsafe.Pointer(&sums[0])))
	}
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
