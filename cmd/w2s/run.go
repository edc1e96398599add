package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/harness/experiment"
	"w2s/harness/label"
	"w2s/harness/metric"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/tasks"
)

// An experimentFlags holds the flags that run, sweep, chain, transfer and study share.
type experimentFlags struct {
	tasks, losses, treatments []string
	heads                     string
	alphas, l2                []float64
	seeds, train, test        int
	held                      float64
	metric                    string
	out, format               string
	resamples                 int
	texts, json, again        bool

	flags *pflag.FlagSet
	aside string // name for an earlier result that must be kept; "": there is none
}

func (f *experimentFlags) register(fs *pflag.FlagSet, out string) {
	f.flags = fs
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "labels" { // the former name of --treatment
			name = "treatment"
		}
		return pflag.NormalizedName(name)
	})
	fs.StringArrayVar(&f.tasks, "task", defaultTasks, "`task` by name, or a file with text and label: .jsonl, .csv, .tsv, .parquet, .yaml (repeatable)")
	fs.StringArrayVar(&f.losses, "loss", defaultLosses, "student `loss`, with settings after colons: logconf:alpha=0.75 (repeatable)")
	fs.Float64SliceVar(&f.alphas, "alpha", nil, "alpha of every loss that has one and does not set it; several try each (default: the loss's own, 0.5)")
	fs.StringArrayVar(&f.treatments, "treatment", []string{"soft"}, "`treatment` of the weak labels: "+treatmentNames()+" (repeatable)")
	fs.IntVar(&f.seeds, "seeds", 3, "how many seeds; each cuts the training pool into halves of its own")
	fs.IntVar(&f.train, "train", 0, "training examples, both halves together (default: 2000, or all there are)")
	fs.IntVar(&f.test, "test", 0, "test examples (default: 800, or a quarter of small data)")
	fs.Float64SliceVar(&f.l2, "l2", nil, "penalties to choose from on held-out labels (default: 0.01 to 10)")
	fs.Float64Var(&f.held, "held", experiment.DefaultHeld, "share of a head's training examples that its penalty is chosen on")
	registerMetric(fs, &f.metric)
	fs.IntVar(&f.resamples, "resamples", 0, "bootstrap resamples (default 2000)")
	fs.StringVar(&f.out, "out", out, "result `file`; a file that holds another experiment is not overwritten")
	fs.BoolVar(&f.again, "again", false, "start from scratch and overwrite the result file, whatever it holds")
	fs.StringVar(&f.heads, "heads", "", "keep every trained head in this `folder`: .safetensors, and .onnx from the encoder's output to logits")
	fs.BoolVar(&f.texts, "texts", true, "keep the test texts in the result file, for the report")
	fs.StringVar(&f.format, "format", "text", "table format: text, markdown, csv, latex, html, json")
	fs.BoolVar(&f.json, "json", false, "print the rows of the table as JSON")
}

// mostSeeds bounds --seeds, so a typing error does not fill the memory.
const mostSeeds = 10000

// seeds returns the first n seeds.
func seeds(n int) ([]uint64, error) {
	if n < 1 || n > mostSeeds {
		return nil, usagef("--seeds %d: want 1 or more, up to %d", n, mostSeeds)
	}
	list := make([]uint64, n)
	for i := range list {
		list[i] = uint64(i)
	}
	return list, nil
}

// checkSummary reports what is wrong with --metric, --resamples and --level.
func checkSummary(o summary.Options) error {
	var faults []error
	if _, err := metric.Lookup(o.Metric); err != nil {
		faults = append(faults, usagef("--metric: %w", err))
	}
	if o.Resamples < 0 {
		faults = append(faults, usagef("--resamples %d: want 1 or more, or 0 for the default", o.Resamples))
	}
	if !(o.Level > 0 && o.Level < 1) {
		faults = append(faults, usagef("--level %v: want a share between 0 and 1, such as 0.95", o.Level))
	}
	return errors.Join(faults...)
}

// checkFormat reports a --format that tables do not have.
func checkFormat(format string) error {
	if !slices.Contains(table.Formats, format) {
		return usagef("--format %q: want one of %v", format, table.Formats)
	}
	return nil
}

// summary returns how the figures of an experiment are computed.
func (f *experimentFlags) summary() summary.Options {
	return summary.Options{Metric: tasks.Metric(f.metric), Resamples: f.resamples, Level: stats.Level}
}

