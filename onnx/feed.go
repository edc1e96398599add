package onnx

import (
	"encoding/binary"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/half"
	"w2s/internal/onnxproto"
)

// feed makes the tensors of a batch, one for each input of the model.
func (s *session) feed(g grid, b *buffer) ([]ort.Value, error) {
	feeds := s.plan.feeds()
	b.in = resized(b.in, len(feeds))
	b.i32 = resized(b.i32, len(feeds))
	values := make([]ort.Value, 0, len(feeds))
	for i, in := range feeds {
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
	past := g.past.length()
	switch in.role {
	case inputIDs:
		return b.integers(i, in.Type, shape, g.ids)
	case attentionMask:
		return b.integers(i, in.Type, ort.NewShape(int64(g.rows), int64(past+g.cols)), g.mask)
	case tokenTypes:
		return b.integers(i, in.Type, shape, g.typ)
	case positions:
		b.in[i] = g.positions(resized(b.in[i], len(g.ids)), in.first)
		return b.integers(i, in.Type, shape, b.in[i])
	case cachePositions:
		b.in[i] = resized(b.in[i], g.cols)
		for j := range b.in[i] {
			b.in[i][j] = int64(past + j)
		}
		return b.integers(i, in.Type, ort.NewShape(int64(g.cols)), b.in[i])
	case logitsToKeep:
		n := int64(max(1, g.logits))
		if len(in.Dims) == 0 {
			return ort.NewScalar(n)
		}
		return ort.NewTensor(ort.NewShape(1), []int64{n})
	case countedTokens:
		return b.integers(i, in.Type, ort.NewShape(int64(g.rows), int64(g.cols), 1), g.mask)
	case shareOfToken:
		shares, err := g.shares()
		if err != nil {
			return nil, err
		}
		return ort.NewTensor(ort.NewShape(int64(g.rows), 1), shares)
	case firstRow, lastRow:
		rows, err := g.edges(in.role == lastRow)
		if err != nil {
			return nil, err
		}
		return ort.NewTensor(ort.NewShape(int64(g.rows)), rows)
	case useCacheBranch:
		return ort.NewTensor(ort.NewShape(1), []bool{past > 0})
	default:
		if past > 0 {
			return borrowed{g.past.values[in.Name]}, nil
		}
		return newPast(in, g.rows, 0)
	}
}

// borrowed is a tensor that is still needed after the run that it is fed to.
type borrowed struct{ ort.Value }

func (borrowed) Destroy() error { return nil }

// positions writes the position of every token to dst. It counts from first on and includes the tokens in the cache. Padding
// gets the position before first, as in transformers' RoBERTa. If first is 0 it gets 1, as in Hugging Face's generation code.
// A batch with a cache has no padding.
func (g grid) positions(dst []int64, first int64) []int64 {
	past, padding := g.past.length(), int64(1)
	if first > 0 {
		padding = first - 1
	}
	for row := range g.rows {
		next := first + int64(past)
		for j := row * g.cols; j < (row+1)*g.cols; j++ {
			dst[j] = padding
			if past > 0 || g.mask[j] != 0 {
				dst[j] = next
				next++
			}
		}
	}
	return dst
}

// integers makes the tensor of input i from integers, with the element type that the model expects.
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
	return nil, fmt.Errorf("elements of type %v are not supported", t)
}

// output makes the tensor that a run writes to, in memory of the buffer.
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

// result returns what a run wrote, converted to float32. It is valid until the next call of output.
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

// elementType returns the binding's name of a floating-point type of 16 or 32 bits.
func elementType(t onnxproto.DataType) ort.TensorElementDataType {
	switch t {
	case onnxproto.Float32:
		return ort.TensorElementDataTypeFloat
	case onnxproto.BFloat16:
		return ort.TensorElementDataTypeBFloat16
	}
	return ort.TensorElementDataTypeFloat16
}

// resized returns a slice of length n. It uses the memory of s if that is large enough.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
