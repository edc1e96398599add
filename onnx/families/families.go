// Package families makes ONNX graphs of language models that are published as config.json and safetensors.
//
// [Open] reads a checkpoint's configuration and the headers of its weights, and [Checkpoint.Graph] writes the graph. The
// constants of the graph refer to the safetensors files as external data, so no weight is copied and a graph takes some
// hundred kilobytes. ONNX Runtime maps the weights from the files.
// An [Adapter] adds to the weights when the runtime loads the graph.
//
// Each family has a file. It translates the settings of config.json and the names of tensors into a description of the
// model's layers, which transformer.go and attention.go turn into nodes. A setting that a family does not compute is refused by
// name. docs/add-a-family.md says how to add a family.
package families

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/onnxproto"
	"w2s/internal/suggest"
)

// Version changes whenever a graph that is made from the same files computes other numbers.
const Version = 2

// A family describes the models of one or more values of model_type.
type family struct {
	types []string
	// describe reads the settings and names the tensors. Faults of the settings are noted in the configuration.
	describe func(c *config, w *Weights) (model, error)
}

// A model is a description that can be turned into nodes.
type model interface {
	facts() Facts
	untie(w *Weights)
	build(b *builder, want Want)
}

// all is the table of families.
var all = []family{
	llamaFamily, mistralFamily, qwen2Family, qwen3Family, smollm3Family, graniteFamily, stablelmFamily, olmoFamily, olmo2Family,
	gemmaFamily, gemma2Family, gemma3Family, gemma3TextFamily, phiFamily, phi3Family, gptNeoXFamily, gpt2Family, optFamily, bloomFamily,
	starcoder2Family, cohereFamily,
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

// Facts are properties of a model.
type Facts struct {
	Causal    bool // it reads from left to right
	Logits    bool // it has a layer that computes logits
	ByLength  bool // the state of a token depends on the length of the whole text, even in a model that reads from left to right
	Layers    int
	Width     int // length of a hidden state
	Vocab     int // rows of the embedding
	Positions int // longest input that the model was made for
	// Renew is the length beyond which a key-value cache is made anew, if it was made by a text of at most this length; 0 is never.
	Renew int
	Table int // rows of a table of positions, beyond which the model cannot read; 0 if it has none
}

// A Checkpoint is a folder with config.json and safetensors files.
type Checkpoint struct {
	Type string // model_type of config.json
	Facts
	Weights *Weights
	Adapter *Adapter // nil is none
	// Unknown are settings of config.json that the family does not know. transformers ignores settings that it does not
	// know, so they are likely to have no effect.
	Unknown []string
	// Unused are tensors of the base model that the family does not read and that are not known to be of no effect, such as biases
	// that config.json turns off.
	Unused []string

	config *config
	model  model
}

// Want says what a graph computes.
type Want struct {
	// Outputs are names of outputs (see [Checkpoint.Outputs]). Layers that none of them needs are neither loaded nor run.
	Outputs []string
	Cache   bool // whether the graph has inputs past_key_values.* and outputs present.*; for causal models
	// LastLogits gives the graph the input num_logits_to_keep, as many exports have it: logits are computed for that many tokens
	// at the end of each text only.
	LastLogits bool
	// Tokens are those that last_hidden_state has of each text, if it is the only output of a model with several layers. The last
	// layer then computes its network for these tokens alone.
	Tokens Tokens
	// Scores is the number of labels of the checkpoint's classification head. If it is not 0, the only output is logits, of shape
	// [batch, labels], the scores that the head gives the labels of each text.
	Scores int

	Style Style

	classifier *classifier
}

// Tokens are some of the tokens of a text.
type Tokens int

const (
	AllTokens Tokens = iota
	FirstToken
	LastToken
)

// A Style says for what a graph is made. The zero value computes in float32 with the operators that are best on a processor.
type Style struct {
	// Half computes matrix products and attention in float16. What the layers add to, normalisations and softmax stay float32.
	Half bool
	// Card takes the operators that are best on a card. Texts of a batch can then have different lengths: those of a model that reads
	// in both directions are told by the input attention_mask, and padding after a text does not change the others.
	Card bool
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

// maxConfig bounds the size of config.json in bytes.
const maxConfig = 16 << 20

// Open reads the configuration and the headers of the weights of the checkpoint in dir, and those of the adapter in another folder,
// unless adapter is "".
func Open(dir, adapter string) (*Checkpoint, error) {
	w, err := OpenWeights(dir)
	if err != nil {
		return nil, err
	}
	c, err := readConfig(filepath.Join(dir, "config.json"))
	if err != nil {
		return nil, err
	}
	if adapter != "" {
		a, err := openAdapter(adapter)
		if err == nil {
			err = w.addAdapter(dir, a)
		}
		if err != nil {
			return nil, fmt.Errorf("adapter %s: %w", adapter, err)
		}
	}
	return open(c, w)
}

// WithoutLogits says why a causal model has no logits.
func (c *Checkpoint) WithoutLogits() string {
	if c.Adapter != nil && c.Adapter.untied {
		return "the adapter changes the table of tokens or the layer for logits, which are one in the base model, so it is not clear what its logits " +
			"are (train the adapter on a base with tie_word_embeddings false)"
	}
	return "the weights have no layer for logits (use a checkpoint with it, as AutoModelForCausalLM saves it)"
}

// CheckConfig returns why the safetensors of a checkpoint with the config.json at path cannot be used, as far as that file alone
// tells: the family is not known, or the weights are quantised.
func CheckConfig(path string) error {
	c, err := readConfig(path)
	if err != nil {
		return err
	}
	_, err = familyOf(c)
	c.withoutQuantisation()
	return errors.Join(err, c.err())
}

func readConfig(path string) (*config, error) {
	data, err := inputfile.Read(path, maxConfig)
	if err != nil {
		return nil, err
	}
	c, err := parseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return c, nil
}

// familyOf returns the family that model_type names.
func familyOf(c *config) (*family, error) {
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
	return &all[at], nil
}

func open(c *config, w *Weights) (*Checkpoint, error) {
	f, err := familyOf(c)
	if err != nil {
		return nil, err
	}
	c.tensors = len(w.tensors)
	m, err := f.describe(c, w)
	if err == nil && len(c.faults) == 0 && m.facts().Causal {
		c.ignore("is_decoder") // it always is
	}
	c.common()
	if err := errors.Join(c.err(), err); err != nil {
		return nil, err
	}
	if w.adapter != nil {
		w.adapt()
		m.untie(w)
	}
	out := &Checkpoint{Type: c.string("", "model_type"), Facts: m.facts(), Weights: w, Adapter: w.adapter, Unknown: c.unknown(), config: c, model: m}
	b, err := out.build(Want{Outputs: out.Outputs()})
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, t := range b.constants {
		used[t.Name] = true
	}
	if w.adapter != nil {
		if err := w.adapter.check(used, b.linears, w.prefix); err != nil {
			return nil, err
		}
	}
	out.Unused = w.unused(used)
	for _, name := range out.Unused {
		if layer := firstNumber.FindStringSubmatchIndex(name); layer != nil {
			if n, _ := strconv.Atoi(name[layer[2]:layer[3]]); n >= out.Layers && w.isLayer(name[:layer[2]]) {
				return nil, fmt.Errorf("config.json asks for %d layers, but the weights have more, such as in tensor %q", out.Layers, name)
			}
		}
	}
	return out, nil
}

// firstNumber matches the number of a layer in the name of a tensor.
var firstNumber = regexp.MustCompile(`\.(\d+)\.`)

// Graph writes the graph. It has the input input_ids and, for models with segments, token_type_ids. All texts of a batch must
// have the same number of tokens.
func (c *Checkpoint) Graph(want Want) (*onnxproto.Model, error) {
	b, err := c.build(want)
	if err != nil {
		return nil, err
	}
	return b.model(c.Type), nil
}

func (c *Checkpoint) build(want Want) (*builder, error) {
	known := c.Outputs()
	for _, name := range want.Outputs {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("the model has no output %q (have: %s)", name, strings.Join(known, ", "))
		}
	}
	if want.Cache && !c.Causal {
		return nil, errors.New("a model that reads in both directions has no key-value cache")
	}
	if want.Scores > 0 {
		var err error
		if want.classifier, err = c.classifier(want.Scores); err != nil {
			return nil, err
		}
	}
	b := newBuilder(c.Weights)
	b.style = want.Style
	c.model.build(b, want)
	if b.gaveUp() {
		b.fault("there may be more tensors that do not fit")
	}
	if err := firstFew(b.adapterFaults); err != nil {
		b.faults = append(b.faults, c.Adapter.fault(err))
	}
	if err := errors.Join(b.faults...); err != nil {
		return nil, err
	}
	return b, nil
}
