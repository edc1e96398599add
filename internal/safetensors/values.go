package safetensors

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"w2s/internal/half"
)

// Floats reads a tensor of type F64, F32, F16, BF16 or I8 as float32, row-major.
func (f *File) Floats(name string) ([]float32, error) {
	t, b, err := f.data(name, "F64", "F32", "F16", "BF16", "I8")
	if err != nil {
		return nil, err
	}
	v := make([]float32, t.count)
	le := binary.LittleEndian
	for i := range v {
		switch t.DType {
		case "F64":
			v[i] = float32(math.Float64frombits(le.Uint64(b[8*i:])))
		case "F32":
			v[i] = math.Float32frombits(le.Uint32(b[4*i:]))
		case "F16":
			v[i] = half.Float16(le.Uint16(b[2*i:]))
		case "BF16":
			v[i] = half.BFloat16(le.Uint16(b[2*i:]))
		case "I8":
			v[i] = float32(int8(b[i]))
		}
	}
	return v, nil
}

// Bytes reads the data of a tensor of any known type as it is in the file, little-endian and row-major.
func (f *File) Bytes(name string) ([]byte, error) {
	_, b, err := f.data(name, slices.Sorted(maps.Keys(sizes))...)
	return b, err
}

// Float64s reads a tensor of type F64 or F32, row-major and without loss.
func (f *File) Float64s(name string) ([]float64, error) {
	t, b, err := f.data(name, "F64", "F32")
	if err != nil {
		return nil, err
	}
	v := make([]float64, t.count)
	for i := range v {
		if t.DType == "F64" {
			v[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		} else {
			v[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
		}
	}
	return v, nil
}

// Int64s reads a tensor of type I64 or I32, row-major.
func (f *File) Int64s(name string) ([]int64, error) {
	t, b, err := f.data(name, "I64", "I32")
	if err != nil {
		return nil, err
	}
	v := make([]int64, t.count)
	for i := range v {
		if t.DType == "I64" {
			v[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
		} else {
			v[i] = int64(int32(binary.LittleEndian.Uint32(b[4*i:])))
		}
	}
	return v, nil
}
