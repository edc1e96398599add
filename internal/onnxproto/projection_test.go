package onnxproto

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

type projectionTest struct {
	name  string
	model Model
	want  Projection
	fails string
}

// projections are the ways in which exporters write the last matrix product. The unembedding is always that of three
// tokens in two dimensions with the rows (1, 2), (3, 4), (5, 6).
func projections() []projectionTest {
	rows := Float32Tensor("w", []int64{3, 2}, []float32{1, 2, 3, 4, 5, 6})
	columns := Float32Tensor("w", []int64{2, 3}, []float32{1, 3, 5, 2, 4, 6})
	half := Tensor{"w", Float16, []int64{3, 2}, []byte{0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44, 0, 0x45, 0, 0x46}}
	bias := Float32Tensor("b", []int64{3}, []float32{7, 8, 9})
	number := func(v float32) Tensor { return Float32Tensor("c", nil, []float32{v}) }
	node := func(op, out string, in ...string) Node { return Node{Op: op, Inputs: in, Outputs: []string{out}} }
	attr := func(n Node, a ...Attr) Node { n.Attrs = a; return n }
	shape := Int64Tensor("s", []int64{2}, []int64{-1, 2})
	back := Int64Tensor("s3", []int64{3}, []int64{1, -1, 3})
	model := func(constants []Tensor, nodes ...Node) Model {
		return Model{
			Name:         "head",
			Inputs:       []Value{{Name: "x", Type: Float32, Dims: []Dim{{Name: "batch"}, {Name: "tokens"}, {Size: 2}}}},
			Outputs:      []Value{{Name: "logits", Type: Float32, Dims: []Dim{{Name: "batch"}, {Name: "tokens"}, {Size: 3}}}},
			Initializers: constants,
			Nodes:        append([]Node{node("Identity", "h", "x")}, nodes...),
		}
	}
	plain := Projection{Hidden: "h", Weight: "w", Scale: 1, Vocab: 3, Dims: 2}
	asRows, biased, scaled, halved, capped := plain, plain, plain, plain, plain
	asRows.Rows, biased.Bias, scaled.Scale, halved.Scale = true, "b", 4, 0.5
	capped.Scale, capped.SoftCap = 0.25, 4
	biasedRows := asRows
	biasedRows.Bias = "b"
	product := node("MatMul", "logits", "h", "w")
	partial := node("MatMul", "p", "h", "w")
	return []projectionTest{
		{"plain", model([]Tensor{columns}, product), plain, ""},
		{"transposed", model([]Tensor{rows}, attr(node("Transpose", "wt", "w"), Ints("perm", 1, 0)), node("MatMul", "logits", "h", "wt")), asRows, ""},
		{"transposed by default", model([]Tensor{rows}, node("Transpose", "wt", "w"), node("MatMul", "logits", "h", "wt")), asRows, ""},
		{"bias after", model([]Tensor{columns, bias}, partial, node("Add", "logits", "b", "p")), biased, ""},
		{"bias and cast", model([]Tensor{columns, bias}, partial, node("Add", "q", "p", "b"), attr(node("Cast", "logits", "q"), Int("to", 1))), biased, ""},
		{"half weights", model([]Tensor{half}, attr(node("Cast", "wf", "w"), Int("to", 1)), attr(node("Transpose", "wt", "wf"), Ints("perm", 1, 0)), node("MatMul", "logits", "h", "wt")), asRows, ""},
		{"gemm", model([]Tensor{rows, bias}, attr(node("Gemm", "logits", "h", "w", "b"), Int("transB", 1))), biasedRows, ""},
		{"gemm between reshapes", model([]Tensor{rows, bias, shape, back}, node("Reshape", "flat", "h", "s"), attr(node("Gemm", "p", "flat", "w", "b"), Int("transB", 1)), node("Reshape", "logits", "p", "s3")), biasedRows, ""},
		{"scaled", model([]Tensor{columns, number(4)}, partial, node("Mul", "logits", "c", "p")), scaled, ""},
		{"divided", model([]Tensor{columns, number(2)}, partial, node("Div", "logits", "p", "c")), halved, ""},
		{"soft cap", model([]Tensor{columns, number(4)}, partial, node("Div", "q", "p", "c"), node("Tanh", "r", "q"), node("Mul", "logits", "r", "c")), capped, ""},
		{"two soft caps", model([]Tensor{columns}, partial, node("Tanh", "q", "p"), node("Tanh", "logits", "q")), plain, "comes from Tanh"},
		{"activation before a bias", model([]Tensor{columns, bias}, partial, node("Tanh", "q", "p"), node("Add", "logits", "q", "b")), plain, "comes from Tanh"},
		{"no product", model(nil, node("Relu", "logits", "h")), plain, "comes from Relu"},
		{"input", model(nil, node("Identity", "logits", "x")), plain, `no operator makes "x"`},
		{"product of values", model(nil, node("MatMul", "logits", "h", "x")), plain, "not a constant matrix"},
		{"quantised", model([]Tensor{columns}, partial, node("Relu", "scale", "x"), node("Mul", "logits", "p", "scale")), plain, "quantised"},
		{"custom operator", model([]Tensor{columns}, Node{Op: "MatMulNBits", Domain: "com.microsoft", Inputs: []string{"h", "w"}, Outputs: []string{"logits"}}), plain, "com.microsoft:MatMulNBits"},
		{"scaled operand", model([]Tensor{columns}, attr(node("Gemm", "logits", "h", "w"), Float("alpha", 2))), plain, "scaled operand"},
		{"bias of another size", model([]Tensor{columns, Float32Tensor("b", []int64{1}, []float32{1})}, partial, node("Add", "logits", "p", "b")), plain, "not a constant of 3"},
		{"two biases", model([]Tensor{columns, bias, Float32Tensor("b2", []int64{3}, make([]float32, 3))}, partial, node("Add", "q", "p", "b"), node("Add", "logits", "q", "b2")), plain, "not one bias"},
	}
}

func TestProjection(t *testing.T) {
	for _, test := range projections() {
		f := open(t, write(t, test.model))
		got, err := f.Projection("logits")
		if test.fails != "" {
			if err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%s: %+v, %v", test.name, got, err)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%s: got %+v, want %+v, %v", test.name, got, test.want, err)
			continue
		}
		rows, bias, err := got.Read(f, []int{2, 0})
		wantBias := []float32{0, 0}
		if test.want.Bias != "" {
			wantBias = []float32{9, 7}
		}
		if err != nil || !reflect.DeepEqual(rows, [][]float32{{5, 6}, {1, 2}}) || !reflect.DeepEqual(bias, wantBias) {
			t.Errorf("%s: rows %v, bias %v, %v", test.name, rows, bias, err)
		}
		for _, token := range []int{-1, 3} {
			if _, _, err := got.Read(f, []int{token}); err == nil {
				t.Errorf("%s: token %d was read", test.name, token)
			}
		}
	}
	capped := Projection{Scale: 0.25, SoftCap: 4}
	if got, want := capped.Logit(2), 4*math.Tanh(0.5); got != want {
		t.Errorf("soft cap: got %v, want %v", got, want)
	}
	if got := (Projection{Scale: 3}).Logit(2); got != 6 {
		t.Errorf("scale: got %v, want 6", got)
	}
	f := open(t, write(t, projections()[0].model))
	if _, err := f.Projection("nothing"); err == nil {
		t.Error("an output that is not there has a projection")
	}
}
