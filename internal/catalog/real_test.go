package catalog

import (
	"context"
	"os"
	"testing"
	"time"

	"w2s/internal/progress"
)

// realCatalog returns a catalog that fetches with the real clients of this machine, into the folder W2S_TEST_CACHE if that is set. It skips
// the test unless the variable allows it to fetch that much.
func realCatalog(t *testing.T, variable, size string) *Catalog {
	t.Helper()
	if os.Getenv(variable) != "1" {
		t.Skipf("fetches %s: set %s=1", size, variable)
	}
	dir := os.Getenv("W2S_TEST_CACHE")
	if dir == "" {
		dir = t.TempDir()
	}
	c, err := Open(Options{CacheDir: dir, Report: progress.Lines(os.Stderr, time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRealDownloads fetches everything that is pinned with the real clients of this machine.
func TestRealDownloads(t *testing.T) {
	c := realCatalog(t, "W2S_TEST_NETWORK", "about 400 MB")
	ctx := context.Background()
	timed := func(name string, f func() error) {
		start := time.Now()
		if err := f(); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		t.Logf("%s: %.2f s", name, time.Since(start).Seconds())
	}
	for round := range 2 {
		c.cache.Offline = round == 1 // everything is in the cache by then
		timed("runtime", func() error { r, err := c.Runtime(ctx, ""); t.Log(r); return err })
		timed("data", func() error { p, err := c.Path(ctx, "vader-tweets"); t.Log(p); return err })
		for _, k := range checkpoints() {
			if k.pinned == nil {
				continue
			}
			timed(k.Name, func() error {
				if k.static > 0 {
					_, err := c.cache.Ensure(ctx, k.raw())
					return err
				}
				ck, err := c.Resolve(ctx, k.Name)
				t.Log(round, ck.Model, ck.Description.Pooling)
				return err
			})
		}
	}
}
