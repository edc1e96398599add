package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/fixtures"
	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/loss"
	"w2s/harness/vectorfile"
	"w2s/internal/catalog"
	"w2s/internal/fetch"
	"w2s/internal/gpu"
	"w2s/internal/list"
	"w2s/internal/progress"
	"w2s/onnx"
	"w2s/tasks"
)

// An app holds what all commands share: the output streams, the global flags, and what they open.
type app struct {
	out, errOut io.Writer
	args        []string // the command line, for the result file

	// Global flags.
	cache       string
	library     string
	provider    string
	devices     []int  // numbers of cards
	products    string // precision of products
	threads     int
	runtimeOnly bool
	layer       layerFlag
	truncate    string
	local       []string
	prefer      string
	data        []string
	maxUnpacked byteSize
	cacheLimit  byteSize // 0: none
	precision   string   // of features
	offline     bool
	quiet       bool

	inputs []input // see reads

	elsewhere bool // models run on other machines
	dryRun    bool // models need not run here

	try func(context.Context, *place) error // tryInChild; tests of machines with a card replace it

	// Opened on first use.
	reporter    progress.Reporter
	opened      *catalog.Catalog
	place       *place // see placed
	runtime     *onnx.Runtime
	vectorFiles map[string]*vectorfile.File // by path
	closers     []func() error
}

func (a *app) globalFlags(f *pflag.FlagSet) {
	f.StringVar(&a.cache, "cache", "", "cache `folder` (default: W2S_CACHE, or w2s in the user's cache folder)")
	f.StringVar(&a.library, "onnxruntime", "",
		"`path` of the ONNX Runtime library (default: W2S_ONNXRUNTIME, the system's, or the cache's, which is fetched if missing)")
	f.StringVar(&a.provider, "provider", string(onnx.CPU), "execution `provider`: "+strings.Join(providerNames(), ", ")+
		" (auto: cuda if a card works, else cpu)")
	f.IntSliceVar(&a.devices, "devices", nil, "`numbers` of the cards that --provider cuda spreads texts over, such as 0,1 (default: the first card)")
	f.StringVar(&a.products, "precision", string(onnx.Auto), "`precision` of the matrix products of models made from safetensors: float32, float16, "+
		"or auto, which is float16 on a graphics card if the weights are half")
	f.IntVar(&a.threads, "threads", 0, "`number` of threads that encode, 0 for all processors")
	f.BoolVar(&a.runtimeOnly, "runtime-only", false, "use only ONNX Runtime's own kernels, not w2s's for the tile unit (AMX) and the vector unit (AVX-512) of the processor")
	f.Var(&a.layer, "layer", "`number` of the layer whose states are used, for models without @layer: 0 is the embedding, -1 the last layer"+
		" (default: the checkpoint's own output)")
	f.StringVar(&a.truncate, "truncate", "", "end at which texts are cut that exceed a model's longest input: `left` or right "+
		"(default: the checkpoint's setting, usually right)")
	f.StringArrayVar(&a.local, "local", nil, "`folder` with package archives that were downloaded by hand (repeatable)")
	f.StringVar(&a.prefer, "prefer", "", "`form` to download if a hub repository has both: onnx or safetensors "+
		"(default: the form that is in the cache, or else an ONNX export that gives vectors of texts)")
	f.StringArrayVar(&a.data, "data", nil,
		"`folder` with data sets to use instead of downloads: sst2-train.tsv, ORG/NAME/FILE.parquet (repeatable)")
	a.maxUnpacked = tasks.DefaultUnpacked
	f.Var(&a.maxUnpacked, "max-unpacked", "`size` that the files of one task may have together after decompression; "+
		"their examples may take a quarter of it in memory")
	f.Var(&a.cacheLimit, "cache-limit", "`size` of the feature cache, such as 20GiB: when a command ends, the least recently used vectors are removed "+
		"until the cache fits this size; vectors that a process is using are never removed (default: no limit)")
	f.StringVar(&a.precision, "feature-precision", precise, "`type` of features: float32, or float16, which takes half the space in the cache, under a key of its own")
	f.BoolVar(&a.offline, "offline", false, "download nothing, use only what the cache holds")
	f.BoolVar(&a.quiet, "quiet", false, "print results and errors only, no progress")
}

// progress returns the reporter of long work.
func (a *app) progress() progress.Reporter {
	if a.reporter == nil {
		a.reporter = plainReporter{progress.New(a.errOut, a.quiet)}
	}
	return a.reporter
}

