package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/harness/vectorfile"
	"w2s/internal/atomicfile"
	"w2s/internal/visible"
	"w2s/tasks"
)

// vectorsPrefix precedes the name of a file of vectors that takes the place of a checkpoint.
const vectorsPrefix = "features:"

// cutVectors returns the file that a model's name says vectors are in, with settings. A file or folder of the whole name is a
// checkpoint.
func cutVectors(name string) (file string, ok bool) {
	file, ok = strings.CutPrefix(name, vectorsPrefix)
	if !ok {
		return name, false
	}
	if _, err := os.Stat(name); err == nil {
		return name, false
	}
	return file, true
}

// parseVectors reads the name of a model whose vectors are in a file.
func parseVectors(text string) (modelName, error) {
	named, err := parseModelName(text)
	switch {
	case err != nil:
		return named, err
	case named.checkpoint == "":
		return named, usagef("model %q: no file is named (want %sFILE.safetensors or %sFILE.npy)", vectorsPrefix, vectorsPrefix, vectorsPrefix)
	case named.chat, named.adapter != "":
		return named, usagef("model %q: the vectors of a file are made already (leave @chat and @adapter out)", vectorsPrefix+text)
	}
	return named, nil
}

// vectorFile opens a file of vectors, once.
func (a *app) vectorFile(ctx context.Context, path string) (*vectorfile.File, error) {
	if f := a.vectorFiles[path]; f != nil {
		return f, nil
	}
	f, err := vectorfile.Open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("model %s%s: %w", vectorsPrefix, visible.Name(path), err)
	}
	if a.vectorFiles == nil {
		a.vectorFiles = map[string]*vectorfile.File{}
	}
	a.vectorFiles[path] = f
	a.reads("vectors", path)
	a.closers = append(a.closers, func() error {
		if unused, rows := f.Unused(); unused > 0 && unused < rows {
			a.note("note: %s%s: %d of %s were not needed", vectorsPrefix, path, unused, visible.Count(rows, "vector"))
		}
		delete(a.vectorFiles, path)
		return f.Close()
	})
	return f, nil
}

// vectorModel opens a model whose vectors are in a file.
func (a *app) vectorModel(ctx context.Context, text string) (experiment.Model, error) {
	named, err := parseVectors(text)
	if err != nil {
		return experiment.Model{}, err
	}
	if named.layer == nil {
		named.layer = a.layer.layer
	}
	f, err := a.vectorFile(ctx, named.checkpoint)
	if err != nil {
		return experiment.Model{}, err
	}
	enc, number, err := f.Encoder(named.layer)
	if err != nil {
		return experiment.Model{}, usagef("model %s%s: %w", vectorsPrefix, visible.Name(named.checkpoint), err)
	}
	facts := f.Facts()
	facts["numbers"] = enc.Type()
	for _, fact := range []string{"task", "model", "pooling"} {
		if value := f.Metadata()[fact]; value != "" {
			facts["made from "+fact] = visible.Line(visible.Cut(value, 200))
		}
	}
	m := experiment.Model{Name: vectorsPrefix + visible.Name(named.checkpoint) + visible.Name(named.settings()), Encoder: enc, Lookup: f, Description: facts}
	if named.layer != nil {
		whole := named
		whole.layer = nil
		m.Layer = &result.Layer{Of: vectorsPrefix + visible.Name(whole.String()), Number: number}
	}
	return m, nil
}

// A textsFlags holds the flags of w2s features texts.
type textsFlags struct {
	splitFlags
	task, out string
	all       bool
}

func newFeaturesTexts(a *app) *cobra.Command {
	var f textsFlags
	c := &cobra.Command{
		Use:   "texts",
		Short: "List the texts of a task, to make vectors of them with another program",
		Long: `Writes a line of JSON with id and text for each text that run needs for the
same task and sizes: one for each example, one for each candidate of a ranking,
and the controls, such as positions without the board, which have no id.

Make one vector for each text, in this order, and save the vectors beside the
list: FILE.ids.jsonl is the list for FILE.npy or FILE.safetensors. Then
features:FILE.npy is a checkpoint (docs/features.md).`,
		Example: `  w2s features texts --task movies -o movies.ids.jsonl
  w2s features texts --task my.jsonl --all-texts -o my.ids.jsonl`,
	}
	fs := c.Flags()
	fs.StringVar(&f.task, "task", "", "`task`: "+taskForms)
	fs.StringVarP(&f.out, "out", "o", stdout, "`file` to write, FILE.ids.jsonl, or - for standard output")
	f.splitFlags.register(fs)
	fs.BoolVar(&f.all, "all-texts", false, "list the texts of all examples of the task, whatever sizes a run uses")
	c.RunE = a.runE(func(ctx context.Context, _ []string) error {
		if f.task == "" {
			return usagef("--task is missing")
		}
		if f.out != stdout && !strings.HasSuffix(f.out, ".ids.jsonl") {
			return usagef("--out %s: want FILE.ids.jsonl, where FILE.npy or FILE.safetensors will have the vectors", f.out)
		}
		if err := checkCounts(fs); err != nil {
			return err
		}
		return a.listTexts(ctx, &f)
	})
	return c
}

