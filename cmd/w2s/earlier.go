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

// A configuration can be compared with an earlier result. Config, ChainConfig and TransferConfig of package experiment are
// configurations.
type configuration interface {
	Validate() error
	Differences(*result.Result) []string
}

// earlier reads the result file, unless there is none or --again is given. differs tells why the result belongs to another
// experiment; it is empty if the result belongs to x. A damaged file is an error, so it is not overwritten.
func (f *experimentFlags) earlier(x configuration) (r *result.Result, differs []string, err error) {
	if err := x.Validate(); err != nil {
		return nil, nil, err
	}
	_, err = os.Stat(f.out)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		return nil, nil, usagef("--out: %w", err)
	}
	// An experiment may take days, so whatever would keep its result from being stored is reported first.
	if err := checkOutput(f.out); err != nil {
		return nil, nil, err
	}
	if absent || f.again {
		return nil, nil, nil
	}
	if r, err = result.Load(f.out); err != nil {
		return nil, nil, fmt.Errorf("%w (overwrite it with --again, or name another file with --out)", err)
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

// refuse returns the error for a result file that holds another experiment.
func (f *experimentFlags) refuse(differs []string) error {
	return usagef("--out %s: it holds another experiment (name another file, or overwrite it with --again)\n  %s", f.out, strings.Join(differs, "\n  "))
}

// previous returns the earlier result of the same experiment, or nil. If the result file holds another experiment, previous
// refuses a file that the user named, and notes another name for the content of the default file. store renames it.
func (f *experimentFlags) previous(x configuration) (*result.Result, error) {
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

// resume sets up env to continue an earlier result of the same experiment, which may be nil, and to store the result after
// every task. With --heads it trains everything again, because result files hold no heads.
func (f *experimentFlags) resume(a *app, env *experiment.Env, previous *result.Result) {
	env.Finished = func(r *result.Result) error { return a.store(f, r) }
	if previous == nil || f.heads != "" {
		return
	}
	env.Previous = previous
	if previous.Program != program() {
		a.progress().Print(fmt.Sprintf("note: %s wrote %s, this is %s; finished tasks are kept (--again trains them again)",
			previous.Program, f.out, program()))
	}
}

// asideName returns a free file name for an earlier result: the name of its file with the time when it was created.
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

// store writes the result file. It first renames the earlier result of another experiment, if previous found one.
func (a *app) store(f *experimentFlags, r *result.Result) error {
	if f.aside != "" {
		if err := os.Rename(f.out, f.aside); err != nil {
			return fmt.Errorf("keeping the earlier result: %w (choose another file with --out)", err)
		}
		a.note("the earlier result, of another experiment, is now %s", f.aside)
		f.aside = ""
	}
	r.Program, r.Command = program(), append([]string{"w2s"}, a.args...)
	if err := r.Save(f.out); err != nil {
		return fmt.Errorf("%w (choose another file with --out)", err)
	}
	return nil
}
