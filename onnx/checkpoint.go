package onnx

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"w2s/internal/inputfile"
	"w2s/internal/onnxgraph"
	"w2s/internal/onnxproto"
	"w2s/internal/visible"
	"w2s/onnx/chat"
	"w2s/onnx/families"
	"w2s/onnx/tokenizer"
)

// A Description describes a checkpoint. It is read from w2s.json if the folder has one. Fields that are not set there come
// from the files that Hugging Face and sentence-transformers write.
type Description struct {
	Format    int     `json:"format"` // version of the format of w2s.json: 1
	Name      string  `json:"name"`
	Family    string  `json:"family"`          // such as bert, llama or static
	File      string  `json:"model,omitempty"` // path of the ONNX file in the folder; "" is model.onnx, or else the only ONNX file
	Output    string  `json:"output"`          // name of the model's output
	Pooling   Pooling `json:"pooling"`         // how the vectors of the tokens become one
	MaxTokens int     `json:"max_tokens"`      // longest input, including special tokens; 0 means no limit
	Prefix    string  `json:"prefix"`          // added before every text
	Normalize bool    `json:"normalize"`       // whether vectors are scaled to length 1
	License   string  `json:"license"`
	Source    string  `json:"source"`
	Params    int64   `json:"params"`               // number of weights
	Cut       string  `json:"truncation,omitempty"` // the end at which long texts are cut, "right" or "left"; "" follows tokenizer.json

	// SharedUntil is a token, as tokenizer.json spells it. Many texts are equal up to its last occurrence, such as a board
	// before its moves or a question before its answers. A causal model with a key-value cache runs such a beginning once
	// for all of them. This is faster, but vectors differ in the last bits from those of texts that are run whole.
	SharedUntil string `json:"shared_until,omitempty"`

	// Note is a sentence that results made with the checkpoint repeat, such as that a file of it is not a pinned one.
	Note string `json:"note,omitempty"`
}

// A Checkpoint is a folder that holds a model and its tokenizer.
type Checkpoint struct {
	Description
	Dir       string
	Model     string            // path of the ONNX file, or of the safetensors file or its index
	External  []string          // paths of further files that hold its weights, if any
	Tokenizer string            // path of tokenizer.json, or of the vocab.txt or vocab.json that it is made from
	Width     int               // length of the output's vectors; 0 if no file tells it
	Digests   map[string]string // SHA-256 of these files by base name, set when the checkpoint is opened
	LowerCase bool              // whether texts are converted to lower case before they are tokenized (do_lower_case)
	LeftOut   []string          // modules of sentence-transformers that are not computed, such as Normalize
	Chat      *chat.Template    // set if Options.Chat is
	Head      *Head             // set if Options.Head is
	Precision Precision         // of the large products of a graph that is made from safetensors; Float32 for an ONNX file
	Quantised bool              // whether the model computes 8-bit scales over a whole batch, so that texts are run one at a time

	source source
	notes  []string // what a reader of results made with the checkpoint must know
	plan   *plan
	pad    padding
	shares bool // whether SharedUntil has an effect
	causal bool // whether the model is known to read from left to right

	// TokenizerSettings names the parts of the tokenizer that the files beside tokenizer.json change, "" if there are none.
	TokenizerSettings string

	lastLayer     int      // that Options.Layer can choose, -1 if it can choose none
	rows          int64    // of the embedding of an ONNX file, 0 if they are not known
	tokenizerDirs []string // folders that are searched for the settings of the tokenizer
	merges        string   // path of merges.txt, if the tokenizer is made from it
	overrides     string   // how the tokenizer differs from tokenizer.json
	assembled     *assembled
}

// A padding tells how texts are padded for a model that fixes the width of its input. It is part of the key, so its fields
// and their order must stay.
type padding struct {
	id   int64
	left bool
}

// maxConfig bounds the size of the JSON files of a checkpoint in bytes. The largest real tokenizer.json files have some 30 MB.
const maxConfig = 128 << 20

