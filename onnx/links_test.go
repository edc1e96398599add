package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestLinks encodes with a checkpoint whose files are links into another folder, as in the cache of Hugging Face's library, and
// expects the same vectors. ONNX Runtime refuses external data if a link to it leads out of the folder.
func TestLinks(t *testing.T) {
	rt := testRuntime(t)
	texts := []string{"A plain sentence.", "another one"}
	for _, name := range []string{"external-tiny", "bert-tiny", "llama-tiny"} {
		t.Run(name, func(t *testing.T) {
			from, err := filepath.Abs(filepath.Join("..", "fixtures", "models", name))
			if err != nil {
				t.Fatal(err)
			}
			root := t.TempDir()
			linked := filepath.Join(root, "snapshots", "0123")
			for i, path := range filesBelow(t, from) {
				blob := filepath.Join(root, "blobs", fmt.Sprint(i))
				content, err := os.ReadFile(filepath.Join(from, path))
				if err != nil {
					t.Fatal(err)
				}
				write(t, root, filepath.Join("blobs", fmt.Sprint(i)), string(content))
				link := filepath.Join(linked, path)
				if err := os.MkdirAll(filepath.Dir(link), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(blob, link); err != nil {
					t.Skipf("optional: this system makes no links: %v", err)
				}
			}
			want, got := encodeAll(t, openTest(t, rt, from, Options{}), texts), encodeAll(t, openTest(t, rt, linked, Options{}), texts)
			for i := range texts {
				if !slices.Equal(got[i].Values, want[i].Values) {
					t.Errorf("text %d: %v, want %v", i, got[i].Values, want[i].Values)
				}
			}
		})
	}
}

func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			path, err = filepath.Rel(dir, path)
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
