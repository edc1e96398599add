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

	"w2s/internal/atomicfile"
	"w2s/internal/inputfile"
	"w2s/internal/progress"
	"w2s/internal/visible"
)

// recordName is the name of the record in an artifact's folder.
const recordName = ".w2s-verified.json"

// A record says which files of a folder were verified, so that 100 MB need not be hashed at every start. A file counts as
// verified while its size and its modification time are those of the record.
type record struct {
	Format int    `json:"format"`
	From   string `json:"from"`          // what the files came from or were made of
	Key    string `json:"key,omitempty"` // of a folder that was made: Made.Key
	// Copied says that the list of the repository's files came from the hub's own cache folder, which may lack some.
	Copied bool `json:"copied,omitempty"`
	// Unfit are the files of the repository, by path, that were fetched and could not be used, and why. They are not fetched again.
	Unfit map[string]string     `json:"unfit,omitempty"`
	Files map[string]fileRecord `json:"files"` // by slash path in the folder
}

type fileRecord struct {
	SHA256   string `json:"sha256"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // nanoseconds since 1970
}

const (
	recordFormat = 1
	maxRecord    = 16 << 20 // bytes of a record, and of the other small files that are read whole
)

// readRecord returns the record of a folder. It returns an empty record if there is none or it cannot be read, which only
// costs reading the files again.
func readRecord(dir string) record {
	empty := record{Format: recordFormat, Files: map[string]fileRecord{}}
	data, err := inputfile.Read(filepath.Join(dir, recordName), maxRecord)
	if err != nil {
		return empty
	}
	var r record
	if json.Unmarshal(data, &r) != nil || r.Format != recordFormat || r.Files == nil {
		return empty
	}
	return r
}

// HasRecord reports whether this package has put files into a folder.
func HasRecord(dir string) bool { return len(readRecord(dir).Files) > 0 }

func (r record) write(dir string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, recordName), append(data, '\n'))
}

// remember adds files of the folder that have been verified.
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

// knows reports whether the record has all of these files with their present sizes and times.
func (r record) knows(files map[string]fileRecord) bool {
	for name, f := range files {
		if r.Files[name] != f {
			return false
		}
	}
	return true
}

// errAbsent is the fault of a file that is missing, as opposed to one that is wrong.
var errAbsent = errors.New("is missing")

// verify checks one file of a folder. It returns what to remember of the file, or what is wrong with it. It reads the
// content if full is set or the record does not know the file as it is.
func (r record) verify(ctx context.Context, dir string, want Member, full bool, t progress.Task) (fileRecord, error) {
	path := filepath.Join(dir, filepath.FromSlash(want.Name))
	return verifyFile(ctx, path, fileRecord{SHA256: want.SHA256, Size: want.Size}, r.Files[want.Name], full, t)
}

// verifyFile checks a file against the sha256 and the size in want. A file that is still as in known is not read, unless
// full is set.
func verifyFile(ctx context.Context, path string, want, known fileRecord, full bool, t progress.Task) (fileRecord, error) {
	if err := inputfile.Check(path); errors.Is(err, fs.ErrNotExist) {
		return fileRecord{}, fmt.Errorf("%s %w", path, errAbsent)
	} else if err != nil {
		return fileRecord{}, err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fileRecord{}, err
	case info.Size() != want.Size:
		return fileRecord{}, fmt.Errorf("%s has %s, want %d", path, visible.Count(info.Size(), "byte"), want.Size)
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

// hashFile returns the hex sha256 of a file and reports the bytes read to t.
func hashFile(ctx context.Context, path string, t progress.Task) (string, error) {
	f, err := inputfile.Open(path)
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

// noProgress returns a task that shows nothing.
func noProgress() progress.Task { return progress.Silent().Start("", 0, progress.Bytes) }

// withContext returns a reader that fails once ctx is done.
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