// ReadCheckpoint reads the description of the checkpoint in dir. It does not load the model.
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
	from, err := findSource(dir, cmp.Or(o.Model, files.w2s.File), o.Adapter)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{Dir: dir, Model: from.path, source: from, Description: files.w2s}
	files.made = from.made
	// Some exports put the other files into the folder of the model.
	beside := filepath.Dir(c.Model)
	if err := files.complete(dir, beside); err != nil {
		return nil, err
	}
	if err := c.findTokenizer(dir, beside); err != nil {
		return nil, err
	}
	half := from.half(o)
	c.source.style, c.Precision = families.Style{Half: half, Card: o.onCard()}, Float32
	if half {
		c.Precision = Float16
	}
	from = c.source
	want := families.Want{Cache: files.w2s.SharedUntil != "" && !from.byLength() && !o.onCard()}
	if o.Head {
		if c.Head, err = files.model.head(from.adapterLabels()); err != nil {
			return nil, err
		}
		want = c.wantScores()
		o.Output, o.Layer, o.Pooling, o.Normalize = headOutput, nil, "", new(bool)
		c.Pooling, c.SharedUntil = "", ""
	}
	f, err := from.openAll(want)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if from.made == nil && c.Family != "static" {
		if note := precisionNote(f, o.Precision); note != "" {
			c.notes = append(c.notes, note)
		}
	}
	if o.Output != "" {
		c.Output = o.Output
	}
	_, c.lastLayer = stateOutputs(f)
	if o.Layer != nil {
		if c.Output, err = layerOutput(f, *o.Layer); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(c.Model), err)
		}
	}
	if o.Chat {
		if c.Chat, err = chatTemplate(dir, beside); err != nil {
			return nil, err
		}
	}
	if c.plan, err = planModel(f, c.Output, files.causal()); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(c.Model), err)
	}
	if from.byLength() {
		c.plan.pads = false
	}
	c.causal = files.causal() || c.plan.has(pastState)
	c.plan.ends = o.Layer != nil
	if c.Head != nil {
		if err := c.Head.fit(c.plan); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(c.Model), err)
		}
	}
	c.plan.startAt(files.model.firstPosition())
	c.Quantised = c.plan.single
	c.External = from.files(f)
	for _, path := range c.External {
		// ONNX Runtime opens these files itself, and would wait for the writer of a pipe.
		if err := inputfile.Check(path); err != nil {
			return nil, fmt.Errorf("%s keeps weights in another file: %w", filepath.Base(from.path), err)
		}
	}
	if err := c.complete(f, files, o); err != nil {
		return nil, err
	}
	return c, nil
}

// CheckModel returns why an ONNX file gives no vectors of texts, or nil. The files that it keeps weights in need not be there. config
// is the path of the checkpoint's config.json, or "" if it has none.
func CheckModel(model, config string) error {
	files := &configs{}
	if config != "" {
		if err := readConfig(config, &files.model); err != nil {
			return err
		}
	}
	f, err := onnxproto.Open(model)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = planModel(f, "", files.causal())
	return err
}

// findModel finds the ONNX file of a folder: the named one, or else model.onnx, onnx/model.onnx, or the only one.
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
		return "", fmt.Errorf("no model file %q (the folder has: %s)", name, strings.Join(modelFiles(dir), ", "))
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
		return "", errNoModel
	case 1:
		return filepath.Join(dir, filepath.FromSlash(found[0])), nil
	default:
		return "", fmt.Errorf("no model.onnx, but %s (name one of them as \"model\" in w2s.json)", strings.Join(found, ", "))
	}
}

// modelFiles lists the ONNX files of a folder and of its subfolder onnx.
func modelFiles(dir string) []string {
	var found []string
	for _, sub := range []string{".", "onnx"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			continue // the subfolder onnx is optional, and the caller has checked dir
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".onnx") {
				found = append(found, filepath.ToSlash(filepath.Join(sub, e.Name())))
			}
		}
	}
	return found
}

// complete fills in what w2s.json leaves out. Options take precedence over everything.
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
	if c.Note != "" {
		c.notes = append(c.notes, c.Note)
	}
	if made := c.source.made; made != nil {
		if len(made.Unknown) > 0 {
			c.notes = append(c.notes, fmt.Sprintf("unknown settings of config.json are taken to have no effect: %s", strings.Join(made.Unknown, ", ")))
		}
		if n := len(made.Unused); n > 0 {
			c.notes = append(c.notes, fmt.Sprintf("%d tensors are left out that config.json does not ask for: %s", n, families.Shortened(made.Unused)))
		}
	}
	if a := c.source.adapter(); a != nil {
		c.notes = append(c.notes, adapterNotes(a, c.Dir, f)...)
	}
	c.Output = c.plan.output.Name
	c.Width = c.plan.width()
	if c.Width == 0 && c.plan.output.Name != "logits" {
		c.Width = files.model.width()
	}
	var err error
	c.Pooling = cmp.Or(o.Pooling, c.Pooling)
	chosen := c.Pooling != ""
	if !chosen {
		if c.Pooling, err = files.poolingOf(c.plan); err != nil {
			return err
		}
		if len(files.sentence.poolings()) == 0 && c.Pooling != PoolNone {
			c.notes = append(c.notes, fmt.Sprintf("pooling is %s, the default, because no file of the checkpoint names one", c.Pooling))
		}
	}
	if err := c.checkPooling(o.Pooling); err != nil {
		return err
	}
	if o.Normalize != nil {
		c.Normalize = *o.Normalize
	}
	if !c.plan.pooled() {
		if c.LeftOut, err = files.sentence.leftOut(chosen); err != nil {
			return err
		}
		c.LeftOut = slices.DeleteFunc(c.LeftOut, func(kind string) bool { return kind == "Normalize" && c.Normalize })
	}
	if err := c.completeTexts(files, o); err != nil {
		return err
	}
	graph := onnxgraph.New(f)
	positions := graph.Positions()
	for _, in := range c.plan.inputs {
		if in.role == inputIDs {
			c.rows = graph.Embedding(in.Name)
		}
	}
	if c.source.made != nil {
		positions, c.rows = c.source.made.Table, int64(c.source.made.Vocab)
	}
	if err := c.completeLength(positions, files, o); err != nil {
		return err
	}
	if c.Cut = cmp.Or(o.Cut, c.Cut); c.Cut == "" {
		c.Cut = files.tokens.TruncationSide
	}
	if c.Cut != "" && c.Cut != "left" && c.Cut != "right" {
		return fmt.Errorf("truncation side %q is neither left nor right", c.Cut)
	}
	assembly, err := c.assembleTokenizer()
	if err != nil {
		return err
	}
	c.assembled = &assembled{assembly: assembly}
	c.overrides, c.TokenizerSettings = assembly.Overrides, assembly.Changed()
	c.notes = append(c.notes, assembly.Notes...)
	c.pad = padding{id: files.model.padID(), left: files.tokens.PaddingSide == "left"}
	if err := c.planSharing(f, o); err != nil {
		return err
	}
	if o.onCard() {
		c.plan.poolInGraph(f, []Pooling{c.Pooling})
	}
	c.planTokens()
	return nil
}

