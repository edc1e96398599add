package onnxgraph

import (
	"os"
	"path/filepath"
	"testing"

	"w2s/internal/onnxproto"
)

type (
	nodeList   = []onnxproto.Node
	tensorList = []onnxproto.Tensor
)

var floats, ints = onnxproto.Float32Tensor, onnxproto.Int64Tensor

// op returns a node of the default operator set with one output.
func op(name, out string, in ...string) onnxproto.Node {
	return onnxproto.Node{Op: name, Inputs: in, Outputs: []string{out}}
}

func withAttrs(n onnxproto.Node, attrs ...onnxproto.Attr) onnxproto.Node {
	n.Attrs = attrs
	return n
}

// openModel opens a model that it writes into a temporary folder.
func openModel(t testing.TB, m onnxproto.Model) *onnxproto.File {
	t.Helper()
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return openBytes(t, data)
}

// openBytes opens the model in data, which it writes into a temporary folder.
func openBytes(t testing.TB, data []byte) *onnxproto.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return openFile(t, path)
}

func openFile(t testing.TB, path string) *onnxproto.File {
	t.Helper()
	f, err := onnxproto.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// edited opens the model after an edit.
func edited(t testing.TB, f *onnxproto.File, e onnxproto.Edit) *onnxproto.File {
	t.Helper()
	data, err := f.Edited(e)
	if err != nil {
		t.Fatal(err)
	}
	return openBytes(t, data)
}

func hasConstant(f *onnxproto.File, name string) bool {
	for _, t := range f.Initializers {
		if t.Name == name {
			return true
		}
	}
	return false
}
