package onnxgraph

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"w2s/internal/onnxproto"
)

// A linearTest is a model with a product of x, of shape [batch, 2], and a matrix of shape [2, 3].
type linearTest struct {
	name  string
	model onnxproto.Model
	want  []Linear // without positions of nodes
	nodes int      // number of nodes after each layer is replaced by one
}

func linearTests() []linearTest {
	w := floats("w", []int64{2, 3}, []float32{1, 3, 5, 2, 4, 6})
	rows := floats("w", []int64{3, 2}, []float32{1, 2, 3, 4, 5, 6})
	bias := floats("b", []int64{3}, []float32{7, 8, -9})
	number := func(name string, v float32) onnxproto.Tensor {
		return floats(name, nil, []float32{v})
	}
	root, inverse, half, one := number("root", math.Sqrt2), number("inverse", math.Sqrt2/2), number("half", 0.5), number("one", 1)
	two := number("two", 2)
	model := func(constants tensorList, nodes ...onnxproto.Node) onnxproto.Model {
		return onnxproto.Model{
			Name: "layer", Opset: 20,
			Inputs: []onnxproto.Value{{Name: "x", Type: onnxproto.Float32, Dims: []onnxproto.Dim{{Name: "batch"},
				{Size: 2}}}},
			Outputs: []onnxproto.Value{{Name: "y", Type: onnxproto.Float32, Dims: []onnxproto.Dim{{Name: "batch"},
				{Size: 3}}}},
			Initializers: constants, Nodes: nodes,
		}
	}
	with := func(m onnxproto.Model, outputs ...string) onnxproto.Model {
		for _, name := range outputs {
			m.Outputs = append(m.Outputs, onnxproto.Value{Name: name, Type: onnxproto.Float32, Dims: m.Outputs[0].Dims})
		}
		return m
	}
	plain := Linear{Input: "x", Output: "y", Weight: "w", In: 2, Out: 3}
	asRows, biased, gelu, part := plain, plain, plain, plain
	asRows.Rows, biased.Bias = true, "b"
	both := asRows
	both.Bias = "b"
	gelu.Bias, gelu.GELU = "b", true
	part.Output = "p"
	biasedPart := biased
	biasedPart.Output = "z"
	product, sum := op("MatMul", "p", "x", "w"), op("Add", "z", "b", "p")
	all := tensorList{w, bias, root, inverse, half, one, two}
	erf := func(nodes ...onnxproto.Node) onnxproto.Model {
		return model(all, append(nodeList{product, sum}, nodes...)...)
	}
	return []linearTest{
		{"plain", model(tensorList{w}, op("MatMul", "y", "x", "w")), []Linear{plain}, 1},
		{"gemm", model(tensorList{rows}, withAttrs(op("Gemm", "y", "x", "w"), onnxproto.Int("transB", 1))), []Linear{asRows}, 1},
		{"gemm with bias", model(tensorList{rows, bias},
			withAttrs(op("Gemm", "y", "x", "w", "b"), onnxproto.Int("transB", 1))), []Linear{both}, 1},
		{"bias", model(tensorList{w, bias}, product, op("Add", "y", "p", "b")), []Linear{biased}, 1},
		{"bias first", model(tensorList{w, bias}, product, op("Add", "y", "b", "p")), []Linear{biased}, 1},
		{"gelu, divided", erf(op("Div", "d", "z", "root"), op("Erf", "e", "d"), op("Add", "f", "e", "one"),
			op("Mul", "g", "z", "f"), op("Mul", "y", "g", "half")), []Linear{gelu}, 1},
		{"gelu, multiplied", erf(op("Mul", "d", "inverse", "z"), op("Erf", "e", "d"), op("Add", "f", "one", "e"),
			op("Mul", "g", "f", "z"), op("Div", "y", "g", "two")), []Linear{gelu}, 1},
		{"gelu, halved first", erf(op("Mul", "h", "z", "half"), op("Mul", "d", "z", "inverse"), op("Erf", "e", "d"),
			op("Add", "f", "e", "one"), op("Mul", "y", "h", "f")), []Linear{gelu}, 1},
		{"gelu, one node", erf(op("Gelu", "y", "z")), []Linear{gelu}, 1},
		{"gelu, tanh", erf(withAttrs(op("Gelu", "y", "z"), onnxproto.Str("approximate", "tanh"))), []Linear{biasedPart}, 2},
		{"gelu of another scale", erf(op("Mul", "d", "z", "half"), op("Erf", "e", "d"), op("Add", "f", "e", "one"),
			op("Mul", "g", "z", "f"), op("Mul", "y", "g", "half")), []Linear{biasedPart}, 6},
		{"gelu not halved", erf(op("Div", "d", "z", "root"), op("Erf", "e", "d"), op("Add", "f", "e", "one"),
			op("Mul", "g", "z", "f"), op("Mul", "y", "g", "two")), []Linear{biasedPart}, 6},
		{"gelu, scale divided by z", erf(op("Div", "d", "root", "z"), op("Erf", "e", "d"), op("Add", "f", "e", "one"),
			op("Mul", "g", "z", "f"), op("Mul", "y", "g", "half")), []Linear{biasedPart}, 6},
		{"bias of another shape", model(tensorList{w, floats("b", []int64{1}, []float32{1})}, product,
			op("Add", "y", "p", "b")), []Linear{part}, 2},
		{"added to itself", model(tensorList{w}, product, op("Add", "y", "p", "p")), []Linear{part}, 2},
		{"product has two users", model(tensorList{w, bias}, product, sum, op("Mul", "y", "p", "z")), []Linear{part}, 3},
		{"product is an output", with(model(tensorList{w, bias}, product, op("Add", "y", "p", "b")), "p"), []Linear{part}, 2},
		{"sum is an output", with(erf(op("Gelu", "y", "z")), "z"), []Linear{biasedPart}, 2},
		{"scaled", model(tensorList{w}, withAttrs(op("Gemm", "y", "x", "w"), onnxproto.Float("alpha", 2))), nil, 1},
		{"transposed input", model(tensorList{w}, op("Transpose", "t", "x"),
			withAttrs(op("Gemm", "y", "t", "w"), onnxproto.Int("transA", 1))), nil, 2},
		{"matrix is not constant", model(nil, op("Transpose", "t", "x"), op("MatMul", "y", "x", "t")), nil, 2},
		{"constant on the left", model(tensorList{w}, op("Transpose", "t", "x"), op("MatMul", "y", "w", "t")), nil, 2},
		{"half precision", model(tensorList{{Name: "w", Type: onnxproto.Float16, Dims: []int64{2, 3}, Data: make([]byte, 12)}},
			withAttrs(op("Cast", "c", "x"), onnxproto.Int("to", 10)), op("MatMul", "p", "c", "w"),
			withAttrs(op("Cast", "y", "p"), onnxproto.Int("to", 1))), nil, 3},
		{"another operator set", model(tensorList{w}, onnxproto.Node{Op: "MatMul", Domain: "other",
			Inputs: []string{"x", "w"}, Outputs: []string{"y"}}), nil, 1},
		{"not needed", model(tensorList{w, bias}, op("MatMul", "dead", "x", "w"), op("MatMul", "y", "x", "w")),
			[]Linear{plain}, 2},
	}
}

