//go:build linux || darwin

package fetch

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Free returns the number of bytes that this user may still write to the disk that holds dir. The folder need not exist.
func Free(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(existing(dir), &s); err != nil {
		return 0, fmt.Errorf("fetch: free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// termGrace is how long a client may take to end by itself. It is shorter than the time that an interrupted command takes to
// end, so that no client outlives the command.
const termGrace = 200 * time.Millisecond

// ownGroup puts a client into a process group of its own, so that cancelling it also ends its children.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		group := -cmd.Process.Pid
		time.AfterFunc(termGrace, func() { syscall.Kill(group, syscall.SIGKILL) }) // fails if all have ended
		return syscall.Kill(group, syscall.SIGTERM)
	}
}
