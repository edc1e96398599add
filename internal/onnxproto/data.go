package onnxproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"w2s/internal/half"
)

// Floats reads a whole constant of a floating-point type as float32, row-major, together with its shape.
func (f *File) Floats(name string) (values []float32, dims []int64, err error) {
	d, err := f.data(name)
	if err != nil {
		return nil, nil, err
	}
	defer d.close()
	values = make([]float32, d.count)
	if err := d.floats(values, 0); err != nil {
		return nil, nil, fmt.Errorf("onnxproto: %s: constant %q: %w", f.path, name, err)
	}
	return values, d.dims, nil
}

// data gives access to the elements of one constant, in the model or in its external file.
type data struct {
	r      io.ReaderAt
	close  func() error
	typ    DataType
	dims   []int64
	count  int64
	offset int64
}

func (f *File) data(name string) (*data, error) {
	d, err := f.openData(name)
	if err != nil {
		return nil, fmt.Errorf("onnxproto: %s: constant %q: %w", f.path, name, err)
	}
	return d, nil
}

func (f *File) openData(name string) (*data, error) {
	t, ok := f.initializer(name)
	if !ok {
		return nil, errors.New("there is none of that name")
	}
	switch t.Type {
	case Float16, BFloat16, Float32, Float64:
	default:
		return nil, fmt.Errorf("its elements are %v, not floating-point", t.Type)
	}
	d := &data{r: f.r, close: func() error { return nil }, typ: t.Type, dims: t.Dims, offset: t.data.start}
	d.count, _ = elements(t.Dims) // checked when the file was read
	if d.count > math.MaxInt64/8 {
		return nil, fmt.Errorf("impossible shape %v", t.Dims)
	}
	size := t.data.size
	switch {
	case t.External != "":
		file, length, err := openExternal(filepath.Join(filepath.Dir(f.path), filepath.FromSlash(t.External)), t.Offset, t.Length)
		if err != nil {
			return nil, err
		}
		d.r, d.close, d.offset, size = file, file.Close, t.Offset, length
	case t.data.other, t.data.floats && t.Type != Float32:
		return nil, errors.New("its data is not one plain array (save the model with raw_data)")
	}
	if want := d.count * int64(t.Type.Size()); size != want {
		d.close()
		return nil, fmt.Errorf("%d bytes of data where %v of shape %v takes %d", size, t.Type, t.Dims, want)
	}
	return d, nil
}

// openExternal opens a file of external data and returns how many bytes of it belong to the constant.
func openExternal(path string, offset, length int64) (*os.File, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("external data: %w", err)
	}
	st, err := file.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err == nil && length == 0 {
		length = st.Size() - offset
	}
	if err == nil && (length < 0 || offset > st.Size()-length) {
		err = fmt.Errorf("%s has %d bytes, not %d at %d (truncated download?)", path, st.Size(), length, offset)
	}
	if err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("external data: %w", err)
	}
	return file, length, nil
}

func (f *File) initializer(name string) (Initializer, bool) {
	for _, t := range f.Initializers {
		if t.Name == name {
			return t, true
		}
	}
	return Initializer{}, false
}

// floats fills dst with the elements from index first on.
func (d *data) floats(dst []float32, first int64) error {
	size := int64(d.typ.Size())
	buf := make([]byte, min(64<<10, size*int64(len(dst))))
	for len(dst) > 0 {
		n := min(int64(len(dst)), int64(len(buf))/size)
		b := buf[:n*size]
		if _, err := d.r.ReadAt(b, d.offset+first*size); err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		for i := range dst[:n] {
			dst[i] = decodeFloat(d.typ, b[int64(i)*size:])
		}
		dst, first = dst[n:], first+n
	}
	return nil
}

func decodeFloat(t DataType, b []byte) float32 {
	switch t {
	case Float16:
		return half.Float16(binary.LittleEndian.Uint16(b))
	case BFloat16:
		return half.BFloat16(binary.LittleEndian.Uint16(b))
	case Float64:
		return float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(b))
}
