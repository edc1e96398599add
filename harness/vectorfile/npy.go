package vectorfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"w2s/internal/visible"
)

// maxNPYHeader bounds the header of a .npy file. The header of a plain array has about 100 bytes.
const maxNPYHeader = 1 << 16

var (
	npyDescr   = regexp.MustCompile(`'descr':\s*'([^']*)'`)
	npyFortran = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	npyShape   = regexp.MustCompile(`'shape':\s*\(([0-9, ]*)\)`)
)

// readNPY reads the header of an array of NumPy (numpy.lib.format).
func (f *File) readNPY() error {
	head := make([]byte, 12)
	if n, err := f.file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	} else if n < len(head) || string(head[:6]) != "\x93NUMPY" {
		return errors.New("not a .npy file of NumPy (numpy.save writes one)")
	}
	begin, length := int64(10), int64(binary.LittleEndian.Uint16(head[8:]))
	switch head[6] {
	case 1:
	case 2, 3:
		begin, length = 12, int64(binary.LittleEndian.Uint32(head[8:]))
	default:
		return fmt.Errorf("version %d of the .npy format is not known", head[6])
	}
	if length > maxNPYHeader || begin+length > f.info.Size() {
		return fmt.Errorf("the header would have %s in a file of %d (truncated?)", visible.Count(length, "byte"), f.info.Size())
	}
	header := make([]byte, length)
	if _, err := f.file.ReadAt(header, begin); err != nil {
		return err
	}
	shape, kind, err := parseNPY(string(header))
	if err != nil {
		return err
	}
	want := kind.size
	for _, n := range shape {
		if n > 0 && want > math.MaxInt64/n {
			return fmt.Errorf("the impossible shape %v", shape)
		}
		want *= n
	}
	if have := f.info.Size() - begin - length; have != want {
		return fmt.Errorf("%s of data for %s of shape %v, which takes %d (truncated file?)", visible.Count(have, "byte"), kind.name, shape, want)
	}
	return f.add(shape, kind, begin+length)
}

// parseNPY returns the shape and the type that a header names.
func parseNPY(header string) ([]int64, dtype, error) {
	fortran, size := npyFortran.FindStringSubmatch(header), npyShape.FindStringSubmatch(header)
	descr := npyDescr.FindStringSubmatch(header)
	if descr == nil && strings.Contains(header, "'descr': [") {
		return nil, dtype{}, errors.New("it holds records with named fields, want one array of numbers")
	}
	if descr == nil || fortran == nil || size == nil {
		return nil, dtype{}, errors.New("the header cannot be read")
	}
	kind, ok := npyTypes[descr[1]]
	switch name := descr[1]; {
	case ok:
	case strings.HasPrefix(name, "|O"):
		return nil, dtype{}, errors.New("it holds Python objects, such as vectors of differing lengths, " +
			"and loading these could run code (save an array of float32: np.stack(vectors).astype('float32'))")
	case strings.HasPrefix(name, ">"):
		return nil, dtype{}, fmt.Errorf("its numbers are big-endian (%s): save x.astype('float32')", name)
	default:
		return nil, dtype{}, fmt.Errorf("its numbers have the type %q: save x.astype('float32'), or safetensors for bfloat16", name)
	}
	if fortran[1] == "True" {
		return nil, dtype{}, errors.New("its columns come one after another (fortran_order): save np.ascontiguousarray(x)")
	}
	var shape []int64
	for part := range strings.SplitSeq(size[1], ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return nil, dtype{}, fmt.Errorf("the impossible shape (%s)", size[1])
		}
		shape = append(shape, n)
	}
	return shape, kind, nil
}
