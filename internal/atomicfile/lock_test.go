package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestLock(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.json")
	unlock, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := Lock(path); !errors.As(err, &locked) || locked.Path != path {
		t.Errorf("a second lock: %v", err)
	}
	if other, err := Lock(filepath.Join(dir, "other.json")); err != nil {
		t.Errorf("another file: %v", err)
	} else {
		other()
	}
	link(t, path, filepath.Join(dir, "link.json"))
	if _, err := Lock(filepath.Join(dir, "link.json")); !errors.As(err, &locked) {
		t.Errorf("through a link: %v", err)
	}
	unlock()
	wantNames(t, dir, "link.json")
	if unlock, err = Lock(path); err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	unlock()
	wantRefused(t, dir, "is a folder")
	if _, err := Lock(dir); err == nil {
		t.Error("a folder was locked")
	}
}

// TestLockExcludes has many goroutines take the lock and remove its file: never do two have it at once.
func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.json")
	var holders, taken atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 300 {
				unlock, err := Lock(path)
				if err != nil {
					continue
				}
				taken.Add(1)
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d holders", n)
				}
				runtime.Gosched()
				holders.Add(-1)
				unlock()
			}
		})
	}
	group.Wait()
	if taken.Load() == 0 {
		t.Error("nobody got the lock")
	}
}

// A process that is killed leaves the lock's file, which does not disturb the next one.
func TestLockOfKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	cmd := start(t, path, "lock")
	var locked *LockedError
	if _, err := Lock(path); !errors.As(err, &locked) {
		t.Fatalf("while another process has the lock: %v", err)
	}
	kill(t, cmd)
	unlock, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

// A lock that cannot be taken because of its file is no reason not to write.
func TestLockWithoutItsFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".a.lock"), 0o777); err != nil {
		t.Fatal(err)
	}
	names := []string{"a"}
	if err := exec.Command("mkfifo", filepath.Join(dir, ".b.lock")).Run(); err == nil {
		names = append(names, "b")
	}
	for _, name := range names {
		unlock, err := Lock(filepath.Join(dir, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		unlock()
		if _, err := os.Lstat(filepath.Join(dir, fmt.Sprintf(".%s.lock", name))); err != nil {
			t.Errorf("%s: what was there is gone: %v", name, err)
		}
	}
}
