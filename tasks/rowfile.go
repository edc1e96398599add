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
	"strings"
)

// Limits that keep a hostile file from taking the machine down.
const (
	maxFileBytes = 4 << 30  // of a file after decompression
	maxRowBytes  = 16 << 20 // of one line or record
)

// A rowFile is a file of rows and how to read it.
type rowFile struct {
	path    string
	name    string   // what messages call it; "" stands for the last element of path
	format  string   // one of formats, or "lines", "texts", "pgn", "bigbench"; "" means by the end of the name
	columns []string // names of the columns of a tsv or csv file without a header line; nil where it has one
	limit   int      // rows to read; 0 is all
}

// formats lists the endings that say what a file is, in the order in which they are looked for.
var formats = []string{"parquet", "jsonl", "json", "csv", "tsv"}

// formatOf tells the format by the end of the name: "a.tsv.gz" is tsv.
func formatOf(path string) (string, error) {
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(path)), ".gz")
	switch ext := strings.TrimPrefix(filepath.Ext(name), "."); ext {
	case "parquet", "jsonl", "json", "csv", "tsv":
		return ext, nil
	case "ndjson":
		return "jsonl", nil
	}
	return "", fmt.Errorf("tasks: %s: unknown kind of file (want .jsonl, .json, .csv, .tsv or .parquet, text files also with .gz)", path)
}

// read calls emit for every row, in order. Faulty lines go to faults and reading goes on; the error is for what stops
// the whole file. The digest is a sha256 over the bytes of the file.
func (f rowFile) read(ctx context.Context, faults *Faults, emit func(*row)) (digest string, err error) {
	if f.name == "" {
		f.name = filepath.Base(f.path)
	}
	if f.format == "" {
		if f.format, err = formatOf(f.path); err != nil {
			return "", err
		}
	}
	file, err := os.Open(f.path)
	if err != nil {
		return "", fmt.Errorf("tasks: %w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return "", fmt.Errorf("tasks: %w", err)
	} else if info.IsDir() {
		return "", fmt.Errorf("tasks: %s: is a folder, not a file", f.path)
	}
	hash := sha256.New()
	head := make([]byte, 64)
	n, err := io.ReadFull(file, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", fmt.Errorf("tasks: %s: %w", f.path, err)
	}
	if bytes.HasPrefix(head[:n], []byte("version https://git-lfs")) {
		return "", fmt.Errorf("tasks: %s: is a Git LFS pointer, not the data (git lfs pull, or download the file itself)", f.path)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("tasks: %s: %w", f.path, err)
	}

	rows := 0
	count := func(r *row) bool {
		rows++
		r.file = f.name
		emit(r)
		return ctx.Err() == nil && (f.limit == 0 || rows < f.limit)
	}
	if f.format == "parquet" {
		err = readParquet(file, faults, f, count)
		if err == nil {
			_, err = io.Copy(hash, io.NewSectionReader(file, 0, 1<<62))
		}
	} else {
		// The digest is taken of the stored bytes, before decompression, and also of what a limit leaves unread.
		raw := io.TeeReader(file, hash)
		var text io.Reader = raw
		if bytes.HasPrefix(head[:n], []byte{0x1f, 0x8b}) {
			if text, err = gzip.NewReader(raw); err != nil {
				return "", fmt.Errorf("tasks: %s: %w", f.path, err)
			}
		}
		text = &bomb{r: text, left: maxFileBytes}
		switch f.format {
		case "tsv":
			err = readTSV(text, faults, f, count)
		case "csv":
			err = readCSV(text, faults, f, count)
		case "jsonl":
			err = readJSONL(text, faults, f, count)
		case "json":
			err = readJSON(text, faults, f, count)
		case "lines":
			err = readLines(text, faults, f, "#", count)
		case "texts":
			err = readLines(text, faults, f, "", count)
		case "pgn":
			err = readPGN(text, faults, f, count)
		case "bigbench":
			err = readBIGBench(text, faults, f, count)
		default:
			err = fmt.Errorf("unknown format %q (have: %s)", f.format, strings.Join(formats, ", "))
		}
		if err == nil {
			_, err = io.Copy(io.Discard, raw)
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

// A bomb stops a file that unpacks to more than any data set here.
type bomb struct {
	r    io.Reader
	left int64
}

func (b *bomb) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("more than %d GiB of text", maxFileBytes>>30)
	}
	return n, err
}

// eachLine calls do for every line without its line break ("\n" or "\r\n") and without a byte order mark, until do
// returns false.
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

// byteOrderMark is what some editors put at the start of a UTF-8 file.
const byteOrderMark = "\ufeff"
