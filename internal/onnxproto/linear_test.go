package onnxproto

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// linears are models with one product of x, [batch, 2], and a matrix of shape [2, 3], and what is to be found of it.
type linearTest struct {
	name  string
	model Model
	want  []Linear // without the places of nodes
	nodes int      // how many nodes are left when the products are one node each
}

func linears() []linearTest {
	w := Float32Tensor("w", []int64{2, 3}, []float32{1, 3, 5, 2, 4, 6})
	rows := Float32Tensor("w", []int64{3, 2}, []float32{1, 2, 3, 4, 5, 6})
	bias := Float32Tensor("b", []int64{3}, []float32{7, 8, -9})
	number := func(name string, v float32) Tensor { return Float32Tensor(name, nil, []float32{v}) }
	root, inverse, half, one := number("root", math.Sqrt2), number("inverse", math.Sqrt2/2), number("half", 0.5), number("one", 1)
	two := number("two", 2)
	node := func(op, out string, in ...string) Node { return Node{Op: op, Inputs: in, Outputs: []string{out}} }
	attr := func(n Node, a ...Attr) Node { n.Attrs = a; return n }
	model := func(constants []Tensor, nodes ...Node) Model {
		return Model{
			Name: "layer", Opset: 20,
			Inputs:       []Value{{Name: "x", Type: Float32, Dims: []Dim{{Name: "batch"}, {Size: 2}}}},
			Outputs:      []Value{{Name: "y", Type: Float32, Dims: []Dim{{Name: "batch"}, {Size: 3}}}},
			Initializers: constants, Nodes: nodes,
		}
	}
	with := func(m Model, outputs ...string) Model {
		for _, name := range outputs {
			m.Outputs = append(m.Outputs, Value{Name: name, Type: Float32, Dims: m.Outputs[0].Dims})
		}
		return m
	}
	plain := Linear{Input: "x", Output: "y", Weight: "w", In: 2, Out: 3}
	turned, biased, gelu, part := plain, plain, plain, plain
	turned.Rows, biased.Bias = true, "b"
	both := turned
	both.Bias = "b"
	gelu.Bias, gelu.GELU = "b", true
	part.Output = "p"
	biasedPart := biased
	biasedPart.Output = "z"
	product, sum := node("MatMul", "p", "x", "w"), node("Add", "z", "b", "p")
	all := []Tensor{w, bias, root, inverse, half, one, two}
	erf := func(nodes ...Node) Model { return model(all, append([]Node{product, sum}, nodes...)...) }
	return []linearTest{
		{"plain", model([]Tensor{w}, node("MatMul", "y", "x", "w")), []Linear{plain}, 1},
		{"gemm", model([]Tensor{rows}, attr(node("Gemm", "y", "x", "w"), Int("transB", 1))), []Linear{turned}, 1},
		{"gemm with bias", model([]Tensor{rows, bias}, attr(node("Gemm", "y", "x", "w", "b"), Int("transB", 1))), []Linear{both}, 1},
		{"bias", model([]Tensor{w, bias}, product, node("Add", "y", "p", "b")), []Linear{biased}, 1},
		{"bias first", model([]Tensor{w, bias}, product, node("Add", "y", "b", "p")), []Linear{biased}, 1},
		{"gelu, divided", erf(node("Div", "d", "z", "root"), node("Erf", "e", "d"), node("Add", "f", "e", "one"), node("Mul", "g", "z", "f"), node("Mul", "y", "g", "half")), []Linear{gelu}, 1},
		{"gelu, multiplied", erf(node("Mul", "d", "inverse", "z"), node("Erf", "e", "d"), node("Add", "f", "one", "e"), node("Mul", "g", "f", "z"), node("Div", "y", "g", "two")), []Linear{gelu}, 1},
		{"gelu, halved first", erf(node("Mul", "h", "z", "half"), node("Mul", "d", "z", "inverse"), node("Erf", "e", "d"), node("Add", "f", "e", "one"), node("Mul", "y", "h", "f")), []Linear{gelu}, 1},
		{"gelu, one node", erf(node("Gelu", "y", "z")), []Linear{gelu}, 1},
		{"gelu, tanh", erf(attr(node("Gelu", "y", "z"), Str("approximate", "tanh"))), []Linear{biasedPart}, 2},
		{"gelu of another scale", erf(node("Mul", "d", "z", "half"), node("Erf", "e", "d"), node("Add", "f", "e", "one"), node("Mul", "g", "z", "f"), node("Mul", "y", "g", "half")), []Linear{biasedPart}, 6},
		{"gelu not halved", erf(node("Div", "d", "z", "root"), node("Erf", "e", "d"), node("Add", "f", "e", "one"), node("Mul", "g", "z", "f"), node("Mul", "y", "g", "two")), []Linear{biasedPart}, 6},
		{"gelu of the wrong way round", erf(node("Div", "d", "root", "z"), node("Erf", "e", "d"), node("Add", "f", "e", "one"), node("Mul", "g", "z", "f"), node("Mul", "y", "g", "half")), []Linear{biasedPart}, 6},
		{"bias of another size", model([]Tensor{w, Float32Tensor("b", []int64{1}, []float32{1})}, product, node("Add", "y", "p", "b")), []Linear{part}, 2},
		{"added to itself", model([]Tensor{w}, product, node("Add", "y", "p", "p")), []Linear{part}, 2},
		{"product needed twice", model([]Tensor{w, bias}, product, sum, node("Mul", "y", "p", "z")), []Linear{part}, 3},
		{"product is an output", with(model([]Tensor{w, bias}, product, node("Add", "y", "p", "b")), "p"), []Linear{part}, 2},
		{"sum is an output", with(erf(node("Gelu", "y", "z")), "z"), []Linear{biasedPart}, 2},
		{"scaled", model([]Tensor{w}, attr(node("Gemm", "y", "x", "w"), Float("alpha", 2))), nil, 1},
		{"turned input", model([]Tensor{w}, node("Transpose", "t", "x"), attr(node("Gemm", "y", "t", "w"), Int("transA", 1))), nil, 2},
		{"no constant", model(nil, node("Transpose", "t", "x"), node("MatMul", "y", "x", "t")), nil, 2},
		{"constant on the left", model([]Tensor{w}, node("Transpose", "t", "x"), node("MatMul", "y", "w", "t")), nil, 2},
		{"half precision", model([]Tensor{{"w", Float16, []int64{2, 3}, make([]byte, 12)}}, attr(node("Cast", "c", "x"), Int("to", 10)), node("MatMul", "p", "c", "w"), attr(node("Cast", "y", "p"), Int("to", 1))), nil, 3},
		{"of another set", model([]Tensor{w}, Node{Op: "MatMul", Domain: "other", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}), nil, 1},
		{"not needed", model([]Tensor{w, bias}, node("MatMul", "dead", "x", "w"), node("MatMul", "y", "x", "w")), []Linear{plain}, 2},
	}
}

