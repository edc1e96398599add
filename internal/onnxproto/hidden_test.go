package onnxproto

import (
	"strings"
	"testing"
)

// TestHidden goes through the ways in which a last hidden state becomes logits. The state is "h", the normalised sum of
// a residual stream; fixtures/models have whole models.
func TestHidden(t *testing.T) {
	node := func(op, out string, in ...string) Node { return Node{Op: op, Inputs: in, Outputs: []string{out}} }
	fused := func(op, out string, in ...string) Node {
		return Node{Domain: "com.microsoft", Op: op, Inputs: in, Outputs: []string{out}}
	}
	list := func(nodes ...Node) []Node { return nodes }
	quantise := Node{Op: "DynamicQuantizeLinear", Inputs: []string{"h"}, Outputs: []string{"q", "scale", "zero"}}
	stream := list(node("Gather", "e", "table", "ids"), node("MatMul", "m", "e", "square"), node("Add", "r", "e", "m"),
		node("LayerNormalization", "h", "r", "norm", "norm"))
	dense := list(node("MatMul", "d", "h", "square"), node("Add", "db", "d", "bias"))
	act := list(node("Gelu", "g", "db"), node("LayerNormalization", "t", "g", "norm", "norm"))
	erf := list(node("Div", "a1", "db", "two"), node("Erf", "a2", "a1"), node("Add", "a3", "a2", "two"), node("Mul", "g", "db", "a3"),
		node("ReduceMean", "n1", "g"), node("Sub", "n2", "g", "n1"), node("Pow", "n3", "n2", "two"), node("ReduceMean", "n4", "n3"),
		node("Sqrt", "n5", "n4"), node("Div", "t", "n2", "n5"))
	decode := func(value string) Node { return node("MatMul", "logits", value, "decoder") }
	state, head := Hidden{"h", 2, false}, Hidden{"h", 2, true}
	tests := []struct {
		name   string
		nodes  [][]Node
		want   Hidden
		causal Hidden // the zero value where it is the same
		fails  string
	}{
		{"plain", [][]Node{list(decode("h"))}, state, Hidden{}, ""},
		{"unnormalised", [][]Node{list(decode("r"))}, Hidden{"r", 2, false}, Hidden{}, ""},
		{"bias and soft cap", [][]Node{list(node("MatMul", "p", "h", "decoder"), node("Add", "pb", "p", "wide"), node("Div", "c", "pb", "two"),
			node("Tanh", "th", "c"), node("Mul", "logits", "th", "two"))}, state, Hidden{}, ""},
		{"transposed table", [][]Node{list(node("Transpose", "tt", "table"), node("MatMul", "logits", "h", "tt"))}, state, Hidden{}, ""},
		{"rows", [][]Node{list(node("Reshape", "flat", "h", "s2"), node("Gemm", "p", "flat", "decoder"), node("Reshape", "logits", "p", "s3"))}, state, Hidden{}, ""},
		{"8 bits", [][]Node{list(quantise, node("Mul", "scales", "scale", "two"), node("MatMulInteger", "i", "q", "bytes", "zero"),
			node("Cast", "f", "i"), node("Mul", "logits", "f", "scales"))}, state, Hidden{}, ""},
		{"8 bits in both", [][]Node{list(quantise, node("DequantizeLinear", "dq", "bytes", "two"), fused("MatMulIntegerToFloat", "logits", "q", "bytes", "scale", "two", "zero"))}, state, Hidden{}, ""},
		{"4 bits", [][]Node{list(fused("MatMulNBits", "logits", "h", "bytes", "two"))}, Hidden{"h", 0, false}, Hidden{}, ""},
		{"head", [][]Node{dense, act, list(decode("t"))}, head, Hidden{}, ""},
		{"head in small operators", [][]Node{dense, erf, list(decode("t"))}, head, Hidden{}, ""},
		{"fused head", [][]Node{list(node("MatMul", "d", "h", "square"), fused("BiasGelu", "g", "d", "bias"),
			fused("SimplifiedLayerNormalization", "t", "g", "norm"), decode("t"))}, head, Hidden{}, ""},
		{"gated head", [][]Node{list(node("MatMul", "d", "h", "square"), node("MatMul", "d2", "h", "square"), node("Sigmoid", "g", "d"),
			node("Mul", "t", "g", "d2"), decode("t"))}, head, Hidden{}, ""},
		{"head of rows", [][]Node{list(node("Reshape", "flat", "h", "s2"), node("Gemm", "db", "flat", "square", "bias")), act,
			list(node("Gemm", "p", "t", "decoder"), node("Reshape", "logits", "p", "s3"))}, head, Hidden{}, ""},
		{"8-bit head", [][]Node{list(quantise, node("MatMulInteger", "i", "q", "square", "zero"), node("Cast", "f", "i"), node("Mul", "d", "f", "scale"),
			node("Add", "db", "d", "bias")), act, list(decode("t"))}, head, Hidden{}, ""},
		{"fused residual", [][]Node{list(fused("SkipLayerNormalization", "k", "h", "m", "norm"), decode("k"))}, Hidden{"k", 2, false}, Hidden{}, ""},
		{"projection", [][]Node{list(node("MatMul", "d", "h", "square"), decode("d"))}, Hidden{}, Hidden{"d", 2, false}, "two matrix products"},
		{"unknown", [][]Node{list(node("Mystery", "u", "h"), decode("u"))}, Hidden{}, Hidden{"u", 2, false}, `Mystery "", whose part is not known`},
		{"unknown beside a head", [][]Node{dense, list(node("Mystery", "u", "db"), node("Mul", "t", "u", "db"), decode("t"))}, Hidden{}, Hidden{"t", 2, false}, "Mystery"},
		{"two products", [][]Node{dense, list(node("MatMul", "p1", "h", "decoder"), node("MatMul", "p2", "r", "decoder"),
			node("Add", "both", "p1", "p2"), node("Identity", "logits", "both"))}, Hidden{}, Hidden{}, "not made by one matrix product"},
		{"no product", [][]Node{list(node("Relu", "logits", "ids"))}, Hidden{}, Hidden{}, "no matrix product"},
		{"attention", [][]Node{list(node("MatMul", "logits", "h", "m"))}, Hidden{}, Hidden{}, "does not multiply by a constant"},
		{"branch", [][]Node{list(node("If", "logits", "ids"))}, Hidden{}, Hidden{}, "If"},
	}
	for _, test := range tests {
		m := Model{Name: "m", Inputs: []Value{{Name: "ids", Type: Int64, Dims: []Dim{{Name: "b"}, {Name: "t"}}}},
			Outputs: []Value{{Name: "logits", Type: Float32, Dims: []Dim{{Name: "b"}, {Name: "t"}, {Size: 3}}}},
			Initializers: []Tensor{Float32Tensor("table", []int64{3, 2}, make([]float32, 6)), Float32Tensor("square", []int64{2, 2}, make([]float32, 4)),
				Float32Tensor("decoder", []int64{2, 3}, make([]float32, 6)), Float32Tensor("norm", []int64{2}, make([]float32, 2)),
				Float32Tensor("bias", []int64{2}, make([]float32, 2)), Float32Tensor("wide", []int64{3}, make([]float32, 3)),
				Float32Tensor("two", nil, []float32{2}), {"bytes", Int8, []int64{2, 3}, make([]byte, 6)},
				Int64Tensor("s2", []int64{2}, []int64{-1, 2}), Int64Tensor("s3", []int64{3}, []int64{1, -1, 3})}}
		m.Nodes = append(m.Nodes, stream...)
		for _, nodes := range test.nodes {
			m.Nodes = append(m.Nodes, nodes...)
		}
		f := open(t, write(t, m))
		got, err := f.Hidden("logits", false)
		if test.fails == "" && (err != nil || got != test.want) || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) {
			t.Errorf("%s: got %+v, %v; want %+v %s", test.name, got, err, test.want, test.fails)
		}
		want := test.causal
		if want.Name == "" {
			want = test.want
		}
		if got, err := f.Hidden("logits", true); got != want || (err == nil) != (want.Name != "") {
			t.Errorf("%s: causal: got %+v, %v; want %+v", test.name, got, err, want)
		}
	}
}

