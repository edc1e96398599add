package onnxgraph

import "w2s/internal/onnxproto"

// An Attention is softmax(Scale·q·k + masks)·v over the last axis, for every text of the batch and every head.
type Attention struct {
	Q, K, V string
	Masks   []string // at most two, added in this order; their shapes broadcast to [batch, heads, tokens of q, tokens of k]
	Output  string   // [batch, tokens, heads, width]
	Scale   float32
	// QTokens, KTokens and VTokens tell which inputs have the shape [batch, tokens, heads, width]. Otherwise q and v have
	// the shape [batch, heads, tokens, width], and k has [batch, heads, width, tokens].
	QTokens, KTokens, VTokens bool
	At                        int64   // position of the node that makes Output, for [onnxproto.Edit.Replace]
	Before                    []int64 // positions of the other nodes of the attention, which nothing else needs
}

// Attentions returns the attentions of the main graph that the given values depend on. It only finds those whose result is
// transposed to [batch, tokens, heads, width], because this shows what their axes are. It finds none in a model that uses
// other floating-point types than float32.
func (g *Graph) Attentions(values []string) []Attention {
	if !g.float32Only() {
		return nil
	}
	needed := g.needed(values)
	var list []Attention
	for i := range g.file.Nodes {
		if n := &g.file.Nodes[i]; is(n, "MatMul", 2) && needed[n] {
			if a, ok := g.attention(n); ok {
				list = append(list, a)
			}
		}
	}
	return list
}

// float32Only reports whether no input, no weight and no cast is of another floating-point type.
func (g *Graph) float32Only() bool {
	isOther := func(t onnxproto.DataType) bool {
		return t == onnxproto.Float16 || t == onnxproto.BFloat16 || t == onnxproto.Float64
	}
	for _, v := range g.file.Inputs {
		if isOther(v.Type) {
			return false
		}
	}
	for _, t := range g.file.Initializers {
		if len(t.Dims) > 0 && isOther(t.Type) {
			return false
		}
	}
	for _, n := range g.file.Nodes {
		if to, _ := n.Attr("to"); n.Op == "Cast" && isOther(onnxproto.DataType(to.Int)) {
			return false
		}
	}
	return true
}

// attention follows the product of q and k through a scale, masks and the softmax to the product with v.
func (g *Graph) attention(product *node) (Attention, bool) {
	a := Attention{Scale: 1}
	step := func(from *node) *node {
		a.Before = append(a.Before, from.Pos)
		return g.onlyUser(from.Outputs[0])
	}
	n := product
	next := step(n)
	if is(next, "Mul", 2) || is(next, "Div", 2) {
		c, rest, err := g.scaleFactor(next)
		if err != nil || rest != n.Outputs[0] {
			return a, false
		}
		a.Scale, n = c, next
		next = step(n)
	}
	for len(a.Masks) < 2 && is(next, "Add", 2) {
		a.Masks = append(a.Masks, otherInput(next, n.Outputs[0]))
		n = next
		next = step(n)
	}
	softmax := next
	if !is(softmax, "Softmax", 1) || !g.overLastOfFour(softmax) {
		return a, false
	}
	sum := step(softmax)
	if !is(sum, "MatMul", 2) || sum.Inputs[0] != softmax.Outputs[0] {
		return a, false
	}
	for _, right := range []string{product.Inputs[1], sum.Inputs[1]} {
		if g.constant(right) != nil {
			return a, false // a [Linear]
		}
	}
	out := step(sum)
	if !permutes(out, swapMiddle) {
		return a, false
	}
	a.Output, a.At = out.Outputs[0], out.Pos
	a.Q, a.QTokens = g.untranspose(product.Inputs[0], swapMiddle, &a)
	a.K, a.KTokens = g.untranspose(product.Inputs[1], []int64{0, 2, 3, 1}, &a)
	a.V, a.VTokens = g.untranspose(sum.Inputs[1], swapMiddle, &a)
	return a, true
}

// swapMiddle permutes [batch, heads, tokens, width] to [batch, tokens, heads, width], and back.
var swapMiddle = []int64{0, 2, 1, 3}

// untranspose returns the input of the Transpose that makes a value by that permutation, or else the value itself. The
// Transpose becomes part of the attention if nothing else uses the value.
func (g *Graph) untranspose(name string, perm []int64, a *Attention) (source string, transposed bool) {
	n := g.makers[name]
	if !permutes(n, perm) {
		return name, false
	}
	if len(g.users[name]) == 1 {
		a.Before = append(a.Before, n.Pos)
	}
	return n.Inputs[0], true
}

// overLastOfFour reports whether a Softmax of a value with four axes is taken over the last one.
func (g *Graph) overLastOfFour(softmax *node) bool {
	axis, ok := softmax.Attr("axis")
	if !ok {
		return g.file.Opsets[""] >= 13 // the default was axis 1 before
	}
	return axis.Int == -1 || axis.Int == 3
}
