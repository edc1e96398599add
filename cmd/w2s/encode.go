package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/table"
	"w2s/internal/progress"
	"w2s/tasks"
)

// An encodeFlags holds the flags of w2s encode.
type encodeFlags struct {
	dataFlags
	models  []string
	all     bool
	shard   string
	json    bool
	cluster clusterFlags
}

// An encodeRow tells what was done for one task and model.
type encodeRow struct {
	Task      string  `json:"task"`
	Model     string  `json:"model"`
	Shard     string  `json:"shard,omitempty"`
	Texts     int     `json:"texts"` // distinct ones in this shard
	Cached    int     `json:"cached"`
	Encoded   int     `json:"encoded"`
	Truncated int     `json:"truncated"`
	Tokens    int     `json:"tokens"` // fed to the model in this call
	Seconds   float64 `json:"seconds"`
}

// add adds what was done with more texts of the same task and model.
func (r *encodeRow) add(more encodeRow) {
	r.Texts, r.Cached, r.Encoded = r.Texts+more.Texts, r.Cached+more.Cached, r.Encoded+more.Encoded
	r.Truncated, r.Tokens, r.Seconds = r.Truncated+more.Truncated, r.Tokens+more.Tokens, r.Seconds+more.Seconds
}

func newEncodeCommand(a *app) *cobra.Command {
	var f encodeFlags
	c := &cobra.Command{
		Use:   "encode",
		Short: "Fill the feature cache before a run: on this machine, in shards, or on a cluster",
		Long: `Encodes the texts that run, sweep, chain and study need for the same tasks,
models and sizes, and no others. Stores vectors as they come, so memory does not
grow with their number. The same command continues after a stop or a crash.

With --shard i/n, encodes only the texts of one of n shards. The content of a
text decides its shard, so shards never overlap. Shards that share a cache
folder need no further step; w2s cache merge joins the caches of several
machines.

With --slurm N or --kubernetes N, encodes nothing. Prints the script of an array
job with a task for each shard (or hands it to sbatch, with --submit), or the
manifest of an Indexed Job.`,
		Example: `  w2s encode --task movies --model e5-small-v2
  w2s encode --task movies --task tweets --model all-MiniLM-L6-v2 --model e5-small-v2 --train 4000
  w2s encode --task my.jsonl --model ./my-checkpoint --all-texts --shard 2/8
  w2s encode --task movies --model e5-small-v2 --slurm 8 --submit --sbatch=--cpus-per-task=4
  w2s encode --task movies --model e5-small-v2 --kubernetes 8 --image my/w2s:1 --claim w2s-cache`,
	}
	fs := c.Flags()
	f.register(fs)
	fs.StringArrayVar(&f.models, "model", []string{defaultWeak, defaultStrong}, "`checkpoint`: "+checkpointForms+" (repeatable)")
	fs.BoolVar(&f.all, "all-texts", false, "encode all texts of the tasks, whatever sizes a run uses")
	fs.StringVar(&f.shard, "shard", "", "encode only shard `i/n`, from 1/n to n/n")
	fs.BoolVar(&f.json, "json", false, "print what was done as JSON")
	f.cluster.register(fs)
	c.RunE = a.runE(func(ctx context.Context, _ []string) error { return a.encode(ctx, &f, fs) })
	return c
}

// encode checks the flags of w2s encode and does what they say.
func (a *app) encode(ctx context.Context, f *encodeFlags, flags *pflag.FlagSet) error {
	shard, err := parseShard(f.shard)
	if err != nil {
		return err
	}
	if err := checkCounts(flags); err != nil {
		return err
	}
	if err := f.cluster.check(f.shard); err != nil {
		return err
	}
	if onlyChess(f.tasks) && !flags.Changed("model") {
		f.models = []string{chessWeak, chessStrong}
	}
	if err := a.checkProvider(); err != nil {
		return err
	}
	if f.cluster.kubernetes > 0 {
		// Files and checkpoints are on the machines that run the pods. Only the names of tasks can be checked here.
		if _, err := a.openTasks(ctx, slices.DeleteFunc(slices.Clone(f.tasks), isFile)); err != nil {
			return err
		}
		return a.writeKubernetes(&f.cluster, flags)
	}
	list, err := a.openTasks(ctx, f.tasks)
	if err != nil {
		return err
	}
	a.elsewhere = f.cluster.slurm > 0
	models, err := a.models(ctx, f.models)
	if err != nil {
		return err
	}
	e := encoding{app: a, flags: f, models: models, shard: shard}
	if f.cluster.slurm > 0 {
		if err := e.forecast(ctx, list); err != nil {
			return err
		}
		return a.writeSlurm(ctx, &f.cluster, flags)
	}
	return e.run(ctx, list)
}

