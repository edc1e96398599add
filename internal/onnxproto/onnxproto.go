// Package onnxproto reads and writes ONNX model files without loading their weights into memory.
//
// It works on the protobuf wire format and knows only the fields of onnx.proto3 that this program needs
// (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3). [Open] reads everything but the weights, so its memory depends
// on the size of the graph alone. It treats the file as hostile: every length, depth and count is bounded. [File.Edited]
// returns a changed copy of an open model, and [Model.Marshal] the bytes of a new one; onnx.checker and ONNX Runtime accept
// both. Package onnxgraph recognises what the nodes of a graph compute.
package onnxproto

import (
	"fmt"
	"math"
)

// A DataType is the element type of a tensor, numbered as in TensorProto.DataType.
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

// Size returns the number of bytes of one element in raw data, or 0 if an element has no fixed number of whole bytes.
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

// A Dim is one dimension of an input or output of a graph. It has a fixed size or a symbolic name, or neither (Size 0 and
// Name "") if the file does not say.
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

// A Value is an input or output of a graph.
type Value struct {
	Name   string
	Type   DataType // 0 if the value is not a tensor but a sequence or a map
	Dims   []Dim
	Ranked bool // whether the file gives a shape; a scalar is ranked and has no dimensions
}

// elements returns the product of dims. It reports false if a dimension is negative or the product overflows.
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
