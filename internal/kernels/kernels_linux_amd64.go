package kernels

// #cgo LDFLAGS: -ldl -lpthread -lm
// #include "op.h"
//
// // Go cannot call a function pointer.
// static w2s_matrix *create(const w2s_kernels *u, int64_t k, int64_t n, const float *w, int64_t row, int64_t column,
// 	const float *bias, int gelu) {
// 	return u->layer->create(k, n, w, row, column, bias, gelu);
// }
// static int multiply(const w2s_kernels *u, const w2s_matrix *m, const float *x, int64_t rows, float *y) {
// 	void *memory = aligned_alloc(64, u->layer->scratch());
// 	if (memory) u->layer->multiply(m, x, rows, y, memory);
// 	free(memory);
// 	return memory != NULL;
// }
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"
)

// A Unit computes layers and, if it is a tile unit, attention.
type Unit struct{ kernels *C.w2s_kernels }

func (u *Unit) String() string {
	if u.Attends() {
		return "tile unit (AMX)"
	}
	return "vector unit (AVX-512)"
}

// TileUnit returns the processor's tile unit, or nil if this process may not use one.
var TileUnit = sync.OnceValue(func() *Unit {
	if C.w2s_enable_tiles() == 0 {
		return nil
	}
	return &Unit{&C.w2s_tile_kernels}
})

// VectorUnit returns the processor's vector unit for layers, or nil if it has no AVX-512.
var VectorUnit = sync.OnceValue(func() *Unit {
	if C.w2s_has_vectors() == 0 {
		return nil
	}
	return &Unit{&C.w2s_vector_kernels}
})

// Emulated returns units that run the code for the tile unit and the vector unit on any processor, with its instructions emulated in C.
// They are hundreds of times slower, and serve to test that code and whatever uses it. They are part of the package because tests cannot
// hold C code.
func Emulated() (tiles, vectors *Unit) {
	return &Unit{&C.w2s_emulated_tile_kernels}, &Unit{&C.w2s_emulated_vector_kernels}
}

// Attends reports whether the unit computes attention too.
func (u *Unit) Attends() bool { return u.kernels.attention != nil }

// A Matrix is the constant matrix of a layer, laid out for a unit in 4 bytes a number.
type Matrix struct {
	m    *C.w2s_matrix
	unit *Unit
}

// NewMatrix lays out the matrix of a layer.
func (u *Unit) NewMatrix(l Layer) (*Matrix, error) {
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
	m := C.create(u.kernels, C.int64_t(l.In), C.int64_t(l.Out), floats(l.Weight), row, column, floats(l.Bias), gelu)
	if m == nil {
		return nil, fmt.Errorf("kernels: not enough memory for a matrix of shape [%d, %d]", l.In, l.Out)
	}
	return &Matrix{m, u}, nil
}

// Free frees the matrix. It must not be used afterwards.
func (m *Matrix) Free() {
	C.w2s_matrix_free(m.m)
	m.m = nil
}

// Multiply computes y = f(x·W + b) for x of shape [rows, In] and y of shape [rows, Out].
func (m *Matrix) Multiply(y, x []float32) error {
	k, n := int(m.m.k), int(m.m.n)
	rows := len(x) / k
	if len(x) != rows*k || len(y) != rows*n {
		return fmt.Errorf("kernels: %d inputs and %d outputs do not fit a matrix of shape [%d, %d]", len(x), len(y), k, n)
	}
	if C.multiply(m.unit.kernels, m.m, floats(x), C.int64_t(rows), floats(y)) == 0 {
		return errors.New("kernels: not enough memory")
	}
	return nil
}

func floats(s []float32) *C.float { return (*C.float)(unsafe.Pointer(unsafe.SliceData(s))) }

// Ops holds the operators of one session of ONNX Runtime.
type Ops struct{ o *C.w2s_ops }

// NewOps adds the operators, with the given matrices, to options, an OrtSessionOptions of the ONNX Runtime library at the given
// path. It takes over the matrices, even if it fails. Sessions made with the options must be destroyed before Ops is freed.
func (u *Unit) NewOps(library string, options unsafe.Pointer, matrices []*Matrix) (*Ops, error) {
	path := C.CString(library)
	defer C.free(unsafe.Pointer(path))
	list := make([]*C.w2s_matrix, len(matrices))
	for i, m := range matrices {
		list[i] = m.m
	}
	var fault [256]C.char
	o := C.w2s_ops_new(u.kernels, path, options, unsafe.SliceData(list), C.size_t(len(list)), &fault[0], C.size_t(len(fault)))
	if o == nil {
		for _, m := range matrices {
			m.Free()
		}
		return nil, fmt.Errorf("kernels: %s", C.GoString(&fault[0]))
	}
	return &Ops{o}, nil
}

// Limit sets how many bytes of working memory one run of an operator may take. An operator that needs more fails, as it does
// when the system has no more memory.
func (o *Ops) Limit(bytes uint) { C.w2s_ops_limit(o.o, C.size_t(bytes)) }

// Free frees the operators and their matrices.
func (o *Ops) Free() {
	C.w2s_ops_free(o.o)
	o.o = nil
}
