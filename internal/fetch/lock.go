package fetch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// lock takes the lock of a folder in the cache, waiting for another process (or goroutine) that has it. Locks end with
// their process, however it ends.
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

// flat turns a slash path into one file name.
func flat(slash string) string { return strings.ReplaceAll(slash, "/", "+") }
