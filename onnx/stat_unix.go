//go:build linux || darwin

package onnx

import (
	"os"

	"golang.org/x/sys/unix"
)

// changed returns the time of the last change of a file in nanoseconds, which programs cannot set, and its inode number.
func changed(f *os.File) (ctime int64, inode uint64) {
	var s unix.Stat_t
	if unix.Fstat(int(f.Fd()), &s) != nil {
		return 0, 0
	}
	return s.Ctim.Nano(), s.Ino
}
