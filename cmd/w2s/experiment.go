package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"w2s/harness/experiment"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/metric"
	"w2s/harness/report"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/harness/supervisor"
	"w2s/harness/table"
	"w2s/internal/list"
	"w2s/internal/suggest"
	"w2s/internal/visible"
	"w2s/tasks"
)

// An experimentFlags holds the flags that run, sweep, chain, transfer and study share.
type experimentFlags struct {
	dataFlags
	summaryFlags
	losses, treatments []string
	classMap           []string
	prompt             string
	heads              string
	alphas, l2         []float64
	folds              int
	held               float64
	out                string
	table              tableFlags
	plots              string // folder of the charts
	dryRun             bool   // of sweep: print the plan and stop
	texts, json, again bool

	flags *pflag.FlagSet
	file  resultFile
	keys  map[string]string // keys of the models by name
	short map[string]string // names of the models and supervisors in the experiment, by the names that the user gave

	group *groupTasks // of a group of a plan; nil without groups

	untrained []string // keys of the supervisors that are not trained
}

// register registers the flags. out is the default result file.
func (f *experimentFlags) register(fs *pflag.FlagSet, out string) {
	f.flags = fs
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "labels" { // the former name of --treatment
			name = "treatment"
		}
		return pflag.NormalizedName(name)
	})
	f.dataFlags.register(fs)
	f.summaryFlags.register(fs)
	losses := list.Map(loss.All(), func(l loss.Named) string { return l.Name })
	treatments := list.Map(label.Treatments(), func(t label.Named) string { return t.Name })
	penalties := strings.ReplaceAll(strings.Trim(fmt.Sprint(experiment.DefaultL2), "[]"), " ", ",")
	fs.StringArrayVar(&f.losses, "loss", defaultLosses,
		"student `loss`: "+strings.Join(losses, ", ")+"; settings follow colons, as in logconf:alpha=0.75, see w2s help losses (repeatable)")
	fs.Float64SliceVar(&f.alphas, "alpha", nil,
		"`values` of alpha to try, for every loss that has an alpha and does not set it in its name (default: the loss's own)")
	fs.StringArrayVar(&f.treatments, "treatment", []string{label.Soft{}.String()},
		"`treatment` of the weak labels: "+strings.Join(treatments, ", ")+"; see w2s help treatments (repeatable)")
	fs.StringSliceVar(&f.classMap, "class-map", nil,
		"`pairs` LABEL=CLASS, separated by commas: which class each label of --weak head:CHECKPOINT means; LABEL= leaves a label out "+
			"(default: the class of the same name)")
	fs.StringVar(&f.prompt, "prompt", "", "prompt that --weak words:CHECKPOINT reads for a text to classify: a `text` that contains {text} and {classes} "+
		"(default: see docs/supervisors.md)")
	fs.Float64SliceVar(&f.l2, "l2", nil, "`penalties` to choose from on held-out labels (default: "+penalties+")")
	countVar(fs, count{value: &f.folds, most: experiment.MaxFolds}, "folds", experiment.DefaultFolds, "`number` of parts into which a head's training examples are divided; "+
		"each part is held out once to compare penalties. With 1, a single part is held out, and --held sets its size")
	fs.Float64Var(&f.held, "held", experiment.DefaultHeld, "`share` of a head's training examples that is held out to choose its penalty with --folds 1, "+
		"and to fit the treatments temperature and platt")
	fs.StringVar(&f.out, "out", out, "result `file`, or - for standard output, which then has no table; a file that holds another experiment is not overwritten")
	fs.BoolVar(&f.again, "again", false, "start from scratch and overwrite the result file, whatever it holds")
	fs.StringVar(&f.heads, "heads", "",
		"write every trained head to this `folder`, as .safetensors and as .onnx (encoder output to logits)")
	fs.BoolVar(&f.texts, "texts", true, "keep the test texts in the result file, for the report")
	f.table.register(fs)
	fs.BoolVar(&f.json, "json", false, "print the rows of the table as JSON")
}

// A baselineFlags holds the flags that say which baselines are trained. run and sweep have them.
type baselineFlags struct {
	names  []string
	none   bool
	orders []string
	gold   []float64
}