func TestPositions(t *testing.T) {
	node := func(op, out string, in ...string) Node { return Node{Op: op, Inputs: in, Outputs: []string{out}} }
	look := func(table, index string) Node { return node("Gather", "x_"+table, table, index) }
	table := func(name string, rows int64) Tensor {
		return Float32Tensor(name, []int64{rows, 2}, make([]float32, 2*rows))
	}
	one, two, minus := Int64Tensor("one", nil, []int64{1}), Int64Tensor("two", nil, []int64{2}), Int64Tensor("minus", nil, []int64{-1})
	mask := []Node{node("Equal", "eq", "ids", "one"), node("Not", "not", "eq"), node("Cast", "mask", "not"), node("CumSum", "sum", "mask", "one")}
	const wpe = "transformer.wpe.weight"
	for name, test := range map[string]struct {
		constants []Tensor
		nodes     []Node
		want      int
	}{
		"position_ids": {[]Tensor{table(wpe, 64)}, []Node{look(wpe, "position_ids")}, 64},
		"listed":       {[]Tensor{table(wpe, 64), Int64Tensor("list", []int64{1, 4}, []int64{0, 1, 2, 3})}, []Node{node("Slice", "i", "list", "one", "two"), look(wpe, "i")}, 64},
		"listed from two": {[]Tensor{table(wpe, 64), Int64Tensor("list", []int64{1, 4}, []int64{2, 3, 4, 5})},
			[]Node{node("Slice", "i", "list", "one", "two"), look(wpe, "i")}, 62},
		"RoBERTa": {[]Tensor{table("e.position_embeddings.weight", 66)}, append(mask, node("Mul", "i", "sum", "mask"), node("Cast", "j", "i"),
			node("Add", "k", "j", "one"), look("e.position_embeddings.weight", "k")), 64},
		"RoBERTa with a cache": {[]Tensor{table("e.position_embeddings.weight", 66)}, append(mask, node("Shape", "past", "ids"), node("Add", "s", "sum", "past"),
			node("Mul", "i", "mask", "s"), node("Add", "k", "one", "i"), look("e.position_embeddings.weight", "k")), 64},
		"OPT": {[]Tensor{table("embed_positions.weight", 66)}, append(mask, node("Mul", "i", "sum", "mask"), node("Sub", "j", "i", "one"),
			node("Add", "k", "j", "two"), look("embed_positions.weight", "k")), 64},
		"OPT otherwise":  {[]Tensor{table("embed_positions.weight", 66), minus}, append(mask, node("Add", "j", "sum", "minus"), node("Add", "k", "j", "two"), look("embed_positions.weight", "k")), 64},
		"half precision": {[]Tensor{table(wpe, 64)}, []Node{node("Cast", "wide", wpe), node("Add", "i", "position_ids", "two"), look("wide", "i")}, 62},
		"two tables":     {[]Tensor{table(wpe, 64), table("embed_positions.weight", 66)}, []Node{look(wpe, "position_ids"), node("Add", "i", "position_ids", "two"), node("Add", "j", "i", "one"), look("embed_positions.weight", "j")}, 63},
		"not looked up":  {[]Tensor{table("encoder.embed_positions.weight", 20)}, nil, 20},
		"none":           {[]Tensor{table("word_embeddings.weight", 20)}, []Node{look("word_embeddings.weight", "ids")}, 0},
		"all rows lost":  {[]Tensor{table(wpe, 2)}, []Node{node("Add", "i", "position_ids", "two"), look(wpe, "i")}, 0},
	} {
		ids := Value{Name: "ids", Type: Int64, Dims: []Dim{{Name: "b"}, {Name: "t"}}}
		place := ids
		place.Name = "position_ids"
		f := open(t, write(t, Model{Name: "m", Inputs: []Value{ids, place}, Outputs: []Value{ids}, Initializers: append(test.constants, one, two), Nodes: test.nodes}))
		if got := f.Positions(); got != test.want {
			t.Errorf("%s: %d positions, want %d", name, got, test.want)
		}
	}
}
