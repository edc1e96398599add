package onnx

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/onnxgraph"
	"w2s/internal/onnxproto"
)

// role is what an input of a model is fed with.
type role int

const (
	inputIDs role = iota
	attentionMask
	tokenTypes
	positions
	cachePositions
	pastState
	useCacheBranch
)

// An input is one input of a model.
type input struct {
	onnxproto.Value
	role  role
	first int64 // of positions: that of a text's first token
}

var pastName = regexp.MustCompile(`^past(_key_values?)?[._]?\d*([._](key|value|\d+))*$`)

// classify says how to fill an input, from its name.
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
	case pastName.MatchString(name):
		in.role = pastState
	case strings.HasPrefix(name, "decoder_"), strings.HasPrefix(name, "encoder_"):
		return in, fmt.Errorf("input %q belongs to the decoder of an encoder-decoder model, which has no vector of a text "+
			"(export with optimum-cli export onnx --task text2text-generation and name the encoder: FOLDER#encoder_model)", name)
	default:
		return in, fmt.Errorf("input %q (%v%v) cannot be filled: only input_ids, attention_mask, token_type_ids, "+
			"position_ids, cache_position, past_key_values and use_cache_branch are known (export the text model alone)",
			name, v.Type, v.Dims)
	}
	return in, in.check()
}

// check refuses element types and ranks that no export has.
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
	}
	if !slices.Contains(types, in.Type) {
		return fmt.Errorf("input %q has elements of type %v; %v is expected", in.Name, in.Type, types)
	}
	if in.Ranked && len(in.Dims) != rank {
		return fmt.Errorf("input %q has shape %v; %d dimensions are expected", in.Name, in.Dims, rank)
	}
	return nil
}

// fixed returns the size of dimension i of an input where the model fixes it, else 0.
func (in input) fixed(i int) int {
	if i < len(in.Dims) && in.Dims[i].Name == "" {
		return int(in.Dims[i].Size)
	}
	return 0
}

// A plan is how a model is fed and what is taken from it.
type plan struct {
	inputs []input
	// output is what is taken; hidden names the value inside the graph that has to be made an output for it, or "".
	output onnxproto.Value
	hidden string
	head   bool              // hidden lies behind a head of its own, see [onnxgraph.Hidden]
	more   []onnxproto.Value // taken besides: the logits and the cache, in generation
	// unused are the outputs that nobody asked for.
	unused []string
	// rows and cols are the batch size and width that the model fixes, 0 where it does not.
	rows, cols int
	// single says that a text must be run alone: a scale is computed over the whole batch.
	single bool
	// delicate says that the last bits of a layer may make more than 1e-5 of a vector: the model rounds its states to 8 bits,
	// or reads from left to right, as models do whose states grow into the hundreds.
	delicate bool
}

// maxWidth bounds the vectors: no language model comes near, a hostile file may.
const maxWidth = 1 << 20

// batchScaled are the operators whose 8-bit scale depends on all the rows of the batch.
var batchScaled = []string{"DynamicQuantizeLinear", "com.microsoft:DynamicQuantizeMatMul", "com.microsoft:DynamicQuantizeLSTM"}

// rounding are the operators that round states to 8 bits, or may: MatMulNBits does with an accuracy_level of 4.
var rounding = []string{"QuantizeLinear", "com.microsoft:QuantizeLinear", "com.microsoft:MatMulNBits"}

// planModel chooses inputs and output. output names an output of the model, or the last hidden state, or is "". causal says
// that the model is known to read from left to right.
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
		return nil, fmt.Errorf("the model has no input named input_ids (this is not a language model over token ids)")
	}
	if p.rows > maxWidth || p.cols > maxWidth {
		return nil, fmt.Errorf("the model fixes its input at %d x %d tokens, which no real one does", p.rows, p.cols)
	}
	has := func(op string) bool { return f.Ops[op] > 0 }
	p.single = slices.ContainsFunc(batchScaled, has)
	causal = causal || p.has(pastState)
	p.delicate = causal || p.single || slices.ContainsFunc(rounding, has)
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

