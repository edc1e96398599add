package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/onnxproto"
	"w2s/onnx/families"
)

// A source is what a checkpoint's model is read from.
type source struct {
	path string               // of the ONNX file, or of the safetensors file or its index
	made *families.Checkpoint // makes the graph from safetensors; nil for an ONNX file
	// style says for what a graph is made.
	style families.Style
}

// open opens the model. A graph that is made computes what is wanted. The outputs can include those of the cache.
func (s source) open(want families.Want) (*onnxproto.File, error) {
	if s.made == nil {
		return onnxproto.Open(s.path)
	}
	want.Style = s.style
	if want.Scores > 0 {
		want.Outputs = nil // there is one only
	}
	if want.Cache {
		want.Outputs = slices.DeleteFunc(slices.Clone(want.Outputs), func(name string) bool { return strings.HasPrefix(name, "present.") })
	}
	graph, err := s.made.Graph(want)
	if err != nil {
		return nil, err
	}
	data, err := graph.Marshal()
	if err != nil {
		return nil, err
	}
	return onnxproto.Read(bytes.NewReader(data), int64(len(data)), filepath.Join(s.made.Weights.Base(), filepath.Base(s.path)))
}

// openAll opens the model with all its outputs, and with the cache only if it can have one.
func (s source) openAll(want families.Want) (*onnxproto.File, error) {
	if s.made != nil && want.Scores == 0 {
		want.Outputs = s.made.Outputs()
		want.Cache = want.Cache && s.made.Causal
	}
	return s.open(want)
}

// referSize is the size in bytes from which constants stay in the model's file. The runtime maps the file into memory, so of a
// large table with a vector for each token only the rows that are looked up are ever read.
const referSize = 64 << 10

// session makes a session of the model, which is open as f, after an edit.
func (s source) session(f *onnxproto.File, e onnxproto.Edit, inputs, outputs []string, options *ort.SessionOptions) (*ort.DynamicAdvancedSession, error) {
	// The runtime needs the folder of the external data, because it gets the model from memory.
	base := filepath.Dir(s.path)
	if s.made != nil {
		base = s.made.Weights.Base()
	} else {
		var err error
		if base, e.Locations, err = locations(s.path, f.ExternalFiles()); err != nil {
			return nil, err
		}
		if e.Empty() {
			return ort.NewDynamicAdvancedSession(s.path, inputs, outputs, options)
		}
		e.Refer = referSize
	}
	data, err := f.Edited(e)
	if err != nil {
		return nil, err
	}
	if err := options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", base); err != nil {
		return nil, err
	}
	return ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, options)
}

// locations returns the folder of a model's external data. If links lead out of it, locations returns a folder above instead,
// and the paths of the files relative to that folder.
func locations(model string, external []string) (base string, moved map[string]string, err error) {
	base, all, err := onnxproto.Locate(filepath.Dir(model), append(external, filepath.Base(model)))
	if err != nil {
		return "", nil, err
	}
	for from, to := range all {
		if from != to {
			return base, all, nil
		}
	}
	return filepath.Dir(model), nil, nil
}

// files returns the paths of the files that the model consists of, besides the first. f is the model.
func (s source) files(f *onnxproto.File) []string {
	var paths []string
	if s.made != nil {
		paths = append(paths, filepath.Join(filepath.Dir(s.path), "config.json"))
	}
	names := f.ExternalFiles()
	if s.made != nil {
		names = s.made.Weights.Files()
	}
	for _, name := range names {
		if path := filepath.Join(filepath.Dir(s.path), filepath.FromSlash(name)); path != s.path {
			paths = append(paths, path)
		}
	}
	return paths
}

// adapter returns the adapter of the model, or nil.
func (s source) adapter() *families.Adapter {
	if s.made == nil {
		return nil
	}
	return s.made.Adapter
}

// adapterLabels returns the number of labels of a classification head that an adapter brings, or 0.
func (s source) adapterLabels() int {
	if s.made == nil {
		return 0
	}
	return s.made.AdapterLabels()
}

// byLength reports whether states depend on the number of all tokens, so that no beginning of a text can be run on its own.
func (s source) byLength() bool { return s.made != nil && s.made.ByLength }

// findSource finds the model of a folder: the named file, or else the ONNX file, or else config.json with safetensors.
// adapter is the folder of an adapter, or "".
func findSource(dir, name, adapter string) (source, error) {
	if strings.Contains(name, ".safetensors") {
		return openFamily(dir, name, adapter)
	}
	path, err := findModel(dir, name)
	if err == nil && adapter != "" {
		return source{}, fmt.Errorf("an adapter changes the weights of safetensors, but the model is %s (take FOLDER#safetensors or, for a repository of the hub, "+
			"--prefer safetensors)", filepath.Base(path))
	}
	if err == nil {
		return source{path: path}, nil
	}
	if name == "" && len(modelFiles(dir)) == 0 && families.HasWeights(dir) {
		return openFamily(dir, "", adapter)
	}
	return source{}, err
}

// openFamily reads config.json and the headers of the safetensors files. name is the file's or the index's, if it was given.
func openFamily(dir, name, adapter string) (source, error) {
	made, err := families.Open(dir, adapter)
	if err != nil {
		return source{}, err
	}
	if name != "" && name != made.Weights.Name() {
		return source{}, fmt.Errorf("no model file %q (the folder has %s)", name, made.Weights.Name())
	}
	return source{path: filepath.Join(dir, made.Weights.Name()), made: made}, nil
}

var errNoModel = errors.New("the folder has neither an ONNX file nor safetensors (docs/export.md says how to export a model)")
