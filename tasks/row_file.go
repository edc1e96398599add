package tasks

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Limits that protect the machine from a hostile file.
const (
	maxFileBytes = 4 << 30  // size of a file after decompression
	maxRowBytes  = 16 << 20 // size of one line or record
)

// A rowFile is a file of rows and how to read it.
type rowFile struct {
	path    string
	name    string   // name of the file in messages; "" means the last element of path
	format  string   // one of formats, or "lines", "texts", "pgn" or "bigbench"; "" means by the extension of path
	columns []string // column names of a TSV or CSV file without a header line; nil if the file has one
	limit   int      // number of rows to read; 0 means all
}

// formats lists the file extensions, in the order in which a local file is looked for.
var formats = []string{"parquet", "jsonl", "json", "csv", "tsv"}

// formatOf returns the format that the extension of a path means. The format of "a.tsv.gz" is "tsv".
func formatOf(path string) (string, error) {
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(path)), ".gz")
	ext := strings.TrimPrefix(filepath.Ext(name), ".")
	switch {
	case slices.Contains(formats, ext):
		return ext, nil
	case ext == "ndjson":
		return "jsonl", nil
	}
	return "", fmt.Errorf("tasks: %s: unknown file type (want .jsonl, .json, .csv, .tsv or .parquet; all but .parquet also with .gz)", path)
}

// read calls emit for every row, in order. It adds faulty lines to faults and goes on; it returns an error if the file
// cannot be read any further. The digest is a sha256 over the bytes of the file.
func (f rowFile) read(ctx context.Context, faults *Faults, emit func(*row)) (digest string, err error) {
	if f.name == "" {
		f.name = filepath.Base(f.path)
	}
	if f.format == "" {
		if f.format, err = formatOf(f.path); err != nil {
			return "", err
		}
	}
	file, head, err := openFile(f.path)
	if err != nil {
		return "", err
	}
	defer file.Close()

	rows := 0
	next := func(r *row) bool {
		rows++
		r.file = f.name
		emit(r)
		return ctx.Err() == nil && (f.limit == 0 || rows < f.limit)
	}
	hash := sha256.New()
	if f.format == "parquet" {
		err = readParquet(file, faults, f, next)
		if err == nil {
			_, err = io.Copy(hash, io.NewSectionReader(file, 0, 1<<62))
		}
	} else {
		// The digest covers the bytes as stored: before decompression, and including what a limit leaves unread.
		stored := io.TeeReader(file, hash)
		err = f.readText(stored, head, faults, next)
		if err == nil {
			_, err = io.Copy(io.Discard, stored)
		}
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("tasks: %s: %w", f.path, err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

// openFile opens a data file and returns its first bytes too.
func openFile(path string) (file *os.File, head []byte, err error) {
	file, err = os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("tasks: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if info, err := file.Stat(); err != nil {
		return nil, nil, fmt.Errorf("tasks: %w", err)
	} else if info.IsDir() {
		return nil, nil, fmt.Errorf("tasks: %s: is a folder, not a file", path)
	}
	head = make([]byte, 64)
	n, err := io.ReadFull(file, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, nil, fmt.Errorf("tasks: %s: %w", path, err)
	}
	head = head[:n]
	if bytes.HasPrefix(head, []byte("version https://git-lfs")) {
		return nil, nil, fmt.Errorf("tasks: %s: is a Git LFS pointer, not the data (run git lfs pull, or download the file itself)", path)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, fmt.Errorf("tasks: %s: %w", path, err)
	}
	return file, head, nil
}

// readText reads rows from a text file that may be gzipped; head is the start of the file.
func (f rowFile) readText(stored io.Reader, head []byte, faults *Faults, next func(*row) bool) error {
	text := stored
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(stored)
		if err != nil {
			return err
		}
		text = unzipped
	}
	text = &boundedReader{r: text, left: maxFileBytes}
	switch f.format {
	case "tsv":
		return readTSV(text, faults, f, next)
	case "csv":
		return readCSV(text, faults, f, next)
	case "jsonl":
		return readJSONL(text, faults, f, next)
	case "json":
		return readJSON(text, faults, f, next)
	case "lines":
		return readLines(text, faults, f, "#", next)
	case "texts":
		return readLines(text, faults, f, "", next)
	case "pgn":
		return readPGN(text, faults, f, next)
	case "bigbench":
		return readBIGBench(text, faults, f, next)
	}
	return fmt.Errorf("unknown format %q (have: %s)", f.format, strings.Join(formats, ", "))
}

// A boundedReader fails after maxFileBytes, since a small gzip file can unpack to more than any disk holds.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("more than %d GiB of text", maxFileBytes>>30)
	}
	return n, err
}

// eachLine calls do for every line until do returns false. It removes the line break ("\n" or "\r\n") and a byte order
// mark at the start of the file.
func eachLine(r io.Reader, do func(line int, text []byte) bool) error {
	in := bufio.NewReaderSize(r, 1<<16)
	for line := 1; ; line++ {
		var text []byte
		for {
			part, err := in.ReadSlice('\n')
			text = append(text, part...)
			if len(text) > maxRowBytes {
				return fmt.Errorf("line %d: longer than %d MiB", line, maxRowBytes>>20)
			}
			if err == bufio.ErrBufferFull {
				continue
			}
			if err != nil && err != io.EOF {
				return fmt.Errorf("line %d: %w", line, err)
			}
			if err == io.EOF && len(text) == 0 {
				return nil
			}
			break
		}
		text = bytes.TrimSuffix(text, []byte("\n"))
		text = bytes.TrimSuffix(text, []byte("\r"))
		if line == 1 {
			text = bytes.TrimPrefix(text, []byte(byteOrderMark))
		}
		if !do(line, text) {
			return nil
		}
	}
}

// byteOrderMark is a mark that some editors write at the start of a UTF-8 file.
const byteOrderMark = "\ufeff"
