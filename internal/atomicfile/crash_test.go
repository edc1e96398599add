package atomicfile

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start runs TestHelper in another process and waits until it says that it is half way.
func start(t *testing.T, path, mode string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelper$", "-test.count=1")
	cmd.Env = append(os.Environ(), helperEnv+"="+path, helperModeEnv+"="+mode)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "half way\n" {
		t.Fatalf("the helper said %q, %v", line, err)
	}
	return cmd
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
}

// TestKilledHalfWay kills a process that has written 4 MB of its content.
func TestKilledHalfWay(t *testing.T) {
	for _, old := range []bool{true, false} {
		dir := t.TempDir()
		path := filepath.Join(dir, "out")
		if old {
			put(t, path, "old")
		}
		kill(t, start(t, path, "stop half way"))
		left, err := filepath.Glob(filepath.Join(dir, ".w2s-*.tmp"))
		if err != nil || len(left) != 1 {
			t.Errorf("the helper was not writing when it was killed: %q, %v", left, err)
		}
		if old {
			wantContent(t, path, "old")
		} else if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("a file appeared before it was whole: %v", err)
		}
		// What the killed process left does not disturb the next one.
		if err := WriteBytes(path, []byte("new")); err != nil {
			t.Error(err)
		}
		wantContent(t, path, "new")
	}
}

// TestKilledAnywhere kills a process that replaces a file over and over, at moments that spread over a replacement.
func TestKilledAnywhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	for i := range 12 {
		cmd := start(t, path, "write on and on")
		time.Sleep(time.Duration(i) * 1300 * time.Microsecond)
		kill(t, cmd)
		got, err := os.ReadFile(path)
		if err != nil || len(got) != 1<<20 || len(bytes.Trim(got, string(got[:1]))) != 0 {
			t.Fatalf("after kill %d: %d bytes starting %.20q, %v", i+1, len(got), strings.TrimSpace(string(got)), err)
		}
	}
}
