package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/table"
	"w2s/internal/list"
	"w2s/internal/progress"
	"w2s/onnx"
	"w2s/tasks"
)

func newBenchCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "bench",
		Short:   "Measure the speed of this machine",
		Example: "  w2s bench encode --model e5-small-v2",
	}
	c.AddCommand(newBenchEncode(a))
	return c
}

// A benchRow holds the speed of one checkpoint in several rounds.
type benchRow struct {
	Model   string       `json:"model"`
	Threads int          `json:"threads"` // 0: all processors
	Rounds  []onnx.Speed `json:"rounds"`
	Texts   rate         `json:"texts_per_second"`
	Each    rate         `json:"texts_per_processor_second"`
	Tokens  rate         `json:"tokens_per_second"`
}

// kernels tells what computed layers and attention. ONNX Runtime always computes the rest of a model.
func (r benchRow) kernels() string {
	name, _, _ := strings.Cut(r.Rounds[0].Kernels, " (")
	return name
}

// A rate summarises a speed over rounds.
type rate struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	Rounds int     `json:"rounds"`
}

func newRate(rates []float64) rate {
	sorted := slices.Sorted(slices.Values(rates))
	n := len(sorted)
	return rate{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Least: sorted[0], Most: sorted[n-1], Rounds: n}
}

func newBenchEncode(a *app) *cobra.Command {
	var models []string
	var task, file string
	var limit, rounds int
	var asJSON, compare bool
	c := &cobra.Command{
		Use:   "encode",
		Short: "Measure texts and tokens per second, from text to vector, without the cache",
		Long: `Encodes the same texts several times, tokenization included, and prints the
median rate and its range. Neither reads nor writes the feature cache. Several
checkpoints take turns, so that other work on the machine affects all of them.

The column kernels tells what computed layers: the processor's tile unit (AMX)
or vector unit (AVX-512), or ONNX Runtime's own kernels, as with --runtime-only.
With --compare-kernels each checkpoint is measured with both, in turns.`,
		Example: `  w2s bench encode
  w2s bench encode --model ./my-checkpoint --file lines.txt --rounds 5
  w2s bench encode --compare-kernels         # and with ONNX Runtime's own kernels
  w2s bench encode --model all-MiniLM-L6-v2 --model all-MiniLM-L6-v2-int8 --threads 1 --json`,
	}
	fs := c.Flags()
	c.RunE = a.runE(func(ctx context.Context, _ []string) error {
		if err := checkCounts(fs); err != nil {
			return err
		}
		if compare && a.runtimeOnly {
			return usagef("--compare-kernels: it measures with --runtime-only and without it (leave --runtime-only out)")
		}
		texts, err := a.benchTexts(ctx, task, file)
		if err != nil {
			return err
		}
		opened, err := a.models(ctx, models)
		if err != nil {
			return err
		}
		if compare {
			a.runtimeOnly = true
			plain, err := a.models(ctx, models)
			if err != nil {
				return err
			}
			var both []experiment.Model
			for i, m := range opened {
				both = append(both, m, plain[i])
			}
			opened = both
		}
		rows, err := a.measure(ctx, opened, spread(texts, limit), rounds)
		if err != nil {
			return err
		}
		if asJSON {
			return a.printJSON(rows)
		}
		return table.Write(a.out, table.Style{Format: "text"}, benchTable(rows))
	})
	fs.StringArrayVar(&models, "model", []string{defaultStrong}, "`checkpoint`: "+checkpointForms+" (repeatable)")
	fs.StringVar(&task, "task", defaultTasks[0], "use the texts of this `task`")
	fs.StringVar(&file, "file", "", "use the lines of this `file`, which may be compressed (.gz), instead of a task")
	countVar(fs, count{value: &limit}, "limit", 1000, "`number` of texts, taken at even distances from all of them")
	countVar(fs, count{value: &rounds, most: maxRounds}, "rounds", 3, "`number` of times to encode them")
	fs.BoolVar(&compare, "compare-kernels", false, "measure with ONNX Runtime's own kernels too")
	fs.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// maxRounds bounds --rounds, so that a typing error does not run for days.
const maxRounds = 10_000

// benchTexts returns the lines of a file, or the distinct texts of a task if file is empty.
func (a *app) benchTexts(ctx context.Context, task, file string) ([]string, error) {
	if file != "" {
		return tasks.ReadTexts(ctx, file, a.limits())
	}
	list, err := a.openTasks(ctx, []string{task})
	if err != nil {
		return nil, err
	}
	source, err := a.source()
	if err != nil {
		return nil, err
	}
	byModel, err := experiment.AllTexts(ctx, source, list[0], []experiment.Model{{}})
	if err != nil {
		return nil, err
	}
	if len(byModel[0]) == 0 {
		return nil, usagef("--task %s: it has free answers, so there are no texts to encode", task)
	}
	return byModel[0], nil
}

// asTurns returns texts as a model reads them: each as a turn of the user, if the model reads conversations.
func asTurns(m experiment.Model, texts []string) ([]string, error) {
	if m.Chat == nil {
		return texts, nil
	}
	out := make([]string, len(texts))
	for i, text := range texts {
		var err error
		if out[i], err = m.Chat([]tasks.Turn{{Role: tasks.RoleUser, Text: text}}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// spread returns n texts at even distances, so that the order of a file (by length, for example) does not matter.
func spread(texts []string, n int) []string {
	if n >= len(texts) {
		return texts
	}
	some := make([]string, n)
	for i := range some {
		some[i] = texts[i*len(texts)/n]
	}
	return some
}

// measure encodes texts with every model in each round.
func (a *app) measure(ctx context.Context, models []experiment.Model, texts []string, rounds int) ([]benchRow, error) {
	rows := make([]benchRow, len(models))
	bar := a.progress().Start("bench encode", int64(rounds*len(models)), progress.Items)
	defer bar.Done()
	for range rounds {
		for i, m := range models {
			if h, ok := m.Encoder.(feature.Half); ok {
				m.Encoder = h.Encoder
			}
			enc, ok := m.Encoder.(*onnx.Encoder)
			if !ok {
				return nil, errors.New(m.Name + " has vectors and no model to measure")
			}
			read, err := asTurns(m, texts)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Name, err)
			}
			s, err := onnx.MeasureSpeed(ctx, enc, read)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Name, err)
			}
			rows[i].Rounds = append(rows[i].Rounds, s)
			bar.Add(1)
		}
	}
	for i, m := range models {
		var texts, each, tokens []float64
		for _, s := range rows[i].Rounds {
			texts, tokens = append(texts, s.TextsPerSecond()), append(tokens, s.TokensPerSecond())
			if s.Processor > 0 {
				each = append(each, s.TextsPerProcessorSecond())
			}
		}
		rows[i].Model, rows[i].Threads = m.Name, a.threads
		rows[i].Texts, rows[i].Tokens = newRate(texts), newRate(tokens)
		if len(each) > 0 {
			rows[i].Each = newRate(each)
		}
	}
	return rows, nil
}

