//go:build cgo

package simd

// #cgo CFLAGS: -O3
// #include "simd.h"
import "C"

import "unsafe"

// Forward computes z[k][r] = x[r]·w[k]. x is (rows, dims) and w is (columns, dims), row-major. Column k of the result
// is at z[k*stride:].
func Forward(x []float32, dims int, w, z []float32, stride int) {
	rows, columns := len(x)/dims, len(w)/dims
	if rows == 0 || columns == 0 {
		return
	}
	_ = z[(columns-1)*stride+rows-1]
	C.w2s_simd_forward((*C.float)(&x[0]), C.int64_t(rows), C.int64_t(dims), (*C.float)(&w[0]), C.int64_t(columns), (*C.float)(&z[0]), C.int64_t(stride))
}

// Backward adds g[k][r]·x[r] over the rows to d[k]. x is (rows, dims) and d is (columns, dims), row-major. Column k of
// g is at g[k*stride:].
func Backward(x []float32, dims int, g []float32, stride int, d []float32) {
	rows, columns := len(x)/dims, len(d)/dims
	if rows == 0 || columns == 0 {
		return
	}
	_ = g[(columns-1)*stride+rows-1]
	C.w2s_simd_backward((*C.float)(&x[0]), C.int64_t(rows), C.int64_t(dims), (*C.float)(&g[0]), C.int64_t(columns), C.int64_t(stride), (*C.float)(&d[0]))
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
