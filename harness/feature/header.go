package feature

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"w2s/internal/atomicfile"
)

// cacheFormat grows when the files of a cache can no longer be read by older programs.
const cacheFormat = 1

const headerFile = "header.json"

// A header says whose a folder is. Rows files prove the same by themselves, so a lost header is written again.
type header struct {
	Format int    `json:"format"`
	Key    string `json:"key"`
	Dims   int    `json:"dims"`
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// folderName is the key where that can be a folder's name on any system, and a digest of it where not.
func folderName(key string) string {
	if plainName.MatchString(key) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "key-" + hex.EncodeToString(sum[:16])
}

// readHeader returns fs.ErrNotExist where there is none that can be read.
func readHeader(folder string) (header, error) {
	var h header
	data, err := os.ReadFile(filepath.Join(folder, headerFile))
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(data, &h); err != nil || h.Key == "" {
		return header{}, fmt.Errorf("%s is damaged: %w", headerFile, fs.ErrNotExist)
	}
	return h, nil
}

// checkHeader compares a folder's header, where it has one, with the one that an encoder needs.
func checkHeader(folder string, want header) error {
	h, err := readHeader(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("feature: cache: %w", err)
	case h.Format != want.Format:
		return fmt.Errorf("feature: cache: %s has format %d, this program reads format %d (use another cache folder, or delete this one)",
			folder, h.Format, want.Format)
	case h.Key != want.Key:
		return fmt.Errorf("feature: cache: %s belongs to encoder %q, not to %q (delete the folder, or move it away)", folder, h.Key, want.Key)
	case h.Dims != want.Dims:
		return mismatch(folder, want.Key, h.Dims, want.Dims)
	}
	return nil
}

func mismatch(folder, key string, have, want int) error {
	return fmt.Errorf("feature: cache: %s holds vectors of %d dimensions, encoder %q makes %d (two encoders have the same key: "+
		"change the key of one, or delete the folder)", folder, have, key, want)
}

// writeHeader writes the header where there is none that can be read.
func writeHeader(folder string, h header) error {
	if _, err := readHeader(folder); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(folder, headerFile), append(data, '\n'))
}
