//go:build linux || darwin

package feature

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"w2s/internal/inputfile"
)

// TestSpecialFiles puts a pipe in the place of a header and of a rows file. Opening one would hang.
func TestSpecialFiles(t *testing.T) {
	for _, name := range []string{headerFile, ""} {
		dir, enc := t.TempDir(), newFake()
		features(t, openCache(t, dir), enc, someTexts(3))
		path := rowsPath(t, dir, enc.key)
		if name != "" {
			path = filepath.Join(dir, enc.key, name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := openCache(t, dir).Fill(context.Background(), enc, someTexts(3), nil)
		if !errors.Is(err, inputfile.ErrKind) || !strings.Contains(err.Error(), path) {
			t.Errorf("a pipe as %s: %v", filepath.Base(path), err)
		}
	}
}
