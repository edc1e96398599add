package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/fixtures"
	"w2s/harness/experiment"
	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/internal/catalog"
	"w2s/internal/progress"
	"w2s/onnx"
	"w2s/tasks"
)

// app is what all commands share: the output streams, the global flags, and what is opened on their account.
type app struct {
	out, errOut io.Writer
	args        []string // the command line, for the result file
	cache       string
	library     string
	provider    string
	threads     int
	runtimeOnly bool
	local       []string
	data        []string
	offline     bool
	quiet       bool

	reporter progress.Reporter
	store    *catalog.Catalog
	runtime  *onnx.Runtime
	closers  []func() error
}

func (a *app) globalFlags(f *pflag.FlagSet) {
	f.StringVar(&a.cache, "cache", "", "cache `folder` (default: W2S_CACHE, or w2s in the user's cache folder)")
	f.StringVar(&a.library, "onnxruntime", "", "`path` of the ONNX Runtime library (default: W2S_ONNXRUNTIME, the system, the cache, or fetched)")
	f.StringVar(&a.provider, "provider", "cpu", "execution `provider`: "+strings.Join(onnx.Providers(), ", "))
	f.IntVar(&a.threads, "threads", 0, "processors to use for encoding, 0 for all")
	f.BoolVar(&a.runtimeOnly, "runtime-only", false, "leave everything to ONNX Runtime's own kernels, also where the processor has a tile unit (AMX)")
	f.StringArrayVar(&a.local, "local", nil, "`folder` with package archives that were brought in by hand (repeatable)")
	f.StringArrayVar(&a.data, "data", nil, "`folder` with data sets that take the place of downloads: sst2-train.tsv, ORG/NAME/FILE.parquet (repeatable)")
	f.BoolVar(&a.offline, "offline", false, "fetch nothing: use what is in the cache")
	f.BoolVar(&a.quiet, "quiet", false, "no progress, only results and errors")
}

// progress is where long work reports to.
func (a *app) progress() progress.Reporter {
	if a.reporter == nil {
		a.reporter = progress.New(a.errOut, a.quiet)
	}
	return a.reporter
}

// catalog opens the cache folder and what is pinned.
func (a *app) catalog() (*catalog.Catalog, error) {
	if a.store != nil {
		return a.store, nil
	}
	c, err := catalog.Open(catalog.Options{
		CacheDir: a.cache, Offline: a.offline, Local: a.local, Report: a.progress(), Static: onnx.BuildStatic,
		Embedded: fixtures.Checkpoints(),
	})
	a.store = c
	return c, err
}

// source is where tasks read their data: the folders of --data, then the catalog.
func (a *app) source() (tasks.Source, error) {
	c, err := a.catalog()
	if err != nil {
		return nil, err
	}
	var source tasks.Source = c
	for i := len(a.data) - 1; i >= 0; i-- {
		if info, err := os.Stat(a.data[i]); err != nil || !info.IsDir() {
			return nil, usagef("--data %s: no such folder", a.data[i])
		}
		source = tasks.Local(a.data[i], source)
	}
	return source, nil
}

// openRuntime finds or fetches the ONNX Runtime library and opens it, once.
func (a *app) openRuntime(ctx context.Context) (*onnx.Runtime, error) {
	if a.runtime != nil {
		return a.runtime, nil
	}
	c, err := a.catalog()
	if err != nil {
		return nil, err
	}
	lib, err := c.Runtime(ctx, a.library)
	if err != nil {
		return nil, err
	}
	if a.runtime, err = onnx.OpenRuntime(lib.Path); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, a.runtime.Close)
	return a.runtime, nil
}

// close gives back what was opened, the last first.
func (a *app) close() error {
	var faults []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		faults = append(faults, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(faults...)
}

// models opens several checkpoints, each once, and reports all faults together.
func (a *app) models(ctx context.Context, names []string) ([]experiment.Model, error) {
	var models []experiment.Model
	var faults []error
	for _, name := range names {
		m, err := a.model(ctx, name)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			if !slices.ContainsFunc(faults, func(f error) bool { return f.Error() == err.Error() }) { // the same for each
				faults = append(faults, err)
			}
			continue
		}
		models = append(models, m)
	}
	shorten(models)
	return models, errors.Join(faults...)
}

