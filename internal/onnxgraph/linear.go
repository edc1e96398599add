package onnxgraph

import (
	"slices"

	"w2s/internal/onnxproto"
)

// A Linear is a layer y = x·W + b with a constant W of type float32: a MatMul or Gemm, with the Add of its bias and the GELU
// if they follow.
type Linear struct {
	Input, Output string
	Weight        string // the constant W
	Rows          bool   // whether W is stored as [Out, In], one row for each output; otherwise it is [In, Out]
	Bias          string // the constant b of shape [Out], or ""
	GELU          bool   // whether y = GELU(x·W + b), where GELU(z) = z·(1 + erf(z/√2))/2
	In, Out       int
	At            int64   // position of the node that makes Output, for [onnxproto.Edit.Replace]
	Before        []int64 // positions of the other nodes of the layer, which nothing else needs
}

// Linears returns the linear layers of the main graph that the given values depend on, in the order of the graph.
func (g *Graph) Linears(values []string) []Linear {
	if g.file.Opsets[""] < 7 {
		return nil // Add and Gemm broadcast differently in older operator sets
	}
	needed := g.needed(values)
	var list []Linear
	for i := range g.file.Nodes {
		n := &g.file.Nodes[i]
		if l, ok := g.linear(n); ok && needed[n] {
			g.addBias(&l)
			g.addGELU(&l)
			list = append(list, l)
		}
	}
	return list
}

// Unused returns the weights and biases of the given layers that nothing else uses.
func (g *Graph) Unused(layers []Linear) []string {
	left := map[string]int{} // users that are not among the layers
	for name, users := range g.users {
		left[name] = len(users)
	}
	var names []string
	for _, l := range layers {
		for _, name := range []string{l.Weight, l.Bias} {
			if left[name]--; name != "" && left[name] == 0 {
				names = append(names, name)
			}
		}
	}
	return names
}

// linear reads a node that multiplies by a constant matrix.
func (g *Graph) linear(n *node) (Linear, bool) {
	if !is(n, "MatMul", 2) && !is(n, "Gemm", 2) && !is(n, "Gemm", 3) {
		return Linear{}, false
	}
	l := Linear{Input: n.Input(0), Output: n.Outputs[0], Weight: n.Input(1), Rows: flag(n, "transB"), Bias: n.Input(2), At: n.Pos}
	t := g.float32Constant(l.Weight)
	if t == nil || len(t.Dims) != 2 || t.Dims[0] < 1 || t.Dims[1] < 1 || g.constant(l.Input) != nil || !plainProduct(n) {
		return Linear{}, false
	}
	l.In, l.Out = int(t.Dims[0]), int(t.Dims[1])
	if l.Rows {
		l.In, l.Out = l.Out, l.In
	}
	return l, l.Bias == "" || g.isBias(l.Bias, l.Out)
}

func (g *Graph) isBias(name string, n int) bool {
	t := g.float32Constant(name)
	return t != nil && slices.Equal(t.Dims, []int64{int64(n)})
}

// float32Constant returns a constant of type float32 that can be read, or nil.
func (g *Graph) float32Constant(name string) *onnxproto.Initializer {
	if t := g.constants[name]; t != nil && t.Type == onnxproto.Float32 && t.Contiguous() {
		return t
	}
	return nil
}

// addBias makes an Add part of the layer if it adds a bias and is the only user of the output.
func (g *Graph) addBias(l *Linear) {
	next := g.onlyUser(l.Output)
	if l.Bias != "" || !is(next, "Add", 2) {
		return
	}
	if bias := otherInput(next, l.Output); g.isBias(bias, l.Out) {
		l.Bias = bias
		l.extend(next)
	}
}

// extend makes a node that uses the output part of the layer.
func (l *Linear) extend(n *node) {
	l.Before, l.At, l.Output = append(l.Before, l.At), n.Pos, n.Outputs[0]
}
