package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"w2s/internal/visible"
)

// A Tensor is a tensor to be written. Data is little-endian and row-major.
type Tensor struct {
	Name  string
	DType string
	Shape []int64
	Data  []byte
}

// Float32Tensor makes a tensor of type F32.
func Float32Tensor(name string, shape []int64, v []float32) Tensor {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return Tensor{name, "F32", shape, b}
}

// Float64Tensor makes a tensor of type F64.
func Float64Tensor(name string, shape []int64, v []float64) Tensor {
	b := make([]byte, 0, 8*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return Tensor{name, "F64", shape, b}
}

// Int64Tensor makes a tensor of type I64.
func Int64Tensor(name string, shape []int64, v []int64) Tensor {
	b := make([]byte, 0, 8*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, uint64(x))
	}
	return Tensor{name, "I64", shape, b}
}

// Write writes the tensors in the given order. Wide types should come first, so that all data is aligned. The same arguments
// give the same bytes. metadata may be nil.
func Write(w io.Writer, metadata map[string]string, tensors ...Tensor) error {
	var errs []error
	header := []byte("{")
	add := func(key string, value any) {
		k, err := json.Marshal(key)
		v, err2 := json.Marshal(value)
		errs = append(errs, err, err2)
		if len(header) > 1 {
			header = append(header, ',')
		}
		header = append(append(append(header, k...), ':'), v...)
	}
	if len(metadata) > 0 {
		add("__metadata__", metadata)
	}
	seen := map[string]bool{"__metadata__": true}
	at := int64(0)
	for _, t := range tensors {
		if seen[t.Name] {
			errs = append(errs, fmt.Errorf("the name %q is used twice or reserved", t.Name))
		}
		seen[t.Name] = true
		n, ok := elements(t.Shape)
		if width := sizes[t.DType]; !ok || width == 0 || int64(len(t.Data))/width != n || n*width != int64(len(t.Data)) {
			errs = append(errs, fmt.Errorf("tensor %q: %s of data for %s of shape %v", t.Name, visible.Count(len(t.Data), "byte"), t.DType, t.Shape))
		}
		shape := t.Shape
		if shape == nil {
			shape = []int64{} // readers refuse the null that nil would give
		}
		add(t.Name, struct {
			DType   string   `json:"dtype"`
			Shape   []int64  `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}{t.DType, shape, [2]int64{at, at + int64(len(t.Data))}})
		at += int64(len(t.Data))
	}
	header = append(header, '}')
	header = append(header, bytes.Repeat([]byte(" "), -len(header)&7)...) // the data begins at a multiple of eight
	if len(header) > maxHeader {
		errs = append(errs, fmt.Errorf("a header of %d bytes is longer than %d", len(header), maxHeader))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("safetensors: writing: %w", err)
	}
	pieces := [][]byte{binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header}
	for _, t := range tensors {
		pieces = append(pieces, t.Data)
	}
	for _, b := range pieces {
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("safetensors: writing: %w", err)
		}
	}
	return nil
}
