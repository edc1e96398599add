package safetensors

import (
	"context"
	"encoding/binary"
	"fmt"
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

// NotFinite reads all tensors of type F64, F32, F16 and BF16, and returns the names of those that have an element that is NaN or
// infinite, in the order of their data.
func (f *File) NotFinite(ctx context.Context) ([]string, error) {
	var names []string
	buf := make([]byte, 1<<20)
	for _, t := range f.Tensors {
		width := int(sizes[t.DType])
		exponent := exponents[t.DType]
		if exponent == nil {
			continue
		}
		for at := int64(0); at < t.size; at += int64(len(buf)) {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			b := buf[:min(int64(len(buf)), t.size-at)]
			if _, err := f.r.ReadAt(b, t.start+at); err != nil {
				return nil, fmt.Errorf("safetensors: %s: tensor %q: %w", f.path, t.Name, err)
			}
			if hasOnes(b, width, exponent) {
				names = append(names, t.Name)
				break
			}
		}
	}
	return names, nil
}

// exponents masks the bits of the exponent in the last bytes of an element. They are all 1 only in NaN and infinity.
var exponents = map[string][]byte{"F64": {0xf0, 0x7f}, "F32": {0x80, 0x7f}, "BF16": {0x80, 0x7f}, "F16": {0x00, 0x7c}}

// hasOnes reports whether an element of b has all bits of the mask set in its last two bytes.
func hasOnes(b []byte, width int, mask []byte) bool {
	for i := width - 2; i < len(b); i += width {
		if b[i+1]&mask[1] == mask[1] && b[i]&mask[0] == mask[0] {
			return true
		}
	}
	return false
}
