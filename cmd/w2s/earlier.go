package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"w2s/harness"
	"w2s/internal/atomicfile"
)

// An experiment is a configuration that can be held against an earlier result.
type experiment interface {
	Validate() error
	Differences(*harness.Result) []string
}

// earlier reads what the result file holds; nil where there is none, or --again gives it up. differs says why it is
// another experiment's. A damaged file is named and not written over.
func (f *experimentFlags) earlier(x experiment) (r *harness.Result, differs []string, err error) {
	if err := x.Validate(); err != nil {
		return nil, nil, err
	}
	_, err = os.Stat(f.out)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		return nil, nil, usagef("--out: %w", err)
	}
	// An experiment may take days: what keeps its result from being stored is said before.
	if err := checkOutput(f.out); err != nil {
		return nil, nil, err
	}
	if absent || f.again {
		return nil, nil, nil
	}
	if r, err = harness.LoadResult(f.out); err != nil {
		return nil, nil, fmt.Errorf("%w; --again writes over it, --out names another file", err)
	}
	return r, x.Differences(r), nil
}

// checkOutput reports why a file named by --out cannot be written. It makes no folder yet.
func checkOutput(path string) error {
	err := atomicfile.Check(path)
	var refused *atomicfile.RefusedError
	switch {
	case errors.As(err, &refused):
		return usagef("--out: %w", err)
	case err != nil:
		return fmt.Errorf("--out: %w (choose another folder)", err)
	}
	return nil
}

// refuse says that the result file is not written over, and why.
func (f *experimentFlags) refuse(differs []string) error {
	return usagef("--out %s: it holds another experiment; name another file, or give it up with --again\n  %s", f.out, strings.Join(differs, "\n  "))
}

// keepEarlier lets no result of another experiment be lost: a file that the user named is refused, and in the default
// place, where one experiment follows the other, the earlier one gets a name of its own when there is a new one.
func (f *experimentFlags) keepEarlier(x experiment) error {
	r, differs, err := f.earlier(x)
	if err != nil || len(differs) == 0 {
		return err
	}
	if f.flags.Changed("out") {
		return f.refuse(differs)
	}
	f.aside = asideName(f.out, r)
	return nil
}

// asideName is where an earlier result is kept: its file's name with the time when it was made.
func asideName(path string, r *harness.Result) string {
	ext := filepath.Ext(path)
	name := strings.TrimSuffix(path, ext) + "-" + r.Created.UTC().Format("20060102-150405")
	for n, aside := 2, name+ext; ; n++ {
		if _, err := os.Stat(aside); errors.Is(err, fs.ErrNotExist) {
			return aside
		}
		aside = fmt.Sprintf("%s-%d%s", name, n, ext)
	}
}

// moveAside gives the earlier result its own name, where keepEarlier found one to keep.
func (a *app) moveAside(f *experimentFlags) error {
	if f.aside == "" {
		return nil
	}
	if err := os.Rename(f.out, f.aside); err != nil {
		return fmt.Errorf("keeping the earlier result: %w (choose another file with --out)", err)
	}
	a.note("earlier result, of another experiment: kept as %s", f.aside)
	f.aside = ""
	return nil
}

// note says something beside results and errors.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.errOut, format+"\n", args...)
	}
}
