//go:build linux || darwin

package regular_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"w2s/internal/regular"
)

// TestSpecialFiles would hang if a pipe were opened, or read a device without end.
func TestSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip(err) // the path may be too long
	}
	defer listener.Close()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]string{pipe: "a pipe", link: "a pipe", socket: "a socket", "/dev/zero": "a device"} {
		for _, flag := range []int{os.O_RDONLY, os.O_RDWR | os.O_CREATE} {
			if _, err := regular.OpenFile(path, flag, 0o644); !errors.Is(err, regular.ErrKind) || !strings.Contains(err.Error(), path+" is "+kind) {
				t.Errorf("%s, flags %x: %v", path, flag, err)
			}
		}
	}
}
