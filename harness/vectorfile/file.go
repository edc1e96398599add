// Package vectorfile reads files of feature vectors that were made elsewhere: by another program, on a cluster, of images or of
// sound.
//
// A [File] is a safetensors or .npy file with the name of every row: the id of an example, or a text. [File.Encoder] returns one
// layer of it as an encoder that looks names up, and [File.Texts] returns the names of an example's texts.
//
// [Open] treats the file as hostile: it checks shapes, lengths and names against each other and against the size of the file. It
// keeps the names in memory, and reads vectors when they are needed.
package vectorfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"w2s/internal/inputfile"
	"w2s/internal/safetensors"
	"w2s/internal/visible"
)

// maxDims bounds the length of a vector.
const maxDims = 1 << 20

// An array is a table of vectors in a file: vector r begins at byte start + r*stride.
type array struct {
	dtype         dtype
	start, stride int64
	rows, dims    int
}

// A File is an open file of vectors.
type File struct {
	path     string
	file     *os.File
	info     fs.FileInfo // when it was opened
	digest   string      // of the file and of its list of names
	facts    map[string]string
	metadata map[string]string
	plain    *array        // without a number; nil: there are numbered layers only
	layers   map[int]array // by number
	rows     int
	ids      index // of examples
	texts    index
	both     map[int32]digest // the texts of rows that have an id and a text
	mu       sync.Mutex
	used     []bool // by row; mu guards it
}

