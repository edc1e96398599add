package feature

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"w2s/internal/inputfile"
)

// Restore writes the header of a part again if it is lost or damaged or belongs to another part, and reports whether it did.
// It takes the length of the vectors from a rows file, which also has a digest of the key. The key must be the name of the
// folder.
func (c *Cache) Restore(folder string) (bool, error) {
	p, err := c.existing(folder)
	if err != nil {
		return false, err
	}
	dir := filepath.Join(c.dir, folder)
	h, err := readHeader(dir)
	switch {
	case err == nil && h.Format != cacheFormat:
		return false, p.Fault // the header of a newer program is not damaged
	case p.Fault == nil:
		return false, nil
	case err != nil && !errors.Is(err, ErrHeader):
		return false, p.Fault
	}
	dims, err := provenDims(dir, folder)
	if err != nil {
		return false, errors.Join(p.Fault, err)
	}
	if err := os.Remove(filepath.Join(dir, headerFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("feature: cache: %w", err)
	}
	if err := writeHeader(dir, header{Format: cacheFormat, Key: folder, Dims: dims}); err != nil {
		return false, fmt.Errorf("feature: cache: %w", err)
	}
	return true, nil
}

// provenDims returns the length of the vectors in the first rows file that has an intact header of this key.
func provenDims(dir, key string) (int, error) {
	names, err := rowsFiles(dir)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		head, err := readStart(filepath.Join(dir, name))
		if err != nil {
			return 0, fmt.Errorf("feature: cache: %w", err)
		}
		if len(head) < headerSize {
			continue
		}
		dims := int(binary.LittleEndian.Uint32(head[8:]))
		if newLayout(key, dims).checkHeader(head) == nil {
			return dims, nil
		}
	}
	return 0, fmt.Errorf("feature: cache: %s: no rows file shows which encoder the vectors belong to (remove the folder: its texts are encoded again)", dir)
}

// readStart reads the first bytes of a file, up to the size of a header.
func readStart(path string) ([]byte, error) {
	f, err := inputfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, headerSize))
}
