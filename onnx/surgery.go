package onnx

import (
	"path/filepath"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/onnxproto"
)

// edit plans what is changed in a model before it is loaded: outputs that nobody asked for and that cost much (the logits
// over a large vocabulary, the key-value cache) are left out, and a hidden state becomes an output.
func (p *plan) edit() onnxproto.Edit {
	e := onnxproto.Edit{DropOutputs: slices.DeleteFunc(slices.Clone(p.unused), func(name string) bool {
		return name != "logits" && !strings.HasPrefix(name, "present")
	})}
	if p.hidden != "" {
		out := p.output // in float32, whatever it was
		e.Nodes = []onnxproto.Node{{Op: "Cast", Name: out.Name, Inputs: []string{p.hidden}, Outputs: []string{out.Name},
			Attrs: []onnxproto.Attr{onnxproto.Int("to", int64(out.Type))}}}
		e.Outputs = []onnxproto.Value{out}
	}
	return e
}

// outputs names what the plan takes from the model.
func (p *plan) outputs() []string {
	names := []string{p.output.Name}
	for _, v := range p.more {
		names = append(names, v.Name)
	}
	return names
}

// values is outputs in terms of the graph before the edit.
func (p *plan) values() []string {
	names := p.outputs()
	if p.hidden != "" {
		names[0] = p.hidden
	}
	return names
}

// referred is the size from which constants are left in the model's file, which the runtime maps into memory: of a table
// of a hundred megabytes with a vector a token only what is looked up is ever read.
const referred = 64 << 10

// build makes a session of the model at path after an edit.
func build(f *onnxproto.File, path string, e onnxproto.Edit, inputs, outputs []string, options *ort.SessionOptions) (*ort.DynamicAdvancedSession, error) {
	if e.Empty() {
		return ort.NewDynamicAdvancedSession(path, inputs, outputs, options)
	}
	e.Refer = referred
	data, err := f.Edited(e)
	if err != nil {
		return nil, err
	}
	// A model from memory has no folder in which to look for its external data.
	if err := options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", filepath.Dir(path)); err != nil {
		return nil, err
	}
	return ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, options)
}