func (b *baselineFlags) register(fs *pflag.FlagSet) {
	fs.StringSliceVar(&b.names, "baselines", nil, "what students are compared with: `names` of baselines without labels, separated by commas, to train beside "+
		"the usual ones ("+strings.Join(result.Unlabelled(), ", ")+"; ccs and ue encode two more texts of each example to classify), all, or none "+
		"(default: heads of few gold labels and of shuffled labels, the main axis, a random direction)")
	fs.BoolVar(&b.none, "no-baselines", false, "the same as --baselines none")
	fs.StringSliceVar(&b.orders, "order", nil, "`measures` of how hard an example is, separated by commas ("+strings.Join(result.Orders(), ", ")+
		"; difficulty is a column of the task's file): the strong model is trained on gold labels of the easiest third and of the hardest third, "+
		"and tested on the hardest third of the test examples (default: none)")
	fs.Float64SliceVar(&b.gold, "gold", nil, "`shares` of strong-train, separated by commas, such as 0.05: train additional students that SEE THE GOLD LABELS of these shares. "+
		"They have a table of their own, and no other student sees gold labels (default: none)")
}

// apply sets which baselines an experiment trains. prompt says how texts are written as statements.
func (b *baselineFlags) apply(cfg *experiment.Config, prompt string) error {
	names := b.names
	for _, share := range b.gold {
		if !(share > 0 && share < 1) {
			return usagef("--gold %v: want shares between 0 and 1", share)
		}
	}
	cfg.Gold = b.gold
	cfg.Baselines = !b.none && !slices.Equal(names, []string{"none"})
	switch {
	case !cfg.Baselines && len(names) > 0 && names[0] != "none":
		return usagef("--baselines %s: it contradicts --no-baselines", strings.Join(names, ","))
	case !cfg.Baselines && len(b.orders) > 0:
		return usagef("--order: it is compared with the baselines, which are left out")
	case !cfg.Baselines:
		return nil
	case slices.Equal(names, []string{"all"}):
		names = result.Unlabelled()
	}
	var faults []error
	for i, name := range names {
		if have := append(result.Unlabelled(), "all", "none"); !slices.Contains(have, name) {
			faults = append(faults, usagef("--baselines: unknown baseline %q (%s)", name, suggest.Hint(name, "baselines", have)))
		} else if slices.Contains(names[:i], name) || !slices.Contains(result.Unlabelled(), name) {
			faults = append(faults, usagef("--baselines %s: want names, each once, or all or none alone", strings.Join(names, ",")))
		}
	}
	for i, o := range b.orders {
		if !slices.Contains(result.Orders(), o) {
			faults = append(faults, usagef("--order: unknown order %q (%s)", o, suggest.Hint(o, "orders", result.Orders())))
		} else if slices.Contains(b.orders[:i], o) {
			faults = append(faults, usagef("--order: %s is given twice", o))
		}
	}
	cfg.Orders = b.orders
	cfg.Unlabelled, cfg.Contrast = names, supervisor.Prompt(prompt).Statements
	return errors.Join(faults...)
}

// A dataFlags holds the flags that say which examples an experiment uses. run, sweep, chain, transfer, study and encode
// share them.
type dataFlags struct {
	splitFlags
	tasks []string
}

func (d *dataFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&d.tasks, "task", defaultTasks, "`task`: "+taskForms+" (repeatable)")
	d.splitFlags.register(fs)
}

// A splitFlags holds the flags that say how a task is split. tasks check has them too.
type splitFlags struct {
	numSeeds    int
	train, test int // 0: the default
	limit       int // most training and test examples; 0: no limit
	balance     tasks.Balance
	shared      bool // all seeds have one training pool
}

// maxSeeds bounds --seeds, so that a typing error does not fill the memory.
const maxSeeds = 10000

func (d *splitFlags) register(fs *pflag.FlagSet) {
	train, test := fmt.Sprintf("%d, or all there are", experiment.DefaultTrain), fmt.Sprintf("%d, or a quarter of small data", experiment.DefaultTest)
	countVar(fs, count{value: &d.numSeeds, most: maxSeeds}, "seeds", 3, "`number` of seeds; each draws a training pool and its halves")
	countVar(fs, count{value: &d.train, unset: train}, "train", 0, "`number` of training examples, both halves together (default: "+train+")")
	countVar(fs, count{value: &d.test, unset: test}, "test", 0, "`number` of test examples (default: "+test+")")
	countVar(fs, count{value: &d.limit, least: minLimit, unset: "no limit"}, "limit", 0, "for a quick try: largest `number` of training examples and of test examples of each task; --train and --test can make either smaller")
	fs.BoolVar(&d.shared, "shared-pool", false, "let all seeds halve the same training pool; fewer texts are encoded, but intervals do not include the variation between pools")
	fs.Var(balanceValue{&d.balance}, "balance", "whether every class has as many examples as the rarest one: "+
		"`true`, false, or auto, which balances two classes and keeps the proportions of more")
}

// minLimit is the smallest --limit. A head that chooses its penalty needs some examples of every class.
const minLimit = 20

