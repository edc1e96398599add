package onnxproto

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// example returns a model with every type of attribute, an optional input, constants of three types and a symbolic
// dimension.
func example() Model {
	half := Tensor{Name: "offset", Type: Float16, Dims: []int64{2}, Data: []byte{0x00, 0x3c, 0x00, 0xc0}} // 1, -2
	return Model{
		Name:   "example",
		Inputs: []Value{{Name: "ids", Type: Int64, Dims: []Dim{{Name: "batch"}, {Size: 3}}}},
		Outputs: []Value{
			{Name: "out", Type: Float32, Dims: []Dim{{Name: "batch"}, {Size: 2}}},
			{Name: "small", Type: Float16, Dims: []Dim{{Name: "batch"}, {Size: 2}}},
		},
		Initializers: []Tensor{
			Float32Tensor("table", []int64{4, 2}, []float32{0, 1, 10, 11, 20, 21, -5, 0.5}),
			Int64Tensor("axis", []int64{1}, []int64{1}),
			Float32Tensor("low", nil, []float32{-4}),
			half,
		},
		Nodes: []Node{
			{Op: "Gather", Name: "look_up", Inputs: []string{"table", "ids"}, Outputs: []string{"rows"}, Attrs: []Attr{Int("axis", 0)}},
			{Op: "ReduceSum", Inputs: []string{"rows", "axis"}, Outputs: []string{"sum"}, Attrs: []Attr{Int("keepdims", 0)}},
			{Op: "LeakyRelu", Inputs: []string{"sum"}, Outputs: []string{"leaky"}, Attrs: []Attr{Float("alpha", 0.5)}},
			{Op: "Clip", Inputs: []string{"leaky", "low", ""}, Outputs: []string{"clipped"}},
			{Op: "Transpose", Inputs: []string{"clipped"}, Outputs: []string{"turned"}, Attrs: []Attr{Ints("perm", 1, 0)}},
			{Op: "Transpose", Inputs: []string{"turned"}, Outputs: []string{"out"}},
			{Op: "Cast", Inputs: []string{"clipped"}, Outputs: []string{"cast"}, Attrs: []Attr{Int("to", int64(Float16))}},
			{Op: "Add", Inputs: []string{"cast", "offset"}, Outputs: []string{"small"}},
		},
		Metadata: []MetadataEntry{{"made", "by hand"}},
	}
}

func write(t testing.TB, m Model) string {
	t.Helper()
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestWrittenModelRunsInPython(t *testing.T) {
	out := python(t, write(t, example()), `{"ids": ["int64", [[0, 1, 2], [3, 3, 0]]]}`)
	checkOutputs(t, out, map[string][][]float64{
		"out":   {{30, 33}, {-4, 2}}, // sums of rows; LeakyRelu halves -10, Clip raises it to -4
		"small": {{31, 31}, {-3, 0}},
	})
}

func checkOutputs(t *testing.T, out string, want map[string][][]float64) {
	t.Helper()
	var got map[string][2]json.RawMessage
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, w := range want {
		var g [][]float64
		if err := json.Unmarshal(got[name][1], &g); err != nil || !reflect.DeepEqual(g, w) {
			t.Errorf("%s: got %v, want %v (%v)", name, g, w, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	m := example()
	f := open(t, write(t, m))
	if f.IRVersion != DefaultIRVersion || f.Opsets[""] != DefaultOpset || f.Producer != "w2s" || f.Metadata["made"] != "by hand" {
		t.Errorf("read version %d, operator sets %v, producer %q, metadata %v", f.IRVersion, f.Opsets, f.Producer, f.Metadata)
	}
	for i := range m.Inputs {
		m.Inputs[i].Ranked = true
	}
	for i := range m.Outputs {
		m.Outputs[i].Ranked = true
	}
	if !reflect.DeepEqual(f.Inputs, m.Inputs) || !reflect.DeepEqual(f.Outputs, m.Outputs) {
		t.Errorf("inputs are %v, outputs are %v", f.Inputs, f.Outputs)
	}
	wantOps := map[string]int{"Gather": 1, "ReduceSum": 1, "LeakyRelu": 1, "Clip": 1, "Transpose": 2, "Cast": 1, "Add": 1}
	if !reflect.DeepEqual(f.Ops, wantOps) {
		t.Errorf("operators are %v, want %v", f.Ops, wantOps)
	}
	if f.Params != 8+2 { // table and offset, but neither the scalar low nor the integers of axis
		t.Errorf("%d parameters, want 10", f.Params)
	}
	for _, want := range []struct {
		name   string
		values []float32
	}{{"table", []float32{0, 1, 10, 11, 20, 21, -5, 0.5}}, {"offset", []float32{1, -2}}, {"low", []float32{-4}}} {
		if got, _, err := f.Floats(want.name); err != nil || !reflect.DeepEqual(got, want.values) {
			t.Errorf("%s: %v %v", want.name, got, err)
		}
	}
	if _, _, err := f.Floats("axis"); err == nil || !strings.Contains(err.Error(), "int64, not floating-point") {
		t.Errorf("axis: %v", err)
	}
	if _, _, err := f.Floats("nothing"); err == nil || !strings.Contains(err.Error(), `"nothing": the model has no constant`) {
		t.Errorf("reading a constant that does not exist: %v", err)
	}
}

func TestMarshalRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(m *Model)
		want   string
	}{
		{"no name", func(m *Model) { m.Name = "" }, "needs a name"},
		{"no output", func(m *Model) { m.Outputs = nil }, "no output"},
		{"output that no node makes", func(m *Model) { m.Outputs[0].Name = "nowhere" }, `no node makes output "nowhere"`},
		{"untyped output", func(m *Model) { m.Outputs[0].Type = 0 }, "has no type"},
		{"untyped input", func(m *Model) { m.Inputs[0].Type = 0 }, "has no type"},
		{"use before it is made", func(m *Model) { m.Nodes[0], m.Nodes[1] = m.Nodes[1], m.Nodes[0] }, `uses "rows" before it is made`},
		{"value made twice", func(m *Model) { m.Nodes[1].Outputs[0] = "rows" }, `"rows" has no name or is made twice`},
		{"no operator", func(m *Model) { m.Nodes[1].Op = "" }, "no operator"},
		{"short data", func(m *Model) { m.Initializers[0].Data = m.Initializers[0].Data[1:] }, `"table": 31 bytes`},
		{"overflow", func(m *Model) { m.Initializers[0].Dims = []int64{1 << 62, 1 << 62} }, `"table"`},
		{"negative", func(m *Model) { m.Initializers[0].Dims = []int64{-4, -2} }, `"table"`},
	}
	for _, test := range tests {
		m := example()
		test.change(&m)
		if _, err := m.Marshal(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestMarshalIsDeterministic(t *testing.T) {
	m := example()
	a, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b, _ := m.Marshal()
	if !bytes.Equal(a, b) {
		t.Error("the same model gave different bytes")
	}
}
