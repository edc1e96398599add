package onnx

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/suggest"
	"w2s/onnx/families"
)

// configs holds the JSON files of a checkpoint. Files that are absent are zero.
type configs struct {
	w2s      Description
	w2sSet   map[string]json.RawMessage // the fields that w2s.json sets
	model    modelConfig                // config.json
	tokens   tokenizerConfig            // tokenizer_config.json
	sentence sentenceConfigs
	made     *families.Checkpoint // what safetensors and config.json say; nil for an ONNX file
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
	MaxSeqLen     int             `json:"max_seq_len"`  // of MPT
	PadTokenID    json.RawMessage `json:"pad_token_id"` // a number, a list or null
	headConfig
}

type tokenizerConfig struct {
	ModelMaxLength *float64 `json:"model_max_length"` // 1e30 if there is no limit
	MaxLength      *float64 `json:"max_len"`          // the former name of ModelMaxLength, read if that is absent
	PaddingSide    string   `json:"padding_side"`
	TruncationSide string   `json:"truncation_side"`
}

func readConfigs(dir string) (*configs, error) {
	c := &configs{}
	var errs []error
	for _, f := range append(c.exported(), configFile{"w2s.json", &c.w2s}, configFile{"w2s.json", &c.w2sSet}) {
		errs = append(errs, readConfig(filepath.Join(dir, f.name), f.into))
	}
	if errors.Join(errs...) == nil && c.w2sSet != nil {
		errs = append(errs, c.checkDescription())
	}
	return c, errors.Join(append(errs, c.sentence.read(dir))...)
}

// A configFile is the name of a file and the value that it is read into.
type configFile struct {
	name string
	into any
}

// exported returns the files that are exported together with a model.
func (c *configs) exported() []configFile {
	return []configFile{{"config.json", &c.model}, {"tokenizer_config.json", &c.tokens}}
}

// complete reads the exported files that dir lacks from another folder. The files of sentence-transformers belong together,
// so they are read from there only if dir has none of them.
func (c *configs) complete(dir, other string) error {
	var errs []error
	for _, f := range c.exported() {
		if lacks(dir, f.name) {
			errs = append(errs, readConfig(filepath.Join(other, f.name), f.into))
		}
	}
	if lacks(dir, sentenceFiles...) {
		errs = append(errs, c.sentence.read(other))
	}
	return errors.Join(errs...)
}

// lacks reports whether dir has none of the files.
func lacks(dir string, files ...string) bool {
	return !slices.ContainsFunc(files, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		return !errors.Is(err, fs.ErrNotExist)
	})
}

// checkDescription checks w2s.json. It refuses unknown fields, because a misspelt one would otherwise be ignored silently.
func (c *configs) checkDescription() error {
	if c.w2s.Format != 1 {
		return fmt.Errorf("w2s.json: format %d is unknown (this program reads format 1)", c.w2s.Format)
	}
	var known []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Description]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known = append(known, name)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.w2sSet)) {
		switch near := suggest.Nearest(name, known); {
		case string(c.w2sSet[name]) == "null":
			delete(c.w2sSet, name) // null means that the field is not set
		case slices.Contains(known, name):
		case near != "":
			errs = append(errs, fmt.Errorf("w2s.json: unknown field %q (did you mean %q?)", name, near))
		default:
			errs = append(errs, fmt.Errorf("w2s.json: unknown field %q (known fields: %s)", name, strings.Join(known, ", ")))
		}
	}
	if file := filepath.FromSlash(c.w2s.File); file != "" && !filepath.IsLocal(file) {
		errs = append(errs, fmt.Errorf("w2s.json: model %q is not a path inside the folder", c.w2s.File))
	}
	return errors.Join(errs...)
}

// readConfig reads a JSON file that may be absent.
func readConfig(path string, into any) error {
	data, err := inputfile.Read(path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := inputfile.JSON(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// causalFamilies are the model_type values of families that read from left to right.
var causalFamilies = []string{"gpt2", "gpt_neo", "gpt_neox", "gptj", "gpt_bigcode", "gpt_oss", "codegen", "opt", "xglm", "bloom", "mpt", "falcon",
	"llama", "mistral", "mixtral", "ministral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "phi", "phi3", "phimoe", "gemma", "gemma2", "gemma3_text",
	"olmo", "olmo2", "olmo3", "smollm3", "stablelm", "starcoder2", "granite", "cohere", "cohere2", "internlm2", "baichuan", "exaone", "nemotron",
	"persimmon", "biogpt", "ctrl", "openai-gpt", "deepseek_v2", "deepseek_v3", "arcee", "lfm2"}

// causal reports whether the model is known to read from left to right, so that only its last token depends on the whole text.
func (c *configs) causal() bool {
	if c.made != nil {
		return c.made.Causal
	}
	return slices.ContainsFunc(c.model.Architectures, func(a string) bool {
		return strings.HasSuffix(a, "ForCausalLM") || strings.HasSuffix(a, "GPT2LMHeadModel")
	}) || slices.Contains(causalFamilies, cmp.Or(c.w2s.Family, c.model.ModelType))
}

// width returns the length of a hidden state, or 0 if config.json does not tell it.
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
		return 0 // null or a list; any token will do, because the mask excludes it
	}
	return id
}

// maxTokens returns the longest input: the length at which sentence-transformers cuts, else the smaller of the lengths that
// the tokenizer and the model allow, else the length at which tokenizer.json cuts, else 0. The result does not exceed
// positions, the size of the position table in the graph, unless that is 0.
func (c *configs) maxTokens(positions int, tokenizer string) (int, error) {
	longest := math.MaxInt
	if positions > 0 {
		longest = positions
	}
	if n := c.sentence.bert.MaxSeqLength; n > 0 {
		return min(longest, n), nil
	}
	if n := cmp.Or(c.tokens.ModelMaxLength, c.tokens.MaxLength); n != nil && *n >= 1 && *n < 1e9 {
		longest = min(longest, int(*n))
	}
	if n := c.model.positions(); n > 0 {
		longest = min(longest, n)
	}
	if longest < math.MaxInt || filepath.Base(tokenizer) != "tokenizer.json" {
		return longest % math.MaxInt, nil
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

// paddedPositions are the families that count positions from the padding id on, so that some rows of the table are not used.
var paddedPositions = []string{"roberta", "xlm-roberta", "xlm-roberta-xl", "roberta-prelayernorm", "camembert", "mpnet", "longformer", "ibert",
	"data2vec-text", "xmod", "luke"}

// firstPosition returns the position of the first token of a text.
func (m modelConfig) firstPosition() int64 {
	if slices.Contains(paddedPositions, m.ModelType) {
		return m.padID() + 1
	}
	return 0
}

// positions returns the longest input that config.json allows, or 0 if it does not tell it.
func (m modelConfig) positions() int {
	return max(0, max(m.MaxPositions, m.NPositions, m.MaxSeqLen)-int(m.firstPosition()))
}
