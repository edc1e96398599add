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
		if p.pools == nil {
			e.Outputs = []onnxproto.Value{out}
		}
	}
	p.addPools(&e)
	return e
}

// outputs returns the names of the outputs that the plan takes.
func (p *plan) outputs() []string { return names(p.results(), p.more) }

// values returns the names of the values in the graph before the edit that the outputs are, or are pooled from.
func (p *plan) values() []string {
	all := p.states()
	if p.hidden != "" {
		all[0] = p.hidden
	}
	return all
}

// states returns the names of the outputs that the plan takes, before they are pooled.
func (p *plan) states() []string { return names(p.vectors(), p.more) }

func names(lists ...[]onnxproto.Value) []string {
	var all []string
	for _, v := range slices.Concat(lists...) {
		all = append(all, v.Name)
	}
	return all
}
