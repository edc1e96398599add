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
	n := len(start) - 1
	if n < 1 || unsafe.Sizeof(start[0]) != 8 {
		softmax(start, logits, probs)
		return
	}
	_, _ = logits[start[n]-1], probs[start[n]-1]
	C.w2s_simd_softmax((*C.double)(&logits[0]), (*C.int64_t)(unsafe.Pointer(&start[0])), C.int64_t(n), (*C.double)(&probs[0]))
}