// isFile reports whether a task is given as a file and not by name.
func isFile(task string) bool { return filepath.Ext(task) != "" || strings.ContainsRune(task, '/') }

// A shard is one of several disjoint sets of texts. The zero value stands for all texts.
type shard struct{ number, of int } // number counts from 1

func (s shard) String() string {
	if s.of == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.number, s.of)
}

func (s shard) texts(texts []string) ([]string, error) {
	if s.of == 0 {
		return texts, nil
	}
	return feature.Shard(texts, s.number-1, s.of)
}

func parseShard(text string) (shard, error) {
	if text == "" {
		return shard{}, nil
	}
	number, of, ok := strings.Cut(text, "/")
	i, errI := strconv.Atoi(number)
	n, errN := strconv.Atoi(of)
	if !ok || errI != nil || errN != nil || i < 1 || i > n {
		return shard{}, usagef("--shard %q: want i/n with i from 1 to n, such as 1/8", text)
	}
	return shard{i, n}, nil
}

// An encoding fills the cache with the texts of tasks under models.
type encoding struct {
	*app
	flags  *encodeFlags
	models []experiment.Model
	shard  shard
	noted  []string // warnings that were printed
}

// texts returns the texts of a task to encode under each model, in all shards together.
func (e *encoding) texts(ctx context.Context, task tasks.Task) ([][]string, error) {
	source, err := e.source()
	if err != nil {
		return nil, err
	}
	if e.flags.all {
		return experiment.AllTexts(ctx, source, task, e.models)
	}
	return experiment.TaskTexts(ctx, e.flags.split(), source, task, e.models)
}

// run encodes the texts of all tasks. If a task fails, the others are still encoded.
func (e *encoding) run(ctx context.Context, list []tasks.Task) error {
	cache, err := e.usedFeatures()
	if err != nil {
		return err
	}
	rows := []encodeRow{} // not nil, so that JSON has [] and not null
	var faults []error
	for _, task := range list {
		if task.Info().Form == tasks.Generate {
			e.progress().Print("note: task " + task.Info().Name + " has free answers, which are written during a run, so there is nothing to encode")
		}
		own, err := e.task(ctx, cache, task)
		rows = append(rows, own...)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			faults = append(faults, err)
		}
	}
	faults = append(faults, cache.Check())
	if e.flags.json {
		return errors.Join(append(faults, e.printJSON(rows))...)
	}
	if len(rows) > 0 {
		faults = append(faults, table.Write(e.out, table.Style{Format: "text"}, encodeTable(rows)))
	}
	return errors.Join(faults...)
}

