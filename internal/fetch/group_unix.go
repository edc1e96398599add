//go:build unix

package fetch

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a client in a process group of its own, so that cancelling ends its children too.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}
