package fetch

import (
	"errors"
	"fmt"
	"os/exec"

	"golang.org/x/sys/windows"
)

// Free returns the number of bytes that this user may still write to the disk that holds dir. The folder need not exist.
func Free(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(existing(dir))
	if err != nil {
		return 0, fmt.Errorf("fetch: free space of %s: %w", dir, err)
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, fmt.Errorf("fetch: free space of %s: %w", dir, err)
	}
	return int64(free), nil
}

func isDiskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// ownGroup does nothing: exec ends only the client itself.
func ownGroup(*exec.Cmd) {}
