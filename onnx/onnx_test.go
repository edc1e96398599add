package onnx

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"w2s/internal/shareddata"
)

// testRuntime opens ONNX Runtime and closes it when the test ends.
func testRuntime(tb testing.TB) *Runtime {
	tb.Helper()
	rt, err := OpenRuntime(shareddata.Runtime(tb))
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

// checkpointFolders returns the folders of checkpoints that are too large to commit. W2S_CHECKPOINTS lists them as PATH does. Tests
// that need them are optional, but a listed folder must exist.
func checkpointFolders(tb testing.TB) []string {
	tb.Helper()
	folders := filepath.SplitList(os.Getenv("W2S_CHECKPOINTS"))
	for _, dir := range folders {
		if _, err := os.Stat(dir); err != nil {
			tb.Fatalf("W2S_CHECKPOINTS: %v", err)
		}
	}
	return folders
}

// testCheckpoint finds a checkpoint in the folders of W2S_CHECKPOINTS, or skips the test.
func testCheckpoint(tb testing.TB, name string) string {
	tb.Helper()
	for _, root := range checkpointFolders(tb) {
		dir := filepath.Join(root, name)
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	tb.Skipf("optional: needs the checkpoint %s in a folder of W2S_CHECKPOINTS", name)
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
