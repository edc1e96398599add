package onnx

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/onnxgraph"
	"w2s/internal/onnxproto"
	"w2s/onnx/families"
)

// A role is what an input of a model is fed with.
type role int

const (
	inputIDs role = iota
	attentionMask
	tokenTypes
	positions
	cachePositions
	pastState
	useCacheBranch
	logitsToKeep
	// The roles of inputs of the pooling in the graph (see poolgraph.go).
	countedTokens
	shareOfToken
	firstRow
	lastRow
)

// An input is one input of a model.
type input struct {
	onnxproto.Value
	role  role
	first int64 // for role positions: the position of the first token of a text
	// For role pastState: the dimensions that are the batch (-1 if it is fixed) and the tokens.
	batch, tokens int
}

var pastName = regexp.MustCompile(`^past(_key_values?)?[._]?\d*([._](key|value|\d+))*$`)

// classify determines from the name of an input how it is filled.
func classify(v onnxproto.Value) (input, error) {
	in := input{Value: v}
	switch name := v.Name; {
	case name == "input_ids":
		in.role = inputIDs
	case name == "attention_mask", name == "input_mask":
		in.role = attentionMask
	case name == "token_type_ids", name == "segment_ids":
		in.role = tokenTypes
	case name == "position_ids":
		in.role = positions
	case name == "cache_position":
		in.role = cachePositions
	case name == "use_cache_branch":
		in.role = useCacheBranch
	case name == families.LogitsToKeep:
		in.role = logitsToKeep
	case pastName.MatchString(name):
		in.role = pastState
	case strings.HasPrefix(name, "decoder_"), strings.HasPrefix(name, "encoder_"):
		return in, fmt.Errorf("input %q belongs to the decoder of an encoder-decoder model, which does not give vectors of texts "+
			"(export with optimum-cli export onnx --task text2text-generation and name the encoder: FOLDER#encoder_model)", name)
	default:
		return in, fmt.Errorf("input %q (%v%v) is not supported; supported are input_ids, attention_mask, token_type_ids, "+
			"position_ids, cache_position, past_key_values, use_cache_branch and num_logits_to_keep (export only the text model)",
			name, v.Type, v.Dims)
	}
	return in, in.check()
}

// check refuses element types and ranks that exports do not have.
func (in input) check() error {
	types, rank := []onnxproto.DataType{onnxproto.Int64, onnxproto.Int32}, 2
	switch in.role {
	case attentionMask:
		types = append(types, onnxproto.Float32, onnxproto.Bool)
	case pastState:
		types, rank = []onnxproto.DataType{onnxproto.Float32, onnxproto.Float16, onnxproto.BFloat16}, len(in.Dims)
	case useCacheBranch:
		types, rank = []onnxproto.DataType{onnxproto.Bool}, len(in.Dims)
	case cachePositions:
		rank = 1
	case logitsToKeep:
		types, rank = []onnxproto.DataType{onnxproto.Int64}, len(in.Dims)
	}
	if !slices.Contains(types, in.Type) {
		return fmt.Errorf("input %q has elements of type %v, want one of %v", in.Name, in.Type, types)
	}
	if in.Ranked && len(in.Dims) != rank {
		return fmt.Errorf("input %q has shape %v, want %d dimensions", in.Name, in.Dims, rank)
	}
	return nil
}

// fixed returns the size of dimension i of an input if the model fixes it, else 0.
func (in input) fixed(i int) int {
	if i < len(in.Dims) && in.Dims[i].Name == "" {
		return int(in.Dims[i].Size)
	}
	return 0
}

// A plan tells how a model is fed and which outputs are taken.
type plan struct {
	inputs []input
	output onnxproto.Value   // the output that gives vectors
	hidden string            // the value inside the graph that must first be made that output, or ""
	head   bool              // whether a head lies between hidden and the logits (see [onnxgraph.Hidden])
	layers []onnxproto.Value // further outputs that give vectors, each [batch, tokens, width]
	more   []onnxproto.Value // further outputs that are taken: the logits and the cache
	pools  []Pooling         // what the graph itself computes of each output that gives vectors; nil leaves pooling to the caller
	tokens families.Tokens   // the tokens of each text that the output has
	unused []string          // outputs that are not taken
	ends   bool              // whether nothing is computed that the output does not need
	scores int               // the number of labels if the output is the scores of a classification head, or 0
	// rows and cols are the batch size and the width that the model fixes, or 0.
	rows, cols int
	// single means that every text must be run alone, because the model computes a scale over the whole batch.
	single bool
	// alone means that texts with a key-value cache must be run one by one if they go on with more than one token, as the operator
	// GroupQueryAttention demands.
	alone bool
	// pads means that a batch can have texts of different lengths, because padding on the right does not change a text's vector.
	pads bool
	// bitSensitive means that rounding in one layer can grow to a relative error above 1e-5 in the final vector. This is so
	// for models that round their states to 8 bits, and for models that read from left to right, whose states can grow to
	// values in the hundreds. ONNX Runtime's own kernels compute all layers of such models.
	bitSensitive bool
}

