package feature

import (
	"fmt"
	"os"
	"syscall"
)

// mapFile returns the bytes of a file, or nil if it cannot be mapped.
func mapFile(file *os.File, size int64) []byte {
	data, err := syscall.Mmap(int(file.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil
	}
	return data
}

// giveBack lets the system take the pages of a mapped file. They are read again when they are needed.
func giveBack(data []byte) { _ = syscall.Madvise(data, syscall.MADV_DONTNEED) }

// residentFiles returns the number of bytes of mapped files that are resident.
func residentFiles() int64 {
	var size, resident, shared int64
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscan(string(statm), &size, &resident, &shared); err != nil {
		return 0
	}
	return shared * int64(os.Getpagesize())
}

// openAgain returns another descriptor of an open file, or -1.
func openAgain(file *os.File) int {
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		return -1
	}
	syscall.CloseOnExec(fd)
	return fd
}

// readAt reads all of into from a place in a file, and reports whether it could.
func readAt(fd int, into []byte, at int64) bool {
	n, err := syscall.Pread(fd, into, at)
	return err == nil && n == len(into)
}
