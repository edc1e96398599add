package regular_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"w2s/internal/regular"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("12345"), 0o644); err != nil {
		t.Fatal(err)
	}
	if data, err := regular.Read(path, 5); err != nil || string(data) != "12345" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := regular.Read(path, 4); err == nil || !strings.Contains(err.Error(), path+" has more than 4 bytes") {
		t.Errorf("a file that is too long: %v", err)
	}
	if _, err := regular.Read(filepath.Join(dir, "none"), 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := regular.Read(dir, 5); !errors.Is(err, regular.ErrKind) || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("file", link); err == nil {
		if data, err := regular.Read(link, 5); err != nil || string(data) != "12345" {
			t.Errorf("through a link: %q, %v", data, err)
		}
	}
}

func TestOpenFileMakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	if _, err := regular.OpenFile(path, os.O_WRONLY, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without O_CREATE: %v", err)
	}
	f, err := regular.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if data, err := regular.Read(path, 9); err != nil || string(data) != "x" {
		t.Errorf("%q, %v", data, err)
	}
}
