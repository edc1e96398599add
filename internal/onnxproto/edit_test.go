package onnxproto

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/internal/shareddata"
)

// edited writes the model after an edit into the model's folder, so that it finds the data that it refers to.
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
		t.Errorf("the constant table is %+v, want a reference to model.onnx", table)
	}
	if low, _ := after.initializer("low"); low.External != "" {
		t.Errorf("the constant low is %+v, want its data in the model", low)
	}
	want, _, _ := f.Floats("table")
	if got, dims, err := after.Floats("table"); err != nil || !slices.Equal(got, want) || !slices.Equal(dims, []int64{4, 2}) {
		t.Errorf("the table is %v of shape %v, %v", got, dims, err)
	}
	checkOutputs(t, python(t, path, `{"ids": ["int64", [[3, 3, 0]]]}`), map[string][][]float64{"hidden": {{-10, 2}}, "out": {{-4, 2}}})
}

// TestEditWithoutEffect expects all fixtures back unchanged from an edit that names nothing they have.
func TestEditWithoutEffect(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(shareddata.Root(), "fixtures", "models", "*", "model.onnx"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d models in fixtures/models, want at least 10: %v", len(paths), err)
	}
	for _, path := range paths {
		f := open(t, path)
		data, err := f.Edited(Edit{DropOutputs: []string{"none"}, DropConstants: []string{"none"}})
		if err != nil {
			t.Fatal(err)
		}
		// The length of the graph may take fewer bytes than the exporter used for it.
		g, err := readBytes(data)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if len(data) > int(f.size) || int(f.size)-len(data) > 9 || len(g.Nodes) != len(f.Nodes) || len(g.Initializers) != len(f.Initializers) || !reflect.DeepEqual(g.Outputs, f.Outputs) {
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

// FuzzEdited removes an output and a node from whatever can be read, adds a node, and expects to read the result.
func FuzzEdited(f *testing.F) {
	m := example()
	data, err := m.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, "small", int64(8), uint(7))
	f.Add(data, "out", int64(0), uint(0))
	f.Add(nested(3), "out", int64(1), uint(0))
	f.Fuzz(func(t *testing.T, data []byte, drop string, refer int64, node uint) {
		before, err := readBytes(data)
		if err != nil {
			return
		}
		e := Edit{DropOutputs: []string{drop}, Refer: max(0, refer), Nodes: []Node{{Op: "Added", Domain: "test"}}}
		want := len(before.Nodes) + 1
		if n := uint(len(before.Nodes)); n > 0 {
			e.Replace = map[int64]Node{before.Nodes[node%n].Pos: {}}
			want--
		}
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
		if len(after.Nodes) != want || after.Ops["test:Added"] != before.Ops["test:Added"]+1 || after.Opsets["test"] == 0 {
			t.Errorf("%d nodes became %d, want %d; operators %v", len(before.Nodes), len(after.Nodes), want, after.Ops)
		}
		if len(after.Initializers) != len(before.Initializers) {
			t.Errorf("%d constants became %d", len(before.Initializers), len(after.Initializers))
		}
	})
}
