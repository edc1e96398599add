//go:build !linux || !amd64 || !cgo

package kernels

import (
	"errors"
	"unsafe"
)

var errNone = errors.New("kernels: there are no kernels for this system")

// A Unit computes layers and attention. There is none on this system.
type Unit struct{}

// TileUnit returns nil.
func TileUnit() *Unit { return nil }

// VectorUnit returns nil.
func VectorUnit() *Unit { return nil }

// Emulated returns nil.
func Emulated() (tiles, vectors *Unit) { return nil, nil }

// Attends returns false.
func (*Unit) Attends() bool { return false }

func (*Unit) String() string { return "no unit" }

// A Matrix is the constant matrix of a layer.
type Matrix struct{}

// NewMatrix fails.
func (*Unit) NewMatrix(Layer) (*Matrix, error) { return nil, errNone }

// Free does nothing.
func (*Matrix) Free() {}

// Multiply fails.
func (*Matrix) Multiply(_, _ []float32) error { return errNone }

// Ops holds the operators of one session of ONNX Runtime.
type Ops struct{}

// NewOps fails.
func (*Unit) NewOps(string, unsafe.Pointer, []*Matrix) (*Ops, error) { return nil, errNone }

// Limit does nothing.
func (*Ops) Limit(uint) {}

// Free does nothing.
func (*Ops) Free() {}
