package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/onnxproto"
)

// A Description is what is known of a checkpoint: w2s.json where there is one, and for what that leaves out the files
// that Hugging Face and sentence-transformers write.
type Description struct {
	Format    int     `json:"format"` // of w2s.json: 1
	Name      string  `json:"name"`
	Family    string  `json:"family"`               // such as bert, llama, static
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
	model, err := findModel(dir, o.Model)
	if err != nil {
		return nil, err
	}
	files, err := readConfigs(dir)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{Dir: dir, Model: model, Tokenizer: filepath.Join(dir, "tokenizer.json"), Description: files.w2s}
	if _, err := os.Stat(c.Tokenizer); err != nil {
		return nil, fmt.Errorf("no tokenizer.json (save it with the tokenizer's save_pretrained): %w", err)
	}
	f, err := onnxproto.Open(model)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if o.Output != "" {
		c.Output = o.Output
	}
	if c.plan, err = planModel(f, c.Output); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(model), err)
	}
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
		return "", fmt.Errorf("no model.onnx, but %s (name one of them)", strings.Join(found, ", "))
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

// configs are the JSON files of a checkpoint, those that are absent left zero.
type configs struct {
	w2s    Description
	w2sSet map[string]json.RawMessage // which fields w2s.json gives
	model  modelConfig                // config.json
	tokens tokenizerConfig            // tokenizer_config.json
	bert   struct {
		MaxSeqLength int `json:"max_seq_length"`
	} // sentence_bert_config.json
	pooling poolingConfig           // 1_Pooling/config.json
	modules []struct{ Type string } // modules.json
	prompts struct {
		Prompts           map[string]string
		DefaultPromptName *string `json:"default_prompt_name"`
	} // config_sentence_transformers.json
}

type modelConfig struct {
	ModelType     string `json:"model_type"`
	Architectures []string
	HiddenSize    int             `json:"hidden_size"`
	NEmbd         int             `json:"n_embd"`
	DModel        int             `json:"d_model"`
	Dim           int             `json:"dim"`
	MaxPositions  int             `json:"max_position_embeddings"`
	NPositions    int             `json:"n_positions"`
	PadTokenID    json.RawMessage `json:"pad_token_id"` // a number, a list or null
}

type tokenizerConfig struct {
	ModelMaxLength float64 `json:"model_max_length"` // 1e30 where there is no limit
	PaddingSide    string  `json:"padding_side"`
	TruncationSide string  `json:"truncation_side"`
}

type poolingConfig struct {
	Mode          string `json:"pooling_mode"`
	CLS           bool   `json:"pooling_mode_cls_token"`
	Mean          bool   `json:"pooling_mode_mean_tokens"`
	Last          bool   `json:"pooling_mode_lasttoken"`
	Max           bool   `json:"pooling_mode_max_tokens"`
	MeanSqrt      bool   `json:"pooling_mode_mean_sqrt_len_tokens"`
	Weighted      bool   `json:"pooling_mode_weightedmean_tokens"`
	IncludePrompt *bool  `json:"include_prompt"`
}

func readConfigs(dir string) (*configs, error) {
	c := &configs{}
	var errs []error
	for _, f := range []struct {
		name string
		into any
	}{
		{"w2s.json", &c.w2s}, {"w2s.json", &c.w2sSet}, {"config.json", &c.model}, {"tokenizer_config.json", &c.tokens},
		{"sentence_bert_config.json", &c.bert}, {"1_Pooling/config.json", &c.pooling}, {"modules.json", &c.modules},
		{"config_sentence_transformers.json", &c.prompts},
	} {
		errs = append(errs, readConfig(filepath.Join(dir, filepath.FromSlash(f.name)), f.into))
	}
	if c.w2sSet != nil && c.w2s.Format != 1 {
		errs = append(errs, fmt.Errorf("w2s.json: format %d is not known, only 1 is", c.w2s.Format))
	}
	return c, errors.Join(errs...)
}

