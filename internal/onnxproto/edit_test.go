package onnxproto

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/internal/shareddata"
)

// edited writes the model after an edit beside it, where what it refers to is.
func edited(t testing.TB, f *File, e Edit) string {
	t.Helper()
	data, err := f.Edited(e)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(f.path), "edited.onnx")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEdited(t *testing.T) {
	f := open(t, write(t, example()))
	path := edited(t, f, Edit{
		DropOutputs: []string{"small", "no such output"},
		Nodes:       []Node{{Op: "Identity", Inputs: []string{"sum"}, Outputs: []string{"hidden"}}},
		Outputs:     []Value{{Name: "hidden", Type: Float32, Dims: []Dim{{Name: "batch"}, {Size: 2}}}},
		Refer:       16,
	})
	after := open(t, path)
	if _, ok := after.Output("hidden"); !ok || len(after.Outputs) != 2 || after.Ops["Identity"] != 1 || after.Params != f.Params {
		t.Errorf("outputs %v, operators %v, %d parameters", after.Outputs, after.Ops, after.Params)
	}
	if table, _ := after.initializer("table"); table.External != "model.onnx" || table.Length != 32 {
		t.Errorf("the table is %+v", table)
	}
	if low, _ := after.initializer("low"); low.External != "" {
		t.Errorf("a number is %+v", low)
	}
	want, _, _ := f.Floats("table")
	if got, dims, err := after.Floats("table"); err != nil || !slices.Equal(got, want) || !slices.Equal(dims, []int64{4, 2}) {
		t.Errorf("the table is %v of shape %v, %v", got, dims, err)
	}
	checkOutputs(t, python(t, path, `{"ids": ["int64", [[3, 3, 0]]]}`), map[string][][]float64{"hidden": {{-10, 2}}, "out": {{-4, 2}}})
}

// TestEditedByNothing gives the same bytes back, for all fixtures.
func TestEditedByNothing(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(shareddata.Root(), "fixtures", "models", "*", "model.onnx"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("only %d models: %v", len(paths), err)
	}
	for _, path := range paths {
		f := open(t, path)
		data, err := f.Edited(Edit{DropOutputs: []string{"none"}, DropConstants: []string{"none"}})
		if err != nil {
			t.Fatal(err)
		}
		// The length of the graph may be written in fewer bytes.
		g, err := readBytes(data)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if len(data) > int(f.size) || int(f.size)-len(data) > 9 || len(g.nodes) != len(f.nodes) || len(g.Initializers) != len(f.Initializers) || !reflect.DeepEqual(g.Outputs, f.Outputs) {
			t.Errorf("%s: %d bytes became %d", path, f.size, len(data))
		}
	}
}

func TestEditedRefuses(t *testing.T) {
	f := open(t, write(t, example()))
	for _, v := range []Value{{Name: "x"}, {Type: Float32}} {
		if _, err := f.Edited(Edit{Outputs: []Value{v}}); err == nil || !strings.Contains(err.Error(), "needs a name and a type") {
			t.Errorf("%+v: %v", v, err)
		}
	}
}

func FuzzEdited(f *testing.F) {
	for _, test := range linears() {
		data, err := test.model.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "y", int64(8))
	}
	for name, m := range map[string]Model{"small": example(), "y": attentionModel()} {
		data, err := m.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, name, int64(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, drop string, refer int64) {
		before, err := read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		before.path = "model.onnx"
		e := replaced(before, before.Linears([]string{drop}))
		for _, a := range before.Attentions([]string{drop}) {
			for _, at := range append(a.Before, a.At) {
				if _, twice := e.Replace[at]; twice {
					t.Errorf("the node at byte %d is part of an attention and of something else", at)
				}
				e.Replace[at] = Node{}
			}
		}
		e.DropOutputs, e.Refer = []string{drop}, max(0, refer)
		out, err := before.Edited(e)
		if err != nil {
			return
		}
		after, err := readBytes(out)
		if err != nil {
			t.Fatalf("the edited model cannot be read: %v", err)
		}
		if slices.ContainsFunc(after.Outputs, func(v Value) bool { return v.Name == drop }) {
			t.Errorf("output %q is still there", drop)
		}
		if removed := len(before.nodes) - len(after.nodes); removed < 0 || removed > len(e.Replace) {
			t.Errorf("%d nodes became %d", len(before.nodes), len(after.nodes))
		}
	})
}
