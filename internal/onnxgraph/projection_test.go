package onnxgraph

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"w2s/internal/onnxproto"
)

type projectionTest struct {
	name  string
	model onnxproto.Model
	want  Projection
	fails string
}

// projectionTests returns the ways in which exporters write the last matrix product. Its weight always has the rows (1, 2),
// (3, 4), (5, 6): three tokens in two dimensions.
func projectionTests() []projectionTest {
	rows := floats("w", []int64{3, 2}, []float32{1, 2, 3, 4, 5, 6})
	columns := floats("w", []int64{2, 3}, []float32{1, 3, 5, 2, 4, 6})
	half := onnxproto.Tensor{Name: "w", Type: onnxproto.Float16, Dims: []int64{3, 2},
		Data: []byte{0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44, 0, 0x45, 0, 0x46}}
	bias := floats("b", []int64{3}, []float32{7, 8, 9})
	number := func(v float32) onnxproto.Tensor { return floats("c", nil, []float32{v}) }
	shape := ints("s", []int64{2}, []int64{-1, 2})
	back := ints("s3", []int64{3}, []int64{1, -1, 3})
	model := func(constants tensorList, nodes ...onnxproto.Node) onnxproto.Model {
		return onnxproto.Model{
			Name: "head",
			Inputs: []onnxproto.Value{{Name: "x", Type: onnxproto.Float32, Dims: []onnxproto.Dim{{Name: "batch"},
				{Name: "tokens"}, {Size: 2}}}},
			Outputs: []onnxproto.Value{{Name: "logits", Type: onnxproto.Float32, Dims: []onnxproto.Dim{{Name: "batch"},
				{Name: "tokens"}, {Size: 3}}}},
			Initializers: constants,
			Nodes:        append(nodeList{op("Identity", "h", "x")}, nodes...),
		}
	}
	plain := Projection{Hidden: "h", Weight: "w", Scale: 1, Vocab: 3, Dims: 2}
	asRows, biased, scaled, halved, capped := plain, plain, plain, plain, plain
	asRows.Rows, biased.Bias, scaled.Scale, halved.Scale = true, "b", 4, 0.5
	capped.Scale, capped.SoftCap = 0.25, 4
	biasedRows := asRows
	biasedRows.Bias = "b"
	product := op("MatMul", "logits", "h", "w")
	partial := op("MatMul", "p", "h", "w")
	return []projectionTest{
		{"plain", model(tensorList{columns}, product), plain, ""},
		{"transposed", model(tensorList{rows}, withAttrs(op("Transpose", "wt", "w"), onnxproto.Ints("perm", 1, 0)),
			op("MatMul", "logits", "h", "wt")), asRows, ""},
		{"transposed by default", model(tensorList{rows}, op("Transpose", "wt", "w"), op("MatMul", "logits", "h", "wt")),
			asRows, ""},
		{"bias after", model(tensorList{columns, bias}, partial, op("Add", "logits", "b", "p")), biased, ""},
		{"bias and cast", model(tensorList{columns, bias}, partial, op("Add", "q", "p", "b"),
			withAttrs(op("Cast", "logits", "q"), onnxproto.Int("to", 1))), biased, ""},
		{"half weights", model(tensorList{half}, withAttrs(op("Cast", "wf", "w"), onnxproto.Int("to", 1)),
			withAttrs(op("Transpose", "wt", "wf"), onnxproto.Ints("perm", 1, 0)), op("MatMul", "logits", "h", "wt")), asRows, ""},
		{"gemm", model(tensorList{rows, bias}, withAttrs(op("Gemm", "logits", "h", "w", "b"), onnxproto.Int("transB", 1))),
			biasedRows, ""},
		{"gemm between reshapes", model(tensorList{rows, bias, shape, back}, op("Reshape", "flat", "h", "s"),
			withAttrs(op("Gemm", "p", "flat", "w", "b"), onnxproto.Int("transB", 1)), op("Reshape", "logits", "p", "s3")),
			biasedRows, ""},
		{"scaled", model(tensorList{columns, number(4)}, partial, op("Mul", "logits", "c", "p")), scaled, ""},
		{"divided", model(tensorList{columns, number(2)}, partial, op("Div", "logits", "p", "c")), halved, ""},
		{"soft cap", model(tensorList{columns, number(4)}, partial, op("Div", "q", "p", "c"), op("Tanh", "r", "q"),
			op("Mul", "logits", "r", "c")), capped, ""},
		{"two soft caps", model(tensorList{columns}, partial, op("Tanh", "q", "p"), op("Tanh", "logits", "q")), plain,
			"comes from Tanh"},
		{"activation before a bias", model(tensorList{columns, bias}, partial, op("Tanh", "q", "p"),
			op("Add", "logits", "q", "b")), plain, "comes from Tanh"},
		{"no product", model(nil, op("Relu", "logits", "h")), plain, "comes from Relu"},
		{"input of the model", model(nil, op("Identity", "logits", "x")), plain, `no node makes "x"`},
		{"product of values", model(nil, op("MatMul", "logits", "h", "x")), plain, "not a constant matrix"},
		{"quantised", model(tensorList{columns}, partial, op("Relu", "scale", "x"), op("Mul", "logits", "p", "scale")), plain,
			"quantised"},
		{"custom operator", model(tensorList{columns}, onnxproto.Node{Op: "MatMulNBits", Domain: "com.microsoft",
			Inputs: []string{"h", "w"}, Outputs: []string{"logits"}}), plain, "com.microsoft:MatMulNBits"},
		{"scaled operand", model(tensorList{columns}, withAttrs(op("Gemm", "logits", "h", "w"), onnxproto.Float("alpha", 2))),
			plain, "scaled operand"},
		{"bias of another shape", model(tensorList{columns, floats("b", []int64{1}, []float32{1})}, partial,
			op("Add", "logits", "p", "b")), plain, "not a constant of 3"},
		{"two biases", model(tensorList{columns, bias, floats("b2", []int64{3}, make([]float32, 3))}, partial,
			op("Add", "q", "p", "b"), op("Add", "logits", "q", "b2")), plain, "does not add one constant bias"},
	}
}

func TestProjection(t *testing.T) {
	for _, test := range projectionTests() {
		f := openModel(t, test.model)
		got, err := New(f).Projection("logits")
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
		rows, bias, err := New(f).Weights(got, []int{2, 0})
		wantBias := []float32{0, 0}
		if test.want.Bias != "" {
			wantBias = []float32{9, 7}
		}
		if err != nil || !reflect.DeepEqual(rows, [][]float32{{5, 6}, {1, 2}}) || !reflect.DeepEqual(bias, wantBias) {
			t.Errorf("%s: rows %v, bias %v, %v", test.name, rows, bias, err)
		}
		for _, token := range []int{-1, 3} {
			if _, _, err := New(f).Weights(got, []int{token}); err == nil || !strings.Contains(err.Error(), fmt.Sprint("token ", token)) {
				t.Errorf("%s: reading token %d: %v", test.name, token, err)
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
	f := openModel(t, projectionTests()[0].model)
	if _, err := New(f).Projection("nothing"); err == nil || !strings.Contains(err.Error(), `no node makes "nothing"`) {
		t.Errorf("projection of an output that does not exist: %v", err)
	}
}
