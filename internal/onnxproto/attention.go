package onnxproto

import "slices"

// Attention is softmax(Scale·q·k + masks)·v over the last axis, for every batch and head: the heart of a transformer's layer,
// whatever makes q, k and v.
type Attention struct {
	Q, K, V string
	Masks   []string // at most two, added in this order; their shapes broadcast to [batch, heads, tokens of q, tokens of k]
	Output  string   // [batch, tokens, heads, width]
	Scale   float32
	// How the values lie: [batch, tokens, heads, width] where Tokens is true. Otherwise q and v are
	// [batch, heads, tokens, width], and k is [batch, heads, width, tokens].
	QTokens, KTokens, VTokens bool
	At                        int64   // the node that makes Output, for [Edit.Replace]
	Before                    []int64 // the other nodes it consists of, which nothing else needs
}

// Attentions finds all attentions of the main graph that the given values depend on and whose result is turned to
// [batch, tokens, heads, width], which shows what their axes are. It finds none in a model that computes with other numbers
// than float32.
func (f *File) Attentions(values []string) []Attention {
	if !f.float32Only() {
		return nil
	}
	w := newForwardWalker(f)
	needed := w.needed(values)
	var list []Attention
	for i := range f.nodes {
		if n := &f.nodes[i]; n.standard("MatMul", 2) && needed[n] {
			if a, ok := w.attention(n); ok {
				list = append(list, a)
			}
		}
	}
	return list
}

// float32Only says that no weights or values are of another floating-point type.
func (f *File) float32Only() bool {
	other := []DataType{Float16, BFloat16, Float64}
	return !slices.ContainsFunc(f.Initializers, func(t Initializer) bool { return len(t.Dims) > 0 && slices.Contains(other, t.Type) }) &&
		!slices.ContainsFunc(f.nodes, func(n graphNode) bool { return n.Op == "Cast" && slices.Contains(other, n.to) }) &&
		!slices.ContainsFunc(f.Inputs, func(v Value) bool { return slices.Contains(other, v.Type) })
}

// attention follows the product of q and k: a scale, masks, the softmax, the product with v.
func (w *walker) attention(product *graphNode) (Attention, bool) {
	a := Attention{Scale: 1}
	step := func(from *graphNode) *graphNode {
		a.Before = append(a.Before, from.at)
		return w.only(from.Outputs[0])
	}
	n := product
	next := step(n)
	if next.standard("Mul", 2) || next.standard("Div", 2) {
		c, rest, err := w.scale(next)
		if err != nil || rest != n.Outputs[0] {
			return a, false
		}
		a.Scale, n = c, next
		next = step(n)
	}
	for len(a.Masks) < 2 && next.standard("Add", 2) {
		a.Masks = append(a.Masks, next.other(n.Outputs[0]))
		n = next
		next = step(n)
	}
	softmax := next
	if !softmax.standard("Softmax", 1) || !softmax.lastAxis(w.file.Opsets[""]) {
		return a, false
	}
	sum := step(softmax)
	if !sum.standard("MatMul", 2) || sum.Inputs[0] != softmax.Outputs[0] {
		return a, false
	}
	for _, right := range []string{product.Inputs[1], sum.Inputs[1]} {
		if _, constant := w.constant(right); constant {
			return a, false // that is a [Linear]
		}
	}
	out := step(sum)
	if !out.standard("Transpose", 1) || !slices.Equal(out.perm, headsLast) {
		return a, false
	}
	a.Output, a.At = out.Outputs[0], out.at
	a.Q, a.QTokens = w.turned(product.Inputs[0], headsLast, &a)
	a.K, a.KTokens = w.turned(product.Inputs[1], []int64{0, 2, 3, 1}, &a)
	a.V, a.VTokens = w.turned(sum.Inputs[1], headsLast, &a)
	return a, true
}

// headsLast turns [batch, heads, tokens, width] to [batch, tokens, heads, width], and back.
var headsLast = []int64{0, 2, 1, 3}

// turned looks behind a Transpose, which becomes a part of the attention where nothing else needs it.
func (w *walker) turned(name string, perm []int64, a *Attention) (string, bool) {
	n, ok := w.producer(name)
	if !ok || !n.standard("Transpose", 1) || !slices.Equal(n.perm, perm) {
		return name, false
	}
	if len(w.users[name]) == 1 {
		a.Before = append(a.Before, n.at)
	}
	return n.Inputs[0], true
}

// lastAxis says that a Softmax of four axes is taken over the last.
func (n *graphNode) lastAxis(opset int64) bool {
	if n.axis == nil {
		return opset >= 13
	}
	return *n.axis == -1 || *n.axis == 3
}
