package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"w2s/internal/inputfile"
	"w2s/internal/progress"
)

// explained marks an error that already says what to do.
type explained struct{ error }

func (e explained) Unwrap() error { return e.error }

// explain adds advice to the common errors of writing to the cache folder dir: a full disk, a folder that cannot be written, and
// one that is gone. It returns other errors as they are.
func explain(err error, dir string) error {
	var done explained
	switch {
	case err == nil, errors.As(err, &done):
		return err
	case isDiskFull(err):
		return explained{fmt.Errorf("fetch: the disk that holds %s is full: %w (free some space, or choose another folder with --cache or W2S_CACHE)", dir, err)}
	case isBelow(err, dir) && (errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)):
		return explained{fmt.Errorf("fetch: cannot write to %s: %w (make it writable, or choose another folder with --cache or W2S_CACHE)", dir, err)}
	case isBelow(err, dir) && errors.Is(err, fs.ErrNotExist):
		return explained{fmt.Errorf("fetch: %s was removed or moved while files were fetched into it: %w (leave it alone, and give the same command again)", dir, err)}
	}
	return err
}

// isBelow reports whether an error is about dir, a file in it, or a folder above it.
func isBelow(err error, dir string) bool {
	var path string
	var pathError *fs.PathError
	var linkError *os.LinkError
	switch {
	case errors.As(err, &pathError):
		path = pathError.Path
	case errors.As(err, &linkError):
		path = linkError.New
	default:
		return false
	}
	relative, err := filepath.Rel(dir, path)
	// A folder above dir counts because dir is made in it.
	return err == nil && (filepath.IsLocal(relative) || strings.Trim(filepath.ToSlash(relative), "./") == "")
}

// needSpace returns an error if the disk of the cache has no space for n more bytes.
func (c *Cache) needSpace(n int64) error {
	free, err := Free(c.Dir)
	if err != nil || free >= n {
		return nil // if the free space is unknown, a failing write reports it
	}
	return fmt.Errorf("fetch: %s of space needed, %s free on the disk that holds %s (free some, or choose another folder with --cache or W2S_CACHE)",
		progress.Size(n), progress.Size(free), c.Dir)
}

// existing returns the nearest folder at or above dir that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// LFSPointer reports whether a file that begins with head is a Git LFS pointer, which a clone without LFS has in place of
// a large file.
func LFSPointer(head []byte) bool {
	return bytes.HasPrefix(head, []byte("version https://git-lfs.github.com/spec/"))
}

// looksLike describes content that servers and clones give in place of a file, by its first bytes. It returns "" for other
// content.
func looksLike(head []byte) string {
	trimmed := bytes.ToLower(bytes.TrimLeft(head, " \t\r\n\ufeff"))
	switch {
	case len(head) == 0:
		return "an empty file"
	case LFSPointer(head):
		return "a Git LFS pointer, not the file it stands for (git lfs pull)"
	case bytes.HasPrefix(trimmed, []byte("<!doctype html")), bytes.HasPrefix(trimmed, []byte("<html")):
		return "a web page (a proxy or a login page answered in place of the server)"
	}
	return ""
}

// ReadHead returns the first bytes of a file, at most 512, which are enough to see what the file is.
func ReadHead(path string) ([]byte, error) {
	f, err := inputfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return head[:n], nil
}
