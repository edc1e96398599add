//go:build !linux || !amd64

package amx

import (
	"errors"
	"unsafe"
)

var errNone = errors.New("amx: this system has no tile unit")

// Available says whether this process may use the tile unit.
func Available() bool { return false }

// A Matrix is the constant side of products.
type Matrix struct{}

// NewMatrix always fails here.
func NewMatrix(Layer) (*Matrix, error) { return nil, errNone }

// Free does nothing.
func (*Matrix) Free() {}

// Multiply always fails here.
func (*Matrix) Multiply(_, _ []float32) error { return errNone }

// Ops are the operators of one session of ONNX Runtime.
type Ops struct{}

// NewOps always fails here.
func NewOps(string, unsafe.Pointer, []*Matrix) (*Ops, error) { return nil, errNone }

// Free does nothing.
func (*Ops) Free() {}
