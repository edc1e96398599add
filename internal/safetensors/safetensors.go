// Package safetensors reads and writes files of named tensors in the safetensors format
// (https://huggingface.co/docs/safetensors). A file consists of the length of the header in eight bytes, the header in JSON,
// and the plain data.
//
// [Open] reads the header only. It treats the file as hostile: it checks lengths, offsets, shapes and names against each other
// and against the size of the file before any data is read.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/visible"
)

// maxHeader bounds the length of the header. The header of a model of 1,000 layers takes about 1 MB.
const maxHeader = 16 << 20

// sizes holds the number of bytes of one element by the format's name of the type.
var sizes = map[string]int64{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1,
	"I16": 2, "U16": 2, "F16": 2, "BF16": 2,
	"I32": 4, "U32": 4, "F32": 4,
	"I64": 8, "U64": 8, "F64": 8,
}

// An Info describes one tensor of a file.
type Info struct {
	Name  string
	DType string // such as F32, F16, I64
	Shape []int64
	start int64 // of the data in the file; relative to the data section until checkLayout has run
	size  int64 // bytes
	count int64 // elements
}

// Offset returns where the data of the tensor begins in its file, in bytes.
func (t Info) Offset() int64 { return t.start }

// Size returns the number of bytes of the tensor's data.
func (t Info) Size() int64 { return t.size }

// A File is an open file.
type File struct {
	Tensors  []Info            // in the order of their data
	Metadata map[string]string // the header's __metadata__
	path     string
	r        io.ReaderAt
	c        io.Closer
}

// Open reads the header of the file at path. The caller closes it.
func Open(path string) (*File, error) {
	r, err := inputfile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	st, err := r.Stat()
	f := &File{path: path, r: r, c: r}
	if err == nil {
		err = f.read(st.Size())
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("safetensors: %s: %w", path, err)
	}
	return f, nil
}

// New reads the header of a file of size bytes that the caller has opened, and closes.
func New(r io.ReaderAt, size int64) (*File, error) {
	f := &File{path: "file", r: r, c: io.NopCloser(nil)}
	if err := f.read(size); err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error { return f.c.Close() }

// Lookup returns the tensor of that name, and whether there is one.
func (f *File) Lookup(name string) (Info, bool) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return Info{}, false
}

func (f *File) read(size int64) error {
	var length [8]byte
	if size < int64(len(length)) {
		return fmt.Errorf("the file has %s, too few for safetensors", visible.Count(size, "byte"))
	}
	if _, err := f.r.ReadAt(length[:], 0); err != nil {
		return fmt.Errorf("reading the header's length: %w", err)
	}
	if bytes.HasPrefix(length[:], []byte("version ")) {
		return errors.New("this is a Git LFS pointer, not the weights (run: git lfs pull)")
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader || int64(n) > size-int64(len(length)) {
		return fmt.Errorf("the header would have %s in a file of %d (not a safetensors file, or a truncated one)", visible.Count(n, "byte"), size)
	}
	header := make([]byte, n)
	if _, err := f.r.ReadAt(header, int64(len(length))); err != nil {
		return fmt.Errorf("reading the header: %w", err)
	}
	if err := f.parse(header); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	return f.checkLayout(int64(len(length))+int64(n), size)
}

// parse reads the JSON of the header one key at a time, so as to notice a key that occurs twice.
func (f *File) parse(header []byte) error {
	d := json.NewDecoder(bytes.NewReader(header))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("it is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string) // the keys of an object are strings
		if seen[name] {
			return fmt.Errorf("two tensors are named %q", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			if err := d.Decode(&f.Metadata); err != nil {
				return fmt.Errorf("__metadata__: %w", err)
			}
			continue
		}
		var entry struct {
			DType   string  `json:"dtype"`
			Shape   []int64 `json:"shape"`
			Offsets []int64 `json:"data_offsets"`
		}
		if err := d.Decode(&entry); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		if len(entry.Offsets) != 2 || entry.Offsets[0] < 0 || entry.Offsets[1] < entry.Offsets[0] {
			return fmt.Errorf("tensor %q: data_offsets %v are not a start and an end", name, entry.Offsets)
		}
		f.Tensors = append(f.Tensors, Info{Name: name, DType: entry.DType, Shape: entry.Shape,
			start: entry.Offsets[0], size: entry.Offsets[1] - entry.Offsets[0]})
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if rest, err := io.ReadAll(d.Buffered()); err != nil || len(bytes.TrimSpace(rest)) > 0 {
		return errors.New("data follows the JSON object")
	}
	return nil
}

// checkLayout checks that the tensors cover the data section without gaps or overlaps, and that their sizes fit their shapes.
// It makes their starts relative to the file.
func (f *File) checkLayout(begin, size int64) error {
	slices.SortStableFunc(f.Tensors, func(a, b Info) int {
		if a.start != b.start {
			return int(max(-1, min(1, a.start-b.start)))
		}
		return int(max(-1, min(1, a.size-b.size))) // an empty tensor comes before the one that begins at the same place
	})
	end := int64(0)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if t.start != end {
			return fmt.Errorf("tensor %q begins at %d, but the one before it ends at %d", t.Name, t.start, end)
		}
		end += t.size
		if end > size-begin {
			return fmt.Errorf("tensor %q ends at %d, but the file has only %s of data (truncated file?)", t.Name, end, visible.Count(size-begin, "byte"))
		}
		var ok bool
		if t.count, ok = elements(t.Shape); !ok {
			return fmt.Errorf("tensor %q has the impossible shape %v", t.Name, t.Shape)
		}
		// A tensor of an unknown type is accepted, but cannot be read.
		if width, known := sizes[t.DType]; known && (t.count > t.size/width || t.count*width != t.size) {
			return fmt.Errorf("tensor %q: %s of data for %s of shape %v", t.Name, visible.Count(t.size, "byte"), t.DType, t.Shape)
		}
		t.start += begin
	}
	if end != size-begin {
		return fmt.Errorf("the file has %s of data that no tensor covers", visible.Count(size-begin-end, "byte"))
	}
	return nil
}

// elements returns the product of shape. It reports false if a dimension is negative or the product overflows.
func elements(shape []int64) (int64, bool) {
	n, empty := int64(1), false
	for _, d := range shape {
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
		n = 0
	}
	return n, true
}

// data reads all bytes of a tensor. It fails unless the tensor is of one of the given types.
func (f *File) data(name string, types ...string) (Info, []byte, error) {
	t, ok := f.Lookup(name)
	if !ok {
		return t, nil, fmt.Errorf("safetensors: %s: no tensor is named %q", f.path, name)
	}
	if !slices.Contains(types, t.DType) {
		return t, nil, fmt.Errorf("safetensors: %s: tensor %q holds %q, not %s", f.path, name, t.DType, strings.Join(types, ", "))
	}
	b := make([]byte, t.size)
	if _, err := f.r.ReadAt(b, t.start); err != nil && len(b) > 0 {
		return t, nil, fmt.Errorf("safetensors: %s: tensor %q: %w", f.path, name, err)
	}
	return t, b, nil
}
