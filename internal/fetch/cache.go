package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"w2s/internal/atomicfile"
	"w2s/internal/progress"
)

// A Cache is the folder that holds what was fetched.
type Cache struct {
	Dir     string            // made when something is written
	Offline bool              // fetch nothing; local folders are still read
	Local   []string          // folders with package archives or unpacked artifacts, searched before any client is run
	Report  progress.Reporter // never nil after Open
	Hub     *Hub              // is asked for the files of packages whose artifact names repositories; may be nil
	GitHub  *Hub              // serves the files of packages of GitHub; nil means that there is no access to them

	clients clients
}

// Open returns the cache in dir. An empty dir means DefaultDir. Open writes nothing.
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
	return &Cache{Dir: dir, Report: report, clients: clients{usualClientLimits}}, nil
}

// DefaultDir returns the value of W2S_CACHE, or the folder w2s in the user's cache folder.
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

// ErrOffline is wrapped by errors about files that are not in the cache while fetching is not allowed.
var ErrOffline = errors.New("not in the cache, and offline")

// path joins slash paths to the cache folder.
func (c *Cache) path(slash ...string) string {
	elem := []string{c.Dir}
	for _, s := range slash {
		elem = append(elem, filepath.FromSlash(s))
	}
	return filepath.Join(elem...)
}

// flat turns a slash path into one file name.
func flat(slash string) string { return strings.ReplaceAll(slash, "/", "+") }

// lock locks a folder of the cache, and waits while another process or goroutine has the lock. The system frees the lock
// of a process that dies. what names the work of the other process in the message to the user.
func (c *Cache) lock(ctx context.Context, dir, what string) (unlock func(), err error) {
	path := c.path(".locks", flat(dir)+".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, explain(err, c.Dir)
	}
	l := flock.New(path)
	ok, err := l.TryLock()
	if err == nil && !ok {
		c.Report.Print("waiting for another process that is fetching " + what)
		ok, err = l.TryLockContext(ctx, 100*time.Millisecond)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("fetch: waiting for the lock %s: %w", path, ctx.Err())
		}
		return nil, fmt.Errorf("fetch: cannot lock %s: %w (choose a cache folder on a file system with locks: --cache or W2S_CACHE)", path, explain(err, c.Dir))
	}
	return func() { l.Unlock() }, nil
}

// stagingFolder makes an empty folder in which dir is prepared. The lock of dir must be held. It removes what a killed process
// left there. The folder gets a new name each time, because a client of the killed process may still write to the old one.
func (c *Cache) stagingFolder(dir string) (path string, cleanup func(), err error) {
	parent := c.path(".aside", flat(dir))
	os.RemoveAll(parent)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", nil, explain(err, c.Dir)
	}
	path, err = os.MkdirTemp(parent, "")
	if err != nil {
		return "", nil, explain(err, c.Dir)
	}
	return path, func() { os.RemoveAll(parent) }, nil
}

// install moves every file below ready to the same place below dir. Each file appears whole or not at all.
//
// It does not use atomicfile: the files are already whole, and a link in the cache must be replaced rather than followed,
// because the cache does not own the file that it points to.
func (c *Cache) install(ready, dir string) error {
	return filepath.WalkDir(ready, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return explain(err, c.Dir)
		}
		relative, err := filepath.Rel(ready, path)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, relative)
		if entry.IsDir() {
			return explain(os.MkdirAll(target, 0o755), c.Dir)
		}
		return explain(os.Rename(path, target), c.Dir)
	})
}

// writeBelow writes a small file to a slash path below dir and makes the folders in between.
func writeBelow(dir, name, content string) error {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, []byte(content))
}
