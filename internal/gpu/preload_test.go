//go:build linux && cgo

package gpu

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A library that needs another one by its name alone is loaded if the other one was loaded before, from any folder.
func TestPreload(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a C compiler")
	}
	dir := t.TempDir()
	far := filepath.Join(dir, "far")
	if err := os.Mkdir(far, 0o755); err != nil {
		t.Fatal(err)
	}
	compile := func(out, source string, args ...string) string {
		t.Helper()
		file := filepath.Join(dir, filepath.Base(out)+".c")
		if err := os.WriteFile(file, []byte(source), 0o666); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"-shared", "-fPIC", "-o", out, file}, args...)
		if said, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		return out
	}
	needed := compile(filepath.Join(far, "libw2sneeded.so.1"), "int w2s_needed(void) { return 1; }", "-Wl,-soname,libw2sneeded.so.1")
	needs := compile(filepath.Join(dir, "libw2sneeds.so"), "int w2s_needed(void); int w2s_needs(void) { return w2s_needed(); }", needed)
	if err := Preload([]string{needs}); err == nil || !strings.Contains(err.Error(), "libw2sneeded.so.1") {
		t.Errorf("without the library that it needs: %v", err)
	}
	if err := Preload([]string{needed, needs}); err != nil {
		t.Error(err)
	}
	text := filepath.Join(dir, "text.so")
	if err := os.WriteFile(text, []byte("no library\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, filepath.Join(dir, "absent.so")} {
		if err := Preload([]string{path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
