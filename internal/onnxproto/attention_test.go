package onnxproto

import (
	"reflect"
	"slices"
	"testing"
)

// attentionModel is softmax(q·k/2 + mask)·v as exporters write it, [batch, tokens, heads, width] throughout.
func attentionModel() Model {
	node := func(op, out string, in ...string) Node { return Node{Op: op, Inputs: in, Outputs: []string{out}} }
	turn := func(from, to string, perm ...int64) Node {
		n := node("Transpose", to, from)
		n.Attrs = []Attr{Ints("perm", perm...)}
		return n
	}
	value := func(name string) Value {
		return Value{Name: name, Type: Float32, Dims: []Dim{{Name: name + "0"}, {Name: name + "1"}, {Name: name + "2"}, {Name: name + "3"}}}
	}
	return Model{
		Name: "attention", Inputs: []Value{value("q"), value("k"), value("v"), value("mask"), value("more")}, Outputs: []Value{value("y")},
		Initializers: []Tensor{Float32Tensor("two", nil, []float32{2})},
		Nodes: []Node{turn("q", "qt", 0, 2, 1, 3), turn("k", "kt", 0, 2, 3, 1), turn("v", "vt", 0, 2, 1, 3), node("MatMul", "s", "qt", "kt"),
			node("Div", "d", "s", "two"), node("Add", "m", "mask", "d"), node("Softmax", "p", "m"), node("MatMul", "o", "p", "vt"), turn("o", "y", 0, 2, 1, 3)},
	}
}

func TestAttentions(t *testing.T) {
	whole := Attention{Q: "q", K: "k", V: "v", Masks: []string{"mask"}, Output: "y", Scale: 0.5, QTokens: true, KTokens: true, VTokens: true}
	const q, k, v, product, div, mask, softmax, sum, out = 0, 1, 2, 3, 4, 5, 6, 7, 8
	drop := func(m *Model, i int, by string) { // the value of node i is that value instead
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
		edit  func(m *Model)
		want  *Attention
		nodes int // left when it is one
	}{
		{"as it is", func(m *Model) {}, &whole, 1},
		{"no mask", func(m *Model) { drop(m, mask, "d") }, with(whole, func(a *Attention) { a.Masks = nil }), 1},
		{"no scale", func(m *Model) { drop(m, div, "s") }, with(whole, func(a *Attention) { a.Scale = 1 }), 1},
		{"neither", func(m *Model) { drop(m, mask, "d"); drop(m, div, "s") }, with(whole, func(a *Attention) { a.Masks, a.Scale = nil, 1 }), 1},
		{"two masks", func(m *Model) {
			m.Nodes[softmax].Inputs[0] = "n"
			m.Nodes = slices.Insert(m.Nodes, softmax, Node{Op: "Add", Inputs: []string{"m", "more"}, Outputs: []string{"n"}})
		}, with(whole, func(a *Attention) { a.Masks = []string{"mask", "more"} }), 1},
		{"heads first", func(m *Model) { drop(m, v, "v"); drop(m, k, "k"); drop(m, q, "q") },
			with(whole, func(a *Attention) { a.QTokens, a.KTokens, a.VTokens = false, false, false }), 1},
		{"q needed besides", func(m *Model) { m.Nodes[mask].Inputs[0] = "qt" }, with(whole, func(a *Attention) { a.Masks = []string{"qt"} }), 2},
		{"k of another order", func(m *Model) { m.Nodes[k].Attrs = []Attr{Ints("perm", 0, 1, 3, 2)} }, with(whole, func(a *Attention) { a.K, a.KTokens = "kt", false }), 2},
		{"last axis named", func(m *Model) { m.Nodes[softmax].Attrs = []Attr{Int("axis", 3)} }, &whole, 1},
		{"another axis", func(m *Model) { m.Nodes[softmax].Attrs = []Attr{Int("axis", 1)} }, nil, 0},
		{"an axis by default that was another once", func(m *Model) { m.Opset = 11 }, nil, 0},
		{"scores needed besides", func(m *Model) { m.Outputs = append(m.Outputs, Value{Name: "d", Type: Float32}) }, nil, 0},
		{"probabilities needed besides", func(m *Model) { m.Outputs = append(m.Outputs, Value{Name: "p", Type: Float32}) }, nil, 0},
		{"divided by", func(m *Model) { m.Nodes[div].Inputs = []string{"two", "s"} }, nil, 0},
		{"scale that is no constant", func(m *Model) { m.Nodes[div].Inputs[1] = "more" }, nil, 0},
		{"v on the left", func(m *Model) { m.Nodes[sum].Inputs = []string{"vt", "p"} }, nil, 0},
		{"constant k", func(m *Model) {
			m.Initializers = append(m.Initializers, Float32Tensor("c", []int64{1, 1}, []float32{1}))
			m.Nodes[product].Inputs[1] = "c"
		}, nil, 0},
		{"not turned", func(m *Model) { m.Nodes[out].Attrs = []Attr{Ints("perm", 0, 1, 3, 2)} }, nil, 0},
		{"half precision", func(m *Model) {
			for i := range m.Inputs {
				m.Inputs[i].Type = Float16
			}
			m.Initializers = []Tensor{{"two", Float16, nil, []byte{0, 0x40}}}
			m.Outputs[0].Type = Float16
		}, nil, 0},
		{"not needed", func(m *Model) {
			m.Nodes = append(m.Nodes, Node{Op: "Identity", Inputs: []string{"q"}, Outputs: []string{"z"}})
			m.Outputs[0].Name = "z"
		}, nil, 0},
	}
	for _, test := range tests {
		m := attentionModel()
		test.edit(&m)
		f := open(t, write(t, m))
		found := f.Attentions([]string{f.Outputs[0].Name})
		if test.want == nil || len(found) != 1 {
			if test.want != nil || len(found) != 0 {
				t.Errorf("%s: found %+v", test.name, found)
			}
			continue
		}
		got := found[0]
		e := Edit{Replace: map[int64]Node{got.At: {Op: "Attention", Domain: "test", Inputs: append([]string{got.Q, got.K, got.V}, got.Masks...), Outputs: []string{got.Output}}}}
		for _, at := range got.Before {
			e.Replace[at] = Node{}
		}
		got.At, got.Before = 0, nil
		if !reflect.DeepEqual(&got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, *test.want)
		}
		if after := open(t, edited(t, f, e)); len(after.nodes) != test.nodes {
			t.Errorf("%s: %d nodes are left, want %d", test.name, len(after.nodes), test.nodes)
		}
	}
}
