package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk writes to a file system of 64 kB, which only root can mount.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("cannot mount a small file system here (TestFullDevice tests the error): %v", err)
	}
	defer syscall.Unmount(dir, 0)
	path := filepath.Join(dir, "out")
	put(t, path, "old")
	err := WriteBytes(path, make([]byte, 1<<20))
	if !errors.Is(err, syscall.ENOSPC) || err.Error() != "write "+path+": no space left on device" {
		t.Errorf("got %v", err)
	}
	wantContent(t, path, "old")
	wantNames(t, dir, "out")
}

// TestFullDevice writes to the device that is always full, as if it were the temporary file.
func TestFullDevice(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = namedWriter{f, "out.json"}.Write([]byte(strings.Repeat("x", 1<<17)))
	var at *fs.PathError
	if !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &at) || at.Path != "out.json" {
		t.Errorf("got %v", err)
	}
}
