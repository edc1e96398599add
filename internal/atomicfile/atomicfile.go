// Package atomicfile replaces files as a whole. A reader finds the old content or the new one, never a part of either,
// and so does a program that starts after a crash or a power failure.
//
// The new content goes to a temporary file in the folder of the target, which is synced and renamed over the target. A
// process that is killed in between leaves a file named .w2s-*.tmp behind, which may be deleted.
//
// The package is for outputs that users name, so it is careful about what it replaces:
//
//   - A symbolic link stays, and the file that it points to is replaced, or made where it does not exist.
//   - A file keeps its permissions, and its owner and group where this user may set them. A new file gets 0666 less the umask.
//   - Folders, devices, pipes, sockets and read-only files are refused with a [RefusedError], also for root.
//
// A hard link does not survive: the file's other names keep the old content.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// A RefusedError says why Write does not replace what is at a path, and what to do instead.
type RefusedError struct {
	Path   string
	Reason string
}

func (e *RefusedError) Error() string { return e.Path + " " + e.Reason }

// Write replaces the file at path, or makes it, with the content that write writes. The folder must exist. On any error, and
// when write panics, the target stays as it was and the temporary file is removed. Every error names path.
func Write(path string, write func(io.Writer) error) error {
	t, err := find(path)
	if err != nil {
		return err
	}
	f, err := t.create(t.dir())
	if err != nil {
		return err
	}
	replaced := false
	defer func() {
		if !replaced {
			f.Close() // a second time on some paths, which does nothing
			os.Remove(f.Name())
		}
	}()
	buffered := bufio.NewWriterSize(namedWriter{f, path}, 1<<16)
	if err := write(buffered); err != nil {
		var ours *fs.PathError
		if errors.As(err, &ours) && ours.Path == path {
			return err
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return named(err, path)
	}
	if err := os.Rename(f.Name(), t.real); err != nil {
		return named(err, path)
	}
	replaced = true
	syncFolder(t.dir())
	return nil
}

// WriteBytes is Write with content that is in memory.
func WriteBytes(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Check returns the error that Write would return for path before it writes: a [RefusedError], or why no file can be
// made there. It makes an empty temporary file and removes it. Folders of path that do not exist are no fault: Check
// assumes that the caller makes them before Write, and looks at the folder that they would be made in.
func Check(path string) error {
	t, err := find(path)
	if err != nil {
		return err
	}
	dir := t.dir()
	for dir != filepath.Dir(dir) {
		// Lstat, because no folder can be made where a link to nothing is.
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		dir = filepath.Dir(dir)
	}
	f, err := t.create(dir)
	if err != nil {
		return err
	}
	return named(errors.Join(f.Close(), os.Remove(f.Name())), path)
}

// A target is the file that a path stands for.
type target struct {
	path string      // as the caller gave it
	real string      // with links followed
	old  fs.FileInfo // of the file that is replaced; nil if there is none
}

func (t target) dir() string {
	dir, _ := filepath.Split(t.real) // filepath.Dir would clean it: see follow
	if dir == "" {
		return "."
	}
	return dir
}

// find finds the target of path and refuses one that must not be replaced.
func find(path string) (target, error) {
	old, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = nil, nil
	}
	if err != nil {
		return target{}, err
	}
	if old != nil {
		if reason := refusal(old.Mode()); reason != "" {
			return target{}, &RefusedError{path, reason}
		}
	}
	real, err := follow(path)
	if err != nil {
		return target{}, err
	}
	t := target{path: path, real: real, old: old}
	if old != nil {
		// Links below /proc lead to open files, whose name may be gone or belong to another file by now.
		if at, err := os.Lstat(real); err != nil || !os.SameFile(old, at) {
			return target{}, &RefusedError{path, fmt.Sprintf("stands for an open file, and %s is not that file: name the file itself", real)}
		}
		return t, nil
	}
	if _, base := filepath.Split(real); base == "" || base == "." || base == ".." {
		return target{}, &RefusedError{strconv.Quote(path), "is not the name of a file: name a file, such as " + filepath.Join(path, "file")}
	}
	if real != path {
		if _, err := os.Stat(t.dir()); err != nil {
			return target{}, &RefusedError{path, fmt.Sprintf("is a link to %s, whose folder cannot be used (%v): make the folder, or name another file", real, err)}
		}
	}
	return t, nil
}

// refusal says why a file of this mode must not be replaced, or returns "".
func refusal(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "is a folder: name a file in it"
	case mode&fs.ModeDevice != 0:
		return "is a device: name a regular file"
	case mode&fs.ModeNamedPipe != 0:
		return "is a pipe: name a regular file"
	case mode&fs.ModeSocket != 0:
		return "is a socket: name a regular file"
	case !mode.IsRegular():
		return "is not a regular file: name one"
	case mode.Perm()&0o200 == 0:
		// The mode decides, because root may write to every file, and renaming needs no permission to write to the file.
		return "is read-only: make it writable (chmod u+w), or name another file"
	}
	return ""
}

const maxLinks = 40 // as Linux

// follow returns the path that the symbolic links at path lead to, which need not exist. It never cleans a path: removing
// "x/.." by name would be wrong where x is itself a link.
func follow(path string) (string, error) {
	at := path
	for range maxLinks {
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return at, nil
		}
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return at, nil
		}
		link, err := os.Readlink(at)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(link) {
			dir, _ := filepath.Split(at)
			link = dir + link
		}
		at = link
	}
	return "", &RefusedError{path, "is a link that leads to itself or through too many others: name the file itself"}
}

// create makes the temporary file, empty and with the permissions of the target.
func (t target) create(dir string) (*os.File, error) {
	perm := fs.FileMode(0o666)
	if t.old != nil {
		perm = t.old.Mode().Perm()
	}
	// os.CreateTemp would make it 0600, and the umask cannot be read without changing it for other goroutines.
	name := dir + string(filepath.Separator) + ".w2s-" + strconv.FormatUint(rand.Uint64(), 36) + ".tmp"
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, named(err, t.path)
	}
	if t.old == nil {
		return f, nil
	}
	keepOwner(f, t.old)
	info, err := f.Stat()
	if err == nil && info.Mode().Perm() != perm { // the umask took some bits
		err = f.Chmod(perm)
	}
	if err != nil {
		f.Close()
		os.Remove(name)
		return nil, named(err, t.path)
	}
	return f, nil
}

// A namedWriter writes to a temporary file and returns errors about the path that the user knows.
type namedWriter struct {
	f    *os.File
	path string
}

func (w namedWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	return n, named(err, w.path)
}

// named returns err as an error about path rather than about a temporary file.
func named(err error, path string) error {
	var file *fs.PathError
	var rename *os.LinkError
	switch {
	case errors.As(err, &file):
		return &fs.PathError{Op: file.Op, Path: path, Err: file.Err}
	case errors.As(err, &rename):
		return &fs.PathError{Op: "replace", Path: path, Err: rename.Err}
	}
	return err
}

// syncFolder makes a rename survive a power failure, if the system can do that. The target is whole either way,
// so a failure is not reported.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		f.Sync()
		f.Close()
	}
}
