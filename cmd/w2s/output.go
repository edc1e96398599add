package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"w2s/harness/result"
	"w2s/internal/atomicfile"
)

// stdout is the name of standard output as an output file.
const stdout = "-"

// An input is a file that a command reads, or a folder whose files it may read.
type input struct{ flag, path string }

// reads notes inputs. checkOutput then refuses to replace one of them.
func (a *app) reads(flag string, paths ...string) {
	for _, p := range paths {
		a.inputs = append(a.inputs, input{flag, p})
	}
}

// checkOutput reports why the file at path cannot or must not be written. It makes no folder yet.
func (a *app) checkOutput(flag, path string) error {
	err := atomicfile.Check(path)
	var refused *atomicfile.RefusedError
	switch {
	case errors.As(err, &refused) && isDescriptor(path):
		return usagef("%s: %w, or - for standard output", flag, err)
	case errors.As(err, &refused):
		return usagef("%s: %w", flag, err)
	case err != nil:
		return fmt.Errorf("%s: %w (choose another folder)", flag, err)
	}
	if in := a.sameInput(path); in != nil {
		return usagef("%s %s: the command reads this file (%s %s): name another file", flag, path, in.flag, in.path)
	}
	return nil
}

// isDescriptor reports whether path names an open file of this process, such as standard output.
func isDescriptor(path string) bool {
	return strings.HasPrefix(path, "/dev/std") || strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/self/fd/")
}

// sameInput returns the input that is the file at path, by the same or another name, or nil. Results in input folders, such as
// the folder of a checkpoint, do not count: they are no inputs.
func (a *app) sameInput(path string) *input {
	out, err := os.Stat(path)
	if err != nil {
		return nil
	}
	for _, in := range a.inputs {
		info, err := os.Stat(in.path)
		switch {
		case err != nil:
		case !info.IsDir():
			if os.SameFile(out, info) {
				return &in
			}
		case holds(in.path, out):
			if _, err := result.Load(path); err != nil {
				return &in
			}
		}
	}
	return nil
}

// holds reports whether a file is in a folder, also by a link or in a folder of the folder.
func holds(folder string, file fs.FileInfo) bool {
	found := false
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real // WalkDir does not follow links
	}
	_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // what cannot be read is no input
		}
		if info, err := os.Stat(path); err == nil && os.SameFile(info, file) {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// lock keeps other w2s processes from writing the same output until the command ends. It makes the folder of the file, and
// removes it at the end if it is still empty.
func (a *app) lock(flag, path string) error {
	dir := filepath.Dir(path)
	var made []string // innermost first
	for d := dir; d != filepath.Dir(d); d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, d)
	}
	unlock := func() {}
	a.closers = append(a.closers, func() error {
		unlock()
		for _, d := range made {
			_ = os.Remove(d) // fails if it holds something
		}
		return nil
	})
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("%s: %w (choose another folder)", flag, err)
	}
	release, err := atomicfile.Lock(path)
	var locked *atomicfile.LockedError
	switch {
	case errors.As(err, &locked):
		return fmt.Errorf("%s %s: another w2s process is at work on this file (wait until it ends, or name another file)", flag, path)
	case err != nil:
		return fmt.Errorf("%s: %w", flag, err)
	}
	unlock = release
	return nil
}

// setAside renames a file, and returns its new name: the old one with the time when its content was made. If path is a link,
// the file that it leads to is renamed, and writing to the link makes that file anew.
func setAside(path string, made time.Time) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	name := freeName(real, made)
	return name, os.Rename(real, name)
}

// freeName returns a name that no file has: the path with the time when its content was made.
func freeName(path string, made time.Time) string {
	ext := filepath.Ext(path)
	name := strings.TrimSuffix(path, ext) + "-" + made.UTC().Format("20060102-150405")
	for n, free := 2, name+ext; ; n++ {
		if _, err := os.Lstat(free); errors.Is(err, fs.ErrNotExist) {
			return free
		}
		free = fmt.Sprintf("%s-%d%s", name, n, ext)
	}
}

// checkFolder reports why files cannot be written to a folder that a flag names. It makes no folder yet. "" is no folder.
func checkFolder(flag, dir string) error {
	if dir == "" {
		return nil
	}
	if dir == stdout {
		return usagef("%s -: several files are written, which needs a folder", flag)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return usagef("%s: %s is a file: name a folder", flag, dir)
	}
	if err := atomicfile.Check(filepath.Join(dir, ".w2s-check")); err != nil {
		return fmt.Errorf("%s: %w (choose another folder)", flag, err)
	}
	return nil
}