func benchTable(rows []benchRow) *table.Table {
	t := &table.Table{Name: "speed", Columns: []table.Column{{Name: "model"}, {Name: "kernels"}, {Name: "texts", Numeric: true},
		{Name: "tokens", Numeric: true}, {Name: "truncated", Numeric: true}, {Name: "load s", Numeric: true},
		{Name: "texts/s", Numeric: true}, {Name: "texts/cpu s", Numeric: true}, {Name: "tokens/s", Numeric: true}}}
	for _, r := range rows {
		first := r.Rounds[0]
		t.Add(r.Model, r.kernels(), fmt.Sprint(first.Texts), fmt.Sprint(first.Tokens), fmt.Sprint(first.Truncated),
			fmt.Sprintf("%.2f", first.Load.Seconds()), r.Texts.String(), r.Each.String(), r.Tokens.String())
	}
	t.Notes = []string{fmt.Sprintf("median and range of %d rounds; loading the model is not part of texts/s and tokens/s", len(rows[0].Rounds)),
		"texts/cpu s: texts for each second of processor time, which other work on the machine changes less"}
	more := "; --compare-kernels measures without it too"
	if slices.ContainsFunc(rows, func(r benchRow) bool { return r.kernels() == onnx.RuntimeKernels }) {
		more = ""
	}
	for _, r := range rows {
		if r.kernels() != onnx.RuntimeKernels {
			t.Notes = list.AppendNew(t.Notes, "the processor's "+r.Rounds[0].Kernels+" computed layers"+more)
		}
	}
	for _, r := range rows {
		for _, w := range r.Rounds[len(r.Rounds)-1].Warnings {
			if !slices.Contains(t.Notes, w) {
				t.Notes = append(t.Notes, w)
			}
		}
	}
	return t
}

func (q rate) String() string {
	digits := 0
	if q.Least < 100 {
		digits = 1
	}
	if math.IsInf(q.Most, 0) || q.Rounds == 0 {
		return "–"
	}
	return fmt.Sprintf("%.*f [%.*f, %.*f]", digits, q.Median, digits, q.Least, digits, q.Most)
}
