// Package families makes ONNX graphs of language models that are published as config.json and safetensors.
//
// [Open] reads a checkpoint's configuration and the headers of its weights, and [Checkpoint.Graph] writes the graph. The
// constants of the graph refer to the safetensors files as external data, so no weight is copied and a graph takes some
// hundred kilobytes. ONNX Runtime maps the weights from the files.
//
// Each family has a file. It translates the settings of config.json and the names of tensors into a description of the
// model's layers, which decoder.go (models that read from left to right) and encoder.go turn into nodes. A setting that a family
// does not compute is refused by name. docs/add-a-family.md says how to add a family.
package families

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/onnxproto"
	"w2s/internal/suggest"
)

// Version changes whenever a graph that is made from the same files computes other numbers.
const Version = 1

// A family describes the models of one or more values of model_type.
type family struct {
	types []string
	// describe reads the settings and names the tensors. Faults of the settings are noted in the configuration.
	describe func(c *config, w *Weights) (model, error)
}

// A model is a description that can be turned into nodes.
type model interface {
	facts() Facts
	build(b *builder, want Want)
}

// all is the table of families.
var all = []family{
	llamaFamily, mistralFamily, qwen2Family, qwen3Family, smollm3Family, graniteFamily, stablelmFamily, olmoFamily, olmo2Family,
	gemmaFamily, gemma2Family, gemma3Family, gemma3TextFamily, phiFamily, phi3Family, gptNeoXFamily, gpt2Family, optFamily, bloomFamily,
	bertFamily, robertaFamily, distilbertFamily, mpnetFamily, electraFamily, albertFamily, debertaFamily, modernbertFamily,
}

// Types returns the values of model_type that are known, in alphabetical order.
func Types() []string {
	var types []string
	for _, f := range all {
		types = append(types, f.types...)
	}
	slices.Sort(types)
	return types
}

// Facts say what a model is like.
type Facts struct {
	Causal    bool // it reads from left to right
	Logits    bool // it has a layer that computes logits
	ByLength  bool // early states depend on the number of all tokens, also for texts that begin alike
	Layers    int
	Width     int // length of a hidden state
	Vocab     int // rows of the embedding
	Positions int // longest input that the model was made for
	Table     int // rows of a table of positions, beyond which the model cannot read; 0 if it has none
}

// A Checkpoint is a folder with config.json and safetensors files.
type Checkpoint struct {
	Type string // model_type of config.json
	Facts
	Weights *Weights
	// Unknown are settings of config.json that the family does not know. transformers ignores settings that it does not
	// know, so they are likely to have no effect.
	Unknown []string

	model model
}

// Want says what a graph computes.
type Want struct {
	// Outputs are names of outputs (see [Checkpoint.Outputs]). Layers that none of them needs are neither loaded nor run.
	Outputs []string
	Cache   bool // whether the graph has inputs past_key_values.* and outputs present.*; for causal models
	// LastLogits gives the graph the input num_logits_to_keep, as many exports have it: logits are computed for that many tokens
	// at the end of each text only.
	LastLogits bool
}

// LogitsToKeep is the name of the input with the number of logits.
const LogitsToKeep = "num_logits_to_keep"

// Outputs returns the names of the outputs that a graph can have, as in transformers: last_hidden_state; logits, if the checkpoint
// has the layer for them; and hidden_states.0 (what the first layer reads) to hidden_states.N. The last of these is the same as
// last_hidden_state but for ModernBERT, where it is the state before the last normalisation.
func (c *Checkpoint) Outputs() []string {
	names := []string{LastHidden}
	if c.Logits {
		names = append(names, logits)
	}
	for i := range c.Layers + 1 {
		names = append(names, stateName(i))
	}
	return names
}

func stateName(i int) string { return fmt.Sprintf("hidden_states.%d", i) }

const logits = "logits"

// LastHidden is the name of the output with the state after the last layer.
const LastHidden = "last_hidden_state"

// IsCheckpoint reports whether a folder has config.json and safetensors files.
func IsCheckpoint(dir string) bool {
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	return exists("config.json") && (exists(singleFile) || exists(indexFile))
}

// maxConfig bounds the size of config.json in bytes.
const maxConfig = 16 << 20

// Open reads the configuration and the headers of the weights of the checkpoint in dir.
func Open(dir string) (*Checkpoint, error) {
	path := filepath.Join(dir, "config.json")
	data, err := inputfile.Read(path, maxConfig)
	if err != nil {
		return nil, err
	}
	c, err := parseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	w, err := OpenWeights(dir)
	if err != nil {
		return nil, err
	}
	return open(c, w)
}

func open(c *config, w *Weights) (*Checkpoint, error) {
	kind := c.string("", "model_type")
	if kind == "" {
		return nil, errors.New("config.json names no model_type")
	}
	at := slices.IndexFunc(all, func(f family) bool { return slices.Contains(f.types, kind) })
	if at < 0 {
		hint := ""
		if near := suggest.Nearest(kind, Types()); near != "" {
			hint = fmt.Sprintf("did you mean %q? ", near)
		}
		return nil, fmt.Errorf("config.json: model_type %q is not one that is made from safetensors (%shave: %s; docs/export.md says how to export others)",
			kind, hint, strings.Join(Types(), ", "))
	}
	m, err := all[at].describe(c, w)
	c.common()
	if err := errors.Join(c.err(), err); err != nil {
		return nil, err
	}
	return &Checkpoint{Type: kind, Facts: m.facts(), Weights: w, Unknown: c.unknown(), model: m}, nil
}

// Graph writes the graph. It has the input input_ids and, for models with segments, token_type_ids. All texts of a batch must
// have the same number of tokens.
func (c *Checkpoint) Graph(want Want) (*onnxproto.Model, error) {
	known := c.Outputs()
	for _, name := range want.Outputs {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("the model has no output %q (have: %s)", name, strings.Join(known, ", "))
		}
	}
	if want.Cache && !c.Causal {
		return nil, errors.New("a model that reads in both directions has no key-value cache")
	}
	b := newBuilder(c.Weights)
	c.model.build(b, want)
	if err := errors.Join(b.faults...); err != nil {
		return nil, err
	}
	return b.model(c.Type), nil
}
