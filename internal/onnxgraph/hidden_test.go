package onnxgraph

import (
	"strings"
	"testing"

	"w2s/internal/onnxproto"
)

// TestHidden covers the ways in which models compute logits from a last hidden state. The state is "h", the normalised sum of
// a residual stream. The models in fixtures/models are tested in package onnx.
func TestHidden(t *testing.T) {
	fused := func(op, out string, in ...string) onnxproto.Node {
		return onnxproto.Node{Domain: "com.microsoft", Op: op, Inputs: in, Outputs: []string{out}}
	}
	quantise := onnxproto.Node{Op: "DynamicQuantizeLinear", Inputs: []string{"h"}, Outputs: []string{"q", "scale", "zero"}}
	stream := nodeList{op("Gather", "e", "table", "ids"), op("MatMul", "m", "e", "square"), op("Add", "r", "e", "m"),
		op("LayerNormalization", "h", "r", "norm", "norm")}
	dense := nodeList{op("MatMul", "d", "h", "square"), op("Add", "db", "d", "bias")}
	act := nodeList{op("Gelu", "g", "db"), op("LayerNormalization", "t", "g", "norm", "norm")}
	erf := nodeList{op("Div", "a1", "db", "two"), op("Erf", "a2", "a1"), op("Add", "a3", "a2", "two"), op("Mul", "g", "db", "a3"),
		op("ReduceMean", "n1", "g"), op("Sub", "n2", "g", "n1"), op("Pow", "n3", "n2", "two"), op("ReduceMean", "n4", "n3"),
		op("Sqrt", "n5", "n4"), op("Div", "t", "n2", "n5")}
	decode := func(value string) onnxproto.Node { return op("MatMul", "logits", value, "decoder") }
	state, head := Hidden{"h", 2, false}, Hidden{"h", 2, true}
	tests := []struct {
		name   string
		nodes  []nodeList
		want   Hidden
		causal Hidden // what is found in a causal model; the zero value stands for want
		fails  string
	}{
		{"plain", []nodeList{{decode("h")}}, state, Hidden{}, ""},
		{"unnormalised", []nodeList{{decode("r")}}, Hidden{"r", 2, false}, Hidden{}, ""},
		{"bias and soft cap", []nodeList{{op("MatMul", "p", "h", "decoder"), op("Add", "pb", "p", "wide"),
			op("Div", "c", "pb", "two"), op("Tanh", "th", "c"), op("Mul", "logits", "th", "two")}}, state, Hidden{}, ""},
		{"transposed table", []nodeList{{op("Transpose", "tt", "table"), op("MatMul", "logits", "h", "tt")}},
			state, Hidden{}, ""},
		{"flattened to rows", []nodeList{{op("Reshape", "flat", "h", "s2"), op("Gemm", "p", "flat", "decoder"),
			op("Reshape", "logits", "p", "s3")}}, state, Hidden{}, ""},
		{"8 bits", []nodeList{{quantise, op("Mul", "scales", "scale", "two"), op("MatMulInteger", "i", "q", "bytes", "zero"),
			op("Cast", "f", "i"), op("Mul", "logits", "f", "scales")}}, state, Hidden{}, ""},
		{"8-bit weights and states", []nodeList{{quantise, op("DequantizeLinear", "dq", "bytes", "two"),
			fused("MatMulIntegerToFloat", "logits", "q", "bytes", "scale", "two", "zero")}}, state, Hidden{}, ""},
		{"4 bits", []nodeList{{fused("MatMulNBits", "logits", "h", "bytes", "two")}}, Hidden{"h", 0, false}, Hidden{}, ""},
		{"head", []nodeList{dense, act, {decode("t")}}, head, Hidden{}, ""},
		{"head in small operators", []nodeList{dense, erf, {decode("t")}}, head, Hidden{}, ""},
		{"fused head", []nodeList{{op("MatMul", "d", "h", "square"), fused("BiasGelu", "g", "d", "bias"),
			fused("SimplifiedLayerNormalization", "t", "g", "norm"), decode("t")}}, head, Hidden{}, ""},
		{"gated head", []nodeList{{op("MatMul", "d", "h", "square"), op("MatMul", "d2", "h", "square"),
			op("Sigmoid", "g", "d"), op("Mul", "t", "g", "d2"), decode("t")}}, head, Hidden{}, ""},
		{"head flattened to rows", []nodeList{{op("Reshape", "flat", "h", "s2"), op("Gemm", "db", "flat", "square", "bias")},
			act, {op("Gemm", "p", "t", "decoder"), op("Reshape", "logits", "p", "s3")}}, head, Hidden{}, ""},
		{"8-bit head", []nodeList{{quantise, op("MatMulInteger", "i", "q", "square", "zero"), op("Cast", "f", "i"),
			op("Mul", "d", "f", "scale"), op("Add", "db", "d", "bias")}, act, {decode("t")}}, head, Hidden{}, ""},
		{"fused residual", []nodeList{{fused("SkipLayerNormalization", "k", "h", "m", "norm"), decode("k")}},
			Hidden{"k", 2, false}, Hidden{}, ""},
		{"projection", []nodeList{{op("MatMul", "d", "h", "square"), decode("d")}},
			Hidden{}, Hidden{"d", 2, false}, "two matrix products"},
		{"unknown", []nodeList{{op("Mystery", "u", "h"), decode("u")}},
			Hidden{}, Hidden{"u", 2, false}, `Mystery "", an operator that is not known here`},
		{"unknown operator in a head", []nodeList{dense, {op("Mystery", "u", "db"), op("Mul", "t", "u", "db"), decode("t")}},
			Hidden{}, Hidden{"t", 2, false}, "Mystery"},
		{"two products", []nodeList{dense, {op("MatMul", "p1", "h", "decoder"), op("MatMul", "p2", "r", "decoder"),
			op("Add", "both", "p1", "p2"), op("Identity", "logits", "both")}}, Hidden{}, Hidden{},
			"not made by a single matrix product"},
		{"no product", []nodeList{{op("Relu", "logits", "ids")}}, Hidden{}, Hidden{}, "no matrix product"},
		{"attention", []nodeList{{op("MatMul", "logits", "h", "m")}}, Hidden{}, Hidden{}, "does not multiply by a constant"},
		{"product of nothing", []nodeList{{op("MatMul", "logits", "", "decoder")}}, Hidden{}, Hidden{}, "no matrix product"},
		{"branch", []nodeList{{op("If", "logits", "ids")}}, Hidden{}, Hidden{}, "If"},
	}
	for _, test := range tests {
		m := onnxproto.Model{
			Name:   "m",
			Inputs: []onnxproto.Value{{Name: "ids", Type: onnxproto.Int64, Dims: []onnxproto.Dim{{Name: "b"}, {Name: "t"}}}},
			Outputs: []onnxproto.Value{{Name: "logits", Type: onnxproto.Float32,
				Dims: []onnxproto.Dim{{Name: "b"}, {Name: "t"}, {Size: 3}}}},
			Initializers: tensorList{
				floats("table", []int64{3, 2}, make([]float32, 6)), floats("square", []int64{2, 2}, make([]float32, 4)),
				floats("decoder", []int64{2, 3}, make([]float32, 6)), floats("norm", []int64{2}, make([]float32, 2)),
				floats("bias", []int64{2}, make([]float32, 2)), floats("wide", []int64{3}, make([]float32, 3)),
				floats("two", nil, []float32{2}), ints("s2", []int64{2}, []int64{-1, 2}), ints("s3", []int64{3}, []int64{1, -1, 3}),
				{Name: "bytes", Type: onnxproto.Int8, Dims: []int64{2, 3}, Data: make([]byte, 6)},
			},
		}
		m.Nodes = append(m.Nodes, stream...)
		for _, nodes := range test.nodes {
			m.Nodes = append(m.Nodes, nodes...)
		}
		f := openModel(t, m)
		got, err := New(f).Hidden("logits", false)
		if test.fails == "" && (err != nil || got != test.want) || test.fails != "" && (err == nil ||
			!strings.Contains(err.Error(), test.fails)) {
			t.Errorf("%s: got %+v, %v; want %+v %s", test.name, got, err, test.want, test.fails)
		}
		want := test.causal
		if want.Name == "" {
			want = test.want
		}
		if got, err := New(f).Hidden("logits", true); got != want || (err == nil) != (want.Name != "") {
			t.Errorf("%s: causal: got %+v, %v; want %+v", test.name, got, err, want)
		}
	}
}

