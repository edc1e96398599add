//go:build unix

package inputfile

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Pipes, sockets and devices are refused at once, although nobody writes to them.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe.jsonl")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	link := filepath.Join(dir, "link.jsonl")
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		pipe:        "is a pipe, not a file (write",
		link:        "is a pipe, not a file (write",
		"/dev/zero": "is a device, not a file",
		"/dev/null": "is a device, not a file",
	}
	if socket, err := net.Listen("unix", filepath.Join(dir, "s")); err == nil {
		defer socket.Close()
		want[filepath.Join(dir, "s")] = "is a socket, not a file"
	}
	for path, want := range want {
		for name, open := range map[string]func(string) (*os.File, error){"Open": Open, "OpenStream": OpenStream} {
			done := make(chan error, 1)
			go func() {
				_, err := open(path)
				done <- err
			}()
			select {
			case err := <-done:
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s(%s): %v, want %q", name, path, err, want)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s(%s) waits", name, path)
			}
		}
	}
}

// OpenStream reads what another program sends through a descriptor of this process. Open refuses it and says why.
func TestOpenStream(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	path := fmt.Sprintf("/dev/fd/%d", r.Fd())
	if _, err := os.Stat(path); err != nil {
		t.Skip(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "read more than once") {
		t.Errorf("Open: %v", err)
	}
	go func() {
		fmt.Fprint(w, "sent")
		w.Close()
	}()
	f, err := OpenStream(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); err != nil || string(data) != "sent" {
		t.Errorf("%q, %v", data, err)
	}
}
