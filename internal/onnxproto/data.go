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
	"w2s/internal/regular"
)

// Floats returns the elements of a floating-point constant as float32, row-major, and its shape.
func (f *File) Floats(name string) (values []float32, dims []int64, err error) {
	d, err := f.Data(name)
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	values = make([]float32, d.count)
	if err := d.Floats(values, 0); err != nil {
		return nil, nil, err
	}
	return values, d.dims, nil
}

// FirstInt returns the first element of a constant of type int64 or int32. It reports false for all other constants, and
// for one whose data is not raw_data of the model file.
func (f *File) FirstInt(name string) (int64, bool) {
	t, ok := f.initializer(name)
	size := int64(t.Type.Size())
	if !ok || t.Type != Int64 && t.Type != Int32 || !t.data.raw || t.External != "" || t.data.size < size {
		return 0, false
	}
	var b [8]byte
	if _, err := f.r.ReadAt(b[:size], t.data.start); err != nil {
		return 0, false
	}
	if t.Type == Int32 {
		return int64(int32(binary.LittleEndian.Uint32(b[:]))), true
	}
	return int64(binary.LittleEndian.Uint64(b[:])), true
}

// Data gives access to the elements of one floating-point constant, in the model file or in an external file.
type Data struct {
	where  string // the file and the constant, for errors
	r      io.ReaderAt
	closer io.Closer // nil if the data lies in the model file
	typ    DataType
	dims   []int64
	count  int64
	offset int64
}

// Data opens the data of a floating-point constant. The caller closes it.
func (f *File) Data(name string) (*Data, error) {
	where := fmt.Sprintf("onnxproto: %s: constant %q", f.path, name)
	d, err := f.openData(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	d.where = where
	return d, nil
}

// Close closes the external file, if the data lies in one.
func (d *Data) Close() error {
	if d.closer == nil {
		return nil
	}
	return d.closer.Close()
}

func (f *File) openData(name string) (*Data, error) {
	t, ok := f.initializer(name)
	if !ok {
		return nil, errors.New("the model has no constant of that name")
	}
	switch t.Type {
	case Float16, BFloat16, Float32, Float64:
	default:
		return nil, fmt.Errorf("its elements are of type %v, not floating-point", t.Type)
	}
	d := &Data{r: f.r, typ: t.Type, dims: t.Dims, count: t.Elements(), offset: t.data.start}
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
		d.r, d.closer, d.offset, size = file, file, t.Offset, length
	case !t.Contiguous():
		return nil, errors.New("its data is not one plain array (save the model with raw_data)")
	}
	if want := d.count * int64(t.Type.Size()); size != want {
		d.Close()
		return nil, fmt.Errorf("it has %d bytes of data, but %v of shape %v takes %d", size, t.Type, t.Dims, want)
	}
	return d, nil
}

// openExternal opens a file of external data. It returns the number of bytes in it that belong to the constant.
func openExternal(path string, offset, length int64) (*os.File, int64, error) {
	file, err := regular.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("external data: %w", err)
	}
	st, err := file.Stat()
	if err == nil && length == 0 {
		length = st.Size() - offset
	}
	if err == nil && (length < 0 || offset > st.Size()-length) {
		err = fmt.Errorf("%s has %d bytes; %d from byte %d on are needed (truncated download?)", path, st.Size(), length, offset)
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

// Floats fills dst with the elements from index first on, converted to float32.
func (d *Data) Floats(dst []float32, first int64) error {
	size := int64(d.typ.Size())
	buf := make([]byte, min(64<<10, size*int64(len(dst))))
	for len(dst) > 0 {
		n := min(int64(len(dst)), int64(len(buf))/size)
		b := buf[:n*size]
		if _, err := d.r.ReadAt(b, d.offset+first*size); err != nil {
			return fmt.Errorf("%s: reading: %w", d.where, err)
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
