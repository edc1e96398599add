package onnx

import (
	"slices"
	"strings"

	"w2s/internal/onnxproto"
)

// edit returns the changes that the plan makes to the model before it is loaded. It removes outputs that are expensive and not
// needed (the logits over a large vocabulary, the key-value cache; all others, if the model ends at a layer), and makes a hidden state an output.
func (p *plan) edit() onnxproto.Edit {
	e := onnxproto.Edit{DropOutputs: slices.DeleteFunc(slices.Clone(p.unused), func(name string) bool {
		return !p.ends && name != "logits" && !strings.HasPrefix(name, "present")
	})}
	if p.hidden != "" {
		out := p.output // always float32
		e.Nodes = []onnxproto.Node{{Op: "Cast", Name: out.Name, Inputs: []string{p.hidden}, Outputs: []string{out.Name},
			Attrs: []onnxproto.Attr{onnxproto.Int("to", int64(out.Type))}}}
		e.Outputs = []onnxproto.Value{out}
	}
	return e
}

// outputs returns the names of the outputs that the plan takes.
func (p *plan) outputs() []string {
	names := []string{p.output.Name}
	for _, v := range slices.Concat(p.layers, p.more) {
		names = append(names, v.Name)
	}
	return names
}

// values returns the names of the same values in the graph before the edit.
func (p *plan) values() []string {
	names := p.outputs()
	if p.hidden != "" {
		names[0] = p.hidden
	}
	return names
}