func TestLinears(t *testing.T) {
	for _, test := range linears() {
		f := open(t, write(t, test.model))
		outputs := make([]string, len(f.Outputs))
		for i, v := range f.Outputs {
			outputs[i] = v.Name
		}
		found := f.Linears(outputs)
		var got []Linear
		for _, l := range found {
			l.At, l.Before = 0, nil
			got = append(got, l)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
			continue
		}
		after := open(t, edited(t, f, replaced(f, found)))
		if len(after.nodes) != test.nodes || after.Ops["test:Linear"] != len(found) {
			t.Errorf("%s: %d nodes are left, want %d: %v", test.name, len(after.nodes), test.nodes, after.Ops)
		}
		_, kept := after.initializer("w")
		if uses := slices.ContainsFunc(after.nodes, func(n graphNode) bool { return slices.Contains(n.Inputs, "w") }); kept != uses {
			t.Errorf("%s: the matrix is used: %v, kept: %v", test.name, uses, kept)
		}
		if len(found) > 0 && after.Opsets["test"] != 1 {
			t.Errorf("%s: operator sets %v", test.name, after.Opsets)
		}
	}
}

// replaced is the edit that makes every product one node and drops what only they need.
func replaced(f *File, products []Linear) Edit {
	e := Edit{Replace: map[int64]Node{}, DropConstants: f.Unused(products)}
	for _, l := range products {
		for _, at := range l.Before {
			e.Replace[at] = Node{}
		}
		e.Replace[l.At] = Node{Op: "Linear", Domain: "test", Inputs: []string{l.Input}, Outputs: []string{l.Output}}
	}
	return e
}

// TestUnused has a matrix that two layers share, and one that something else needs.
func TestUnused(t *testing.T) {
	m := linears()[0].model
	m.Initializers = append(m.Initializers, Float32Tensor("v", []int64{2, 3}, make([]float32, 6)))
	m.Nodes = []Node{
		{Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"a"}},
		{Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"b"}},
		{Op: "MatMul", Inputs: []string{"x", "v"}, Outputs: []string{"c"}},
		{Op: "Sum", Inputs: []string{"a", "b", "c", "v"}, Outputs: []string{"y"}},
	}
	f := open(t, write(t, m))
	if got := f.Unused(f.Linears([]string{"y"})); !slices.Equal(got, []string{"w"}) {
		t.Errorf("got %q, want w alone", got)
	}
}

// TestSubgraph has the branch of an If use a product and a matrix of the graph around it.
func TestSubgraph(t *testing.T) {
	m := linears()[3].model // x·w + b
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	use := Node{Op: "MatMul", Inputs: []string{"p", "w"}, Outputs: []string{"inner"}}
	branch := appendBytes(appendString(nil, 1, "then_branch"), 6, appendBytes(nil, 1, use.marshal()))
	node := appendBytes(appendString(appendString(nil, 2, "r"), 4, "If"), 5, branch)
	f := open(t, func() string {
		path := filepath.Join(t.TempDir(), "model.onnx")
		if err := os.WriteFile(path, appendBytes(data, 7, appendBytes(nil, 1, node)), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}())
	products := f.Linears([]string{"y"})
	if len(products) != 1 || products[0].Output != "p" || products[0].Bias != "" {
		t.Errorf("got %+v; the branch needs p", products)
	}
	if got := f.Unused(products); len(got) != 0 {
		t.Errorf("%q are dropped; the branch needs w", got)
	}
}
