package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// endWithParent makes the system kill cmd if this process dies, even by SIGKILL. Linux watches the thread that started cmd, so the
// calling goroutine keeps its thread until it calls release, after cmd has ended.
func endWithParent(cmd *exec.Cmd) (release func()) {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return runtime.UnlockOSThread
}
