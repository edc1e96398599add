//go:build linux || darwin

package catalog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"w2s/internal/inputfile"
)

// TestSpecialFiles names pipes and devices where a checkpoint or a library is expected. Opening one would hang.
func TestSpecialFiles(t *testing.T) {
	c := open(t, Options{}, nil)
	for name, put := range map[string]func(path string) error{
		"a pipe":   func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"a device": func(path string) error { return os.Symlink("/dev/zero", path) },
	} {
		for _, file := range []string{"model.onnx", "tokenizer.json", DescriptionFile} {
			dir := t.TempDir()
			mustWrite(t, filepath.Join(dir, "model.onnx"), "\x08\x07")
			mustWrite(t, filepath.Join(dir, "tokenizer.json"), "{}")
			path := filepath.Join(dir, file)
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			for _, given := range []string{dir, filepath.Join(dir, "model.onnx"), dir + "#model"} {
				_, err := c.Resolve(context.Background(), given)
				wantFault(t, err, path, "is "+name)
				if file == DescriptionFile {
					wantFault(t, err, "remove it, since a checkpoint needs no w2s.json")
				}
				if !errors.Is(err, inputfile.ErrKind) {
					t.Errorf("%s: %v", given, err)
				}
			}
		}
		path := filepath.Join(t.TempDir(), "special")
		if err := put(path); err != nil {
			t.Fatal(err)
		}
		_, err := c.Resolve(context.Background(), path)
		wantFault(t, err, path, "is "+name)
		_, err = c.Runtime(context.Background(), path)
		wantFault(t, err, path, "is "+name)
	}
}