// config opens everything that the flags name, and reports all faults together.
func (f *experimentFlags) config(ctx context.Context, a *app, models []string, pairs []result.Pair) (experiment.Config, error) {
	c := experiment.Config{Train: f.train, Test: f.test, L2: f.l2, Held: f.held, KeepTexts: f.texts}
	var faults []error
	fault := func(err error) { faults = append(faults, err) }
	var err error
	if c.Seeds, err = seeds(f.seeds); err != nil {
		fault(err)
	}
	if !(f.held > 0 && f.held < 1) {
		fault(usagef("--held %v: want a share between 0 and 1", f.held))
	}
	if err := checkSummary(f.summary()); err != nil {
		fault(err)
	}
	if err := checkFormat(f.format); err != nil {
		fault(err)
	}
	if c.Tasks, err = openTasks(f.tasks); err != nil {
		fault(err)
	}
	if m, err := metric.Lookup(tasks.Metric(f.metric)); err == nil {
		for _, t := range c.Tasks {
			if i := t.Info(); !m.Has(i.Form) {
				fault(usagef("--metric %s: task %s is a %s task, which has no %s", m.Name, i.Name, i.Form, m.Name))
			}
		}
	}
	if c.Losses, err = parseLosses(f.losses, f.alphas); err != nil {
		fault(err)
	}
	for _, text := range f.treatments {
		t, err := label.Parse(text)
		if err != nil {
			fault(oneEach("treatment", text, err))
			continue
		}
		c.Treatments = append(c.Treatments, t)
	}
	opened, err := a.models(ctx, models)
	if err != nil {
		fault(err)
	}
	if len(faults) > 0 {
		return c, errors.Join(faults...)
	}
	c.Models = opened
	// Pairs name checkpoints as the user does. The experiment names them by their short names.
	own := func(name string) string { return opened[slices.Index(models, name)].Name }
	for _, p := range pairs {
		c.Pairs = append(c.Pairs, result.Pair{Weak: own(p.Weak), Strong: own(p.Strong)})
	}
	return c, nil
}

// registerMetric registers --metric.
func registerMetric(fs *pflag.FlagSet, to *string) {
	var about []string
	for _, m := range metric.All() {
		about = append(about, fmt.Sprintf("%s (%s)", m.Name, m.About))
	}
	fs.StringVar(to, "metric", metric.Names()[0], strings.Join(about, "; "))
}

// treatmentNames lists the treatments for help, in the form in which they are written.
func treatmentNames() string {
	var forms []string
	for _, t := range label.Treatments() {
		forms = append(forms, t.Form)
	}
	return strings.Join(forms, ", ")
}

func newRunCommand(a *app) *cobra.Command {
	var f experimentFlags
	var weak, strong string
	c := &cobra.Command{
		Use:   "run",
		Short: "One pair of models: weak floor, student for every loss, strong ceiling, PGR",
		Long: `Trains a weak supervisor on gold labels of one half of the training pool, lets it
label the other half, trains the strong model's head on these weak labels with
every loss, and compares on test examples with the strong model trained on gold.

What is missing (the ONNX Runtime library, checkpoints, data) is fetched first.
Every text is encoded once for each checkpoint; a rerun uses the cache.`,
		Example: `  w2s run
  w2s run --weak wordllama-64 --strong e5-small-v2 --task movies --task amazon
  w2s run --weak ./my-small --strong ./my-large --task reviews.jsonl --loss xent --loss logconf:alpha=0.75
  w2s run --task chess-mate1                      (models and positions are part of the program)
  w2s run --json --quiet > rows.json`,
	}
	c.RunE = a.closing(func(ctx context.Context, _ []string) error {
		fitCheckpoints(c.Flags(), f.tasks, &weak, &strong, nil)
		cfg, err := f.config(ctx, a, distinct(weak, strong), []result.Pair{{Weak: weak, Strong: strong}})
		if err != nil {
			return err
		}
		if _, err := f.keepEarlier(cfg); err != nil {
			return err
		}
		return a.experiment(ctx, &f, func(env experiment.Env) (*result.Result, error) { return experiment.Run(ctx, cfg, env) })
	})
	c.Flags().StringVar(&weak, "weak", defaultWeak, "weak supervisor's `checkpoint`: "+checkpointForms)
	c.Flags().StringVar(&strong, "strong", defaultStrong, "strong student's `checkpoint`")
	f.register(c.Flags(), "w2s-results/run.json")
	return c
}

// experiment calls run, stores its result and prints the table. If a task failed, the others are still printed.
func (a *app) experiment(ctx context.Context, f *experimentFlags, run func(experiment.Env) (*result.Result, error)) error {
	env, err := f.env(ctx, a)
	if err != nil {
		return err
	}
	result, failed := run(env)
	return a.conclude(ctx, f, result, failed, func() (any, *table.Table, error) {
		rows, err := summary.Rows(result, f.summary())
		return rows, table.PGR(rows), err
	})
}

// conclude stores a result and prints what show makes of it: rows for --json, otherwise a table. failed is the error of the
// tasks that are not in the result. The result of an interrupted experiment is stored and not printed.
func (a *app) conclude(ctx context.Context, f *experimentFlags, result *result.Result, failed error, show func() (rows any, t *table.Table, err error)) error {
	if result == nil || len(result.Tasks) == 0 {
		return failed
	}
	if err := a.moveAside(f); err != nil {
		return errors.Join(failed, err)
	}
	if err := a.save(result, f.out); err != nil || ctx.Err() != nil {
		return errors.Join(failed, err)
	}
	rows, t, err := show()
	if err != nil {
		return errors.Join(failed, err)
	}
	if f.json {
		return errors.Join(failed, a.printJSON(rows))
	}
	if err := table.Write(a.out, f.format, t); err != nil {
		return errors.Join(failed, err)
	}
	a.note("result file: %s", f.out)
	return failed
}

// save stores a result under the command line that made it.
func (a *app) save(r *result.Result, path string) error {
	r.Program, r.Command = program(), append([]string{"w2s"}, a.args...)
	if err := r.Save(path); err != nil {
		return fmt.Errorf("%w (choose another file with --out)", err)
	}
	return nil
}

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func distinct(names ...string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
