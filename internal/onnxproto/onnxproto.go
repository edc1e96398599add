// Package onnxproto writes small ONNX models and looks into ONNX files without loading their weights.
//
// It works on the protobuf wire format and knows only the fields of onnx.proto3 that this program needs
// (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3). [Model.Marshal] makes a model that onnx.checker and
// ONNX Runtime accept. [Open] inspects a file of any size in memory that depends on its graph, not on its weights, and
// treats the file as hostile: every length, depth and count is bounded.
package onnxproto

import (
	"fmt"
	"math"
)

// DataType is the element type of a tensor, numbered as TensorProto.DataType.
type DataType int32

// The element types that checkpoints use.
const (
	Float32  DataType = 1
	Uint8    DataType = 2
	Int8     DataType = 3
	Uint16   DataType = 4
	Int16    DataType = 5
	Int32    DataType = 6
	Int64    DataType = 7
	String   DataType = 8
	Bool     DataType = 9
	Float16  DataType = 10
	Float64  DataType = 11
	Uint32   DataType = 12
	Uint64   DataType = 13
	BFloat16 DataType = 16
)

var typeNames = map[DataType]string{
	Float32: "float32", Uint8: "uint8", Int8: "int8", Uint16: "uint16", Int16: "int16", Int32: "int32", Int64: "int64",
	String: "string", Bool: "bool", Float16: "float16", Float64: "float64", Uint32: "uint32", Uint64: "uint64",
	BFloat16: "bfloat16",
}

// String returns the name of the type, such as float16.
func (t DataType) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("type %d", int32(t))
}

// Size returns the bytes that one element takes in raw data, or 0 where elements have no fixed size of whole bytes.
func (t DataType) Size() int {
	switch t {
	case Uint8, Int8, Bool:
		return 1
	case Float16, BFloat16, Uint16, Int16:
		return 2
	case Float32, Int32, Uint32:
		return 4
	case Float64, Int64, Uint64:
		return 8
	}
	return 0
}

// Dim is one dimension of a graph's input or output: a fixed size, or a symbolic one that has a name, or neither
// (Size 0, Name "") where the file says nothing.
type Dim struct {
	Size int64
	Name string
}

// String returns the size, the symbolic name, or "?".
func (d Dim) String() string {
	switch {
	case d.Name != "":
		return d.Name
	case d.Size > 0:
		return fmt.Sprint(d.Size)
	}
	return "?"
}

// Value is an input or output of a graph. Type is 0 for what is not a tensor (a sequence, a map).
type Value struct {
	Name string
	Type DataType
	Dims []Dim
	// Ranked says whether the file gives a shape at all; a scalar is ranked and has no dimensions.
	Ranked bool
}

// elements multiplies dims and reports false on a negative dimension or an overflow.
func elements(dims []int64) (int64, bool) {
	n, empty := int64(1), false
	for _, d := range dims {
		switch {
		case d < 0:
			return 0, false
		case d == 0:
			empty = true
		case n > math.MaxInt64/d:
			return 0, false
		default:
			n *= d
		}
	}
	if empty {
		return 0, true
	}
	return n, true
}
