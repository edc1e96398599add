package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"w2s/harness/result"
	"w2s/internal/atomicfile"
	"w2s/internal/inputfile"
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
	case errors.As(err, &refused) && inputfile.IsDescriptor(path):
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

// defaultFolder is the folder of files for which no other is named.
const defaultFolder = "w2s-results"

// makeFolder makes a folder that a flag names, unless it is there, and says so, since its name may be a typing error. It returns the folders
// that it made, the innermost first.
func (a *app) makeFolder(flag, dir string) (made []string, err error) {
	for d := filepath.Clean(dir); d != filepath.Dir(d); d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, d)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return made, fmt.Errorf("%s: %w (choose another folder)", flag, err)
	}
	if len(made) > 0 && made[len(made)-1] != defaultFolder {
		a.note("note: %s: made the folder %s", flag, made[0])
	}
	return made, nil
}

// lock keeps other w2s processes from writing the same output until the command ends. It makes the folder of the file, and
// removes it at the end if it is still empty.
func (a *app) lock(flag, path string) error {
	made, err := a.makeFolder(flag, filepath.Dir(path))
	unlock := func() {}
	a.closers = append(a.closers, func() error {
		unlock()
		for _, d := range made {
			_ = os.Remove(d) // fails if it holds something
		}
		return nil
	})
	if err != nil {
		return err
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

// A document is a file that w2s makes anew each time: a page or a chart.
type document struct {
	kind  string // for messages about a file that the user named, such as "a page of w2s report"
	path  string
	named bool                 // the user named the file
	own   func(io.Reader) bool // reports whether w2s wrote the content of such a file
}

// foreign returns the time when the file was written if it holds what w2s did not write, and the zero time otherwise.
func (d document) foreign() (written time.Time, err error) {
	f, err := inputfile.Open(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 || d.own(f) {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// check returns an error if the user named a file that holds what w2s did not write.
func (d document) check(flag string) error {
	written, err := d.foreign()
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	if !written.IsZero() && d.named {
		return usagef("%s %s: it is not %s (name another file, or delete it)", flag, d.path, d.kind)
	}
	return nil
}

// makeWay prepares the writing of a document. It gives a file that w2s did not write another name, if w2s chose the name of the
// document, and refuses one that the user named, which may have been written since the first check.
func (a *app) makeWay(flag string, d document) error {
	if err := d.check(flag); err != nil {
		return err
	}
	written, err := d.foreign()
	if err != nil || written.IsZero() {
		return err
	}
	name, err := setAside(d.path, written)
	if err != nil {
		return fmt.Errorf("%w (choose another place with %s)", err, flag)
	}
	a.note("what was in %s is now in %s", d.path, name)
	return nil
}

// An output is a file that a command writes, or a folder that it writes files to.
type output struct {
	flag, path string   // path is "" if the command does not write it
	folder     bool     // whether path is a folder
	extensions []string // of the files that the command writes to a folder
}

func plotFolder(dir string) output { return output{"--plots", dir, true, []string{".svg", ".png"}} }
func headsFolder(dir string) output {
	return output{"--heads", dir, true, []string{".safetensors", ".onnx"}}
}

// checkClash reports outputs of a command that are in the way of each other or of the cache folder.
func (a *app) checkClash(outputs ...output) error {
	if c, err := a.catalog(); err == nil {
		outputs = append(outputs, output{flag: "the cache folder", path: c.CacheDir(), folder: true})
	}
	var faults []error
	for _, file := range outputs {
		if file.folder || file.path == "" || file.path == stdout {
			continue
		}
		path := settled(file.path)
		for _, o := range outputs {
			if !o.folder || o.path == "" {
				continue
			}
			folder := settled(o.path)
			switch {
			case path == folder:
				faults = append(faults, usagef("%s %s: %s %s has the same path: name another file", file.flag, file.path, o.flag, o.path))
			case strings.HasPrefix(folder, path+string(filepath.Separator)):
				faults = append(faults, usagef("%s %s: %s %s needs a folder there: name another file", file.flag, file.path, o.flag, o.path))
			case filepath.Dir(path) == folder && slices.Contains(o.extensions, strings.ToLower(filepath.Ext(path))):
				faults = append(faults, usagef("%s %s: %s %s writes files with this extension there: name another file", file.flag, file.path, o.flag, o.path))
			}
		}
	}
	return errors.Join(faults...)
}

// settled returns the absolute path of a file or folder, which need not exist, with links followed as far as it exists.
func settled(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	rest := ""
	for at := path; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		if at == filepath.Dir(at) {
			return path
		}
		rest = filepath.Join(filepath.Base(at), rest)
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
