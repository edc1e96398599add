package onnx

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"w2s/internal/onnxgraph"
	"w2s/internal/onnxproto"
	"w2s/onnx/tokenizer"
)

// A Description is what is known of a checkpoint: w2s.json where there is one, and for what that leaves out the files
// that Hugging Face and sentence-transformers write.
type Description struct {
	Format    int     `json:"format"` // of w2s.json: 1
	Name      string  `json:"name"`
	Family    string  `json:"family"`               // such as bert, llama, static
	File      string  `json:"model,omitempty"`      // of the ONNX file: a path in the folder; "" is for model.onnx, or the only one
	Output    string  `json:"output"`               // of the model
	Pooling   Pooling `json:"pooling"`              // how token vectors become one
	MaxTokens int     `json:"max_tokens"`           // longest input, special tokens included; 0 means no limit
	Prefix    string  `json:"prefix"`               // put before every text
	Normalize bool    `json:"normalize"`            // vectors are scaled to length 1
	License   string  `json:"license"`              //
	Source    string  `json:"source"`               //
	Params    int64   `json:"params"`               // number of weights
	Cut       string  `json:"truncation,omitempty"` // "right" or "left": the end at which long texts are cut; "" is the tokenizer's

	// SharedUntil is a token, as tokenizer.json spells it, up to whose last occurrence many texts are alike: a board before
	// its moves, a question before its answers. A causal model with a key-value cache runs that beginning once for all of
	// them. It is a matter of speed, but the vectors differ from those of whole texts in the last bits.
	SharedUntil string `json:"shared_until,omitempty"`
}

// A Checkpoint is a folder that holds a model and its tokenizer.
type Checkpoint struct {
	Description
	Dir       string
	Model     string            // path of the ONNX file
	External  []string          // paths of the files that hold its weights, if any
	Tokenizer string            // path of tokenizer.json
	Width     int               // length of the output's vectors; 0 where no file says
	Digests   map[string]string // sha256 of the files above by base name, once the checkpoint is opened
	LowerCase bool              // texts are put in lower case before they are tokenized (do_lower_case)
	LeftOut   []string          // modules of sentence-transformers that are not computed, such as Normalize
	Quantised bool              // the model computes 8-bit scales over a whole batch, so that texts are run one at a time

	plan   *plan
	pad    padding
	shares bool // SharedUntil has an effect
}

// padding is how the checkpoint fills up texts where a model fixes the width of its input.
type padding struct {
	id   int64
	left bool
}

// maxConfig bounds the JSON files of a checkpoint. The largest real tokenizer.json files have some 30 MB.
const maxConfig = 128 << 20

// ReadCheckpoint reads the description of the checkpoint in dir, without loading the model.
func ReadCheckpoint(dir string, o Options) (*Checkpoint, error) {
	c, err := readCheckpoint(dir, o)
	if err != nil {
		return nil, fmt.Errorf("onnx: checkpoint %s: %w", dir, err)
	}
	return c, nil
}

func readCheckpoint(dir string, o Options) (*Checkpoint, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	files, err := readConfigs(dir)
	if err != nil {
		return nil, err
	}
	model, err := findModel(dir, cmp.Or(o.Model, files.w2s.File))
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{Dir: dir, Model: model, Tokenizer: filepath.Join(dir, "tokenizer.json"), Description: files.w2s}
	// An export may have put its files beside the model.
	beside := filepath.Dir(model)
	if err := files.complete(dir, beside); err != nil {
		return nil, err
	}
	if _, err := os.Stat(c.Tokenizer); err != nil {
		c.Tokenizer = filepath.Join(beside, "tokenizer.json")
		if _, other := os.Stat(c.Tokenizer); other != nil {
			return nil, fmt.Errorf("no tokenizer.json (save it with the tokenizer's save_pretrained): %w", err)
		}
	}
	f, err := onnxproto.Open(model)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if o.Output != "" {
		c.Output = o.Output
	}
	if c.plan, err = planModel(f, c.Output, files.causal()); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(model), err)
	}
	c.plan.startAt(files.model.firstPosition())
	c.Quantised = c.plan.single
	for _, name := range f.ExternalFiles() {
		c.External = append(c.External, filepath.Join(filepath.Dir(model), filepath.FromSlash(name)))
	}
	if err := c.complete(f, files, o); err != nil {
		return nil, err
	}
	return c, nil
}

