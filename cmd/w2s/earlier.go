package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"w2s/harness/experiment"
	"w2s/harness/result"
)

// A configuration can be compared with an earlier result. Config, ChainConfig and TransferConfig of package experiment are
// configurations.
type configuration interface {
	Validate() error
	Differences(*result.Result) []string
}

// A resultFile is the file that an experiment stores its result in.
type resultFile struct {
	path string
	// seen is the file as this command read or wrote it last; nil: there was none. If the file has changed since, another
	// process wrote it.
	seen     fs.FileInfo
	earlier  *result.Result // that was in the file at the start; nil: none, or it may be overwritten
	other    bool           // earlier belongs to another experiment
	conflict error          // why the result is not at the path that the user named; nil: it is
}

// open checks that the result of x can be stored, locks the file until the command ends, and reads the earlier result,
// unless there is none or --again is given. differs tells why the result belongs to another experiment; it is empty if the
// result belongs to x. A damaged file is an error, so it is not overwritten. Without lock, nothing is locked or made.
func (f *experimentFlags) open(a *app, x configuration, lock bool) (r *result.Result, differs []string, err error) {
	if err := x.Validate(); err != nil {
		return nil, nil, err
	}
	f.file = resultFile{path: f.out}
	if err := errors.Join(checkFolder("--heads", f.heads), checkFolder("--plots", f.plots),
		a.checkClash(output{flag: "--out", path: f.out}, headsFolder(f.heads), plotFolder(f.plots))); err != nil {
		return nil, nil, err
	}
	if f.out == stdout {
		if f.plots != "" {
			return nil, nil, usagef("--out -: standard output takes the result, and there are no charts: leave out --plots (w2s report --plots draws them of a result file)")
		}
		if f.json {
			return nil, nil, usagef("--out -: standard output takes the result, and --json prints the rows there: give one of them")
		}
		return nil, nil, nil
	}
	// An experiment may take days, so whatever would keep its result from being stored is reported first.
	if err := a.checkOutput("--out", f.out); err != nil {
		return nil, nil, err
	}
	if lock {
		if err := a.lock("--out", f.out); err != nil {
			return nil, nil, err
		}
	}
	f.file.look()
	if f.file.seen == nil || f.again {
		return nil, nil, nil
	}
	if r, err = result.Load(f.out); err != nil {
		return nil, nil, fmt.Errorf("%w (overwrite it with --again, or name another file with --out)", err)
	}
	return r, x.Differences(r), nil
}

// refuse returns the error for a result file that holds another experiment.
func (f *experimentFlags) refuse(differs []string) error {
	return usagef("--out %s: it holds another experiment (name another file, or overwrite it with --again)\n  %s", f.out, strings.Join(differs, "\n  "))
}

// previous reads the earlier result of the same experiment, if there is one. If the result file holds another experiment, previous
// refuses a file that the user named. store gives the content of the default file another name.
func (f *experimentFlags) previous(a *app, x configuration) error {
	r, differs, err := f.open(a, x, true)
	if err != nil {
		return err
	}
	f.file.earlier = r
	if len(differs) == 0 {
		return nil
	}
	if f.flags.Changed("out") {
		return f.refuse(differs)
	}
	f.file.other = true
	return nil
}

// resume sets up env to continue the earlier result of the same experiment, if there is one, and to store the result after
// every task. With --heads it trains everything again, because result files hold no heads.
func (f *experimentFlags) resume(a *app, env *experiment.Env) {
	if f.out != stdout {
		env.Finished = func(r *result.Result) error { return a.store(f, r) }
	}
	earlier := f.file.earlier
	if earlier == nil || f.file.other || f.heads != "" {
		return
	}
	env.Previous = earlier
	if earlier.Program != program() {
		a.progress().Print(fmt.Sprintf("note: %s wrote %s, this is %s; finished tasks are kept (--again trains them again)",
			earlier.Program, f.out, program()))
	}
}

// look notes the file as it is now.
func (o *resultFile) look() {
	o.seen = nil
	if info, err := os.Stat(o.path); err == nil {
		o.seen = info
	}
}

// changed reports whether another process wrote the file since look.
func (o *resultFile) changed() bool {
	now, err := os.Stat(o.path)
	if err != nil {
		return false
	}
	return o.seen == nil || !os.SameFile(now, o.seen) || now.Size() != o.seen.Size() || !now.ModTime().Equal(o.seen.ModTime())
}

// loses reports whether r lacks something that the earlier result has: it belongs to another experiment, or it has a task of
// the same name with other data.
func (o *resultFile) loses(r *result.Result) bool {
	if o.earlier == nil || o.other {
		return o.other
	}
	return slices.ContainsFunc(o.earlier.Tasks, func(old result.Task) bool {
		now, ok := r.Work(old.Name)
		return ok && (now.Task.Digest != old.Digest || !slices.Equal(now.Task.TestIDs, old.TestIDs))
	})
}

// store writes the result file, and loses no other result: it renames an earlier one that r does not continue, and it does not
// overwrite what another process wrote while this one ran.
func (a *app) store(f *experimentFlags, r *result.Result) error {
	o := &f.file
	f.stamp(a, r)
	switch {
	case o.changed():
		path := freeName(o.path, r.Created)
		o.conflict = fmt.Errorf("--out %s: another process wrote this file while the command ran, so its result is in %s", f.out, path)
		o.path, o.earlier, o.other = path, nil, false
	case o.loses(r):
		what := "of another experiment"
		if !o.other {
			what = "of other data"
		}
		if err := a.keep(o, what); err != nil {
			return err
		}
	}
	if err := r.Save(o.path); err != nil {
		return fmt.Errorf("%w (choose another file with --out)", err)
	}
	o.look()
	return nil
}

// keep renames the earlier result, if it is still there.
func (a *app) keep(o *resultFile, what string) error {
	earlier := o.earlier
	o.earlier, o.other = nil, false
	name, err := setAside(o.path, earlier.Created)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("keeping the earlier result: %w (choose another file with --out)", err)
	}
	a.note("the earlier result, %s, is now %s", what, name)
	return nil
}