// split returns a configuration that says how tasks are split, and nothing else. checkCounts reports what is wrong with it.
func (d *splitFlags) split() experiment.Config {
	if d.limit > 0 {
		if d.train == 0 || d.train > d.limit {
			d.train = d.limit
		}
		if d.test == 0 || d.test > d.limit {
			d.test = d.limit
		}
	}
	c := experiment.Config{Train: d.train, Test: d.test, Balance: d.balance, SharedPool: d.shared}
	for i := range min(d.numSeeds, maxSeeds) {
		c.Seeds = append(c.Seeds, uint64(i))
	}
	return c
}

// config opens everything that the flags name, and reports all faults together. models are the names of checkpoints, each
// once, and pairs uses the same names.
func (f *experimentFlags) config(ctx context.Context, a *app, models []string, pairs []result.Pair) (experiment.Config, error) {
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	c := f.split()
	c.L2, c.Folds, c.Held, c.KeepTexts = f.l2, f.folds, f.held, f.texts
	var err error
	if !(f.held > 0 && f.held < 1) {
		fault(usagef("--held %v: want a share between 0 and 1", f.held))
	}
	for _, penalty := range f.l2 {
		if !(penalty >= 0) || math.IsInf(penalty, 1) {
			fault(usagef("--l2 %v: want finite numbers of 0 or more", penalty))
		}
	}
	fault(f.checkSummary())
	fault(f.table.check())
	if f.group != nil {
		c.Tasks, err = f.group.open(ctx, a, f.tasks)
	} else {
		c.Tasks, err = a.openTasks(ctx, f.tasks)
	}
	fault(err)
	a.readsData(f.tasks, c.Tasks)
	fault(f.checkMetric(c.Tasks))
	c.Losses, err = parseLosses(f.losses, f.alphas)
	fault(err)
	for _, text := range f.treatments {
		t, err := label.Parse(text)
		if err != nil {
			fault(valueFault("treatment", text, err))
			continue
		}
		c.Treatments = append(c.Treatments, t)
	}
	var simulatedNames map[string]string
	c.Simulated, simulatedNames, err = simulated(models)
	fault(err)
	c.Tasks, err = withSupervisors(c.Tasks, models)
	fault(err)
	supervisors := slices.DeleteFunc(slices.Clone(models), func(name string) bool {
		kind, _ := cutSupervisor(name)
		return kind == nil || kind.open == nil
	})
	inEnsembles, err := ensembles(models)
	fault(err)
	for _, name := range slices.Clone(models) {
		if e, ok := inEnsembles[name]; ok {
			models = list.AppendNew(models, e.Model)
		}
	}
	models = slices.DeleteFunc(slices.Clone(models), isSupervisor)
	for _, name := range models {
		err = errors.Join(err, misnamed(name))
	}
	if err == nil {
		c.Models, err = a.models(ctx, models)
	}
	fault(err)
	c.Supervisors, err = a.supervisors(ctx, supervisors, f.classMap, f.prompt)
	fault(err)
	if len(faults) > 0 {
		return c, errors.Join(faults...)
	}
	f.keys, f.short = map[string]string{}, simulatedNames
	for i, m := range c.Models {
		f.keys[m.Name], f.short[models[i]] = m.Encoder.Key(), m.Name
	}
	for i, s := range c.Supervisors {
		f.short[supervisors[i]] = s.Name
		f.untrained = append(f.untrained, s.Key)
	}
	for _, text := range slices.Sorted(maps.Keys(inEnsembles)) {
		e := inEnsembles[text]
		e.Model = f.short[e.Model]
		e.Name, e.Key = fmt.Sprintf("%s:%d:%s", e.Kind, e.Heads, e.Model), digest(e.Kind, strconv.Itoa(e.Heads), f.keys[e.Model])
		f.short[text] = e.Name
		c.Ensembles, f.untrained = append(c.Ensembles, e), append(f.untrained, e.Key)
	}
	for _, p := range pairs {
		c.Pairs = append(c.Pairs, result.Pair{Weak: f.short[p.Weak], Strong: f.short[p.Strong]})
	}
	return c, nil
}

// readsData notes the files of tasks, which have the given names, and those that global flags name, as inputs.
func (a *app) readsData(names []string, list []tasks.Task) {
	a.reads("--task", names...)
	for _, t := range list {
		a.reads("data of task "+t.Info().Name+",", tasks.Files(t)...)
	}
	a.reads("--data", a.data...)
	a.reads("--local", a.local...)
	a.reads("--onnxruntime", a.library)
	if c, err := a.catalog(); err == nil {
		a.reads("cache folder", c.CacheDir())
	}
}

