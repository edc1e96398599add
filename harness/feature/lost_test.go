package feature

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// changes are what may happen to a cache folder while a process writes to it, and whether its vectors are lost.
var changes = map[string]struct {
	change func(dir string) error
	lost   bool
}{
	"removed": {os.RemoveAll, true},
	"removed, but for the folder of the locks": {func(dir string) error {
		return os.RemoveAll(filepath.Join(dir, "fake-1"))
	}, true},
	"moved": {func(dir string) error { return os.Rename(dir, dir+"-moved") }, true},
	"replaced": {func(dir string) error {
		return errors.Join(os.Rename(dir, dir+"-moved"), os.CopyFS(dir, os.DirFS(dir+"-moved")))
	}, true},
	"rows removed": {func(dir string) error {
		files, err := filepath.Glob(filepath.Join(dir, "*", "rows-*"))
		for _, f := range files {
			err = errors.Join(err, os.Remove(f))
		}
		return err
	}, true},
	"rows cut": {func(dir string) error {
		files, err := filepath.Glob(filepath.Join(dir, "*", "rows-*"))
		for _, f := range files {
			err = errors.Join(err, os.Truncate(f, headerSize))
		}
		return err
	}, true},
	"locks removed": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, ".locks")) }, false},
	"made read-only": {func(dir string) error {
		return errors.Join(os.Chmod(filepath.Join(dir, "fake-1"), 0o500), os.Chmod(dir, 0o500))
	}, false},
}

func skipWithoutOpenFiles(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the system does not let anybody remove a file that is open")
	}
}

// during returns a Report that makes a change when the given number of texts is done.
func during(t *testing.T, at int, change func() error) Report {
	return func(done, _, _ int) {
		if done == at {
			if err := change(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestFolderChangesWhileItIsFilled expects Fill to fail if vectors are lost, early and late, and to store them the next time.
func TestFolderChangesWhileItIsFilled(t *testing.T) {
	skipWithoutOpenFiles(t)
	for name, c := range changes {
		for _, at := range []int{1, 700, 1000} { // a chunk has 512 texts; 1000 is the end
			t.Run(fmt.Sprintf("%s after %d", name, at), func(t *testing.T) {
				dir, enc, texts := filepath.Join(t.TempDir(), "cache"), newFake(), someTexts(1000)
				t.Cleanup(func() { os.Chmod(dir, 0o700); os.Chmod(filepath.Join(dir, "fake-1"), 0o700) })
				sum, err := openCache(t, dir).Fill(context.Background(), enc, texts, during(t, at, func() error { return c.change(dir) }))
				if !c.lost {
					if err != nil || sum.Encoded != len(texts) || len(sum.Warnings) > 0 {
						t.Errorf("%+v, %v", sum, err)
					}
					if again := features(t, openCache(t, dir), enc, texts); again.Cached != len(texts) {
						t.Errorf("%d of %d texts were stored", again.Cached, len(texts))
					}
					return
				}
				if !errors.Is(err, errLost) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "the same command encodes again") {
					t.Errorf("got error %v", err)
				}
				if _, err := openCache(t, dir).Fill(context.Background(), enc, texts, nil); err != nil {
					t.Errorf("the next time: %v", err)
				}
				if again := features(t, openCache(t, dir), enc, texts); again.Cached != len(texts) {
					t.Errorf("the next time %d of %d texts were stored", again.Cached, len(texts))
				}
			})
		}
	}
}

// TestFolderChangesDuringFeatures expects right vectors, and a warning if they are not stored.
func TestFolderChangesDuringFeatures(t *testing.T) {
	skipWithoutOpenFiles(t)
	for name, c := range changes {
		for _, at := range []int{1, 700, 1000} {
			t.Run(fmt.Sprintf("%s after %d", name, at), func(t *testing.T) {
				dir, enc, texts := filepath.Join(t.TempDir(), "cache"), newFake(), someTexts(1000)
				t.Cleanup(func() { os.Chmod(dir, 0o700); os.Chmod(filepath.Join(dir, "fake-1"), 0o700) })
				m, sum, err := openCache(t, dir).Features(context.Background(), enc, texts, during(t, at, func() error { return c.change(dir) }))
				if err != nil {
					t.Fatal(err)
				}
				checkMatrix(t, m, 3, texts)
				if c.lost != (len(sum.Warnings) == 1) {
					t.Errorf("warnings %q", sum.Warnings)
				}
				for _, w := range sum.Warnings {
					if !strings.Contains(w, dir) || !strings.Contains(w, "vectors are not stored") {
						t.Errorf("warning %q", w)
					}
				}
			})
		}
	}
}

// TestCheck changes the folder after it was filled.
func TestCheck(t *testing.T) {
	skipWithoutOpenFiles(t)
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			dir, enc, texts := filepath.Join(t.TempDir(), "cache"), newFake(), someTexts(1000)
			t.Cleanup(func() { os.Chmod(dir, 0o700); os.Chmod(filepath.Join(dir, "fake-1"), 0o700) })
			cache := openCache(t, dir)
			for _, part := range [][]string{texts[:600], texts} { // the second time some are cached
				if _, err := cache.Fill(context.Background(), enc, part, nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := cache.Check(); err != nil {
				t.Errorf("before the change: %v", err)
			}
			if _, err := openCache(t, dir).Compact(context.Background(), enc.key); err != nil {
				t.Fatal(err)
			}
			if err := cache.Check(); err != nil {
				t.Errorf("after the folder was compacted: %v", err)
			}
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			err := cache.Check()
			// A copy of the rows in the place of the old ones is as good.
			if lost := c.lost && name != "replaced"; lost != (err != nil) {
				t.Errorf("got error %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "at least 1000 stored vectors are gone") {
				t.Errorf("got error %v", err)
			}
		})
	}
	if err := (*Cache)(nil).Check(); err != nil {
		t.Error(err)
	}
}

// TestWritersWithoutLocks gives two writers the same file, which can happen where locks do not work. No row may get lost.
func TestWritersWithoutLocks(t *testing.T) {
	skipWithoutOpenFiles(t)
	dir, ctx, l := t.TempDir(), context.Background(), newLayout("fake-1", 3)
	texts := someTexts(100)
	open := func() *writer {
		w, err := openWriter(ctx, filepath.Join(dir, ".locks"), filepath.Join(dir, "fake-1"), l)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(dir, ".locks")); err != nil {
			t.Fatal(err)
		}
		return w
	}
	writers := []*writer{open(), open(), open()}
	if writers[0].path != writers[1].path {
		t.Fatalf("the writers have the files %s and %s: the test shows nothing", writers[0].path, writers[1].path)
	}
	values := make([]float32, 3)
	for i, text := range texts {
		fakeVector(text, values)
		if err := writers[i%len(writers)].append(idOf(text), vector{values: values, tokens: len(text)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range writers {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	}
	if err := writeHeader(filepath.Join(dir, "fake-1"), header{Format: cacheFormat, Key: "fake-1", Dims: 3}); err != nil {
		t.Fatal(err)
	}
	if sum := features(t, openCache(t, dir), newFake(), texts); sum.Cached != len(texts) || len(sum.Warnings) > 0 {
		t.Errorf("%+v", sum)
	}
}