// findModel finds the ONNX file of a folder: the named one, model.onnx or onnx/model.onnx, or else the only one.
func findModel(dir, name string) (string, error) {
	if name != "" {
		for _, path := range []string{filepath.Join(dir, name), filepath.Join(dir, "onnx", name)} {
			if filepath.Ext(path) == "" {
				path += ".onnx"
			}
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
		return "", fmt.Errorf("no model file %q (there are: %s)", name, strings.Join(modelFiles(dir), ", "))
	}
	if _, err := os.Stat(dir); err != nil {
		return "", err
	}
	for _, known := range []string{"model.onnx", "onnx/model.onnx"} {
		path := filepath.Join(dir, filepath.FromSlash(known))
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	switch found := modelFiles(dir); len(found) {
	case 0:
		return "", errors.New("no model.onnx in it (export one, for example: optimum-cli export onnx --model NAME FOLDER)")
	case 1:
		return filepath.Join(dir, filepath.FromSlash(found[0])), nil
	default:
		return "", fmt.Errorf("no model.onnx, but %s (name one of them as \"model\" in w2s.json)", strings.Join(found, ", "))
	}
}

// modelFiles lists the ONNX files of a folder.
func modelFiles(dir string) []string {
	var found []string
	for _, sub := range []string{".", "onnx"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			continue // the folder onnx is optional, and dir has been looked at
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".onnx") {
				found = append(found, filepath.ToSlash(filepath.Join(sub, e.Name())))
			}
		}
	}
	return found
}

// complete fills what w2s.json leaves out; options come before everything.
func (c *Checkpoint) complete(f *onnxproto.File, files *configs, o Options) error {
	if c.Name == "" {
		abs, err := filepath.Abs(c.Dir)
		if err != nil {
			return err
		}
		c.Name = filepath.Base(abs)
	}
	if c.Family == "" {
		c.Family = files.model.ModelType
	}
	if c.Params == 0 {
		c.Params = f.Params
	}
	c.Output = c.plan.output.Name
	c.Width = c.plan.width()
	if c.Width == 0 && c.plan.output.Name != "logits" {
		c.Width = files.model.width()
	}
	var err error
	byHand := o.Pooling != "" || c.Pooling != ""
	if c.Pooling, err = first(o.Pooling, c.Pooling, func() (Pooling, error) { return files.poolingOf(c.plan) }); err != nil {
		return err
	}
	if err := c.checkPooling(o.Pooling); err != nil {
		return err
	}
	if o.Normalize != nil {
		c.Normalize = *o.Normalize
	}
	if !c.plan.pooled() {
		if c.LeftOut, err = files.sentence.leftOut(byHand); err != nil {
			return err
		}
		c.LeftOut = slices.DeleteFunc(c.LeftOut, func(kind string) bool { return kind == "Normalize" && c.Normalize })
	}
	if err := c.completeTexts(files, o); err != nil {
		return err
	}
	if err := c.completeLength(onnxgraph.New(f).Positions(), files, o); err != nil {
		return err
	}
	if c.Cut == "" {
		c.Cut = files.tokens.TruncationSide
	}
	if c.Cut != "" && c.Cut != "left" && c.Cut != "right" {
		return fmt.Errorf("truncation side %q is neither left nor right", c.Cut)
	}
	c.pad = padding{id: files.model.padID(), left: files.tokens.PaddingSide == "left"}
	return c.planSharing(f)
}

