package onnx

import (
	"path/filepath"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/onnxproto"
)

// edit returns the changes that the plan makes to the model before it is loaded. It removes outputs that are expensive and not
// needed (the logits over a large vocabulary, the key-value cache), and makes a hidden state an output.
func (p *plan) edit() onnxproto.Edit {
	e := onnxproto.Edit{DropOutputs: slices.DeleteFunc(slices.Clone(p.unused), func(name string) bool {
		return name != "logits" && !strings.HasPrefix(name, "present")
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
	for _, v := range p.more {
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

// referSize is the size in bytes from which constants stay in the model's file. The runtime maps the file into memory, so of a
// large table with a vector for each token only the rows that are looked up are ever read.
const referSize = 64 << 10

// build makes a session of the model at path, which is open as f, after an edit.
func build(f *onnxproto.File, path string, e onnxproto.Edit, inputs, outputs []string,
	options *ort.SessionOptions) (*ort.DynamicAdvancedSession, error) {
	if e.Empty() {
		return ort.NewDynamicAdvancedSession(path, inputs, outputs, options)
	}
	e.Refer = referSize
	data, err := f.Edited(e)
	if err != nil {
		return nil, err
	}
	// The runtime needs the folder of the external data, because it gets the model from memory.
	if err := options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", filepath.Dir(path)); err != nil {
		return nil, err
	}
	return ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, options)
}
