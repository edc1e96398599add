package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/vectorfile"
	"w2s/internal/atomicfile"
	"w2s/internal/inputfile"
	"w2s/internal/list"
	"w2s/internal/progress"
	"w2s/internal/safetensors"
	"w2s/internal/visible"
	"w2s/tasks"
)

// An exportFlags holds the flags of w2s features export.
type exportFlags struct {
	splitFlags
	task, model, layers, out string
	all                      bool
}

func newFeaturesCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "features",
		Short: "Write feature vectors to a file for other programs, or list the texts for vectors of theirs",
		Example: `  w2s features texts --task movies -o movies.ids.jsonl
  w2s features export --task movies --model e5-small-v2 -o movies-e5.safetensors
  w2s features export --task my.jsonl --model ./my-checkpoint --all-texts -o my.npy`,
	}
	c.AddCommand(newFeaturesExport(a), newFeaturesTexts(a))
	return c
}

func newFeaturesExport(a *app) *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the vectors of a task's texts under one checkpoint, with ids and gold",
		Long: `Writes the pooled vectors of the texts that run needs for the same task, model
and sizes, before they are standardised. Takes them from the cache, and encodes
those that it lacks. Examples are in the order of pool_ids and then test_ids in
the result file. Controls, such as positions without the board, are left out.

FILE.safetensors has the tensors

  features  float32  [rows, dims]: a row for each text
  start     int64    [examples+1]: example i has the rows start[i] to
                     start[i+1]-1: one, or one for each candidate of a ranking
  gold      float64  the gold distributions: [examples, classes], or [rows] for
                     a ranking

and the metadata ids (content ids of the examples, a line for each), task,
classes (a JSON list in the order of the gold labels), model, key (digest of all
that changes a vector) and pooling.

With --layers the features are in the tensors layer.N in place of features.

FILE.npy has the features alone. FILE.ids.txt beside it has a comment and then a
line for each row: the id of the example and its gold, or the gold of the
candidate, separated by tabs. The comment has the classes in this order.

A file that holds the export of another task or model is not overwritten.

The file holds the gold labels of all examples, including the examples for which
students see only weak labels. docs/recompute.py --train trains on the halves of
a result file with it, and features:FILE takes the place of the checkpoint in a
run (docs/features.md).`,
		Example: `  w2s features export --task movies --model e5-small-v2 -o movies-e5.safetensors
  w2s features export --task movies --model e5-small-v2 --seeds 5 --train 4000 -o movies-e5.safetensors
  w2s features export --task my.jsonl --model ./my-checkpoint --all-texts -o my.npy`,
	}
	fs := c.Flags()
	fs.StringVar(&f.task, "task", "", "`task`: "+taskForms)
	fs.StringVar(&f.model, "model", "", "`checkpoint`: "+checkpointForms)
	fs.StringVar(&f.layers, "layers", "", "`layers` to export, separated by commas, to a safetensors file: 0 is the embedding, -1 the last one, all stands for all")
	fs.StringVarP(&f.out, "out", "o", "", "`file` to write, FILE.safetensors or FILE.npy; a file that holds something else is not overwritten")
	f.splitFlags.register(fs)
	fs.BoolVar(&f.all, "all-texts", false, "export all examples of the task, whatever sizes a run uses")
	c.RunE = a.runE(func(ctx context.Context, _ []string) error { return a.exportFeatures(ctx, &f, fs) })
	return c
}

// exportFeatures checks the flags of w2s features export and does what they say.
func (a *app) exportFeatures(ctx context.Context, f *exportFlags, flags *pflag.FlagSet) error {
	var absent []error
	for _, flag := range []struct{ name, value string }{{"--task", f.task}, {"--model", f.model}, {"--out", f.out}} {
		if flag.value == "" {
			absent = append(absent, usagef("%s is missing", flag.name))
		}
	}
	files, err := exportFiles(f.out)
	if err := errors.Join(append(absent, err, checkCounts(flags))...); err != nil {
		return err
	}
	list, err := a.openTasks(ctx, []string{f.task})
	if err != nil {
		return err
	}
	task := list[0]
	names := []string{f.model}
	if f.layers != "" {
		if !strings.EqualFold(filepath.Ext(f.out), ".safetensors") {
			return usagef("--layers: want --out FILE.safetensors, because FILE.npy has one array")
		}
		if names, err = a.layers(ctx, "--layers", f.model, f.layers); err != nil {
			return err
		}
	}
	models, err := a.models(ctx, names)
	if err != nil {
		return err
	}
	a.readsData([]string{f.task}, list)
	for _, d := range files {
		if err := errors.Join(a.checkOutput("--out", d.path), d.check("--out"), a.checkClash(output{flag: "--out", path: d.path}),
			checkSameExport(d.path, &export{task: task.Info(), models: models})); err != nil {
			return err
		}
	}
	e, err := a.export(ctx, f, task, models)
	if err != nil {
		return err
	}
	if err := a.lock("--out", f.out); err != nil {
		return err
	}
	for _, d := range files {
		if err := a.makeWay("--out", d.document); err != nil {
			return err
		}
		if err := atomicfile.Write(d.path, func(w io.Writer) error { return d.write(e, w) }); err != nil {
			return fmt.Errorf("%w (choose another file with --out)", err)
		}
		fmt.Fprintln(a.out, d.path)
	}
	return nil
}

