package onnx

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"w2s/harness/feature"
	"w2s/internal/shareddata"
)

// testRuntime opens ONNX Runtime and closes it with the test.
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

// checkpointFolders are the folders of W2S_CHECKPOINTS, which is separated as PATH is. They hold checkpoints that are too
// large to commit. Tests that need them are optional, but a folder that is named must be there.
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

// openTest opens a checkpoint and closes it with the test.
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

// encodeAll returns the vectors in the order of the texts.
func encodeAll(tb testing.TB, e *Encoder, texts []string) []feature.Vector {
	tb.Helper()
	got := make([]feature.Vector, len(texts))
	seen := make([]bool, len(texts))
	err := e.Encode(context.Background(), texts, func(v feature.Vector) error {
		if seen[v.Index] {
			tb.Errorf("text %d was emitted twice", v.Index)
		}
		seen[v.Index] = true
		v.Values = slices.Clone(v.Values)
		got[v.Index] = v
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
