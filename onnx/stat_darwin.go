package onnx

import (
	"io/fs"
	"syscall"
)

// changed is when a file was last changed, in nanoseconds, whatever its time was set to, and its number on the disk.
func changed(st fs.FileInfo) (ctime int64, inode uint64) {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return s.Ctimespec.Nano(), s.Ino
	}
	return 0, 0
}