// cachedRows returns the largest number of texts with a cache that are run together, at most rows, if each goes on with that many tokens.
func (p *plan) cachedRows(rows, tokens int) int {
	if p.alone && tokens > 1 {
		return 1
	}
	return max(1, rows)
}

// maxWidth bounds the length of vectors. No language model comes near it.
const maxWidth = 1 << 20

// batchScalingOps are the operators whose 8-bit scale depends on all rows of the batch.
var batchScalingOps = []string{"DynamicQuantizeLinear", "com.microsoft:DynamicQuantizeMatMul", "com.microsoft:DynamicQuantizeLSTM"}

// stateRoundingOps are the operators that round states to 8 bits, or can do so: MatMulNBits does if its accuracy_level is 4.
var stateRoundingOps = []string{"QuantizeLinear", "com.microsoft:QuantizeLinear", "com.microsoft:MatMulNBits"}

// planModel plans how to feed a model and which output to take. output names an output of the model or the last hidden state;
// if it is "", planModel chooses. causal tells whether the model is known to read from left to right.
func planModel(f *onnxproto.File, output string, causal bool) (*plan, error) {
	p := &plan{}
	for _, v := range f.Inputs {
		in, err := classify(v)
		if err != nil {
			return nil, err
		}
		p.inputs = append(p.inputs, in)
		switch in.role {
		case inputIDs, attentionMask, tokenTypes, positions:
			p.rows, p.cols = max(p.rows, in.fixed(0)), max(p.cols, in.fixed(1))
		}
	}
	if !slices.ContainsFunc(p.inputs, func(in input) bool { return in.role == inputIDs }) {
		return nil, fmt.Errorf("the model has no input named input_ids (it is not a language model over token ids)")
	}
	if err := p.layOutPasts(); err != nil {
		return nil, err
	}
	if p.rows > maxWidth || p.cols > maxWidth {
		return nil, fmt.Errorf("the model fixes its input to %d x %d tokens, which is more than any real model takes", p.rows, p.cols)
	}
	has := func(op string) bool { return f.Ops[op] > 0 }
	p.single = slices.ContainsFunc(batchScalingOps, has)
	p.alone = has("com.microsoft:GroupQueryAttention")
	causal = causal || p.has(pastState)
	p.pads = !p.single && p.rows == 0 && p.cols == 0 && (causal || p.has(attentionMask))
	p.bitSensitive = causal || p.single || slices.ContainsFunc(stateRoundingOps, has)
	if err := p.choose(f, output, causal); err != nil {
		return nil, err
	}
	for _, v := range f.Outputs {
		if v.Name != p.output.Name {
			p.unused = append(p.unused, v.Name)
		}
	}
	return p, p.checkOutput()
}

// choose sets the output to the named one. Without a name it takes the last hidden state, or else a sentence vector, or else
// another output with a vector for each token. If the model outputs logits only, it takes the last hidden state from which
// they are computed. It takes logits or scores of classes themselves only by name.
func (p *plan) choose(f *onnxproto.File, name string, causal bool) error {
	var fault error // why the last hidden state was not found
	for _, candidate := range candidates(f, name) {
		if v, ok := f.Output(candidate); ok {
			if name == "" {
				if err := p.checkUnambiguous(f, v); err != nil {
					return err
				}
			}
			if name == "" && strings.HasSuffix(v.Name, "logits") && !p.perToken(v) {
				if fault == nil {
					fault = fmt.Errorf("it only outputs scores of classes, %s (export the model without its head: optimum-cli export onnx "+
						"--task feature-extraction; or set \"output\": %q in w2s.json to use the scores themselves)", v.Name, v.Name)
				}
				return fault
			}
			p.output = v
			return nil
		}
		if candidate == lastHidden {
			if fault = p.exposeHidden(f, causal); p.hidden != "" {
				return nil
			}
		}
	}
	switch {
	case fault != nil && name != "":
		return fault
	case name != "":
		return fmt.Errorf("the model has no output %q; it has %s", name, strings.Join(outputNames(f), ", "))
	}
	return fmt.Errorf("the model has no output of shape [batch, tokens, width] or [batch, width]; it has %s", strings.Join(outputNames(f), ", "))
}

// lastHidden is the usual name of the output with the states after the last layer and its normalisation.
const lastHidden = "last_hidden_state"

// knownOutputs are the names of outputs that tell what they are, in order of preference.
var knownOutputs = []string{lastHidden, "sentence_embedding", "token_embeddings"}

// candidates returns the names of possible outputs in order of preference.
func candidates(f *onnxproto.File, name string) []string {
	if name != "" {
		return []string{name}
	}
	list := slices.Clone(knownOutputs)
	layer, deepest := -1, ""
	for _, v := range f.Outputs {
		if m := hiddenName.FindStringSubmatch(v.Name); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil && n > layer {
				layer, deepest = n, v.Name
			}
		}
	}
	if layer >= 0 {
		list = append(list, deepest)
	}
	for _, v := range slices.Concat(ofRank(f, 3), ofRank(f, 2)) {
		list = append(list, v.Name)
	}
	return list
}

var hiddenName = regexp.MustCompile(`^hidden_states?[._](\d+)$`)

