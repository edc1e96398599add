// Minibatch measures what mini-batches change in logconf, whose threshold then keeps the class balance of each batch. It trains the
// students of a result again, on the same halves and with the same penalties, from exported features:
//
//	w2s run --task movies --weak all-MiniLM-L6-v2 --strong e5-small-v2 --loss xent --loss logconf --out movies.json
//	w2s features export --task movies --model all-MiniLM-L6-v2 -o weak.safetensors
//	w2s features export --task movies --model e5-small-v2 -o strong.safetensors
//	go run ./bench/minibatch movies.json weak.safetensors strong.safetensors
//
// It takes several results as well. A result has one pair of models and tasks of two classes. All students take the same number of Adam steps. Those of xent tell
// what mini-batches change without a threshold. It prints a Markdown table for docs/method.md.
package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"gonum.org/v1/gonum/stat"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/internal/safetensors"
	"w2s/tasks"
)

// batchSize is the number of examples of a mini-batch in openai/weak-to-strong.
const batchSize = 32

// A variant is a way to train a student. The first of a loss is the program's own, but that L-BFGS minimises xent in the program.
type variant struct {
	loss      loss.Loss
	optimiser head.Adam
}

// openai/weak-to-strong lowers the learning rate along half a cosine.
var variants = []variant{
	{loss.LogConf{Alpha: 0.5, Warmup: 0.2}, head.Adam{}},
	{loss.LogConf{Alpha: 0.5, Warmup: 0.2}, head.Adam{Batch: batchSize}},
	{loss.LogConf{Alpha: 0.5, Warmup: 0.2}, head.Adam{Batch: batchSize, Cosine: true}},
	{loss.XEnt{}, head.Adam{}},
	{loss.XEnt{}, head.Adam{Batch: batchSize}},
	{loss.XEnt{}, head.Adam{Batch: batchSize, Cosine: true}},
}

