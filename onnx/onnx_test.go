package onnx

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// testRuntime opens ONNX Runtime, or skips the test where there is none.
func testRuntime(tb testing.TB) *Runtime {
	tb.Helper()
	path := os.Getenv("W2S_ONNXRUNTIME")
	if path == "" {
		path = cachedRuntime()
	}
	if path == "" {
		tb.Skip("needs ONNX Runtime: set W2S_ONNXRUNTIME to the path of libonnxruntime, or run w2s doctor --fix")
	}
	rt, err := OpenRuntime(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := rt.Close(); err != nil {
			tb.Error(err)
		}
	})
	return rt
}

// cachedRuntime finds the newest library that w2s has fetched into its cache folder.
func cachedRuntime() string {
	name := map[string]string{"darwin": "libonnxruntime*.dylib", "windows": "onnxruntime.dll"}[runtime.GOOS]
	if name == "" {
		name = "libonnxruntime.so*"
	}
	cache := os.Getenv("W2S_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		cache = filepath.Join(user, "w2s")
	}
	var found []string
	filepath.WalkDir(cache, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if ok, _ := filepath.Match(name, e.Name()); ok {
				found = append(found, path)
			}
		}
		return nil
	})
	if len(found) == 0 {
		return ""
	}
	return slices.Max(found)
}

// testCheckpoint finds a checkpoint of some size that is not committed in the folders of W2S_CHECKPOINTS (separated as
// in PATH), or skips the test.
func testCheckpoint(tb testing.TB, name string) string {
	tb.Helper()
	for _, root := range filepath.SplitList(os.Getenv("W2S_CHECKPOINTS")) {
		dir := filepath.Join(root, name)
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	tb.Skipf("needs the checkpoint %s in a folder of W2S_CHECKPOINTS", name)
	return ""
}

// openTest opens a checkpoint, and closes it at the end of the test.
func openTest(tb testing.TB, rt *Runtime, dir string, o Options) *Encoder {
	tb.Helper()
	e, err := Open(context.Background(), rt, dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Error(err)
		}
	})
	return e
}

// encoded is what Encode emits for one text.
type encoded struct {
	Values    []float32
	Tokens    int
	Truncated bool
}

// ignore is an emit function that does nothing.
func ignore(int, []float32, int, bool) error { return nil }

// encodeAll encodes texts and returns what was emitted in their order.
func encodeAll(tb testing.TB, e *Encoder, texts []string) []encoded {
	tb.Helper()
	got := make([]encoded, len(texts))
	seen := make([]bool, len(texts))
	err := e.Encode(context.Background(), texts, func(index int, vector []float32, tokens int, truncated bool) error {
		if seen[index] {
			tb.Errorf("text %d was emitted twice", index)
		}
		seen[index] = true
		got[index] = encoded{slices.Clone(vector), tokens, truncated}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	if i := slices.Index(seen, false); i >= 0 {
		tb.Fatalf("text %d was not emitted", i)
	}
	return got
}
