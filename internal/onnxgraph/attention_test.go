package onnxgraph

import (
	"reflect"
	"slices"
	"testing"

	"w2s/internal/onnxproto"
)

// attentionModel returns softmax(q·k/2 + mask)·v as exporters write it. All its inputs and its output have the shape
// [batch, tokens, heads, width].
func attentionModel() onnxproto.Model {
	transpose := func(from, to string, perm ...int64) onnxproto.Node {
		return withAttrs(op("Transpose", to, from), onnxproto.Ints("perm", perm...))
	}
	value := func(name string) onnxproto.Value {
		return onnxproto.Value{Name: name, Type: onnxproto.Float32,
			Dims: []onnxproto.Dim{{Name: name + "0"}, {Name: name + "1"}, {Name: name + "2"}, {Name: name + "3"}}}
	}
	return onnxproto.Model{
		Name:         "attention",
		Inputs:       []onnxproto.Value{value("q"), value("k"), value("v"), value("mask"), value("more")},
		Outputs:      []onnxproto.Value{value("y")},
		Initializers: tensorList{floats("two", nil, []float32{2})},
		Nodes: nodeList{
			transpose("q", "qt", 0, 2, 1, 3), transpose("k", "kt", 0, 2, 3, 1), transpose("v", "vt", 0, 2, 1, 3),
			op("MatMul", "s", "qt", "kt"), op("Div", "d", "s", "two"), op("Add", "m", "mask", "d"), op("Softmax", "p", "m"),
			op("MatMul", "o", "p", "vt"), transpose("o", "y", 0, 2, 1, 3)},
	}
}

