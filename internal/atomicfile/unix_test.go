//go:build linux || darwin

package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestDevices(t *testing.T) {
	devices := []string{"/dev/null", "/dev/zero"}
	if _, err := os.Stat("/dev/full"); err == nil { // Linux only
		devices = append(devices, "/dev/full")
	}
	dir := t.TempDir()
	for _, device := range devices {
		wantRefused(t, device, "is a device")
		l := filepath.Join(dir, filepath.Base(device))
		link(t, device, l)
		wantRefused(t, l, "is a device")
		if info, err := os.Stat(device); err != nil || info.Mode()&fs.ModeDevice == 0 {
			t.Errorf("%s is no device any more: %v, %v", device, info, err)
		}
	}
}

func TestPipesAndSockets(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, fifo, "is a pipe") // and does not wait for a reader
	short, err := os.MkdirTemp("/tmp", "w2s")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	socket := filepath.Join(short, "s") // socket names are limited to 100 bytes
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	wantRefused(t, socket, "is a socket")

	// Standard output, as shells redirect it: a pipe here.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelper$")
	cmd.Env = append(os.Environ(), helperEnv+"=/dev/stdout", helperModeEnv+"=write once")
	out, err := cmd.Output()
	if err != nil || strings.Count(string(out), "/dev/stdout is a pipe") != 2 {
		t.Errorf("%q, %v", out, err)
	}
}

func TestModes(t *testing.T) {
	dir := t.TempDir()
	defer syscall.Umask(syscall.Umask(0o027))
	mode := func(path string) fs.FileMode {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	path := filepath.Join(dir, "out")
	if err := WriteBytes(path, nil); err != nil || mode(path) != 0o640 {
		t.Errorf("a new file has mode %v, want 0640: %v", mode(path), err)
	}
	for _, want := range []fs.FileMode{0o600, 0o644, 0o666, 0o755, 0o200, 0o777} {
		if err := os.Chmod(path, want); err != nil {
			t.Fatal(err)
		}
		if err := Check(path); err != nil {
			t.Error(err)
		}
		if err := WriteBytes(path, []byte("x")); err != nil || mode(path) != want {
			t.Errorf("mode %v became %v: %v", want, mode(path), err)
		}
	}
	// The temporary file is never more open than the file that it replaces.
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := find(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := target.create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(f.Name())
	if got := mode(f.Name()); got != 0o600 {
		t.Errorf("the temporary file has mode %v", got)
	}
}

// TestReadOnlyFiles also runs as root, who may write to such files. The mode decides.
func TestReadOnlyFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	put(t, path, "old")
	link(t, "out", filepath.Join(dir, "link"))
	for _, mode := range []fs.FileMode{0o444, 0o400, 0o555, 0o466, 0} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, path, "is read-only: make it writable")
		wantRefused(t, filepath.Join(dir, "link"), "is read-only")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "old")
	wantNames(t, dir, "link", "out")
}

// TestReadOnlyFolder runs as another user if this one is root, who may write everywhere.
func TestReadOnlyFolder(t *testing.T) {
	dir := openFolder(t)
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(closed, "out"), "old")
	if err := os.Chmod(filepath.Join(closed, "out"), 0o666); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		if err := os.Chmod(closed, 0o555); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(closed, 0o755)
		wantFails(t, filepath.Join(closed, "out"), "permission denied")
		wantFails(t, filepath.Join(closed, "new"), "permission denied")
	} else {
		for _, name := range []string{"out", "new"} {
			path := filepath.Join(closed, name)
			out := asNobody(t, dir, path)
			for _, want := range []string{"check: open " + path + ": permission denied", "write: open " + path + ": permission denied"} {
				if !strings.Contains(out, want) {
					t.Errorf("got %s, want %q", out, want)
				}
			}
		}
	}
	wantContent(t, filepath.Join(closed, "out"), "old")
	wantNames(t, closed, "out")
}

// TestOtherOwner replaces a file of another user, in a folder where both may write. Only root can set this up.
func TestOtherOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a file of another user")
	}
	dir := openFolder(t)
	path := filepath.Join(dir, "out")
	put(t, path, "old")
	if err := os.Chown(path, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); s.Uid != nobody || s.Gid != nobody || info.Mode().Perm() != 0o640 {
		t.Errorf("the file is now of %d:%d with mode %v", s.Uid, s.Gid, info.Mode())
	}
	// Another user cannot keep root as the owner, which is no fault.
	if err := os.Chown(path, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if out := asNobody(t, openFolder(t), path); !strings.Contains(out, "check: <nil>\nwrite: <nil>\n") {
		t.Error(out)
	}
	wantContent(t, path, "new")
}

const nobody = 65534

// asNobody runs TestHelper as a user without rights, with a copy of this program in dir.
func asNobody(t *testing.T, dir, path string) string {
	t.Helper()
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "helper")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestHelper$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), helperEnv+"="+path, helperModeEnv+"=write once")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// openFolder returns a folder that every user can read.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "w2s-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDeletedOpenFile names a file that is open and has no name any more.
func TestDeletedOpenFile(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "deleted"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no /proc here")
	}
	wantRefused(t, path, "stands for an open file")
	wantNames(t, dir)
}
