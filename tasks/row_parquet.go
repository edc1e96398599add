package tasks

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"w2s/internal/parquetfile"
)

// openParquet opens a parquet file for reading within a budget.
func openParquet(file *os.File, b *budget) (*parquetfile.File, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	p, err := parquetfile.Open(file, info.Size(), parquetfile.Limits{Memory: b.limits.pages(), Row: maxRowBytes, Unpacked: b.unpack})
	if err == nil {
		return p, nil
	}
	head := make([]byte, headBytes)
	n, _ := file.ReadAt(head, 0)
	switch head = head[:n]; {
	case bytes.HasPrefix(head, []byte(parquetMagic)) || n < len(parquetMagic):
	case bytes.HasPrefix(head, gzipMagic):
		err = errors.New("it is compressed with gzip (unpack it: gunzip)")
	case foreignFile(head) != "":
		return nil, errors.New(foreignFile(head))
	default:
		err = fmt.Errorf("it does not begin with %s", parquetMagic)
	}
	return nil, fmt.Errorf("not a readable parquet file: %w", err)
}

// parquetMagic begins and ends a parquet file.
const parquetMagic = "PAR1"

// readParquet reads rows of any schema. The line of a row is its number, counted from 1.
func readParquet(file *os.File, f rowFile, emit func(*row) bool) error {
	p, err := openParquet(file, f.budget)
	if err != nil {
		return err
	}
	line := 0
	err = p.Rows(func(columns map[string]any) bool {
		line++
		return emit(&row{line: line, columns: columns})
	})
	switch {
	case errors.Is(err, parquetfile.ErrMemory):
		return fmt.Errorf("%w (an eighth of --max-unpacked; raise it, or write the file with smaller row groups)", err)
	case err != nil && line > 0 && !errors.Is(err, errBudget):
		return fmt.Errorf("after row %d: %w", line, err)
	}
	return err
}
