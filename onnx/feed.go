package onnx

import (
	"encoding/binary"
	"fmt"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/half"
	"w2s/internal/onnxproto"
)

// feed makes the tensors of a batch, one for each input that the model declares.
func (s *session) feed(g grid, b *buffer) ([]ort.Value, error) {
	b.in = resized(b.in, len(s.plan.inputs))
	b.i32 = resized(b.i32, len(s.plan.inputs))
	values := make([]ort.Value, 0, len(s.plan.inputs))
	for i, in := range s.plan.inputs {
		v, err := b.fill(i, in, g)
		if err != nil {
			return values, fmt.Errorf("input %q: %w", in.Name, err)
		}
		values = append(values, v)
	}
	return values, nil
}

// fill makes the tensor of input i.
func (b *buffer) fill(i int, in input, g grid) (ort.Value, error) {
	shape := ort.NewShape(int64(g.rows), int64(g.cols))
	switch in.role {
	case inputIDs:
		return b.integers(i, in.Type, shape, g.ids)
	case attentionMask:
		return b.integers(i, in.Type, shape, g.mask)
	case tokenTypes:
		return b.integers(i, in.Type, shape, g.typ)
	case positions:
		b.in[i] = maskPositions(resized(b.in[i], len(g.mask)), g)
		return b.integers(i, in.Type, shape, b.in[i])
	case cachePositions:
		b.in[i] = resized(b.in[i], g.cols)
		for j := range b.in[i] {
			b.in[i][j] = int64(j)
		}
		return b.integers(i, in.Type, ort.NewShape(int64(g.cols)), b.in[i])
	case useCacheBranch:
		return ort.NewTensor(ort.NewShape(1), []bool{false})
	default:
		return emptyPast(in, g.rows)
	}
}

// maskPositions counts the tokens of each row from 0; padding has position 1, as in Hugging Face's generation code.
func maskPositions(dst []int64, g grid) []int64 {
	for row := range g.rows {
		next := int64(0)
		for j := row * g.cols; j < (row+1)*g.cols; j++ {
			dst[j] = 1
			if g.mask[j] != 0 {
				dst[j] = next
				next++
			}
		}
	}
	return dst
}

// integers makes a tensor of the given integers in the element type that the model wants.
func (b *buffer) integers(i int, t onnxproto.DataType, shape ort.Shape, v []int64) (ort.Value, error) {
	switch t {
	case onnxproto.Int64:
		return ort.NewTensor(shape, v)
	case onnxproto.Int32:
		b.i32[i] = resized(b.i32[i], len(v))
		for j, x := range v {
			b.i32[i][j] = int32(x)
		}
		return ort.NewTensor(shape, b.i32[i])
	case onnxproto.Float32:
		f := make([]float32, len(v))
		for j, x := range v {
			f[j] = float32(x)
		}
		return ort.NewTensor(shape, f)
	case onnxproto.Bool:
		f := make([]bool, len(v))
		for j, x := range v {
			f[j] = x != 0
		}
		return ort.NewTensor(shape, f)
	}
	return nil, fmt.Errorf("cannot make elements of type %v", t)
}

// emptyPast is a key-value cache of no tokens.
func emptyPast(in input, rows int) (ort.Value, error) {
	shape := make(ort.Shape, len(in.Dims))
	for i, d := range in.Dims {
		switch name := strings.ToLower(d.Name); {
		case d.Name == "" && d.Size > 0:
			shape[i] = d.Size
		case strings.Contains(name, "past"), strings.Contains(name, "seq"), name == "" && i == 2:
			shape[i] = 0
		case strings.Contains(name, "batch") && !strings.ContainsAny(name, "*x+"), name == "" && i == 0:
			shape[i] = int64(rows)
		default:
			return nil, fmt.Errorf("its shape %v has a dimension %q that no file gives (export with fixed heads and head width)", in.Dims, d)
		}
	}
	if shape.FlattenedSize() != 0 {
		return nil, fmt.Errorf("its shape %v has no dimension for the tokens so far", in.Dims)
	}
	if in.Type == onnxproto.Float32 {
		return ort.NewTensor(shape, []float32{})
	}
	return ort.NewCustomDataTensor(shape, make([]byte, 2), elementType(in.Type))
}

// output makes the tensor into which a run writes, in memory of the buffer.
func (b *buffer) output(t onnxproto.DataType, shape ort.Shape) (ort.Value, error) {
	n := int(shape.FlattenedSize())
	b.out = resized(b.out, n)
	switch t {
	case onnxproto.Float32:
		return ort.NewTensor(shape, b.out)
	case onnxproto.Float64:
		b.f64 = resized(b.f64, n)
		return ort.NewTensor(shape, b.f64)
	}
	b.raw = resized(b.raw, 2*n)
	return ort.NewCustomDataTensor(shape, b.raw, elementType(t))
}

// result converts what a run wrote to float32.
func (b *buffer) result(t onnxproto.DataType) []float32 {
	switch t {
	case onnxproto.Float64:
		for i := range b.out {
			b.out[i] = float32(b.f64[i])
		}
	case onnxproto.Float16:
		for i := range b.out {
			b.out[i] = half.Float16(binary.NativeEndian.Uint16(b.raw[2*i:]))
		}
	case onnxproto.BFloat16:
		for i := range b.out {
			b.out[i] = half.BFloat16(binary.NativeEndian.Uint16(b.raw[2*i:]))
		}
	}
	return b.out
}

// elementType is the binding's name of a 16-bit type.
func elementType(t onnxproto.DataType) ort.TensorElementDataType {
	if t == onnxproto.BFloat16 {
		return ort.TensorElementDataTypeBFloat16
	}
	return ort.TensorElementDataTypeFloat16
}

// resized returns a slice of length n, in the memory of s where that is large enough.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