// task encodes the texts of one task.
func (e *encoding) task(ctx context.Context, cache *feature.Cache, task tasks.Task) ([]encodeRow, error) {
	if e.flags.all && isLarge(task) {
		if rows, ok, err := e.large(ctx, cache, task); ok || err != nil {
			return rows, err
		}
	}
	byModel, err := e.texts(ctx, task)
	if err != nil {
		return nil, err
	}
	var rows []encodeRow
	for i, m := range e.models {
		texts, err := e.shard.texts(byModel[i])
		if err != nil {
			return rows, err
		}
		report, end := e.late(task, m)
		row, err := e.fill(ctx, cache, task.Info().Name, m, texts, report)
		end()
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// late shows how many texts of a task are encoded under a model, as soon as there are some.
func (e *encoding) late(task tasks.Task, m experiment.Model) (report func(done, total int), end func()) {
	return progress.Late(e.progress(), fmt.Sprintf("encode %s, %s", task.Info().Name, m.Name))
}

// largeFiles is the size from which the files of a task are encoded while they are read, in bytes.
const largeFiles = 8 << 20

// isLarge reports whether the files that a task reads are too large to keep their examples only to encode them.
func isLarge(task tasks.Task) bool {
	var sum int64
	for _, path := range tasks.Files(task) {
		if info, err := os.Stat(path); err == nil {
			sum += info.Size()
		}
	}
	return sum >= largeFiles
}

// largeGC is the garbage collector's target for what it leaves uncollected, in per cent of what is in use, while large files are
// encoded. Little of what is in use is garbage soon, and the index of the cache grows with the texts.
const largeGC = 10

// large encodes the texts of a task on large files while they are read, so that memory does not grow with the examples. It reports
// false if the task must be loaded whole.
func (e *encoding) large(ctx context.Context, cache *feature.Cache, task tasks.Task) ([]encodeRow, bool, error) {
	source, err := e.source()
	if err != nil {
		return nil, false, err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(largeGC))
	rows := make([]encodeRow, len(e.models))
	reports := make([]func(done, total int), len(e.models))
	for i, m := range e.models {
		var end func()
		reports[i], end = e.late(task, m)
		defer end()
		rows[i] = encodeRow{Task: task.Info().Name, Model: m.Name, Shard: e.shard.String()}
	}
	ok, err := experiment.EachTexts(ctx, source, task, e.models, func(byModel [][]string) error {
		for i, m := range e.models {
			texts, err := e.shard.texts(byModel[i])
			if err != nil {
				return err
			}
			before := rows[i].Encoded
			row, err := e.fill(ctx, cache, task.Info().Name, m, texts, func(done, _ int) { reports[i](before+done, 0) })
			if err != nil {
				return err
			}
			rows[i].add(row)
		}
		return nil
	})
	return rows, ok, err
}

// fill encodes texts into the cache.
func (e *encoding) fill(ctx context.Context, cache *feature.Cache, task string, m experiment.Model, texts []string, report func(done, total int)) (encodeRow, error) {
	row := encodeRow{Task: task, Model: m.Name, Shard: e.shard.String(), Texts: len(texts)}
	start := time.Now()
	defer cache.Use(m.Encoder, m.Name, task)()
	sum, err := cache.Fill(ctx, m.Encoder, texts, func(done, total, _ int) { report(done, total) })
	for _, w := range sum.Warnings {
		if !slices.Contains(e.noted, w) {
			e.noted = append(e.noted, w)
			e.progress().Print("note: " + w)
		}
	}
	if err != nil {
		return row, fmt.Errorf("task %s, %s: %w", task, m.Name, err)
	}
	row.Cached, row.Encoded, row.Truncated, row.Tokens = sum.Cached, sum.Encoded, sum.Truncated, sum.Tokens
	row.Seconds = time.Since(start).Seconds()
	return row, nil
}

// forecast prints how many texts are to be encoded. It loads all tasks, which fetches their data, so that shards need not.
func (e *encoding) forecast(ctx context.Context, list []tasks.Task) error {
	c, err := e.catalog()
	if err != nil {
		return err
	}
	cache, err := openFeatures(c)
	if err != nil {
		return err
	}
	for _, task := range list {
		byModel, err := e.texts(ctx, task)
		if err != nil {
			return err
		}
		for i, m := range e.models {
			missing, err := cache.Missing(m.Encoder, byModel[i])
			if err != nil {
				return err
			}
			e.progress().Print(fmt.Sprintf("%s, %s: %d of %d texts to encode", task.Info().Name, m.Name, missing, len(byModel[i])))
		}
	}
	return nil
}

func encodeTable(rows []encodeRow) *table.Table {
	t := &table.Table{Name: "encoded", Columns: []table.Column{{Name: "task"}, {Name: "model"}, {Name: "shard"},
		{Name: "texts", Numeric: true}, {Name: "cached", Numeric: true}, {Name: "encoded", Numeric: true},
		{Name: "truncated", Numeric: true}, {Name: "texts/s", Numeric: true}}}
	for _, r := range rows {
		rate, shard := "–", r.Shard
		if r.Encoded > 0 && r.Seconds > 0 {
			rate = fmt.Sprintf("%.1f", float64(r.Encoded)/r.Seconds)
		}
		if shard == "" {
			shard = "all"
		}
		t.Add(r.Task, r.Model, shard, fmt.Sprint(r.Texts), fmt.Sprint(r.Cached), fmt.Sprint(r.Encoded), fmt.Sprint(r.Truncated), rate)
	}
	return t
}