// completeTexts fills in what is done to texts before they are tokenized.
func (c *Checkpoint) completeTexts(files *configs, o Options) error {
	_, given := files.w2sSet["prefix"]
	switch {
	case o.Chat && o.Prefix != nil && *o.Prefix != "":
		return fmt.Errorf("a prefix %q and a chat template exclude each other", *o.Prefix)
	case o.Chat:
		c.Prefix = ""
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

// completeLength fills in the longest input. A length from the exported files is limited to positions, the size of the
// position table in the graph, if there is one. A length from w2s.json or from the options must fit.
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
		return fmt.Errorf("the longest input of %d tokens is negative", c.MaxTokens)
	case positions > 0 && c.MaxTokens > positions:
		return fmt.Errorf("the longest input is set to %s, but the model has only %s", visible.Count(c.MaxTokens, "token"), visible.Count(positions, "position"))
	case c.MaxTokens == 0 && positions == 0 && !given:
		c.MaxTokens = defaultMaxTokens
	case c.MaxTokens == 0:
		c.MaxTokens = positions
	}
	return nil
}

// defaultMaxTokens is the longest input of a model whose files give none. The memory of attention grows with the square of the
// length: a text of 36,000 tokens would take 24 GB in a model with eight heads.
const defaultMaxTokens = 4096

// CheckTokenizer loads the tokenizer and checks that the longest input leaves room for a text.
func (c *Checkpoint) CheckTokenizer() error {
	_, err := c.loadTokenizer()
	if err != nil {
		return fmt.Errorf("onnx: checkpoint %s: %w", c.Dir, err)
	}
	return nil
}

func (c *Checkpoint) loadTokenizer() (*tokenizer.Tokenizer, error) {
	t, err := c.openTokenizer()
	if err != nil {
		return nil, err
	}
	empty, err := t.Encode(c.Text(""), tokenizer.Options{WithoutSpecials: c.Chat != nil})
	if err != nil {
		return nil, err
	}
	if n := len(empty.IDs); c.MaxTokens > 0 && n >= c.MaxTokens {
		return nil, fmt.Errorf("a longest input of %d tokens leaves no room for a text, because prefix and special tokens take %d", c.MaxTokens, n)
	}
	return t, nil
}

// Text returns what is tokenized for a text: the prefix and the text, in lower case if LowerCase is set.
func (c *Checkpoint) Text(text string) string {
	text = c.Prefix + text
	if c.LowerCase {
		return cases.Lower(language.Und).String(text) // equal to Python's str.lower, including the final sigma
	}
	return text
}

// checkPooling sets the pooling of a model that outputs one vector for each text, and refuses a pooling that does not fit.
func (c *Checkpoint) checkPooling(asked Pooling) error {
	if err := c.Pooling.check(); err != nil {
		return err
	}
	pooled := c.plan.pooled()
	switch {
	case pooled && asked != "" && asked != PoolNone:
		return fmt.Errorf("output %q is one vector for each text, so pooling %s does not apply (choose another output)", c.Output, asked)
	case pooled:
		c.Pooling = PoolNone
	case c.Pooling == PoolNone && c.plan.output.Ranked:
		return fmt.Errorf("output %q is one vector for each token, which needs pooling mean, cls or last", c.Output)
	}
	return nil
}
