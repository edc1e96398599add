package feature

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/inputfile"
)

// readBlock is the approximate number of bytes that are read from a rows file at a time.
const readBlock = 1 << 20

// A place tells where the row of a text is. There is one in memory for every text, so it is small.
type place struct {
	row       int64
	file      int32 // index in index.files
	truncated bool
}

// An index lists the intact rows of all files in a folder. It is not safe for use by several goroutines.
type index struct {
	dir      string
	layout   layout
	files    []*rowsFile
	places   map[textID]place
	damage   []Damage
	repeated int // number of intact rows of texts that have an earlier row
	block    []byte
}

type rowsFile struct {
	name string
	info fs.FileInfo // when it was last read; nil before that
	rows int64       // number of rows read
}

// A Damage is a part of a rows file that cannot be used.
type Damage struct {
	File string
	Row  int64 // counted from 0; -1 stands for the header
}

func (d Damage) String() string {
	if d.Row < 0 {
		return fmt.Sprintf("%s: damaged header (its rows are still read)", d.File)
	}
	return fmt.Sprintf("%s: row %d has a wrong checksum", d.File, d.Row)
}

func newIndex(dir string, l layout) *index {
	return &index{dir: dir, layout: l, places: map[textID]place{}}
}

// rowsFiles returns the names of the rows files in a folder, sorted. A folder that does not exist has none.
func rowsFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("feature: cache: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "rows-") && strings.HasSuffix(e.Name(), ".bin") && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil // ReadDir sorts
}

// refresh reads what was added since the last time: new files, such as a shard from another machine, and rows that a process has
// appended. If a text has several rows, the first one counts, in the order of the file names. (Files that
// appear while the process runs are read after the others.)
func (x *index) refresh() error { return x.visit(x.scan) }

// visit calls read for every file that exists now. It starts again if files change in the meantime.
func (x *index) visit(read func(at int32) error) error {
	err := x.look(read)
	for tries := 0; errors.Is(err, errChanged) && tries < 10; tries++ {
		*x = *newIndex(x.dir, x.layout)
		err = x.look(read)
	}
	return err
}

func (x *index) look(read func(at int32) error) error {
	names, err := rowsFiles(x.dir)
	if err != nil {
		return err
	}
	known := map[string]int32{}
	for i, f := range x.files {
		info, err := os.Stat(filepath.Join(x.dir, f.name))
		if err != nil || !os.SameFile(info, f.info) || x.layout.wholeRows(info.Size()) < f.rows {
			return errChanged
		}
		known[f.name] = int32(i)
	}
	for _, name := range names {
		i, ok := known[name]
		if !ok {
			i = int32(len(x.files))
			x.files = append(x.files, &rowsFile{name: name})
		}
		if err := read(i); err != nil {
			return err
		}
		if x.files[i].info == nil { // a new file without a header, whose writer was stopped or has just begun
			x.files = x.files[:i]
		}
	}
	return nil
}

// scan reads the rows of a file that were not read yet.
func (x *index) scan(at int32) error {
	return x.open(at, func(file *os.File, whole int64) error {
		size, f := x.layout.rowSize(), x.files[at]
		for f.rows < whole {
			part := x.blockOf(whole - f.rows)
			if _, err := file.ReadAt(part, x.layout.offset(f.rows)); err != nil {
				return err
			}
			for ; len(part) > 0; part = part[size:] {
				x.add(at, f.rows, part[:size])
				f.rows++
			}
		}
		return nil
	})
}

// sample reads up to n rows of a file that was not read yet, spread evenly from the first to the last.
func (x *index) sample(at int32, n int64) error {
	return x.open(at, func(file *os.File, whole int64) error {
		row, n := x.blockOf(1), min(n, whole)
		for k := range n {
			r := k * (whole - 1) / max(1, n-1)
			if _, err := file.ReadAt(row, x.layout.offset(r)); err != nil {
				return err
			}
			x.add(at, r, row)
		}
		return nil
	})
}