// completeTexts fills in what is done to a text before it is tokenized.
func (c *Checkpoint) completeTexts(files *configs, o Options) error {
	_, given := files.w2sSet["prefix"]
	switch {
	case o.Prefix != nil:
		c.Prefix = *o.Prefix
	case !given:
		var err error
		if c.Prefix, err = files.sentence.prefix(); err != nil {
			return err
		}
	}
	if include := files.sentence.pooling.IncludePrompt; c.Prefix != "" && include != nil && !*include && !c.plan.pooled() {
		return fmt.Errorf("%s leaves the prefix out of the mean, which is not supported (set an empty prefix)", files.sentence.poolingFile)
	}
	c.LowerCase = files.sentence.bert.LowerCase
	return nil
}

// completeLength fills in the longest input. What the files give is cut to the size of the position table in the graph,
// what is asked for must fit.
func (c *Checkpoint) completeLength(positions int, files *configs, o Options) error {
	_, given := files.w2sSet["max_tokens"]
	if !given {
		var err error
		if c.MaxTokens, err = files.maxTokens(positions, c.Tokenizer); err != nil {
			return err
		}
	}
	if o.MaxTokens > 0 {
		c.MaxTokens = o.MaxTokens
	}
	if c.plan.cols > 0 && (c.MaxTokens == 0 || c.MaxTokens > c.plan.cols) {
		c.MaxTokens = c.plan.cols
	}
	switch {
	case c.MaxTokens < 0:
		return fmt.Errorf("longest input of %d tokens", c.MaxTokens)
	case positions > 0 && c.MaxTokens > positions:
		return fmt.Errorf("longest input of %d tokens, but the model has %d positions", c.MaxTokens, positions)
	case c.MaxTokens == 0 && positions == 0 && !given:
		c.MaxTokens = ungivenLength
	case c.MaxTokens == 0:
		c.MaxTokens = positions
	}
	return nil
}

// ungivenLength is the longest input of a model whose files give none. Attention takes memory by the square of the length: a
// text of 36,000 tokens would take 24 GB in a model of eight heads.
const ungivenLength = 4096

// CheckTokenizer reads the tokenizer, and whether the longest input leaves room for a text.
func (c *Checkpoint) CheckTokenizer() error {
	_, err := c.loadTokenizer()
	if err != nil {
		return fmt.Errorf("onnx: checkpoint %s: %w", c.Dir, err)
	}
	return nil
}

func (c *Checkpoint) loadTokenizer() (*tokenizer.Tokenizer, error) {
	t, err := tokenizer.Load(c.Tokenizer)
	if err != nil {
		return nil, err
	}
	around, err := t.Encode(c.Text(""), tokenizer.Options{})
	if err != nil {
		return nil, err
	}
	if n := len(around.IDs); c.MaxTokens > 0 && n >= c.MaxTokens {
		return nil, fmt.Errorf("a longest input of %d tokens leaves no room for a text: prefix and special tokens take %d", c.MaxTokens, n)
	}
	return t, nil
}

// Text is what is tokenized of a text: the prefix before it, in lower case where the checkpoint was trained so.
func (c *Checkpoint) Text(text string) string {
	text = c.Prefix + text
	if c.LowerCase {
		return cases.Lower(language.Und).String(text) // as Python's lower, the final sigma included
	}
	return text
}

// checkPooling settles the pooling of a model that gives one vector a text, and refuses one that does not fit.
func (c *Checkpoint) checkPooling(asked Pooling) error {
	if err := c.Pooling.check(); err != nil {
		return err
	}
	pooled := c.plan.pooled()
	switch {
	case pooled && asked != "" && asked != PoolNone:
		return fmt.Errorf("output %q is one vector a text; pooling %s has nothing to do (choose another output)", c.Output, asked)
	case pooled:
		c.Pooling = PoolNone
	case c.Pooling == PoolNone && c.plan.output.Ranked:
		return fmt.Errorf("output %q is one vector a token; it needs pooling mean, cls or last", c.Output)
	}
	return nil
}

// first returns the first that is not empty.
func first(a, b Pooling, otherwise func() (Pooling, error)) (Pooling, error) {
	switch {
	case a != "":
		return a, nil
	case b != "":
		return b, nil
	}
	return otherwise()
}
