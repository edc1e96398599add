package onnxproto

import (
	"maps"
	"slices"
)

// Linear is y = x·W + b with a constant W in float32: a MatMul or Gemm, and the Add of its bias and the GELU where they
// follow.
type Linear struct {
	Input, Output string
	Weight        string // the constant
	Rows          bool   // the weight is [Out, In], one row an output; otherwise [In, Out]
	Bias          string // the constant of shape [Out], or ""
	GELU          bool   // y = GELU(x·W + b) with GELU(z) = z·(1 + erf(z/√2))/2
	In, Out       int
	At            int64   // the node that makes Output, for [Edit.Replace]
	Before        []int64 // the other nodes it consists of, which nothing else needs
}

// Linears finds the products of the main graph that the given values depend on, in its order.
func (f *File) Linears(values []string) []Linear {
	if f.Opsets[""] < 7 {
		return nil // what is added was broadcast otherwise
	}
	w := newForwardWalker(f)
	needed := w.needed(values)
	var list []Linear
	for i := range f.nodes {
		if l, ok := w.linear(&f.nodes[i]); ok && needed[&f.nodes[i]] {
			w.addBias(&l)
			w.addGELU(&l)
			list = append(list, l)
		}
	}
	return list
}

// Unused lists the constants among names that nothing but the given products uses.
func (f *File) Unused(products []Linear) []string {
	left := map[string]int{}
	for name, nodes := range f.users() {
		left[name] = len(nodes)
	}
	var names []string
	for _, l := range products {
		for _, name := range []string{l.Weight, l.Bias} {
			if left[name]--; name != "" && left[name] == 0 {
				names = append(names, name)
			}
		}
	}
	return names
}

// users lists the nodes of the main graph that use each value. Outputs of the graph and the values of subgraphs have one
// user more: nil.
func (f *File) users() map[string][]*graphNode {
	users := map[string][]*graphNode{}
	for i := range f.nodes {
		for _, in := range f.nodes[i].Inputs {
			users[in] = append(users[in], &f.nodes[i])
		}
	}
	for _, v := range f.Outputs {
		users[v.Name] = append(users[v.Name], nil)
	}
	for name := range f.inner {
		users[name] = append(users[name], nil)
	}
	return users
}

// newForwardWalker is a walker that also knows what uses a value.
func newForwardWalker(f *File) *walker {
	w := newWalker(f)
	w.users = f.users()
	return w
}

// only returns the node that uses a value, if it is the only one.
func (w *walker) only(name string) *graphNode {
	if next := w.users[name]; len(next) == 1 {
		return next[0]
	}
	return nil
}

// follower is the only node that uses the output of n where that is a certain operator, and nil otherwise.
func (w *walker) follower(n *graphNode, op string, inputs int) *graphNode {
	if n == nil || len(n.Outputs) != 1 {
		return nil
	}
	if next := w.only(n.Outputs[0]); next.standard(op, inputs) {
		return next
	}
	return nil
}

// needed are the nodes that the given values depend on, and all that subgraphs may need.
func (w *walker) needed(values []string) map[*graphNode]bool {
	values = slices.AppendSeq(slices.Clone(values), maps.Keys(w.file.inner))
	needed := map[*graphNode]bool{}
	for len(values) > 0 {
		n, ok := w.producer(values[len(values)-1])
		values = values[:len(values)-1]
		if ok && !needed[n] {
			needed[n] = true
			values = append(values, n.Inputs...)
		}
	}
	return needed
}

// linear reads a node that multiplies by a constant matrix.
func (w *walker) linear(n *graphNode) (Linear, bool) {
	if !n.standard("MatMul", 2) && !n.standard("Gemm", 2) && !n.standard("Gemm", 3) {
		return Linear{}, false
	}
	l := Linear{Input: n.input(0), Output: n.Outputs[0], Weight: n.input(1), Rows: n.transB, Bias: n.input(2), At: n.at}
	t, ok := w.matrix(l.Weight)
	if _, constant := w.constant(l.Input); !ok || constant || n.transA || n.alpha != 1 || n.beta != 1 {
		return Linear{}, false
	}
	l.In, l.Out = int(t.Dims[0]), int(t.Dims[1])
	if l.Rows {
		l.In, l.Out = l.Out, l.In
	}
	return l, l.Bias == "" || w.isBias(l.Bias, l.Out)
}

// matrix finds a constant matrix that can be read as it is.
func (w *walker) matrix(name string) (Initializer, bool) {
	t, ok := w.plain(name)
	return t, ok && len(t.Dims) == 2 && t.Dims[0] > 0 && t.Dims[1] > 0
}

func (w *walker) isBias(name string, n int) bool {
	t, ok := w.plain(name)
	return ok && slices.Equal(t.Dims, []int64{int64(n)})
}

// plain finds a constant in float32 whose data is one array.
func (w *walker) plain(name string) (Initializer, bool) {
	i, ok := w.constants[name]
	if !ok {
		return Initializer{}, false
	}
	t := w.file.Initializers[i]
	return t, t.Type == Float32 && (t.External != "" || !t.data.other)
}

// standard says that a node is an operator of the default set with so many inputs and one output.
func (n *graphNode) standard(op string, inputs int) bool {
	return n != nil && n.Op == op && !n.foreign() && len(n.Inputs) == inputs && len(n.Outputs) == 1
}

// other is the input of a node of two that is not name.
func (n *graphNode) other(name string) string {
	if n.Inputs[0] == name {
		return n.Inputs[1]
	}
	return n.Inputs[0]
}

// addBias makes an Add that follows a product without bias, and is all that uses it, a part of it.
func (w *walker) addBias(l *Linear) {
	next := w.only(l.Output)
	if l.Bias != "" || !next.standard("Add", 2) {
		return
	}
	if bias := next.other(l.Output); w.isBias(bias, l.Out) {
		l.Bias = bias
		l.extend(next)
	}
}

// extend makes a node that uses the output a part of the product.
func (l *Linear) extend(n *graphNode) {
	l.Before, l.At, l.Output = append(l.Before, l.At), n.at, n.Outputs[0]
}