// An export holds the features of the examples of one task under one model, or under several layers of it.
type export struct {
	task     tasks.Info
	layers   bool               // layers are named by number
	models   []experiment.Model // layers of one checkpoint
	examples []tasks.Example
	start    []int64           // example i has the rows start[i]:start[i+1] of x
	x        []*feature.Matrix // by model
}

// export computes the features of the examples that f asks for, or takes them from the cache.
func (a *app) export(ctx context.Context, f *exportFlags, task tasks.Task, models []experiment.Model) (*export, error) {
	e := &export{task: task.Info(), models: models, layers: f.layers != "", start: []int64{0}}
	m := models[0]
	if e.task.Form == tasks.Generate {
		return nil, usagef("--task %s: it has free answers, which are written during a run, so there are no features to export", f.task)
	}
	var err error
	if e.examples, err = a.chosenExamples(ctx, f.splitFlags, f.all, task); err != nil {
		return nil, err
	}
	var texts []string
	for _, example := range e.examples {
		own, err := m.Texts(example)
		if err != nil {
			return nil, fmt.Errorf("task %s, %s: example %s: %w", e.task.Name, m.Name, example.ID, err)
		}
		texts = append(texts, own...)
		e.start = append(e.start, int64(len(texts)))
	}
	cache, err := a.usedFeatures()
	if err != nil {
		return nil, err
	}
	report, end := progress.Late(a.progress(), fmt.Sprintf("encode %s, %s", e.task.Name, m.Name))
	for _, m := range models {
		defer cache.Use(m.Encoder, m.Name, e.task.Name)()
	}
	count := func(done, total, _ int) { report(done, total) }
	var sum feature.Summary
	if m.Pass != nil {
		var sums []feature.Summary
		encoders := list.Map(models, func(m experiment.Model) feature.Encoder { return m.Encoder })
		if e.x, sums, err = cache.FeaturesOfPass(ctx, m.Pass, encoders, texts, count); err == nil {
			sum = sums[0]
		}
	} else {
		for _, m := range models {
			var x *feature.Matrix
			if x, sum, err = cache.Features(ctx, m.Encoder, texts, count); err != nil {
				break
			}
			e.x = append(e.x, x)
		}
	}
	end()
	if err != nil {
		return nil, fmt.Errorf("task %s, %s: %w", e.task.Name, m.Name, err)
	}
	for _, w := range sum.Warnings {
		a.note("note: %s", w)
	}
	if sum.Truncated > 0 {
		a.note("note: %d of %s truncated", sum.Truncated, visible.Count(sum.Texts, "text"))
	}
	return e, cache.Check()
}

// An exportFile is one file of an export.
type exportFile struct {
	document
	write func(*export, io.Writer) error
}

// Marks of the files of an export, by which it replaces its own files and no others.
const (
	exportKey  = "w2s.features" // in the metadata of safetensors
	exportLine = vectorfile.Comment
)

// exportFiles returns the files that an export to path consists of.
func exportFiles(path string) ([]exportFile, error) {
	if path == "" {
		return nil, nil
	}
	stem, ext := strings.TrimSuffix(path, filepath.Ext(path)), filepath.Ext(path)
	of := func(path string, own func(io.Reader) bool, write func(*export, io.Writer) error) exportFile {
		return exportFile{document{kind: "an export of w2s features", path: path, named: true, own: own}, write}
	}
	switch strings.ToLower(ext) {
	case ".safetensors":
		return []exportFile{of(path, func(io.Reader) bool { return isExport(path) }, (*export).safetensors)}, nil
	case ".npy":
		ids := stem + ".ids.txt"
		return []exportFile{
			// An array has no place for a mark. The ids beside it say whose it is, so they are written last.
			of(path, func(r io.Reader) bool { return startsWith(r, npyMagic) && isIDs(ids) }, (*export).npy),
			of(ids, func(r io.Reader) bool { return startsWith(r, exportLine) }, (*export).ids),
		}, nil
	}
	return nil, usagef("--out %s: want FILE.safetensors or FILE.npy", path)
}

func isExport(path string) bool {
	f, err := safetensors.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	_, ok := f.Metadata[exportKey]
	return ok
}

// checkSameExport returns an error if a file holds an export of another task or model.
func checkSameExport(path string, e *export) error {
	var held string
	if f, err := safetensors.Open(path); err == nil {
		held = exportOf(f.Metadata["task"], f.Metadata["model"], f.Metadata["key"])
		f.Close()
	} else if text, err := inputfile.Open(path); err == nil {
		line, _ := bufio.NewReader(text).ReadString('\n')
		text.Close()
		line, ok := strings.CutPrefix(line, exportLine)
		if held, _, _ = strings.Cut(line, ", pooling "); !ok {
			return nil // the array beside the ids, or nothing
		}
	}
	own := exportOf(e.task.Name, e.name(), e.keys())
	if held == "" || held == own {
		return nil
	}
	held, _, _ = strings.Cut(held, " (key ")
	held = visible.Line(held)
	if strings.HasPrefix(own, held+" (key ") {
		held += " with other settings or another version of the model"
	}
	return usagef("--out %s: it holds the features of %s (name another file, or delete it)", path, held)
}