// catalog opens the catalog of checkpoints, data and libraries over the cache folder.
func (a *app) catalog() (*catalog.Catalog, error) {
	if a.opened != nil {
		return a.opened, nil
	}
	prefer := fetch.Form(a.prefer)
	if prefer != "" && prefer != fetch.ONNX && prefer != fetch.Safetensors {
		return nil, usagef("--prefer %q: want %s or %s", a.prefer, fetch.ONNX, fetch.Safetensors)
	}
	c, err := catalog.Open(catalog.Options{
		CacheDir: a.cache, Offline: a.offline, Local: a.local, Report: a.progress(), Static: onnx.BuildStatic,
		Embedded: fixtures.Checkpoints(), Prefer: prefer, CheckONNX: onnx.CheckModel,
	})
	a.opened = c
	return c, err
}

// limits returns the limits on reading the files of a task.
func (a *app) limits() tasks.Limits { return tasks.Limits{Unpacked: int64(a.maxUnpacked)} }

// source returns where tasks read their data from: the folders of --data in their order, then the catalog.
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
	return tasks.WithLimits(source, a.limits()), nil
}

// openRuntime opens the ONNX Runtime library that --provider needs, once. It fetches the library for processors if this machine has none.
func (a *app) openRuntime(ctx context.Context) (*onnx.Runtime, error) {
	if a.runtime != nil {
		return a.runtime, nil
	}
	a.limitThreads()
	p, err := a.placed(ctx)
	if err != nil {
		return nil, err
	}
	if err := gpu.Preload(p.needs); err != nil {
		return nil, err
	}
	if a.runtime, err = onnx.OpenRuntime(p.library.Path); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, a.runtime.Close)
	return a.runtime, nil
}

// limitThreads lowers --threads to the number of processors.
func (a *app) limitThreads() {
	if have := runtime.NumCPU(); a.threads > have {
		a.note("note: --threads %d: %d threads encode, one for each processor", a.threads, have)
		a.threads = have
	}
}

// close closes what was opened, in reverse order.
func (a *app) close() error {
	var faults []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		faults = append(faults, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(faults...)
}

// models opens checkpoints and reports all faults together.
func (a *app) models(ctx context.Context, names []string) ([]experiment.Model, error) {
	var models []experiment.Model
	var faults []error
	if a.threads < 0 { // files of vectors need no threads, and find says the same
		faults = append(faults, errThreads(a.threads))
	}
	for _, name := range names {
		m, err := a.model(ctx, name)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			if !slices.ContainsFunc(faults, func(f error) bool { return f.Error() == err.Error() }) { // a faulty flag is the same for every checkpoint
				faults = append(faults, err)
			}
			continue
		}
		models = append(models, m)
	}
	for i, short := range shorten(list.Map(models, func(m experiment.Model) string { return m.Name })) {
		if m := &models[i]; short != m.Name {
			m.Name = short
			if m.Layer != nil {
				m.Layer.Of = shortModel(m.Layer.Of)
			}
		}
	}
	a.joinLayers(models)
	if err := a.halve(models); err != nil {
		faults = append(faults, err)
	}
	return models, errors.Join(faults...)
}

// Values of --feature-precision.
const (
	precise   = "float32"
	halfExact = "float16"
)

// halve rounds the features of models if --feature-precision says so. Vectors from files stay as they are.
func (a *app) halve(models []experiment.Model) error {
	switch a.precision {
	case precise:
		return nil
	case halfExact:
	default:
		return usagef("--feature-precision %q: want %s or %s", a.precision, precise, halfExact)
	}
	for i := range models {
		m := &models[i]
		if _, ok := m.Encoder.(feature.Lookup); ok {
			continue
		}
		m.Encoder = feature.Half{Encoder: m.Encoder}
		if m.Pass != nil {
			m.Pass = feature.HalfPass{Pass: m.Pass}
		}
		m.Description["feature precision"] = halfExact
	}
	return nil
}

// shorten replaces the paths of a checkpoint folder and of an adapter in each name by their last elements, if no other name then is
// the same. What says the kind of a supervisor stays.
func shorten(names []string) []string {
	base := func(name string) string {
		kind, path := cutSupervisor(name)
		if kind == nil {
			return shortModel(path)
		}
		return kind.name + ":" + shortName(path)
	}
	count := map[string]int{}
	for _, name := range names {
		count[base(name)]++
	}
	return list.Map(names, func(name string) string {
		if short := base(name); count[short] == 1 {
			return short
		}
		return name
	})
}

