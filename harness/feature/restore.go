package feature

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Restore writes the header of a part anew where it is lost, damaged or another part's, and says whether it was. Every
// rows file says how long its vectors are and holds a digest of the key, which has to be that of the folder's name.
func (c *Cache) Restore(folder string) (bool, error) {
	p, err := c.existing(folder)
	if err != nil {
		return false, err
	}
	dir := filepath.Join(c.dir, folder)
	h, err := readHeader(dir)
	switch {
	case err == nil && h.Format != cacheFormat:
		return false, p.Fault // a newer program's, which is no damage
	case p.Fault == nil:
		return false, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
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

// provenDims is the length of the vectors in the first rows file whose header is whole and of this key.
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
	return 0, fmt.Errorf("feature: cache: %s: no rows file shows whose vectors these are (remove the folder: its texts are encoded again)", dir)
}

// readStart reads what a file has of a header.
func readStart(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, headerSize))
}
