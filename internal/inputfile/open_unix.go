//go:build unix

package inputfile

import "syscall"

// nonblocking keeps open from waiting for the other end of a pipe. It has no effect on regular files.
const nonblocking = syscall.O_NONBLOCK