// shortModel returns a model's name with the last elements of its paths, and what says that it is a file of vectors.
func shortModel(name string) string {
	if file, ok := cutVectors(name); ok {
		return vectorsPrefix + shortName(file)
	}
	return shortName(name)
}

// shortName returns a model's name with the last elements of its paths.
func shortName(name string) string {
	checkpoint, adapter, adapted := strings.Cut(name, "@adapter=")
	if !strings.HasPrefix(checkpoint, "hf:") {
		checkpoint = filepath.Base(checkpoint)
	}
	if adapted {
		checkpoint += "@adapter=" + filepath.Base(adapter)
	}
	return checkpoint
}

// env returns what an experiment needs from this machine.
func (a *app) env(ctx context.Context) (experiment.Env, error) {
	if _, err := a.openRuntime(ctx); err != nil {
		return experiment.Env{}, err
	}
	source, err := a.source()
	if err != nil {
		return experiment.Env{}, err
	}
	features, err := a.usedFeatures()
	if err != nil {
		return experiment.Env{}, err
	}
	a.closers = append(a.closers, func() error {
		if err := features.Check(); err != nil { // the results do not depend on the cache any more
			a.progress().Print("note: " + err.Error())
		}
		return nil
	})
	return experiment.Env{Source: source, Features: features, Progress: a.progress()}, nil
}

// openTasks opens built-in tasks, files and data sets on the hub, and reports all faults together.
func (a *app) openTasks(ctx context.Context, names []string) ([]tasks.Task, error) {
	var list []tasks.Task
	var faults []error
	for _, n := range names {
		t, err := a.openTask(ctx, n)
		if err != nil {
			faults = append(faults, valueFault("task", n, err))
			continue
		}
		list = append(list, t)
	}
	return list, errors.Join(faults...)
}

func (a *app) openTask(ctx context.Context, name string) (tasks.Task, error) {
	var source tasks.Source // of data sets on the hub
	if strings.HasPrefix(name, "hf:") {
		var err error
		if source, err = a.source(); err != nil {
			return nil, err
		}
	}
	return tasks.OpenFrom(ctx, source, name)
}

// valueFault returns the error for a value of a repeatable flag. If the value looks like a list, it shows how to give several.
func valueFault(flag, value string, err error) error {
	if parts := strings.Split(value, ","); len(parts) > 1 {
		return usagef("--%s %q: give several as --%s %s (%w)", flag, value, flag, strings.Join(parts, " --"+flag+" "), err)
	}
	return usageError{err}
}

// parseLosses reads losses. Each loss that has an alpha and does not set it is returned once for every value in alphas. It
// is an error if alphas are given and no loss has one.
func parseLosses(texts []string, alphas []float64) ([]loss.Loss, error) {
	hasAlpha := map[string]bool{} // by the name of a loss
	for _, l := range loss.All() {
		hasAlpha[l.Name] = slices.ContainsFunc(l.Settings, func(s loss.Setting) bool { return s.Name == "alpha" })
	}
	var losses []loss.Loss
	var faults []error
	unused := len(alphas) > 0
	for _, text := range texts {
		variants := []string{text}
		name, _, _ := strings.Cut(text, ":")
		unused = unused && !hasAlpha[name]
		if hasAlpha[name] && !strings.Contains(text, "alpha=") && len(alphas) > 0 {
			variants = nil
			for _, alpha := range alphas {
				variants = append(variants, text+":alpha="+strconv.FormatFloat(alpha, 'g', -1, 64))
			}
		}
		for _, v := range variants {
			loss, err := loss.Parse(v)
			if err != nil {
				faults = append(faults, valueFault("loss", text, err))
				continue
			}
			losses = append(losses, loss)
		}
	}
	if unused && len(faults) == 0 {
		faults = append(faults, usagef("--alpha: none of the losses has an alpha (%s)", strings.Join(texts, ", ")))
	}
	return losses, errors.Join(faults...)
}

// runE returns f as the RunE of a command. It closes what the command opened.
func (a *app) runE(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		err := f(c.Context(), args)
		if closed := a.close(); closed != nil && err == nil {
			err = fmt.Errorf("closing models: %w", closed)
		}
		return err
	}
}