// choose picks the output: the one that is asked for; else the last hidden state, a finished sentence vector, any other
// state by token. Where a model was exported with logits only, the last hidden state is the value behind them; logits
// and scores of classes themselves are taken only if they are asked for.
func (p *plan) choose(f *onnxproto.File, name string, causal bool) error {
	var fault error // why nothing was found behind the logits
	for _, candidate := range candidates(f, name) {
		if v, ok := f.Output(candidate); ok {
			if name == "" {
				if err := p.unclear(f, v); err != nil {
					return err
				}
			}
			if name == "" && strings.HasSuffix(v.Name, "logits") && !p.perToken(v) {
				if fault == nil {
					fault = fmt.Errorf("its only output is scores of classes, %s (export the model without its head: optimum-cli export onnx "+
						"--task feature-extraction; or say \"output\": %q in w2s.json to have the scores themselves)", v.Name, v.Name)
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
		return fmt.Errorf("it has no output %q; it has %s", name, strings.Join(outputNames(f), ", "))
	}
	return fmt.Errorf("it has no output of shape [batch, tokens, width] or [batch, width]; it has %s", strings.Join(outputNames(f), ", "))
}

// lastHidden is the usual name of the states after the last layer and its normalisation.
const lastHidden = "last_hidden_state"

// knownOutputs are those whose names say what they are, the best first.
var knownOutputs = []string{lastHidden, "sentence_embedding", "token_embeddings"}

// candidates lists the names of outputs in the order of preference.
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

// ofRank lists the outputs of floating-point numbers in so many dimensions.
func ofRank(f *onnxproto.File, rank int) []onnxproto.Value {
	return slices.DeleteFunc(slices.Clone(f.Outputs), func(v onnxproto.Value) bool { return !isFloat(v.Type) || len(v.Dims) != rank })
}

// unclear refuses to choose among several outputs whose names say nothing: the first may be the embeddings.
func (p *plan) unclear(f *onnxproto.File, v onnxproto.Value) error {
	var rivals []string
	for _, other := range ofRank(f, len(v.Dims)) {
		if !strings.HasSuffix(other.Name, "logits") && !p.perToken(other) {
			rivals = append(rivals, other.Name)
		}
	}
	if len(rivals) < 2 || slices.Contains(knownOutputs, v.Name) || hiddenName.MatchString(v.Name) {
		return nil
	}
	return fmt.Errorf("which of its outputs is the last hidden state is not known: %s (say \"output\" in w2s.json)", strings.Join(rivals, ", "))
}

// isLogits says whether an output is one number a token and entry of a vocabulary (or class).
func isLogits(v onnxproto.Value) bool {
	return isFloat(v.Type) && len(v.Dims) == 3 && strings.HasSuffix(v.Name, "logits")
}

// exposeHidden plans to take the last hidden state from which the model computes its logits, if it has any.
func (p *plan) exposeHidden(f *onnxproto.File, causal bool) error {
	i := slices.IndexFunc(f.Outputs, isLogits)
	if i < 0 {
		return nil
	}
	logits := f.Outputs[i]
	hidden, err := onnxgraph.New(f).Hidden(logits.Name, causal)
	if err != nil {
		return fmt.Errorf("the last hidden state behind the logits is not found: %w (export the model without its head: "+
			"optimum-cli export onnx --task feature-extraction; or say \"output\": %q in w2s.json to have the logits themselves)", err, logits.Name)
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
		return fmt.Errorf("output %q has shape %v; [batch, tokens, width] or [batch, width] is expected", v.Name, v.Dims)
	}
	if p.perToken(v) {
		return fmt.Errorf("output %q is one number a token, as models that answer questions with a piece of the text give; there is no vector in it "+
			"(export the model without its head: optimum-cli export onnx --task feature-extraction)", v.Name)
	}
	if v.Ranked {
		if d := v.Dims[len(v.Dims)-1]; d.Size > maxWidth {
			return fmt.Errorf("output %q is %d wide; more than %d is refused", v.Name, d.Size, maxWidth)
		}
	}
	return nil
}

// perToken says whether an output of shape [batch, x] is not a vector a text but one number a token.
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

// startAt sets the position of a text's first token, for models that are told positions.
func (p *plan) startAt(first int64) {
	for i := range p.inputs {
		if p.inputs[i].role == positions {
			p.inputs[i].first = first
		}
	}
}

// pooled says that the output is one vector a text already.
func (p *plan) pooled() bool { return len(p.output.Dims) == 2 }

// width is the length of the output's vectors, 0 where the model does not say.
func (p *plan) width() int {
	if n := len(p.output.Dims); n > 0 {
		return int(p.output.Dims[n-1].Size)
	}
	return 0
}

// has says whether the model has an input of that role.
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