// shorten names checkpoints that are folders by the folder's own name, where no two have the same.
func shorten(models []experiment.Model) {
	count := map[string]int{}
	for _, m := range models {
		count[filepath.Base(m.Name)]++
	}
	for i, m := range models {
		if base := filepath.Base(m.Name); filepath.IsAbs(m.Name) || strings.HasPrefix(m.Name, ".") || filepath.Dir(m.Name) != "." {
			if count[base] == 1 && !strings.HasPrefix(m.Name, "hf:") {
				models[i].Name = base
			}
		}
	}
}

// env is what an experiment needs of this machine.
func (a *app) env(ctx context.Context) (experiment.Env, error) {
	c, err := a.catalog()
	if err != nil {
		return experiment.Env{}, err
	}
	if _, err := a.openRuntime(ctx); err != nil {
		return experiment.Env{}, err
	}
	source, err := a.source()
	if err != nil {
		return experiment.Env{}, err
	}
	features, err := openFeatures(c)
	if err != nil {
		return experiment.Env{}, err
	}
	product, err := onnx.NewMatMul(a.threads)
	if err != nil {
		return experiment.Env{}, err
	}
	a.closers = append(a.closers, product.Close)
	return experiment.Env{
		Source:   source,
		Features: features,
		Progress: a.progress(),
		Multiplier: func(x []float32, rows, dims int) (head.Multiplier, error) {
			return product.Over(x, rows, dims)
		},
	}, nil
}

// openTasks opens built-in tasks and files, and reports all faults together.
func openTasks(names []string) ([]tasks.Task, error) {
	var list []tasks.Task
	var faults []error
	for _, n := range names {
		t, err := tasks.Open(n)
		if err != nil {
			faults = append(faults, oneEach("task", n, err))
			continue
		}
		list = append(list, t)
	}
	return list, errors.Join(faults...)
}

// oneEach is what is wrong with a flag's value; where it looks like a list, it says how several are given.
func oneEach(flag, value string, err error) error {
	if parts := strings.Split(value, ","); len(parts) > 1 {
		return usagef("--%s %q: several take a flag each: --%s %s (%w)", flag, value, flag, strings.Join(parts, " --"+flag+" "), err)
	}
	return usageError{err}
}

// parseLosses reads losses; alpha, where it is given, goes to every loss that has one and does not name it itself. It is
// a fault where no loss has one.
func parseLosses(texts []string, alphas []float64) ([]loss.Loss, error) {
	named := map[string]bool{} // losses with an alpha
	for _, l := range loss.All() {
		for _, s := range l.Settings {
			named[l.Name] = named[l.Name] || s.Name == "alpha"
		}
	}
	var losses []loss.Loss
	var faults []error
	needless := len(alphas) > 0
	for _, text := range texts {
		variants := []string{text}
		name, _, _ := strings.Cut(text, ":")
		needless = needless && !named[name]
		if named[name] && !strings.Contains(text, "alpha=") && len(alphas) > 0 {
			variants = nil
			for _, alpha := range alphas {
				variants = append(variants, text+":alpha="+strconv.FormatFloat(alpha, 'g', -1, 64))
			}
		}
		for _, v := range variants {
			loss, err := loss.Parse(v)
			if err != nil {
				faults = append(faults, oneEach("loss", text, err))
				continue
			}
			losses = append(losses, loss)
		}
	}
	if needless && len(faults) == 0 {
		faults = append(faults, usagef("--alpha: no loss of %s has one", strings.Join(texts, ", ")))
	}
	return losses, errors.Join(faults...)
}

// closing is a command's RunE that closes what the command opened.
func (a *app) closing(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		err := f(c.Context(), args)
		if closed := a.close(); closed != nil && err == nil {
			err = fmt.Errorf("closing: %w", closed)
		}
		return err
	}
}
