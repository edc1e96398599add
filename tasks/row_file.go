package tasks

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/inputfile"
)

// A rowFile is a file of rows and how to read it.
type rowFile struct {
	path    string
	name    string   // name of the file in messages; "" means the last element of path
	format  string   // one of formats, or "lines", "texts", "labelled", "pgn" or "bigbench"; "" means by the extension of path
	ragged  bool     // leave out records of CSV with too few or too many columns instead of reporting them
	columns []string // column names of a TSV or CSV file without a header line; nil if the file has one
	limit   int      // number of rows to read; 0 means all
	labels  string   // path of a file whose lines are the column "label" of the rows at the same lines; "" if there is none
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
	archive, member := cutMember(f.path)
	file, err := openFile(archive)
	if err != nil {
		return "", err
	}
	defer file.Close()
	var labels []string
	var labelDigest string
	if f.labels != "" {
		if labels, labelDigest, err = f.readLabels(ctx, faults); err != nil {
			return "", err
		}
	}

	rows := 0
	next := func(r *row) bool {
		rows++
		r.file = f.name
		if f.labels != "" {
			f.addLabel(r, labels)
		}
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
		var in io.Reader = file
		if member != "" {
			in, err = openMember(file, member, f.budget)
		}
		stored := io.TeeReader(in, hash)
		if err == nil {
			err = f.readText(stored, faults, next)
		}
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
	io.WriteString(hash, labelDigest)
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

// readLabels reads the file of labels. An empty line is an empty label.
func (f rowFile) readLabels(ctx context.Context, faults *Faults) (labels []string, digest string, err error) {
	file := rowFile{path: f.labels, format: "texts", columns: []string{"label"}, budget: f.budget}
	digest, err = file.read(ctx, faults, func(r *row) {
		for len(labels) < r.line-1 {
			labels = append(labels, "")
		}
		labels = append(labels, strings.Clone(r.text("label")))
		f.budget.keepBytes(32)
	})
	return labels, digest, err
}

// addLabel sets the label of a row.
func (f rowFile) addLabel(r *row, labels []string) {
	if r.line > len(labels) || labels[r.line-1] == "" {
		r.fail("no label at line %d of %s", r.line, filepath.Base(f.labels))
		return
	}
	r.columns["label"] = labels[r.line-1]
}

// archiveMark separates the path of an archive from that of a file in it.
const archiveMark = ".tar.gz!"

// cutMember splits the path of a file in an archive. The member is "" for other paths.
func cutMember(path string) (archive, member string) {
	archive, member, ok := strings.Cut(path, archiveMark)
	if !ok {
		return path, ""
	}
	return archive + strings.TrimSuffix(archiveMark, "!"), member
}

// openMember finds a file in a gzipped tar archive.
func openMember(archive io.Reader, member string, b *budget) (found io.Reader, err error) {
	err = eachMember(archive, b, func(name string, content io.Reader) bool {
		if name == member {
			found = content
		}
		return found == nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("has no file %s", member)
	}
	return found, err
}

// eachMember calls do for every file of a gzipped tar archive until do returns false.
func eachMember(archive io.Reader, b *budget, do func(name string, content io.Reader) bool) error {
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		return gzipFault(err)
	}
	files := tar.NewReader(&countedReader{r: gzipReader{unzipped}, budget: b})
	for {
		h, err := files.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg && !do(path.Clean(h.Name), files) {
			return nil
		}
	}
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
	case "labelled":
		return readLabelled(text, faults, f, next)
	case "texts":
		return readLines(text, faults, f, "", next)
	case "pgn":
		return readPGN(text, faults, f, next)
	case "bigbench":
		return readBIGBench(text, faults, f, next)
	}
	return fmt.Errorf("unknown format %q (have: %s)", f.format, strings.Join(formats, ", "))
}