// pairConfig is config for pairs of one strong model.
func (f *experimentFlags) pairConfig(ctx context.Context, a *app, pairs []result.Pair) (experiment.Config, error) {
	weak := list.Map(pairs, func(p result.Pair) string { return p.Weak })
	return f.config(ctx, a, list.AppendNew(nil, append(weak, pairs[0].Strong)...), pairs)
}

// checkMetric reports the tasks for which the metric is not defined. It leaves unknown metrics to checkSummary.
func (f *experimentFlags) checkMetric(list []tasks.Task) error {
	m, err := metric.Lookup(tasks.Metric(f.metric))
	if err != nil || f.metric == "" { // a task's own metric is checked with the task
		return nil
	}
	var faults []error
	for _, t := range list {
		if i := t.Info(); !m.Has(i.Form) {
			faults = append(faults, usagef("--metric %s: task %s is a %s task, which has no %s", m.Name, i.Name, i.Form, m.Name))
		}
	}
	return errors.Join(faults...)
}

// perform calls run and stores the result. If a task fails, or the result cannot be stored, the result has the others, and the
// error is returned. r is nil if there is nothing to show: no task was finished, the experiment was interrupted, or the result was
// printed, with --out -.
func (a *app) perform(ctx context.Context, f *experimentFlags, run func(experiment.Env) (*result.Result, error)) (r *result.Result, stored bool, err error) {
	env, err := f.env(ctx, a)
	if err != nil {
		return nil, false, err
	}
	r, failed := run(env)
	if r == nil || len(r.Tasks) == 0 {
		return nil, false, failed
	}
	if f.out == stdout {
		f.stamp(a, r)
		var text bytes.Buffer
		err := r.Write(&text)
		if err == nil {
			_, err = a.out.Write(visible.JSON(text.Bytes()))
		}
		return nil, false, errors.Join(failed, err)
	}
	fault := a.store(f, r)
	failed = errors.Join(failed, fault, f.file.conflict)
	if ctx.Err() != nil {
		return nil, fault == nil, failed
	}
	return r, fault == nil, failed
}

// stamp notes in a result what made it.
func (f *experimentFlags) stamp(a *app, r *result.Result) {
	r.Program, r.Command, r.Metric = program(), append([]string{"w2s"}, a.args...), tasks.Metric(f.metric)
	a.place.warn(r)
}

// experiment carries out an experiment and prints what show returns: rows as JSON with --json, otherwise tables.
func (a *app) experiment(ctx context.Context, f *experimentFlags, run func(experiment.Env) (*result.Result, error),
	show func(*result.Result) (rows any, t []*table.Table, err error)) error {
	r, stored, failed := a.perform(ctx, f, run)
	if r == nil {
		return failed
	}
	rows, tables, err := show(r)
	if err != nil {
		return errors.Join(failed, err)
	}
	if f.json {
		return errors.Join(failed, a.printJSON(rows))
	}
	if err := a.writeTables(f.table, tables...); err != nil {
		return errors.Join(failed, err)
	}
	if stored {
		a.note("result file: %s", f.file.path)
		a.note("next: w2s report %s", f.file.path)
	}
	return failed
}

// input returns the result as w2s report names it.
func (f *experimentFlags) input(r *result.Result) report.Input {
	return report.Input{Name: filepath.Base(f.file.path), Result: r}
}

// pgr returns the rows of a result and their tables.
func (f *experimentFlags) pgr(r *result.Result) (any, []*table.Table, error) {
	rows, err := summary.Rows(r, f.options())
	if err != nil {
		return nil, nil, err
	}
	tables, err := pgrTables(f.table.arranged(rows), f.table.wide, f.options())
	return rows, tables, err
}

// pgrTables returns the table of PGR and, if rows have baselines or combinations of supervisors, theirs.
func pgrTables(rows []summary.Row, wide bool, opt summary.Options) ([]*table.Table, error) {
	tables := []*table.Table{table.PGR(rows)}
	if b := table.Baselines(rows, wide); b != nil {
		tables = append(tables, b)
	}
	for _, more := range []*table.Table{table.EasyHard(rows), table.SomeGold(rows)} {
		if more != nil {
			tables = append(tables, more)
		}
	}
	combined, err := summary.Combinations(rows, opt)
	if c := table.Combinations(combined); c != nil {
		tables = append(tables, c)
	}
	return tables, err
}

func (a *app) printJSON(v any) error { return table.WriteJSON(a.out, v) }

// note prints a line that is neither a result nor an error, unless --quiet is given.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintln(a.errOut, visible.Text(fmt.Sprintf(format, args...)))
	}
}