// ofRank returns the floating-point outputs with that many dimensions.
func ofRank(f *onnxproto.File, rank int) []onnxproto.Value {
	return slices.DeleteFunc(slices.Clone(f.Outputs), func(v onnxproto.Value) bool { return !isFloat(v.Type) || len(v.Dims) != rank })
}

// checkUnambiguous refuses to choose v if there are other outputs like it and its name does not tell what it is. It could be
// the embeddings.
func (p *plan) checkUnambiguous(f *onnxproto.File, v onnxproto.Value) error {
	var rivals []string
	for _, other := range ofRank(f, len(v.Dims)) {
		if !strings.HasSuffix(other.Name, "logits") && !p.perToken(other) {
			rivals = append(rivals, other.Name)
		}
	}
	if len(rivals) < 2 || slices.Contains(knownOutputs, v.Name) || hiddenName.MatchString(v.Name) {
		return nil
	}
	return fmt.Errorf("it is unclear which output is the last hidden state: %s (set \"output\" in w2s.json)", strings.Join(rivals, ", "))
}

// isLogits reports whether an output has one number for each token and each entry of a vocabulary (or each class).
func isLogits(v onnxproto.Value) bool {
	return isFloat(v.Type) && len(v.Dims) == 3 && strings.HasSuffix(v.Name, "logits")
}

// exposeHidden plans to take the last hidden state from which the model computes its logits. It does nothing if the model has
// no logits.
func (p *plan) exposeHidden(f *onnxproto.File, causal bool) error {
	i := slices.IndexFunc(f.Outputs, isLogits)
	if i < 0 {
		return nil
	}
	logits := f.Outputs[i]
	hidden, err := onnxgraph.New(f).Hidden(logits.Name, causal)
	if err != nil {
		return fmt.Errorf("cannot find the last hidden state from which the logits are computed: %w (export the model without its head: "+
			"optimum-cli export onnx --task feature-extraction; or set \"output\": %q in w2s.json to use the logits themselves)", err, logits.Name)
	}
	p.hidden, p.head = hidden.Name, hidden.Head
	p.output = onnxproto.Value{Name: lastHidden, Type: onnxproto.Float32, Ranked: true,
		Dims: []onnxproto.Dim{logits.Dims[0], logits.Dims[1], {Size: int64(hidden.Dims)}}}
	return nil
}

func (p *plan) checkOutput() error {
	v := p.output
	if !isFloat(v.Type) {
		return fmt.Errorf("output %q has elements of type %v, not floating-point", v.Name, v.Type)
	}
	if v.Ranked && len(v.Dims) != 2 && len(v.Dims) != 3 {
		return fmt.Errorf("output %q has shape %v, want [batch, tokens, width] or [batch, width]", v.Name, v.Dims)
	}
	if p.perToken(v) {
		return fmt.Errorf("output %q has only one number for each token, as in models that answer questions with a span of the text, and no vector "+
			"(export the model without its head: optimum-cli export onnx --task feature-extraction)", v.Name)
	}
	if v.Ranked {
		if d := v.Dims[len(v.Dims)-1]; d.Size > maxWidth {
			return fmt.Errorf("output %q has vectors of length %d; the limit is %d", v.Name, d.Size, maxWidth)
		}
	}
	return nil
}

// perToken reports whether an output of shape [batch, x] has one number for each token instead of a vector for each text.
func (p *plan) perToken(v onnxproto.Value) bool {
	if len(v.Dims) != 2 {
		return false
	}
	if v.Name == "start_logits" || v.Name == "end_logits" {
		return true
	}
	return v.Dims[1].Name != "" && slices.ContainsFunc(p.inputs, func(in input) bool {
		return in.role == inputIDs && len(in.Dims) == 2 && in.Dims[1].Name == v.Dims[1].Name
	})
}

// startAt sets the position of the first token of a text, for models with an input of positions.
func (p *plan) startAt(first int64) {
	for i := range p.inputs {
		if p.inputs[i].role == positions {
			p.inputs[i].first = first
		}
	}
}

// pooled reports whether the output already has one vector for each text.
func (p *plan) pooled() bool { return len(p.output.Dims) == 2 }

// vectors returns the outputs that give vectors.
func (p *plan) vectors() []onnxproto.Value { return append([]onnxproto.Value{p.output}, p.layers...) }

// width returns the length of the output's vectors, or 0 if the model does not tell it.
func (p *plan) width() int {
	if n := len(p.output.Dims); n > 0 {
		return int(p.output.Dims[n-1].Size)
	}
	return 0
}

// has reports whether the model has an input of that role.
func (p *plan) has(r role) bool {
	return slices.ContainsFunc(p.inputs, func(in input) bool { return in.role == r })
}

func isFloat(t onnxproto.DataType) bool {
	return t == onnxproto.Float32 || t == onnxproto.Float16 || t == onnxproto.BFloat16 || t == onnxproto.Float64
}

func outputNames(f *onnxproto.File) []string {
	names := make([]string, len(f.Outputs))
	for i, v := range f.Outputs {
		names[i] = fmt.Sprintf("%s %v%v", v.Name, v.Type, v.Dims)
	}
	return names
}
