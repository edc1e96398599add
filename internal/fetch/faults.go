package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"w2s/internal/progress"
)

// explain adds a way out to the faults of a folder that everyone meets.
func explain(err error, dir string) error {
	switch {
	case err == nil:
		return nil
	case isDiskFull(err):
		return fmt.Errorf("fetch: the disk that holds %s is full: %w (free some space, or choose another folder with --cache or W2S_CACHE)", dir, err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("fetch: cannot write to %s: %w (make it writable, or choose another folder with --cache or W2S_CACHE)", dir, err)
	}
	return err
}

// needSpace fails early where the disk of the cache cannot hold n more bytes.
func (c *Cache) needSpace(n int64) error {
	free, err := Free(c.Dir)
	if err != nil || free >= n {
		return nil // where free space is not known, writing will tell
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

// LFSPointer says whether a file that begins with head is a Git LFS pointer: what a clone without LFS has in place of a
// large file.
func LFSPointer(head []byte) bool {
	return bytes.HasPrefix(head, []byte("version https://git-lfs.github.com/spec/"))
}

// looksLike describes content that is not what was asked for.
func looksLike(head []byte) string {
	trimmed := bytes.ToLower(bytes.TrimLeft(head, " \t\r\n\ufeff"))
	switch {
	case len(head) == 0:
		return "an empty file"
	case LFSPointer(head):
		return "a Git LFS pointer, not the file it stands for (git lfs pull)"
	case bytes.HasPrefix(trimmed, []byte("<!doctype html")), bytes.HasPrefix(trimmed, []byte("<html")):
		return "a web page: a proxy or a login answered in place of the server"
	}
	return ""
}
