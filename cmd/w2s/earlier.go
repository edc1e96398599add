package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/internal/atomicfile"
)

// A configuration is what an earlier result is compared with.
type configuration interface {
	Validate() error
	Differences(*result.Result) []string
}

// earlier reads the result file, if there is one and --again does not give it up. differs says why it belongs to another
// experiment. A damaged file is an error, so it is not overwritten.
func (f *experimentFlags) earlier(x configuration) (r *result.Result, differs []string, err error) {
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
	if r, err = result.Load(f.out); err != nil {
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

// refuse returns the error that names why the result file is not overwritten.
func (f *experimentFlags) refuse(differs []string) error {
	return usagef("--out %s: it holds another experiment (name another file, or overwrite it with --again)\n  %s", f.out, strings.Join(differs, "\n  "))
}

// keepEarlier makes sure that no result of another experiment is lost. If the user named the file, it is refused. If it is
// the default file, it will get a name of its own when there is a new result. keepEarlier returns the earlier result if it
// belongs to the same experiment.
func (f *experimentFlags) keepEarlier(x configuration) (*result.Result, error) {
	r, differs, err := f.earlier(x)
	if err != nil || len(differs) == 0 {
		return r, err
	}
	if f.flags.Changed("out") {
		return nil, f.refuse(differs)
	}
	f.aside = asideName(f.out, r)
	return nil, nil
}

// resume sets up an experiment that continues an earlier result of the same configuration and stores its own after every
// task. Heads are not part of a result, so --heads trains everything anew.
func (f *experimentFlags) resume(a *app, env *experiment.Env, previous *result.Result) {
	env.Finished = func(r *result.Result) error {
		if err := a.moveAside(f); err != nil {
			return err
		}
		return a.save(r, f.out)
	}
	if previous == nil || f.heads != "" {
		return
	}
	env.Previous = previous
	if previous.Program != program() {
		a.progress().Print(fmt.Sprintf("note: %s was written by %s, this is %s: finished tasks are taken over (--again trains them anew)", f.out, previous.Program, program()))
	}
}

// asideName returns the name under which an earlier result is kept: the name of its file with the time when it was made.
func asideName(path string, r *result.Result) string {
	ext := filepath.Ext(path)
	name := strings.TrimSuffix(path, ext) + "-" + r.Created.UTC().Format("20060102-150405")
	for n, aside := 2, name+ext; ; n++ {
		if _, err := os.Stat(aside); errors.Is(err, fs.ErrNotExist) {
			return aside
		}
		aside = fmt.Sprintf("%s-%d%s", name, n, ext)
	}
}

// moveAside renames the earlier result if keepEarlier found one to keep.
func (a *app) moveAside(f *experimentFlags) error {
	if f.aside == "" {
		return nil
	}
	if err := os.Rename(f.out, f.aside); err != nil {
		return fmt.Errorf("keeping the earlier result: %w (choose another file with --out)", err)
	}
	a.note("the earlier result, of another experiment, is kept as %s", f.aside)
	f.aside = ""
	return nil
}

// note prints a line that is neither a result nor an error.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.errOut, format+"\n", args...)
	}
}
