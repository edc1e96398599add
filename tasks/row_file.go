package tasks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/inputfile"
)

// A rowFile is a file of rows and how to read it.
type rowFile struct {
	path    string
	name    string   // name of the file in messages; "" means the last element of path
	format  string   // one of formats, or "lines", "texts", "pgn" or "bigbench"; "" means by the extension of path
	columns []string // column names of a TSV or CSV file without a header line; nil if the file has one
	limit   int      // number of rows to read; 0 means all
	budget  *budget  // what reading may take; nil means the default limits for this file alone

	header func(columns []string) // is called with the header of a TSV or CSV file, unless it is nil
}

// formats lists the file extensions, in the order in which a local file is looked for.
var formats = []string{"parquet", "jsonl", "json", "csv", "tsv"}

// formatOf returns the format that the extension of a path means. The format of "a.tsv.gz" is "tsv".
func formatOf(path string) (string, error) {
	name, zipped := strings.CutSuffix(strings.ToLower(filepath.Base(path)), ".gz")
	ext := strings.TrimPrefix(filepath.Ext(name), ".")
	switch {
	case ext == "parquet" && zipped:
		return "", fmt.Errorf("tasks: %s: parquet is not read from a .gz file (unpack it: gunzip FILE)", path)
	case slices.Contains(formats, ext):
		return ext, nil
	case ext == "ndjson":
		return "jsonl", nil
	}
	if p := packerOf(name); p.name != "" {
		return "", fmt.Errorf("tasks: %s: is compressed with %s, which is not read (unpack it: %s)", path, p.name, p.command)
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
	if f.budget == nil {
		f.budget = &budget{}
	}
	file, err := openFile(f.path)
	if err != nil {
		return "", err
	}
	defer file.Close()

	rows := 0
	next := func(r *row) bool {
		rows++
		r.file = f.name
		emit(r)
		return ctx.Err() == nil && f.budget.err == nil && (f.limit == 0 || rows < f.limit)
	}
	hash := sha256.New()
	if f.format == "parquet" {
		err = readParquet(file, f, next)
		if err == nil {
			_, err = io.Copy(hash, io.NewSectionReader(file, 0, 1<<62))
		}
	} else {
		// The digest covers the bytes as stored: before decompression, and including what a limit leaves unread.
		stored := io.TeeReader(file, hash)
		err = f.readText(stored, faults, next)
		if err == nil {
			_, err = io.Copy(io.Discard, stored)
		}
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err == nil {
		err = f.budget.err
	}
	if err != nil {
		return "", fmt.Errorf("tasks: %s: %w", f.path, err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

// openFile opens a data file.
func openFile(path string) (file *os.File, err error) {
	file, err = inputfile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	head := make([]byte, 64)
	n, err := io.ReadFull(file, head)
	switch {
	case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
		err = fmt.Errorf("tasks: %s: %w", path, err)
	case bytes.HasPrefix(head[:n], []byte("version https://git-lfs")):
		err = fmt.Errorf("tasks: %s: is a Git LFS pointer, not the data (run git lfs pull, or download the file itself)", path)
	default:
		if _, err = file.Seek(0, io.SeekStart); err != nil {
			err = fmt.Errorf("tasks: %s: %w", path, err)
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// readText reads rows from a text file.
func (f rowFile) readText(stored io.Reader, faults *Faults, next func(*row) bool) error {
	text, err := plainText(stored, f.budget)
	if err != nil {
		return err
	}
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
