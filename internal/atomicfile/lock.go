package atomicfile

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
)

// A LockedError says that another caller of [Lock] writes to a file.
type LockedError struct{ Path string }

func (e *LockedError) Error() string { return e.Path + ": another process is writing it" }

// Lock keeps other callers from getting the lock of the file at path, until unlock is called or the process ends. If another
// caller has it, Lock returns a [LockedError] at once. The folder of path must exist.
//
// The lock is on a file .NAME.lock beside the target, which unlock removes. A file system may lack locks, and the lock's
// file may have been deleted: so the lock serves to say early what would go wrong, and a caller that must not replace the
// file of another process looks at it again before Write.
func Lock(path string) (unlock func(), err error) {
	t, err := find(path)
	if err != nil {
		return nil, err
	}
	dir, base := filepath.Split(t.real)
	name := dir + "." + base + ".lock"
	for {
		if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
			return func() {}, nil // opening a pipe would wait
		}
		lock := flock.New(name, flock.SetPermissions(0o666))
		got, err := lock.TryLock()
		if err != nil {
			lock.Close()
			return func() {}, nil
		}
		if !got {
			lock.Close()
			return nil, &LockedError{path}
		}
		mine, errMine := lock.Stat()
		now, errNow := os.Stat(name)
		if errMine == nil && errNow == nil && os.SameFile(mine, now) {
			return func() {
				os.Remove(name) // before the lock is released, so that nobody else has the lock of this file
				lock.Close()
				if runtime.GOOS == "windows" { // which does not remove open files
					os.Remove(name)
				}
			}, nil
		}
		lock.Close() // the last holder removed the file after it was opened here
	}
}