func TestPositions(t *testing.T) {
	lookUp := func(table, index string) onnxproto.Node { return op("Gather", "x_"+table, table, index) }
	table := func(name string, rows int64) onnxproto.Tensor {
		return floats(name, []int64{rows, 2}, make([]float32, 2*rows))
	}
	list := func(first int64) onnxproto.Tensor {
		return ints("list", []int64{1, 4}, []int64{first, first + 1, first + 2, first + 3})
	}
	number := func(name string, n int64) onnxproto.Tensor { return ints(name, nil, []int64{n}) }
	// The running sum of a mask is how a graph counts tokens.
	mask := nodeList{op("Equal", "eq", "ids", "one"), op("Not", "not", "eq"), op("Cast", "mask", "not"),
		op("CumSum", "sum", "mask", "one")}
	const wpe, roberta, opt = "transformer.wpe.weight", "e.position_embeddings.weight", "embed_positions.weight"
	for name, test := range map[string]struct {
		constants tensorList
		nodes     nodeList
		want      int
	}{
		"position_ids": {tensorList{table(wpe, 64)}, nodeList{lookUp(wpe, "position_ids")}, 64},
		"list of positions": {tensorList{table(wpe, 64), list(0)},
			nodeList{op("Slice", "i", "list", "one", "two"), lookUp(wpe, "i")}, 64},
		"list from 2": {tensorList{table(wpe, 64), list(2)},
			nodeList{op("Slice", "i", "list", "one", "two"), lookUp(wpe, "i")}, 62},
		"RoBERTa": {tensorList{table(roberta, 66)}, append(mask, op("Mul", "i", "sum", "mask"), op("Cast", "j", "i"),
			op("Add", "k", "j", "one"), lookUp(roberta, "k")), 64},
		"RoBERTa with a cache": {tensorList{table(roberta, 66)}, append(mask, op("Shape", "past", "ids"),
			op("Add", "s", "sum", "past"), op("Mul", "i", "mask", "s"), op("Add", "k", "one", "i"), lookUp(roberta, "k")), 64},
		"OPT": {tensorList{table(opt, 66)}, append(mask, op("Mul", "i", "sum", "mask"), op("Sub", "j", "i", "one"),
			op("Add", "k", "j", "two"), lookUp(opt, "k")), 64},
		"OPT in another form": {tensorList{table(opt, 66), number("minus", -1)}, append(mask, op("Add", "j", "sum", "minus"),
			op("Add", "k", "j", "two"), lookUp(opt, "k")), 64},
		"half precision": {tensorList{table(wpe, 64)}, nodeList{op("Cast", "wide", wpe), op("Add", "i", "position_ids", "two"),
			lookUp("wide", "i")}, 62},
		"two tables": {tensorList{table(wpe, 64), table(opt, 66)}, nodeList{lookUp(wpe, "position_ids"),
			op("Add", "i", "position_ids", "two"), op("Add", "j", "i", "one"), lookUp(opt, "j")}, 63},
		"not looked up": {tensorList{table("encoder."+opt, 20)}, nil, 20},
		"none":          {tensorList{table("word_embeddings.weight", 20)}, nodeList{lookUp("word_embeddings.weight", "ids")}, 0},
		"no rows left":  {tensorList{table(wpe, 2)}, nodeList{op("Add", "i", "position_ids", "two"), lookUp(wpe, "i")}, 0},
	} {
		ids := onnxproto.Value{Name: "ids", Type: onnxproto.Int64, Dims: []onnxproto.Dim{{Name: "b"}, {Name: "t"}}}
		positions := ids
		positions.Name = "position_ids"
		f := openModel(t, onnxproto.Model{Name: "m", Inputs: []onnxproto.Value{ids, positions}, Outputs: []onnxproto.Value{ids},
			Initializers: append(test.constants, number("one", 1), number("two", 2)), Nodes: test.nodes})
		if got := New(f).Positions(); got != test.want {
			t.Errorf("%s: %d positions, want %d", name, got, test.want)
		}
	}
}
