package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"w2s/internal/progress"
)

// recordName is the file in an artifact's folder that remembers which files were verified.
const recordName = ".w2s-verified.json"

// A record says what was verified in a folder, so that 100 MB need not be hashed at every start. A file whose size and
// time of change are still those of the record counts as verified.
type record struct {
	Format int    `json:"format"`
	From   string `json:"from"`          // what the files were taken from or made of
	Key    string `json:"key,omitempty"` // for folders that were made: digest of all that went in
	// Copied says that a repository's files were listed by the hub's own cache folder, which may lack some of them.
	Copied bool                  `json:"copied,omitempty"`
	Files  map[string]fileRecord `json:"files"`
}

type fileRecord struct {
	SHA256   string `json:"sha256"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // nanoseconds since 1970
}

const recordFormat = 1

// readRecord returns the record of a folder; an absent or unreadable one is empty, which only costs a new hash.
func readRecord(dir string) record {
	empty := record{Format: recordFormat, Files: map[string]fileRecord{}}
	data, err := os.ReadFile(filepath.Join(dir, recordName))
	if err != nil {
		return empty
	}
	var r record
	if json.Unmarshal(data, &r) != nil || r.Format != recordFormat || r.Files == nil {
		return empty
	}
	return r
}

func (r record) write(dir string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, recordName), append(data, '\n'))
}

// remember enters files of the folder that were verified on their way in.
func (r record) remember(dir string, members []Member) error {
	for _, m := range members {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(m.Name)))
		if err != nil {
			return err
		}
		r.Files[m.Name] = fileRecord{SHA256: m.SHA256, Size: m.Size, Modified: info.ModTime().UnixNano()}
	}
	return nil
}

// writeFile writes a small file aside and renames it into place.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".aside-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// errAbsent is the fault of a file that is not there, as opposed to one that is wrong.
var errAbsent = errors.New("is missing")

// verify checks one file of a folder. It returns what to remember of it, or what is wrong with it. The content is read
// unless the record vouches for the file and full is not set.
func (r record) verify(ctx context.Context, dir string, want Member, full bool, t progress.Task) (fileRecord, error) {
	path := filepath.Join(dir, filepath.FromSlash(want.Name))
	return verifyFile(ctx, path, fileRecord{SHA256: want.SHA256, Size: want.Size}, r.Files[want.Name], full, t)
}

// verifyFile checks a file against the sum and the size that it should have; known is what is remembered of it.
func verifyFile(ctx context.Context, path string, want, known fileRecord, full bool, t progress.Task) (fileRecord, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fileRecord{}, fmt.Errorf("%s %w", path, errAbsent)
	case err != nil:
		return fileRecord{}, err
	case !info.Mode().IsRegular():
		return fileRecord{}, fmt.Errorf("%s is not a file", path)
	case info.Size() != want.Size:
		return fileRecord{}, fmt.Errorf("%s has %d bytes, want %d", path, info.Size(), want.Size)
	}
	now := fileRecord{SHA256: want.SHA256, Size: info.Size(), Modified: info.ModTime().UnixNano()}
	if !full && known == now {
		return now, nil
	}
	sum, err := hashFile(ctx, path, t)
	if err != nil {
		return fileRecord{}, err
	}
	if sum != want.SHA256 {
		return fileRecord{}, fmt.Errorf("%s has sha256 %s, want %s", path, sum, want.SHA256)
	}
	return now, nil
}

// hashFile returns the hex sha256 of a file, reporting the bytes read to t.
func hashFile(ctx context.Context, path string, t progress.Task) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, progress.Reader(withContext(ctx, f), t)); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// withContext returns a reader that fails once ctx is over.
func withContext(ctx context.Context, r io.Reader) io.Reader { return contextReader{ctx, r} }

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
