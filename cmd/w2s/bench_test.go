package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is measured are the texts of a file, not its bytes: packed, or with a byte order mark, it holds the same ones.
func TestBenchTexts(t *testing.T) {
	dir := t.TempDir()
	const lines = "\ufeffone short line\n\nanother line\r\n"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(lines)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	a := &app{}
	for name, data := range map[string][]byte{"lines.txt": []byte(lines), "lines.txt.gz": packed.Bytes()} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		texts, err := a.benchTexts(t.Context(), "", path)
		if want := []string{"one short line", "another line"}; err != nil || !slices.Equal(texts, want) {
			t.Errorf("%s: %q, error %v, want %q", name, texts, err, want)
		}
	}
	long := filepath.Join(dir, "long.txt")
	if err := os.WriteFile(long, []byte("short\n"+strings.Repeat("word ", 4<<20)), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := a.benchTexts(t.Context(), "", long); err == nil || !strings.Contains(err.Error(), "line 2: longer than 16 MiB") {
		t.Errorf("a line of 20 MiB: %v", err)
	}
}
