// Package onnxgraph recognises what the nodes of an ONNX model compute: linear layers, attention, the projection to logits,
// the last hidden state, and tables of positions.
//
// Exporters write the same layer in different ways, as one operator or as several. This package knows those ways; package
// onnxproto knows the file format. What a pattern does not match for certain is left alone or refused.
package onnxgraph

import (
	"maps"
	"slices"

	"w2s/internal/onnxproto"
)

type node = onnxproto.Node

// A Graph is the main graph of an open model, with an index of its values. It is valid while the file is open.
type Graph struct {
	file      *onnxproto.File
	makers    map[string]*node                  // the node that makes a value
	users     map[string][]*node                // the nodes that use a value; nil stands for a user outside the main graph's nodes
	constants map[string]*onnxproto.Initializer // by name
}

// New indexes the graph of f.
func New(f *onnxproto.File) *Graph {
	g := &Graph{file: f, makers: map[string]*node{}, users: map[string][]*node{}, constants: map[string]*onnxproto.Initializer{}}
	for i := range f.Nodes {
		n := &f.Nodes[i]
		for _, in := range n.Inputs {
			g.users[in] = append(g.users[in], n)
		}
		for _, out := range n.Outputs {
			g.makers[out] = n
		}
	}
	for _, v := range f.Outputs {
		g.users[v.Name] = append(g.users[v.Name], nil)
	}
	for name := range f.SubgraphValues {
		g.users[name] = append(g.users[name], nil)
	}
	for i := range f.Initializers {
		g.constants[f.Initializers[i].Name] = &f.Initializers[i]
	}
	return g
}

// maxSteps bounds a walk along a chain of nodes, such as casts and reshapes.
const maxSteps = 16

// constant follows casts and identities back to a constant. It returns nil if they lead to something else.
func (g *Graph) constant(name string) *onnxproto.Initializer {
	for range maxSteps {
		if t := g.constants[name]; t != nil {
			return t
		}
		n := g.makers[name]
		if n == nil || n.Op != "Cast" && n.Op != "Identity" {
			break
		}
		name = n.Input(0)
	}
	return nil
}

// onlyUser returns the node that uses a value, or nil unless there is exactly one.
func (g *Graph) onlyUser(name string) *node {
	if users := g.users[name]; len(users) == 1 {
		return users[0]
	}
	return nil
}

// follower returns the only node that uses the output of n, or nil unless it is the given operator.
func (g *Graph) follower(n *node, op string, inputs int) *node {
	if n == nil || len(n.Outputs) != 1 {
		return nil
	}
	if next := g.onlyUser(n.Outputs[0]); is(next, op, inputs) {
		return next
	}
	return nil
}

// needed returns the nodes that the given values depend on, and all that subgraphs may depend on.
func (g *Graph) needed(values []string) map[*node]bool {
	values = slices.AppendSeq(slices.Clone(values), maps.Keys(g.file.SubgraphValues))
	needed := map[*node]bool{}
	for len(values) > 0 {
		n := g.makers[values[len(values)-1]]
		values = values[:len(values)-1]
		if n != nil && !needed[n] {
			needed[n] = true
			values = append(values, n.Inputs...)
		}
	}
	return needed
}

// is reports whether n, which may be nil, is an operator of the default set with that many inputs and one output.
func is(n *node, op string, inputs int) bool {
	return n != nil && n.Op == op && !n.Foreign() && len(n.Inputs) == inputs && len(n.Outputs) == 1
}

// otherInput returns the input of a node with two inputs that is not name.
func otherInput(n *node, name string) string {
	if n.Inputs[0] == name {
		return n.Inputs[1]
	}
	return n.Inputs[0]
}

// flag returns the value of a Boolean attribute, which is false by default.
func flag(n *node, name string) bool {
	a, _ := n.Attr(name)
	return a.Int != 0
}

// plainProduct reports whether a MatMul or Gemm neither transposes its first operand nor scales.
func plainProduct(n *node) bool {
	for _, name := range []string{"alpha", "beta"} {
		if a, ok := n.Attr(name); ok && a.Float != 1 {
			return false
		}
	}
	return !flag(n, "transA")
}

// permutes reports whether n, which may be nil, is a Transpose with that permutation.
func permutes(n *node, perm []int64) bool {
	if !is(n, "Transpose", 1) {
		return false
	}
	a, _ := n.Attr("perm")
	return slices.Equal(a.Ints, perm)
}

// transposes reports whether n, which may be nil, turns the rows of a matrix into columns.
func transposes(n *node) bool {
	if n == nil || n.Op != "Transpose" {
		return false
	}
	a, _ := n.Attr("perm")
	return a.Ints == nil || slices.Equal(a.Ints, []int64{1, 0})
}
