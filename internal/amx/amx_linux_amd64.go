package amx

// #cgo LDFLAGS: -ldl -lpthread
// #include <stdlib.h>
// #include "op.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"
)

// Available says whether this process may use the tile unit.
var Available = sync.OnceValue(func() bool { return C.w2s_amx_enable() == 1 })

// A Matrix is the constant side of products, laid out for the tile unit in 4 bytes a number.
type Matrix struct{ m *C.w2s_matrix }

// NewMatrix lays out a layer's matrix.
func NewMatrix(l Layer) (*Matrix, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	row, column, gelu := C.int64_t(l.Out), C.int64_t(1), C.int(0)
	if l.Rows {
		row, column = 1, C.int64_t(l.In)
	}
	if l.GELU {
		gelu = 1
	}
	m := C.w2s_matrix_new(C.int64_t(l.In), C.int64_t(l.Out), floats(l.Weight), row, column, floats(l.Bias), gelu)
	if m == nil {
		return nil, fmt.Errorf("amx: no memory for a matrix of shape [%d, %d]", l.In, l.Out)
	}
	return &Matrix{m}, nil
}

// Free gives the memory back.
func (m *Matrix) Free() {
	C.w2s_matrix_free(m.m)
	m.m = nil
}

// Multiply computes y = f(x·W + b) for x of shape [rows, k] and y of shape [rows, n].
func (m *Matrix) Multiply(y, x []float32) error {
	k, n := int(C.w2s_matrix_k(m.m)), int(C.w2s_matrix_n(m.m))
	rows := len(x) / k
	if len(x) != rows*k || len(y) != rows*n {
		return fmt.Errorf("amx: %d numbers do not make %d by a matrix of shape [%d, %d]", len(x), len(y), k, n)
	}
	scratch := C.aligned_alloc(64, C.w2s_matrix_scratch())
	if scratch == nil {
		return errors.New("amx: no memory")
	}
	defer C.free(scratch)
	C.w2s_matrix_multiply(m.m, floats(x), C.int64_t(rows), floats(y), scratch)
	return nil
}

func floats(s []float32) *C.float { return (*C.float)(unsafe.Pointer(unsafe.SliceData(s))) }

// Ops are the operators of one session of ONNX Runtime.
type Ops struct{ o *C.w2s_ops }

// NewOps adds the operators, with the given matrices, to options, an OrtSessionOptions of the ONNX Runtime library at that path. It takes the matrices over, those of a failed call too. Sessions that are made with the options must be destroyed
// before the Ops are.
func NewOps(library string, options unsafe.Pointer, matrices []*Matrix) (*Ops, error) {
	path := C.CString(library)
	defer C.free(unsafe.Pointer(path))
	list := make([]*C.w2s_matrix, len(matrices))
	for i, m := range matrices {
		list[i] = m.m
	}
	var fault [256]C.char
	o := C.w2s_ops_new(path, options, unsafe.SliceData(list), C.size_t(len(list)), &fault[0], C.size_t(len(fault)))
	if o == nil {
		for _, m := range matrices {
			m.Free()
		}
		return nil, fmt.Errorf("amx: %s", C.GoString(&fault[0]))
	}
	return &Ops{o}, nil
}

// Free gives operators and matrices back.
func (o *Ops) Free() {
	C.w2s_ops_free(o.o)
	o.o = nil
}