// A listedText is a line of w2s features texts.
type listedText struct {
	ID   string `json:"id,omitempty"`
	Text string `json:"text"`
}

// listTexts does what the flags of w2s features texts say.
func (a *app) listTexts(ctx context.Context, f *textsFlags) error {
	list, err := a.openTasks(ctx, []string{f.task})
	if err != nil {
		return err
	}
	if list[0].Info().Form == tasks.Generate {
		return usagef("--task %s: it has free answers, which are written during a run, so there are no vectors to make", f.task)
	}
	a.readsData([]string{f.task}, list)
	if f.out != stdout {
		if err := a.checkOutput("--out", f.out); err != nil {
			return err
		}
	}
	examples, err := a.chosenExamples(ctx, f.splitFlags, f.all, list[0])
	if err != nil {
		return err
	}
	write := func(w io.Writer) error {
		b := bufio.NewWriter(w)
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		for _, example := range examples {
			for _, text := range example.Texts {
				if err := e.Encode(listedText{example.ID, text}); err != nil {
					return err
				}
			}
		}
		seen := map[string]bool{}
		for _, example := range examples {
			for _, text := range example.Control {
				if seen[text] {
					continue
				}
				seen[text] = true
				if err := e.Encode(listedText{Text: text}); err != nil {
					return err
				}
			}
		}
		return b.Flush()
	}
	if f.out == stdout {
		return write(a.out)
	}
	if err := a.makeWay("--out", document{kind: "a list of w2s features texts", path: f.out, named: true,
		own: func(r io.Reader) bool { return startsWith(r, `{"id":"`) }}); err != nil {
		return err
	}
	if _, err := a.makeFolder("--out", filepath.Dir(f.out)); err != nil {
		return err
	}
	if err := atomicfile.Write(f.out, write); err != nil {
		return fmt.Errorf("%w (choose another file with --out)", err)
	}
	fmt.Fprintln(a.out, f.out)
	return nil
}

// chosenExamples returns the examples of a task that a run uses, or all of them.
func (a *app) chosenExamples(ctx context.Context, split splitFlags, all bool, task tasks.Task) ([]tasks.Example, error) {
	source, err := a.source()
	if err != nil {
		return nil, err
	}
	if all {
		return experiment.AllExamples(ctx, source, task)
	}
	return experiment.TaskExamples(ctx, split.split(), source, task)
}

// vectorLayers returns the names of layers of a file of vectors, which text lists.
func (a *app) vectorLayers(ctx context.Context, flag, file, text string) ([]string, error) {
	named, err := parseVectors(file)
	if err != nil {
		return nil, err
	}
	if named.layer != nil {
		return nil, usagef("model %q has a layer already (leave @layer out, since %s chooses layers)", vectorsPrefix+file, flag)
	}
	f, err := a.vectorFile(ctx, named.checkpoint)
	if err != nil {
		return nil, err
	}
	have := f.Layers()
	if len(have) == 0 {
		return nil, usagef("%s: %s%s has no layers to choose from", flag, vectorsPrefix, file)
	}
	chosen := have
	switch text {
	case everyLayer:
	case spreadLayers:
		if len(have) > defaultLayers {
			chosen = nil
			for i := 1; i <= defaultLayers; i++ {
				chosen = append(chosen, have[i*len(have)/defaultLayers-1])
			}
		}
	default:
		if chosen, err = parseLayers(text, have[len(have)-1]); err != nil {
			return nil, usagef("%s: %w", flag, err)
		}
	}
	var names []string
	for _, n := range chosen {
		if _, _, err := f.Encoder(&n); err != nil {
			return nil, usagef("%s: %s%s: %w", flag, vectorsPrefix, named.checkpoint, err)
		}
		names = append(names, vectorsPrefix+named.checkpoint+"@layer="+strconv.Itoa(n))
	}
	return names, nil
}