func TestAttentions(t *testing.T) {
	whole := Attention{Q: "q", K: "k", V: "v", Masks: []string{"mask"}, Output: "y", Scale: 0.5, QTokens: true, KTokens: true,
		VTokens: true}
	const q, k, v, product, div, mask, softmax, sum, out = 0, 1, 2, 3, 4, 5, 6, 7, 8
	remove := func(m *onnxproto.Model, i int, by string) { // removes node i; its users use the value by instead
		for j := range m.Nodes {
			for n, in := range m.Nodes[j].Inputs {
				if in == m.Nodes[i].Outputs[0] {
					m.Nodes[j].Inputs[n] = by
				}
			}
		}
		m.Nodes = slices.Delete(m.Nodes, i, i+1)
	}
	with := func(a Attention, change func(*Attention)) *Attention { change(&a); return &a }
	tests := []struct {
		name  string
		edit  func(m *onnxproto.Model)
		want  *Attention
		nodes int // number of nodes after the attention is replaced by one
	}{
		{"mask and scale", func(m *onnxproto.Model) {}, &whole, 1},
		{"no mask", func(m *onnxproto.Model) { remove(m, mask, "d") }, with(whole, func(a *Attention) { a.Masks = nil }), 1},
		{"no scale", func(m *onnxproto.Model) { remove(m, div, "s") }, with(whole, func(a *Attention) { a.Scale = 1 }), 1},
		{"neither mask nor scale", func(m *onnxproto.Model) { remove(m, mask, "d"); remove(m, div, "s") },
			with(whole, func(a *Attention) { a.Masks, a.Scale = nil, 1 }), 1},
		{"two masks", func(m *onnxproto.Model) {
			m.Nodes[softmax].Inputs[0] = "n"
			m.Nodes = slices.Insert(m.Nodes, softmax, onnxproto.Node{Op: "Add", Inputs: []string{"m", "more"},
				Outputs: []string{"n"}})
		}, with(whole, func(a *Attention) { a.Masks = []string{"mask", "more"} }), 1},
		{"heads first", func(m *onnxproto.Model) { remove(m, v, "v"); remove(m, k, "k"); remove(m, q, "q") },
			with(whole, func(a *Attention) { a.QTokens, a.KTokens, a.VTokens = false, false, false }), 1},
		{"q has another user", func(m *onnxproto.Model) { m.Nodes[mask].Inputs[0] = "qt" },
			with(whole, func(a *Attention) { a.Masks = []string{"qt"} }), 2},
		{"k with another permutation", func(m *onnxproto.Model) {
			m.Nodes[k].Attrs = []onnxproto.Attr{onnxproto.Ints("perm", 0, 1, 3, 2)}
		}, with(whole, func(a *Attention) { a.K, a.KTokens = "kt", false }), 2},
		{"last axis given", func(m *onnxproto.Model) { m.Nodes[softmax].Attrs = []onnxproto.Attr{onnxproto.Int("axis", 3)} },
			&whole, 1},
		{"another axis", func(m *onnxproto.Model) { m.Nodes[softmax].Attrs = []onnxproto.Attr{onnxproto.Int("axis", 1)} }, nil, 0},
		{"default axis before operator set 13", func(m *onnxproto.Model) { m.Opset = 11 }, nil, 0},
		{"scores are an output", func(m *onnxproto.Model) {
			m.Outputs = append(m.Outputs, onnxproto.Value{Name: "d", Type: onnxproto.Float32})
		}, nil, 0},
		{"probabilities are an output", func(m *onnxproto.Model) {
			m.Outputs = append(m.Outputs, onnxproto.Value{Name: "p", Type: onnxproto.Float32})
		}, nil, 0},
		{"scores as the divisor", func(m *onnxproto.Model) { m.Nodes[div].Inputs = []string{"two", "s"} }, nil, 0},
		{"scale is not constant", func(m *onnxproto.Model) { m.Nodes[div].Inputs[1] = "more" }, nil, 0},
		{"v on the left", func(m *onnxproto.Model) { m.Nodes[sum].Inputs = []string{"vt", "p"} }, nil, 0},
		{"constant k", func(m *onnxproto.Model) {
			m.Initializers = append(m.Initializers, floats("c", []int64{1, 1}, []float32{1}))
			m.Nodes[product].Inputs[1] = "c"
		}, nil, 0},
		{"result with another permutation",
			func(m *onnxproto.Model) { m.Nodes[out].Attrs = []onnxproto.Attr{onnxproto.Ints("perm", 0, 1, 3, 2)} }, nil, 0},
		{"half precision", func(m *onnxproto.Model) {
			for i := range m.Inputs {
				m.Inputs[i].Type = onnxproto.Float16
			}
			m.Initializers = tensorList{{Name: "two", Type: onnxproto.Float16, Data: []byte{0, 0x40}}}
			m.Outputs[0].Type = onnxproto.Float16
		}, nil, 0},
		{"not needed", func(m *onnxproto.Model) {
			m.Nodes = append(m.Nodes, onnxproto.Node{Op: "Identity", Inputs: []string{"q"}, Outputs: []string{"z"}})
			m.Outputs[0].Name = "z"
		}, nil, 0},
	}
	for _, test := range tests {
		m := attentionModel()
		test.edit(&m)
		f := openModel(t, m)
		found := New(f).Attentions([]string{f.Outputs[0].Name})
		if test.want == nil || len(found) != 1 {
			if test.want != nil || len(found) != 0 {
				t.Errorf("%s: found %+v, want %+v", test.name, found, test.want)
			}
			continue
		}
		got := found[0]
		e := onnxproto.Edit{Replace: map[int64]onnxproto.Node{got.At: {Op: "Attention", Domain: "test",
			Inputs: append([]string{got.Q, got.K, got.V}, got.Masks...), Outputs: []string{got.Output}}}}
		for _, at := range got.Before {
			e.Replace[at] = onnxproto.Node{}
		}
		got.At, got.Before = 0, nil
		if !reflect.DeepEqual(&got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, *test.want)
		}
		if after := edited(t, f, e); len(after.Nodes) != test.nodes {
			t.Errorf("%s: %d nodes are left, want %d", test.name, len(after.Nodes), test.nodes)
		}
	}
}