func TestLinears(t *testing.T) {
	for _, test := range linearTests() {
		f := openModel(t, test.model)
		outputs := make([]string, len(f.Outputs))
		for i, v := range f.Outputs {
			outputs[i] = v.Name
		}
		found := New(f).Linears(outputs)
		var got []Linear
		for _, l := range found {
			l.At, l.Before = 0, nil
			got = append(got, l)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
			continue
		}
		after := edited(t, f, replaced(f, found))
		if len(after.Nodes) != test.nodes || after.Ops["test:Linear"] != len(found) {
			t.Errorf("%s: %d nodes are left, want %d: %v", test.name, len(after.Nodes), test.nodes, after.Ops)
		}
		kept := hasConstant(after, "w")
		if uses := slices.ContainsFunc(after.Nodes, func(n node) bool { return slices.Contains(n.Inputs, "w") }); kept != uses {
			t.Errorf("%s: the matrix has users: %v, is kept: %v", test.name, uses, kept)
		}
		if len(found) > 0 && after.Opsets["test"] != 1 {
			t.Errorf("%s: operator sets %v", test.name, after.Opsets)
		}
	}
}

// replaced returns the edit that replaces every layer by one node and drops the constants that only the layers use.
func replaced(f *onnxproto.File, layers []Linear) onnxproto.Edit {
	e := onnxproto.Edit{Replace: map[int64]onnxproto.Node{}, DropConstants: New(f).Unused(layers)}
	for _, l := range layers {
		for _, at := range l.Before {
			e.Replace[at] = onnxproto.Node{}
		}
		e.Replace[l.At] = onnxproto.Node{Op: "Linear", Domain: "test", Inputs: []string{l.Input}, Outputs: []string{l.Output}}
	}
	return e
}

// TestUnused has a matrix that two layers share, and one that another node uses too.
func TestUnused(t *testing.T) {
	m := linearTests()[0].model
	m.Initializers = append(m.Initializers, floats("v", []int64{2, 3}, make([]float32, 6)))
	m.Nodes = nodeList{
		{Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"a"}},
		{Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"b"}},
		{Op: "MatMul", Inputs: []string{"x", "v"}, Outputs: []string{"c"}},
		{Op: "Sum", Inputs: []string{"a", "b", "c", "v"}, Outputs: []string{"y"}},
	}
	f := openModel(t, m)
	if got := New(f).Unused(New(f).Linears([]string{"y"})); !slices.Equal(got, []string{"w"}) {
		t.Errorf("got %q, want w alone", got)
	}
}

// TestSubgraph has the branch of an If use a product and a matrix of the main graph.
func TestSubgraph(t *testing.T) {
	m := linearTests()[3].model // x·w + b
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	// The package does not write subgraphs, so the wire format of the node is made here.
	bytes := func(b []byte, field protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
	}
	text := func(b []byte, field protowire.Number, v string) []byte { return bytes(b, field, []byte(v)) }
	product := text(text(text(text(nil, 1, "p"), 1, "w"), 2, "inner"), 4, "MatMul")
	branch := bytes(text(nil, 1, "then_branch"), 6, bytes(nil, 1, product))
	node := bytes(text(text(nil, 2, "r"), 4, "If"), 5, branch)
	f := openBytes(t, bytes(data, 7, bytes(nil, 1, node)))
	layers := New(f).Linears([]string{"y"})
	if len(layers) != 1 || layers[0].Output != "p" || layers[0].Bias != "" {
		t.Errorf("got %+v, want p alone as the output: the branch uses it", layers)
	}
	if got := New(f).Unused(layers); len(got) != 0 {
		t.Errorf("%q are unused, want none: the branch uses w", got)
	}
}