// Open opens a file of vectors, FILE.safetensors or FILE.npy, and reads the names of its rows. The caller closes it. Its errors do
// not name the file.
func Open(ctx context.Context, path string) (*File, error) {
	r, err := inputfile.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, file: r, layers: map[int]array{}}
	if err := f.open(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

func (f *File) open(ctx context.Context) error {
	var err error
	if f.info, err = f.file.Stat(); err != nil {
		return err
	}
	switch ext := strings.ToLower(filepath.Ext(f.path)); ext {
	case ".safetensors":
		err = f.readSafetensors()
	case ".npy":
		err = f.readNPY()
	default:
		err = fmt.Errorf("want a file of vectors, FILE.safetensors or FILE.npy, not %q", ext)
	}
	if err != nil {
		return err
	}
	if err := f.checkShape(); err != nil {
		return err
	}
	names, err := f.readNames()
	if err != nil {
		return err
	}
	f.used = make([]bool, f.rows)
	h := sha256.New()
	if _, err := io.Copy(h, &cancelled{ctx, io.NewSectionReader(f.file, 0, f.info.Size())}); err != nil {
		return err
	}
	own := hex.EncodeToString(h.Sum(nil))
	f.facts = map[string]string{"source": "vectors from a file, not encoded here", "rows": strconv.Itoa(f.rows),
		"sha256 " + visible.Name(filepath.Base(f.path)): own}
	if names != "" {
		f.facts["sha256 of its list of ids"] = names
	}
	f.digest = own + " " + names
	return f.unchanged()
}

// cancelled is a reader that ends with ctx.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Names of tensors: vectors of no particular layer, the rows of each id, and the beginning of the names of layers.
const (
	featuresTensor = "features"
	startTensor    = "start"
	layerTensor    = "layer."
)

// readSafetensors finds the tensors with vectors.
func (f *File) readSafetensors() error {
	s, err := safetensors.New(f.file, f.info.Size())
	if err != nil {
		return err
	}
	f.metadata = s.Metadata
	found := false
	for _, t := range s.Tensors {
		layer, err := strconv.Atoi(strings.TrimPrefix(t.Name, layerTensor))
		numbered := strings.HasPrefix(t.Name, layerTensor) && err == nil && layer >= 0
		if t.Name != featuresTensor && !numbered {
			continue
		}
		found = true
		kind, ok := safetensorsTypes[t.DType]
		if !ok {
			return fmt.Errorf("tensor %q holds %s, want one of float16, bfloat16, float32, float64 and whole numbers", t.Name, visible.Name(t.DType))
		}
		if numbered {
			a, err := matrix(t.Shape, kind, t.Offset())
			if err != nil {
				return fmt.Errorf("tensor %q: %w", t.Name, err)
			}
			f.layers[layer] = a
		} else if err := f.add(t.Shape, kind, t.Offset()); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	if !found {
		return fmt.Errorf("no tensor is named %q or %q: want one vector for each row, [rows, dims]", featuresTensor, layerTensor+"N")
	}
	return nil
}

// add adds an array of the shape [rows, dims], or [rows, layers, dims] whose layers are numbered from 0.
func (f *File) add(shape []int64, kind dtype, start int64) error {
	if len(shape) != 3 {
		a, err := matrix(shape, kind, start)
		f.plain = &a
		return err
	}
	if len(f.layers) > 0 {
		return fmt.Errorf("it has layers, and so has the file as %sN", layerTensor)
	}
	const maxLayers = 10000
	if shape[1] < 1 || shape[1] > maxLayers {
		return fmt.Errorf("the shape %v, [rows, layers, dims], has %d layers", shape, shape[1])
	}
	for n := range shape[1] {
		a, err := matrix([]int64{shape[0], shape[2]}, kind, start+n*shape[2]*kind.size)
		if err != nil {
			return err
		}
		a.stride *= shape[1]
		f.layers[int(n)] = a
	}
	return nil
}

// matrix returns an array of the shape [rows, dims].
func matrix(shape []int64, kind dtype, start int64) (array, error) {
	if len(shape) != 2 {
		return array{}, fmt.Errorf("the shape is %v, want [rows, dims], or [rows, layers, dims] for several layers", shape)
	}
	rows, dims := shape[0], shape[1]
	if dims < 1 || dims > maxDims {
		return array{}, fmt.Errorf("vectors of %d dimensions, want 1 to %d", dims, maxDims)
	}
	if rows < 1 || rows > 1<<31-1 {
		return array{}, fmt.Errorf("%d rows, want 1 to %d", rows, 1<<31-1)
	}
	return array{dtype: kind, start: start, stride: dims * kind.size, rows: int(rows), dims: int(dims)}, nil
}

// checkShape checks that all arrays have a vector for each row, and sets the number of rows.
func (f *File) checkShape() error {
	if f.plain != nil {
		f.rows = f.plain.rows
	}
	for _, n := range f.Layers() {
		a := f.layers[n]
		if f.rows != 0 && a.rows != f.rows {
			return fmt.Errorf("layer %d has %s, and what comes before it %d", n, visible.Count(a.rows, "row"), f.rows)
		}
		f.rows = a.rows
	}
	return nil
}

// Layers returns the numbers of the file's layers, in ascending order.
func (f *File) Layers() []int {
	var numbers []int
	for n := range f.layers {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers
}

// Facts describes the file for a result.
func (f *File) Facts() map[string]string { return f.facts }

// Metadata returns what a safetensors file says of itself.
func (f *File) Metadata() map[string]string { return f.metadata }

// Unused returns how many of the rows were not looked up so far.
func (f *File) Unused() (unused, rows int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, u := range f.used {
		if !u {
			unused++
		}
	}
	return unused, f.rows
}

// errChanged means that the file is not the one that was opened.
var errChanged = errors.New("the file changed while it was read (run again, and leave it alone in the meantime)")

// unchanged returns an error if the file is not as it was when it was opened.
func (f *File) unchanged() error {
	now, err := f.file.Stat()
	if err != nil {
		return err
	}
	if now.Size() != f.info.Size() || !now.ModTime().Equal(f.info.ModTime()) {
		return errChanged
	}
	return nil
}

// read reads the vector of a row into values, and buf is for its bytes.
func (f *File) read(a *array, row int, buf []byte, values []float32) error {
	if _, err := f.file.ReadAt(buf, a.start+int64(row)*a.stride); errors.Is(err, io.EOF) {
		return errChanged
	} else if err != nil {
		return err
	}
	a.dtype.read(buf, values)
	for i, v := range values {
		if v-v != 0 {
			return fmt.Errorf("row %d has %v in dimension %d as float32 (vectors must be finite)", row, v, i)
		}
	}
	return nil
}
