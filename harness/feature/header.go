package feature

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"

	"w2s/internal/atomicfile"
	"w2s/internal/inputfile"
)

// cacheFormat rises when older programs can no longer read the files of a cache.
const cacheFormat = 1

const (
	headerFile = "header.json"
	maxHeader  = 1 << 20 // bytes, far more than a header has
)

// A header names the encoder of a folder. Rows files also identify it, so a lost header can be written again.
type header struct {
	Format int    `json:"format"`
	Key    string `json:"key"`
	Dims   int    `json:"dims"`
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// folderName returns the key if it can be the name of a folder on any system, and otherwise a digest of the key.
func folderName(key string) string {
	if plainName.MatchString(key) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "key-" + hex.EncodeToString(sum[:16])
}

// ErrHeader means that the header of a part is lost, damaged or another part's. [Cache.Restore] writes it again.
var ErrHeader = errors.New("feature: cache: header lost")

// A headerError says what is wrong with a header. It is an ErrHeader.
type headerError struct{ text string }

func (e headerError) Error() string        { return e.text }
func (e headerError) Is(target error) bool { return target == ErrHeader }

// readHeader reads the header of a folder. The error is an [ErrHeader] if there is none or it is damaged.
func readHeader(folder string) (header, error) {
	var h header
	data, err := inputfile.Read(filepath.Join(folder, headerFile), maxHeader)
	if errors.Is(err, fs.ErrNotExist) {
		return h, headerError{headerFile + " is missing"}
	}
	if err != nil {
		return h, err
	}
	switch err := json.Unmarshal(data, &h); {
	case len(data) == 0:
		return header{}, headerError{headerFile + " is damaged: it is empty"}
	case err != nil:
		return header{}, headerError{headerFile + " is damaged: " + err.Error()}
	case h.Key == "":
		return header{}, headerError{headerFile + " is damaged: it names no encoder"}
	}
	return h, nil
}

// checkHeader returns an error if a folder has a header and the header is not the wanted one.
func checkHeader(folder string, want header) error {
	h, err := readHeader(folder)
	switch {
	case errors.Is(err, ErrHeader):
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

// mismatch returns an error about vectors of another length than the encoder's.
func mismatch(folder, key string, have, want int) error {
	return fmt.Errorf("feature: cache: %s holds vectors of %d dimensions, encoder %q makes %d (two encoders have the same key: "+
		"change the key of one, or delete the folder)", folder, have, key, want)
}

// writeHeader writes the header unless there is one that can be read.
func writeHeader(folder string, h header) error {
	if _, err := readHeader(folder); !errors.Is(err, ErrHeader) {
		return err
	}
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(folder, headerFile), append(data, '\n'))
}
