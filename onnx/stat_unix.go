//go:build linux || darwin

package onnx

import (
	"os"

	"golang.org/x/sys/unix"
)

// changed is when a file was last changed, in nanoseconds, whatever its time was set to, and its number on the disk.
func changed(f *os.File) (ctime int64, inode uint64) {
	var s unix.Stat_t
	if unix.Fstat(int(f.Fd()), &s) != nil {
		return 0, 0
	}
	return s.Ctim.Nano(), s.Ino
}
