// Package parquetfile reads rows of parquet files in bounded memory. The decoder that it uses trusts what a file says about
// itself, and a file of two kilobytes can say that it needs hundreds of gigabytes. So this package first checks what the
// footer, the headers of pages and the encodings state against the file and against limits.
package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"w2s/internal/inputfile"
	"w2s/internal/visible"
)

// maxFooter bounds the description at the end of a file. Its size grows with the number of columns and row groups.
const maxFooter = 64 << 20

// maxChunks bounds the column chunks of a file.
const maxChunks = 100_000

// Limits bounds what reading a file may take. All are numbers of bytes.
type Limits struct {
	Memory   int64               // the pages of all columns that are decoded at the same time
	Row      int64               // the values of one row
	Unpacked func(n int64) error // is called with the size of every row; its error ends the reading
}

// A File is an open file.
type File struct {
	r      io.ReaderAt
	size   int64
	limits Limits
	meta   format.FileMetaData
	root   *node
	leaves []*node
	decode *parquet.File
	zstd   *zstd.Decoder
	head   []byte // buffer for headers of pages
}

// Open reads and checks the footer of a file. It reads no rows.
func Open(r io.ReaderAt, size int64, limits Limits) (f *File, err error) {
	defer recovered(&err)
	f = &File{r: r, size: size, limits: limits}
	if err := f.readFooter(); err != nil {
		return nil, err
	}
	f.decode, err = parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	return f, err
}

// recovered turns a panic of the decoder, which some damaged files cause, into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged parquet file: %v", p)
	}
}

func (f *File) readFooter() error {
	const tail = 8 // length of the footer, and PAR1
	if f.size < 4+tail {
		return fmt.Errorf("it has %s, too few for a parquet file", visible.Count(f.size, "byte"))
	}
	var end [tail]byte
	if _, err := f.r.ReadAt(end[:], f.size-tail); err != nil {
		return err
	}
	if magic := string(end[4:]); magic != "PAR1" {
		if magic == "PARE" {
			return errors.New("it is encrypted")
		}
		return errors.New("it does not end in PAR1 (is it cut off?)")
	}
	length := int64(binary.LittleEndian.Uint32(end[:4]))
	if length > f.size-4-tail || length > maxFooter {
		return fmt.Errorf("its footer would have %s in a file of %d, and at most %s are read", visible.Count(length, "byte"), f.size, inputfile.Bytes(maxFooter))
	}
	data := make([]byte, length)
	if _, err := f.r.ReadAt(data, f.size-tail-length); err != nil {
		return err
	}
	n, err := thriftLength(data)
	if err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), data[:n], &f.meta); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	if f.root, f.leaves, err = readSchema(f.meta.Schema); err != nil {
		return err
	}
	return f.checkFooter(f.size - tail - length)
}

// checkFooter checks the row groups against the schema and the size of the file; end is where the footer begins.
func (f *File) checkFooter(end int64) error {
	if len(f.meta.RowGroups)*len(f.leaves) > maxChunks {
		return fmt.Errorf("it has %s of %d columns, more than %d column chunks", visible.Count(len(f.meta.RowGroups), "row group"), len(f.leaves), maxChunks)
	}
	rows := int64(0)
	for i := range f.meta.RowGroups {
		group := &f.meta.RowGroups[i]
		if len(group.Columns) != len(f.leaves) {
			return fmt.Errorf("row group %d has %s, and the schema has %d", i, visible.Count(len(group.Columns), "column"), len(f.leaves))
		}
		if group.NumRows < 0 || rows+group.NumRows < rows {
			return fmt.Errorf("row group %d has %s", i, visible.Count(group.NumRows, "row"))
		}
		rows += group.NumRows
		for j := range group.Columns {
			chunk := &group.Columns[j].MetaData
			start := chunk.DataPageOffset
			if chunk.DictionaryPageOffset != 0 {
				start = chunk.DictionaryPageOffset
			}
			switch {
			case group.Columns[j].FilePath != "":
				return fmt.Errorf("the data of column %q is in another file", cut(f.leaves[j].path))
			case start < 4 || chunk.TotalCompressedSize < 0 || start > end || chunk.TotalCompressedSize > end-start:
				return fmt.Errorf("column %q: row group %d would have %s from byte %d on, and the data ends at byte %d",
					cut(f.leaves[j].path), i, visible.Count(chunk.TotalCompressedSize, "byte"), start, end)
			case chunk.NumValues < 0:
				return fmt.Errorf("column %q: row group %d has %s", cut(f.leaves[j].path), i, visible.Count(chunk.NumValues, "value"))
			case f.leaves[j].rep == 0 && chunk.NumValues != group.NumRows:
				return fmt.Errorf("column %q: row group %d has %s for %s", cut(f.leaves[j].path), i, visible.Count(chunk.NumValues, "value"), visible.Count(group.NumRows, "row"))
			}
		}
	}
	if rows != f.meta.NumRows {
		return fmt.Errorf("its row groups have %s, and its footer says %d", visible.Count(rows, "row"), f.meta.NumRows)
	}
	return nil
}

// Columns returns the names of the columns, in their order.
func (f *File) Columns() []string {
	names := make([]string, len(f.root.children))
	for i, c := range f.root.children {
		names[i] = c.element.Name
	}
	return names
}

// Len returns the number of rows.
func (f *File) Len() int64 { return f.meta.NumRows }

// Rows calls do for every row until it returns false. The values of a row are what a JSON decoder returns for the same data:
// string, json.Number, bool, nil, []any and map[string]any. Bytes that are not text are [Binary].
func (f *File) Rows(do func(row map[string]any) bool) (err error) {
	defer recovered(&err)
	groups := f.decode.RowGroups()
	if len(groups) != len(f.meta.RowGroups) {
		return fmt.Errorf("%s, and the decoder finds %d", visible.Count(len(f.meta.RowGroups), "row group"), len(groups))
	}
	for i, group := range groups {
		if more, err := f.group(i, group, do); err != nil || !more {
			return err
		}
	}
	return nil
}

// group checks and reads a row group.
func (f *File) group(i int, group parquet.RowGroup, do func(row map[string]any) bool) (more bool, err error) {
	memory := int64(0)
	for j, leaf := range f.leaves {
		takes, err := f.checkChunk(leaf, &f.meta.RowGroups[i].Columns[j].MetaData)
		if err != nil {
			return false, fmt.Errorf("column %q: %w", cut(leaf.path), err)
		}
		if memory += takes; memory > f.limits.Memory {
			return false, f.memoryError(memory)
		}
	}
	columns := make([]*cursor, len(f.leaves))
	for j, chunk := range group.ColumnChunks() {
		columns[j] = &cursor{leaf: f.leaves[j], pages: chunk.Pages()}
		defer columns[j].close()
	}
	row := rowReader{limit: f.limits.Row, columns: columns, values: make([][]value, len(columns))}
	for range f.meta.RowGroups[i].NumRows {
		size, err := row.read()
		if err == nil {
			err = f.limits.Unpacked(size)
		}
		if err != nil {
			return false, err
		}
		columns, err := one(f.root, row.values)
		if err != nil {
			return false, err
		}
		if !do(columns.(map[string]any)) {
			return false, nil
		}
	}
	return true, row.end()
}

// ErrMemory is the error for a file whose pages take too much memory.
var ErrMemory = errors.New("too large to be decoded")

func (f *File) memoryError(n int64) error {
	return fmt.Errorf("%w: a row group needs %s of memory at once, and the limit is %s", ErrMemory, inputfile.Bytes(n), inputfile.Bytes(f.limits.Memory))
}