// open opens a file, checks its header if it is opened for the first time, and calls read with the number of its complete rows.
// It ignores a file that is shorter than a header.
func (x *index) open(at int32, read func(file *os.File, whole int64) error) error {
	f := x.files[at]
	fail := func(err error) error { return fmt.Errorf("feature: cache: %s: %w", filepath.Join(x.dir, f.name), err) }
	file, err := inputfile.Open(filepath.Join(x.dir, f.name))
	if errors.Is(err, fs.ErrNotExist) {
		return errChanged
	}
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fail(err)
	}
	if info.Size() < headerSize {
		return nil
	}
	first := f.info == nil
	f.info = info
	if first {
		head := make([]byte, headerSize)
		if _, err := file.ReadAt(head, 0); err != nil {
			return fail(err)
		}
		switch err := x.layout.checkHeader(head); {
		case errors.Is(err, errDamagedHeader):
			x.damage = append(x.damage, Damage{f.name, -1})
		case err != nil:
			return fail(fmt.Errorf("%w (move it to the folder it belongs to, or delete it)", err))
		}
	}
	if err := read(file, x.layout.wholeRows(info.Size())); err != nil {
		return fail(err)
	}
	return nil
}

// blockOf returns a buffer for the given number of rows, or for as many as are read at a time if that is less. Every call
// returns the same memory.
func (x *index) blockOf(rows int64) []byte {
	size := x.layout.rowSize()
	want := int(min(rows, int64(max(1, readBlock/size)))) * size
	if len(x.block) < want {
		x.block = make([]byte, want)
	}
	return x.block[:want]
}

// add indexes a row, unless it is damaged or its text has a row already.
func (x *index) add(file int32, row int64, data []byte) {
	if !x.layout.intact(data) {
		x.damage = append(x.damage, Damage{x.files[file].name, row})
		return
	}
	id, _, truncated := meta(data)
	if _, ok := x.places[id]; ok {
		x.repeated++
		return
	}
	x.places[id] = place{file: file, row: row, truncated: truncated}
}

// errChanged means that a row or a file is not where the index says, because another process has compacted the folder.
var errChanged = errors.New("feature: cache: the files changed while they were read")

// A wish is a row to read for a distinct text of a request.
type wish struct {
	id     textID
	place  place
	unique int // index of the distinct text
}

// read calls got for every wish with the bytes of the row, which are valid during the call, or for ever if they are in a mapped file.
// Files are mapped if m is not nil and the system can. It reads in the order of the files.
func (x *index) read(wishes []wish, m *mappings, got func(w wish, row []byte, mapped bool)) error {
	slices.SortFunc(wishes, func(a, b wish) int {
		if a.place.file != b.place.file {
			return int(a.place.file) - int(b.place.file)
		}
		return int(a.place.row - b.place.row)
	})
	for len(wishes) > 0 {
		end := 1
		for end < len(wishes) && wishes[end].place.file == wishes[0].place.file {
			end++
		}
		if err := x.readFile(x.files[wishes[0].place.file].name, wishes[:end], m, got); err != nil {
			return err
		}
		wishes = wishes[end:]
	}
	return nil
}

// readFile reads rows of one file. A single read covers rows that are near each other.
func (x *index) readFile(name string, wishes []wish, m *mappings, got func(w wish, row []byte, mapped bool)) error {
	file, err := inputfile.Open(filepath.Join(x.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return errChanged
	}
	if err != nil {
		return fmt.Errorf("feature: cache: %w", err)
	}
	defer file.Close()
	var mapped []byte
	if m != nil {
		mapped = m.of(file)
	}
	const near = 16 // largest distance of rows that are read together
	size := x.layout.rowSize()
	most := int64(max(1, readBlock/size))
	for len(wishes) > 0 {
		from, end := wishes[0].place.row, 1
		for end < len(wishes) && wishes[end].place.row-wishes[end-1].place.row <= near &&
			wishes[end].place.row-from < most {
			end++
		}
		part := x.blockOf(wishes[end-1].place.row - from + 1)
		if _, err := file.ReadAt(part, x.layout.offset(from)); errors.Is(err, io.EOF) {
			return errChanged
		} else if err != nil {
			return fmt.Errorf("feature: cache: %s: %w", filepath.Join(x.dir, name), err)
		}
		for _, w := range wishes[:end] {
			row := part[int(w.place.row-from)*size:][:size]
			if id, _, _ := meta(row); id != w.id || !x.layout.intact(row) {
				return errChanged
			}
			if end := x.layout.offset(w.place.row + 1); end <= int64(len(mapped)) { // the checks read the file, so they leave no pages in memory
				got(w, mapped[x.layout.offset(w.place.row):end], true)
				continue
			}
			got(w, row, false)
		}
		wishes = wishes[end:]
	}
	return nil
}