// exportOf says what an export is of, as its list of ids does.
func exportOf(task, model, key string) string {
	return fmt.Sprintf("%s by %s (key %s", task, model, key)
}

func isIDs(path string) bool {
	f, err := inputfile.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return startsWith(f, exportLine)
}

// startsWith reports whether r begins with text.
func startsWith(r io.Reader, text string) bool {
	start := make([]byte, len(text))
	_, err := io.ReadFull(r, start)
	return err == nil && string(start) == text
}

// pooling returns how the model makes one vector of the states of all tokens.
func (e *export) pooling() string { return e.models[0].Description["pooling"] }

// name returns the name of the model, without a layer if there are several.
func (e *export) name() string {
	if m := e.models[0]; len(e.models) > 1 {
		return m.Layer.Of
	}
	return e.models[0].Name
}

// classes returns the names of the classes as a JSON list, in the order of the gold labels, or "" for a ranking. Without names they
// are numbers from 0.
func (e *export) classes() string {
	if e.task.Form == tasks.Rank {
		return ""
	}
	names := e.task.Classes
	if len(names) == 0 {
		for k := range e.examples[0].Gold {
			names = append(names, strconv.Itoa(k))
		}
	}
	text, _ := json.Marshal(names) // strings have no faults
	return string(text)
}

// keys returns the keys of all layers.
func (e *export) keys() string {
	return strings.Join(list.Map(e.models, func(m experiment.Model) string { return m.Encoder.Key() }), " ")
}

// safetensors writes the export as [newFeaturesExport] describes it.
func (e *export) safetensors(w io.Writer) error {
	ids := make([]string, len(e.examples))
	var gold []float64
	for i, example := range e.examples {
		ids[i] = example.ID
		gold = append(gold, example.Gold...)
	}
	n := int64(len(ids))
	shape := []int64{int64(len(gold))}
	if e.task.Form == tasks.Classify {
		shape = []int64{n, int64(len(gold)) / n}
	}
	return safetensors.Write(w, map[string]string{
		exportKey: "1", "ids": strings.Join(ids, "\n"), "task": e.task.Name, "classes": e.classes(), "model": e.name(), "key": e.keys(), "pooling": e.pooling(),
	}, append([]safetensors.Tensor{safetensors.Int64Tensor("start", []int64{n + 1}, e.start), safetensors.Float64Tensor("gold", shape, gold)},
		e.tensors()...)...)
}

// tensors returns the features: those of the tensor features, or of layer.N for each layer.
func (e *export) tensors() []safetensors.Tensor {
	var tensors []safetensors.Tensor
	for i, x := range e.x {
		name := "features"
		if e.layers {
			name = fmt.Sprintf("layer.%d", e.models[i].Layer.Number)
		}
		tensors = append(tensors, safetensors.Float32Tensor(name, []int64{int64(x.Rows), int64(x.Dims)}, x.Packed()))
	}
	return tensors
}

// npyMagic begins every file of NumPy's format, version 1.0.
const npyMagic = "\x93NUMPY\x01\x00"

// npy writes the features as an array of NumPy (numpy.lib.format).
func (e *export) npy(w io.Writer) error {
	x := e.x[0]
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", x.Rows, x.Dims)
	const align = 64 // of the data, newline included
	header += strings.Repeat(" ", align-(len(npyMagic)+2+len(header)+1)%align) + "\n"
	length := string([]byte{byte(len(header)), byte(len(header) >> 8)})
	if _, err := io.WriteString(w, npyMagic+length+header); err != nil {
		return err
	}
	_, err := w.Write(safetensors.Float32Tensor("features", nil, x.Packed()).Data)
	return err
}

// ids writes the ids and gold of all rows.
func (e *export) ids(w io.Writer) error {
	b := bufio.NewWriter(w)
	gold := "gold of " + e.classes()
	if e.task.Form == tasks.Rank {
		gold = "gold of the candidate"
	}
	fmt.Fprintf(b, "%s%s, pooling %s): id of each row, %s\n", exportLine, exportOf(e.task.Name, e.name(), e.keys()), e.pooling(), gold)
	for _, example := range e.examples {
		if e.task.Form == tasks.Rank {
			for _, p := range example.Gold {
				fmt.Fprintf(b, "%s\t%v\n", example.ID, p)
			}
			continue
		}
		fmt.Fprint(b, example.ID)
		for _, p := range example.Gold {
			fmt.Fprintf(b, "\t%v", p)
		}
		fmt.Fprintln(b)
	}
	return b.Flush()
}