// readConfig reads a JSON file that may be absent.
func readConfig(path string, into any) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return err
	}
	if len(data) > maxConfig {
		return fmt.Errorf("%s: more than %d bytes", path, maxConfig)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
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
	if c.Pooling, err = first(o.Pooling, c.Pooling, func() (Pooling, error) { return files.poolingOf(c.plan) }); err != nil {
		return err
	}
	if err := c.checkPooling(o.Pooling); err != nil {
		return err
	}
	if _, given := files.w2sSet["prefix"]; !given {
		c.Prefix = files.prefix()
	}
	if o.Prefix != nil {
		c.Prefix = *o.Prefix
	}
	if c.Prefix != "" && files.pooling.IncludePrompt != nil && !*files.pooling.IncludePrompt && !c.plan.pooled() {
		return errors.New("1_Pooling/config.json leaves the prefix out of the mean, which is not supported (set an empty prefix)")
	}
	if o.Normalize != nil {
		c.Normalize = *o.Normalize
	}
	if _, given := files.w2sSet["max_tokens"]; !given {
		if c.MaxTokens, err = files.maxTokens(f, c.Tokenizer); err != nil {
			return err
		}
	}
	if o.MaxTokens > 0 {
		c.MaxTokens = o.MaxTokens
	}
	if c.plan.cols > 0 && (c.MaxTokens == 0 || c.MaxTokens > c.plan.cols) {
		c.MaxTokens = c.plan.cols
	}
	if c.MaxTokens < 0 {
		return fmt.Errorf("longest input of %d tokens", c.MaxTokens)
	}
	if rows := positionRows(f); rows > 0 && c.MaxTokens > rows {
		return fmt.Errorf("longest input of %d tokens, but the model has %d positions", c.MaxTokens, rows)
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

// poolingOf is the pooling that the checkpoint's own files name; else the last token for models that read from left to
// right, the mean for all others.
func (c *configs) poolingOf(p *plan) (Pooling, error) {
	q := c.pooling
	named := map[Pooling]bool{PoolMean: q.Mean, PoolCLS: q.CLS, PoolLast: q.Last,
		"max": q.Max, "mean_sqrt_len": q.MeanSqrt, "weightedmean": q.Weighted}
	if q.Mode != "" {
		named = map[Pooling]bool{Pooling(strings.Replace(q.Mode, "lasttoken", string(PoolLast), 1)): true}
	}
	var modes []string
	for mode, on := range named {
		if on {
			modes = append(modes, string(mode))
		}
	}
	slices.Sort(modes)
	switch {
	case len(modes) == 1 && Pooling(modes[0]).check() == nil:
		return Pooling(modes[0]), nil
	case p.pooled():
		return PoolNone, nil
	case len(modes) > 0:
		return "", fmt.Errorf("1_Pooling/config.json: pooling %s is not supported (choose mean, cls or last)", strings.Join(modes, " with "))
	case p.has(pastState), c.model.causal():
		return PoolLast, nil
	}
	return PoolMean, nil
}

// causal says whether the model reads from left to right, so that only its last token has seen the whole text.
func (m modelConfig) causal() bool {
	if slices.ContainsFunc(m.Architectures, func(a string) bool {
		return strings.HasSuffix(a, "ForCausalLM") || strings.HasSuffix(a, "GPT2LMHeadModel")
	}) {
		return true
	}
	return slices.Contains([]string{"gpt2", "gpt_neo", "gpt_neox", "gptj", "opt", "bloom", "llama", "mistral", "mixtral", "qwen2", "qwen3",
		"phi", "phi3", "gemma", "gemma2", "gemma3_text", "olmo", "olmo2", "smollm3", "stablelm", "falcon", "granite"}, m.ModelType)
}

// width is the length of a hidden state, 0 where config.json does not say.
func (m modelConfig) width() int {
	for _, n := range []int{m.HiddenSize, m.NEmbd, m.DModel, m.Dim} {
		if n > 0 && n <= maxWidth {
			return n
		}
	}
	return 0
}

func (m modelConfig) padID() int64 {
	var id int64
	if json.Unmarshal(m.PadTokenID, &id) != nil || id < 0 {
		return 0 // null or a list: any token will do, the mask leaves it out
	}
	return id
}

// prefix is the prompt that sentence-transformers would put before a text.
func (c *configs) prefix() string {
	if name := c.prompts.DefaultPromptName; name != nil {
		return c.prompts.Prompts[*name]
	}
	return ""
}

// maxTokens is the longest input: what sentence-transformers cuts at; else the smaller of what the tokenizer and the
// model allow, where the rows of the position table in the graph stand in for config.json; else where the tokenizer.json
// cuts; 0 where no file says.
func (c *configs) maxTokens(f *onnxproto.File, tokenizer string) (int, error) {
	if c.bert.MaxSeqLength > 0 {
		return c.bert.MaxSeqLength, nil
	}
	longest := math.MaxInt
	if n := c.tokens.ModelMaxLength; n >= 1 && n < 1e9 {
		longest = int(n)
	}
	table := max(c.model.MaxPositions, c.model.NPositions)
	if table == 0 {
		table = positionRows(f)
	}
	if slices.Contains([]string{"roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "xlm-roberta-xl"}, c.model.ModelType) {
		table -= int(c.model.padID()) + 1 // positions are counted from the padding id on
	}
	if table > 0 {
		longest = min(longest, table)
	}
	if longest < math.MaxInt {
		return longest, nil
	}
	var file struct {
		Truncation *struct {
			MaxLength int `json:"max_length"`
		}
	}
	if err := readConfig(tokenizer, &file); err != nil || file.Truncation == nil {
		return 0, err
	}
	return max(0, file.Truncation.MaxLength), nil
}

// positionRows is the size of a learned position table, 0 where the graph shows none.
func positionRows(f *onnxproto.File) int {
	for _, t := range f.Initializers {
		name := strings.ToLower(t.Name)
		if len(t.Dims) == 2 && t.Dims[0] > 1 && t.Dims[0] < 1<<20 &&
			(strings.Contains(name, "position_embeddings") || strings.Contains(name, "wpe.weight") || strings.Contains(name, "embed_positions")) {
			return int(t.Dims[0])
		}
	}
	return 0
}