func main() {
	var results, exports []string
	for _, path := range os.Args[1:] {
		if strings.HasSuffix(path, ".json") {
			results = append(results, path)
		} else {
			exports = append(exports, path)
		}
	}
	if len(results) == 0 {
		fmt.Fprintln(os.Stderr, "minibatch: name result files (.json), and for each of their tasks the features of both models")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Stdout, results, exports); err != nil {
		fmt.Fprintln(os.Stderr, "minibatch:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, results, exports []string) error {
	features := map[place]*features{}
	for _, path := range exports {
		f, err := load(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		features[f.place] = f
	}
	fmt.Fprintln(out, "| task | gap | logconf, all examples | PGR | mini-batches | difference | PGR | cosine | difference | PGR | xent, mini-batches | cosine |")
	fmt.Fprintln(out, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	differences := make([][]float64, len(variants)) // by variant and task
	for _, file := range results {
		r, err := result.Load(file)
		if err != nil {
			return err
		}
		if len(r.Config.Pairs) != 1 {
			return fmt.Errorf("%s: want a result of one pair", file)
		}
		for _, t := range r.Tasks {
			if len(t.TestGold[0]) != 2 || t.Form != tasks.Classify {
				fmt.Fprintf(os.Stderr, "minibatch: task %s left out: it has no two classes\n", t.Name)
				continue
			}
			line, err := experiment{result: r, task: t, features: features}.measure(ctx)
			if err != nil {
				return fmt.Errorf("%s: task %s: %w", file, t.Name, err)
			}
			for k, c := range line.changes {
				differences[k] = append(differences[k], c.value)
			}
			fmt.Fprintln(out, line.markdown())
		}
	}
	row := []string{"all", "", "", "", "", "", "", "", "", "", "", ""}
	for k, at := range map[int]int{1: 5, 2: 8, 4: 10, 5: 11} {
		mean, interval, err := stats.TInterval(differences[k], stats.Level)
		if err != nil {
			return err
		}
		row[at] = change{mean, interval}.String()
	}
	fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
	return nil
}

// A change is the difference between two accuracies in points.
type change struct {
	value    float64
	interval stats.Interval
}

func (c change) String() string {
	if !c.interval.Known() {
		return fmt.Sprintf("%+.1f", c.value)
	}
	return fmt.Sprintf("%+.1f [%.1f, %.1f]", c.value, c.interval.Lo, c.interval.Hi)
}

// A line holds the figures of one task.
type line struct {
	task     string
	gap      float64
	accuracy []float64 // by variant
	changes  []change  // from the first variant of the same loss
	pgr      []stats.PGR
}

func (l line) markdown() string {
	pgr := func(k int) string {
		if p := l.pgr[k]; p.Interval.Known() {
			return fmt.Sprintf("%.2f %v", p.Value, p.Interval)
		}
		return "undefined"
	}
	return fmt.Sprintf("| %s | %.1f | %.1f | %s | %.1f | %v | %s | %.1f | %v | %s | %v | %v |", l.task, l.gap, l.accuracy[0], pgr(0),
		l.accuracy[1], l.changes[1], pgr(1), l.accuracy[2], l.changes[2], pgr(2), l.changes[4], l.changes[5])
}

// A place names the task and the model of features.
type place struct{ task, key string }

// features are the features of one task under one model.
type features struct {
	place
	x      *feature.Matrix
	gold   [][]float64
	number map[string]int // of each example, by id
}

// load reads an export of a task of two classes.
func load(path string) (*features, error) {
	file, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f := &features{place: place{file.Metadata["task"], file.Metadata["key"]}, number: map[string]int{}}
	for i, id := range strings.Split(file.Metadata["ids"], "\n") {
		f.number[id] = i
	}
	values, err := file.Floats("features")
	if err != nil {
		return nil, err
	}
	gold, err := file.Float64s("gold")
	if err != nil {
		return nil, err
	}
	n := len(f.number)
	if len(gold) != 2*n || len(values)%n != 0 {
		return nil, fmt.Errorf("%d gold probabilities for %d examples: want those of two classes", len(gold), n)
	}
	f.x = &feature.Matrix{Rows: n, Dims: len(values) / n, Data: values}
	for i := range n {
		f.gold = append(f.gold, gold[2*i:2*i+2])
	}
	return f, nil
}

// rows returns the rows of examples.
func (f *features) rows(ids []string) ([]int, error) {
	rows := make([]int, len(ids))
	for i, id := range ids {
		var ok bool
		if rows[i], ok = f.number[id]; !ok {
			return nil, fmt.Errorf("the features lack example %s (export them with the settings of the run)", id)
		}
	}
	return rows, nil
}

// An experiment trains the students of one task again.
type experiment struct {
	result   *result.Result
	task     result.Task
	features map[place]*features
}

// model returns the features of the task under a model.
func (e experiment) model(name string) (*features, error) {
	for _, m := range e.result.Models {
		if f := e.features[place{e.task.Name, m.Key}]; m.Name == name && f != nil {
			return f, nil
		}
	}
	return nil, fmt.Errorf("no features under %s", name)
}

// half returns the ids of the examples whose bits are set.
func (e experiment) half(bits []byte) (ids []string) {
	for i, id := range e.task.PoolIDs {
		if bits[i/8]&(1<<(i%8)) != 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// recorded returns the head of the file with a role, loss and seed.
func (e experiment) recorded(role result.Role, name string, seed uint64) (result.Head, error) {
	for _, h := range e.result.Heads {
		if kind, _, _ := strings.Cut(h.Loss, ":"); h.Task == e.task.Name && h.Role == role && kind == name && h.Seed == seed && h.Size == 0 {
			return h, nil
		}
	}
	return result.Head{}, fmt.Errorf("the result has no %s with %s and seed %d", role, name, seed)
}

// measure trains the students of all seeds.
func (e experiment) measure(ctx context.Context) (line, error) {
	l := line{task: e.task.Name}
	kinds := make([][]stats.Score, 2+len(variants)) // supervisors, ceilings, students by variant
	for _, seed := range e.result.Config.Seeds {
		right, err := e.seed(ctx, seed)
		if err != nil {
			return l, fmt.Errorf("seed %d: %w", seed, err)
		}
		for k := range kinds {
			kinds[k] = append(kinds[k], stats.MeanScore(right[k]))
		}
	}
	crossed, err := stats.Bootstrap{N: len(e.task.TestIDs), Groups: e.task.TestGroups}.Cross(kinds...)
	if err != nil {
		return l, err
	}
	for k := range variants {
		base := 0
		for variants[base].loss != variants[k].loss {
			base++
		}
		mean, _, err := crossed.Mean(2 + k)
		if err != nil {
			return l, err
		}
		difference, spread, err := crossed.Difference(2+k, 2+base)
		if err != nil {
			return l, err
		}
		pgr, err := crossed.PGR(0, 2+k, 1)
		if err != nil {
			return l, err
		}
		v := spread.Interval
		l.accuracy = append(l.accuracy, 100*mean)
		l.changes = append(l.changes, change{100 * difference, stats.Interval{Lo: 100 * v.Lo, Hi: 100 * v.Hi, Level: v.Level}})
		l.pgr, l.gap = append(l.pgr, pgr), 100*pgr.Gap
	}
	return l, nil
}

// seed returns which test examples the supervisor, the ceiling and each student of a seed get right.
func (e experiment) seed(ctx context.Context, seed uint64) ([][]float64, error) {
	pair := e.result.Config.Pairs[0]
	weak, err := e.model(pair.Weak)
	if err != nil {
		return nil, err
	}
	strong, err := e.model(pair.Strong)
	if err != nil {
		return nil, err
	}
	var halves result.Halves
	for _, h := range e.task.Halves {
		if h.Seed == seed && h.Size == 0 {
			halves = h
		}
	}
	teach, learn := e.half(halves.Weak), e.half(halves.Strong)
	var test [][][]float64 // predictions
	var penalties [2]float64
	for i, of := range []struct {
		role result.Role
		loss string
	}{{result.Supervisor, "xent"}, {result.Ceiling, "xent"}, {result.Student, "logconf"}, {result.Student, "xent"}} {
		h, err := e.recorded(of.role, of.loss, seed)
		if err != nil {
			return nil, err
		}
		if of.role == result.Student {
			penalties[i-2] = h.L2
			continue
		}
		test = append(test, h.Test)
	}
	supervisor, err := e.recorded(result.Supervisor, "xent", seed)
	if err != nil {
		return nil, err
	}
	rows, err := weak.rows(teach)
	if err != nil {
		return nil, err
	}
	labels, err := weak.train(ctx, append(teach, learn...), learn, head.Job{Examples: rows, Labels: list.Map(rows, func(i int) []float64 { return weak.gold[i] }),
		Loss: loss.XEnt{}, L2: supervisor.L2, Seed: seed})
	if err != nil {
		return nil, err
	}
	if rows, err = strong.rows(learn); err != nil {
		return nil, err
	}
	jobs := list.Map(variants, func(v variant) head.Job {
		job := head.Job{Examples: rows, Labels: labels[0], Loss: v.loss, Optimiser: v.optimiser, L2: penalties[0], Seed: seed}
		if v.loss == (loss.XEnt{}) {
			job.L2 = penalties[1]
		}
		return job
	})
	students, err := strong.train(ctx, append(teach, learn...), e.task.TestIDs, jobs...)
	if err != nil {
		return nil, err
	}
	var right [][]float64
	for _, predicted := range append(test, students...) {
		correct, err := stats.Correct(predicted, e.task.TestGold)
		if err != nil {
			return nil, err
		}
		right = append(right, correct)
	}
	return right, e.check(right[2], seed)
}

// check reports a student that is not the one of the file. Products in float32, which w2s computes, can move examples across the
// threshold and so change some predictions.
func (e experiment) check(right []float64, seed uint64) error {
	h, err := e.recorded(result.Student, "logconf", seed)
	if err != nil {
		return err
	}
	recorded, err := stats.Correct(h.Test, e.task.TestGold)
	if err != nil {
		return err
	}
	if d := stat.Mean(right, nil) - stat.Mean(recorded, nil); math.Abs(d) > 0.02 {
		return fmt.Errorf("trained again, logconf differs from the file by %.1f points", 100*d)
	}
	return nil
}

// train trains heads on features that are standardised over pool, and returns their predictions for examples.
func (f *features) train(ctx context.Context, pool, examples []string, jobs ...head.Job) ([][][]float64, error) {
	rows, err := f.rows(pool)
	if err != nil {
		return nil, err
	}
	data := head.Data{X: f.x, Classes: 2, Scaling: head.Standardise(f.x, rows)}
	fitted, err := head.Fit(ctx, data, jobs, head.Options{})
	if err != nil {
		return nil, err
	}
	if rows, err = f.rows(examples); err != nil {
		return nil, err
	}
	return head.Predict(ctx, data, list.Map(fitted, func(t head.Fitted) *head.Head { return t.Head }), rows)
}
