// Package inputfile opens files that a user names as input. It refuses at once what could block or never end, such as pipes
// and devices, and reads no more than a stated number of bytes.
package inputfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// ErrKind is wrapped by errors about what is not a regular file.
var ErrKind = errors.New("not a file")

// Open opens a regular file for reading. It refuses anything else by its kind, without waiting for another program. The error
// wraps [ErrKind] in this case, and fs.ErrNotExist if there is nothing at path.
func Open(path string) (*os.File, error) {
	return open(path, os.O_RDONLY, 0, false)
}

// OpenFile is like os.OpenFile for what must be a regular file, or is made as one.
func OpenFile(path string, flag int, perm fs.FileMode) (*os.File, error) {
	return open(path, flag, perm, false)
}

// OpenStream is like Open, but also opens a pipe that this process inherited: standard input (/dev/stdin) and what a shell
// puts in the place of <(command). The other end of such a pipe is open already, unlike that of a named pipe.
func OpenStream(path string) (*os.File, error) {
	return open(path, os.O_RDONLY, 0, IsDescriptor(path))
}

func open(path string, flag int, perm fs.FileMode, pipe bool) (*os.File, error) {
	info, err := os.Stat(path) // opening a pipe waits for a writer, so its kind must be known before
	if err == nil {
		err = check(info, path, pipe)
	}
	if err != nil && !(flag&os.O_CREATE != 0 && errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	if !pipe {
		flag |= nonblocking // a pipe may take the place of the file after the check
	}
	f, err := os.OpenFile(path, flag, perm)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = check(info, path, pipe)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Check returns the error that [Open] would return for the kind of what is at path, without opening it.
func Check(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return check(info, path, false)
}

// check returns an error unless the file is regular, or a pipe and pipes are allowed.
func check(info fs.FileInfo, path string, pipe bool) error {
	what, hint := "a special file", ""
	switch mode := info.Mode(); {
	case mode.IsRegular(), pipe && mode&fs.ModeNamedPipe != 0:
		return nil
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeNamedPipe != 0 && IsDescriptor(path):
		what, hint = "a pipe", ", and it is read more than once (write the data to a file, and name that)"
	case mode&fs.ModeNamedPipe != 0:
		what, hint = "a pipe", " (write the data to a file, and name that)"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("is %s, %w%s", what, ErrKind, hint)}
}

// IsDescriptor reports whether a path names an open file of this process, such as its standard input or output.
func IsDescriptor(path string) bool {
	return slices.Contains([]string{"/dev/stdin", "/dev/stdout", "/dev/stderr"}, path) || strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/self/fd/")
}

// Read returns the content of a regular file of at most most bytes.
func Read(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data, err := ReadAll(f, info.Size(), most)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return data, nil
}

// ReadAll reads r to its end, which must come within most bytes. size is the number of bytes that are expected, or 0.
func ReadAll(r io.Reader, size, most int64) ([]byte, error) {
	tooLarge := fmt.Errorf("has more than %s, the limit for such a file", Bytes(most))
	if size > most {
		return nil, tooLarge
	}
	data := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(r, most+1)); err != nil {
		return nil, err
	}
	if int64(data.Len()) > most {
		return nil, tooLarge
	}
	return data.Bytes(), nil
}

// CountJSON returns how often a character of JSON's own stands in valid JSON text outside of strings: { for the number of
// objects, : for that of keys.
func CountJSON(text []byte, char byte) (n int) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && c == char:
			n++
		}
	}
	return n
}

// Bytes writes a number of bytes for people, such as "4 GiB" or "1.5 MiB".
func Bytes(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.4g %s", value, units[unit])
}
