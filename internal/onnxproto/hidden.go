package onnxproto

import (
	"errors"
	"fmt"
	"slices"
)

// Hidden is the last hidden state of a model that gives logits.
type Hidden struct {
	Name string // the value inside the graph, [batch, tokens, Dims]
	Dims int    // 0 where the weights do not say
	Head bool   // a layer of its own lies between it and the product that makes the logits, as in fill-mask models
}

// maxHead bounds the layers between the last hidden state and the logits. Fill-mask heads have one.
const maxHead = 3

// Hidden finds the last hidden state behind an output of logits, whatever form the weights have. It is what the last
// matrix product multiplies, unless that is made by a layer of a head. The two differ in what they are made of: the
// last hidden state is, normalised or not, the sum of a residual stream, to which many products add, while a head's
// value is computed from one. What is neither is refused, except for causal models, which have no such heads.
func (f *File) Hidden(output string, causal bool) (Hidden, error) {
	h, err := newWalker(f).hidden(output, causal)
	if err != nil {
		return Hidden{}, fmt.Errorf("onnxproto: %s: output %q: %w", f.path, output, err)
	}
	return h, nil
}

func (w *walker) hidden(output string, causal bool) (Hidden, error) {
	o := w.origin(output)
	if err := o.one(w); err != nil {
		return Hidden{}, err
	}
	reshaped := o.reshaped
	h := w.multiplied(o.product, reshaped)
	for range maxHead {
		o = w.origin(h.Name)
		reshaped = reshaped || o.reshaped
		err := o.one(w)
		switch {
		case len(o.roots) > 1:
			return h, nil
		case err == nil && o.curved:
			h = w.multiplied(o.product, reshaped)
			h.Head = true
		case causal && !h.Head:
			return h, nil // a product alone (OPT's project_out) belongs to the model
		case err == nil:
			return Hidden{}, errors.New("two matrix products follow each other, and which belongs to a head is not known")
		default:
			return Hidden{}, err
		}
	}
	return Hidden{}, fmt.Errorf("a head of more than %d layers", maxHead)
}

// An origin is what a value is computed from, element by element, reductions and normalisations included.
type origin struct {
	roots    map[string]bool // what the products on the way multiply, and rows looked up in a table
	product  *graphNode      // one of the products
	others   []*graphNode    // operators of other kinds
	curved   bool            // an activation or a normalisation lies between
	reshaped bool
}

// one refuses what is not computed from one product by a constant.
func (o origin) one(w *walker) error {
	switch {
	case len(o.roots) > 1:
		return errors.New("it is not made by one matrix product")
	case len(o.others) > 0:
		n := o.others[0]
		return fmt.Errorf("it comes from %s %q, whose part is not known", n.kind(), n.Name)
	case o.product == nil:
		return errors.New("no matrix product makes it")
	case !w.fixed(o.product.input(1)):
		return fmt.Errorf("%s %q does not multiply by a constant", o.product.kind(), o.product.Name)
	}
	return nil
}

// The operators through which an origin is looked for. Those of com.microsoft have names of their own or the same meaning.
var (
	moves      = []string{"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Transpose", "Dropout", "QuantizeLinear", "DequantizeLinear"}
	arithmetic = []string{"Add", "Sub", "Mul", "Div", "Sum", "Neg"}
	curves     = []string{"Pow", "Sqrt", "Reciprocal", "Exp", "Log", "Abs", "Erf", "Tanh", "Sigmoid", "Relu", "LeakyRelu", "Elu", "Celu", "Selu",
		"Gelu", "FastGelu", "BiasGelu", "QuickGelu", "Softplus", "Softsign", "HardSigmoid", "HardSwish", "Swish", "Mish", "PRelu", "Clip", "Min", "Max",
		"Where", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "And", "Or",
		"ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL2", "ReduceMax", "LpNormalization", "LayerNormalization", "RMSNormalization",
		"SimplifiedLayerNormalization", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization"}
	products = []string{"MatMul", "Gemm", "Conv", "MatMulInteger", "FusedMatMul", "FusedGemm", "MatMulNBits", "MatMulBnb4", "MatMulIntegerToFloat",
		"DynamicQuantizeMatMul"}
	sizes = []string{"Shape", "Size", "ConstantOfShape", "Range"} // of which no hidden state is made
)

// origin walks back from a value. It ends early where more than one root is found.
func (w *walker) origin(name string) origin {
	o, seen := origin{roots: map[string]bool{}}, map[*graphNode]bool{}
	for todo := []string{name}; len(todo) > 0 && len(o.roots) < 2; {
		n, ok := w.producer(todo[len(todo)-1])
		todo = todo[:len(todo)-1]
		if !ok || seen[n] {
			continue
		}
		seen[n] = true
		switch {
		case slices.Contains(moves, n.Op):
			o.reshaped = o.reshaped || n.Op == "Reshape" || n.Op == "Squeeze" || n.Op == "Unsqueeze"
			todo = append(todo, n.input(0))
		case slices.Contains(arithmetic, n.Op):
			todo = append(todo, n.Inputs...)
		case slices.Contains(curves, n.Op):
			o.curved = true
			todo = append(todo, n.Inputs...)
		case slices.Contains(products, n.Op):
			o.roots[w.root(n.input(0))], o.product = true, n
		case n.Op == "DynamicQuantizeLinear": // its scale, beside the product
			o.roots[w.root(n.input(0))] = true
		case n.Op == "Gather" && w.fixed(n.input(0)):
			o.roots["rows "+n.Outputs[0]] = true // apart from products of them
		case n.Op == "Constant", slices.Contains(sizes, n.Op):
		default:
			o.others = append(o.others, n)
		}
	}
	return o
}

// root is a value before it was moved or quantised: products of one value have one root.
func (w *walker) root(name string) string {
	for range maxSteps {
		n, ok := w.producer(name)
		if !ok || n.Op != "DynamicQuantizeLinear" && !slices.Contains(moves, n.Op) {
			break
		}
		name = n.input(0)
	}
	return name
}

// multiplied is the value that a product multiplies, before it was quantised, and before it was flattened to rows where
// its result is reshaped again.
func (w *walker) multiplied(n *graphNode, reshaped bool) Hidden {
	h := Hidden{Name: n.input(0), Dims: w.width(n)}
	for range maxSteps {
		p, ok := w.producer(h.Name)
		if !ok || p.Op != "DynamicQuantizeLinear" && p.Op != "QuantizeLinear" && p.Op != "DequantizeLinear" && !(reshaped && p.Op == "Reshape") {
			break
		}
		h.Name, reshaped = p.input(0), reshaped && p.Op != "Reshape"
	}
	return h
}

// width is how wide the rows are that a product multiplies, 0 where its weight does not show it.
func (w *walker) width(n *graphNode) int {
	name, columns := n.input(1), n.transB
	for range maxSteps {
		p, ok := w.producer(name)
		if !ok {
			break
		}
		switch {
		case p.swaps():
			columns = !columns
		case p.Op != "Cast" && p.Op != "Identity" && p.Op != "DequantizeLinear":
			return 0
		}
		name = p.input(0)
	}
	t, ok := w.constant(name)
	switch {
	case !ok || len(t.Dims) != 2 || slices.Contains([]string{"MatMulNBits", "MatMulBnb4"}, n.Op):
		return 0
	case columns:
		return int(t.Dims[1])
	}
	return int(t.Dims[0])
}

// fixed says whether a value is computed from constants alone.
func (w *walker) fixed(name string) bool {
	seen := map[string]bool{"": true} // inputs that are left out
	todo := []string{name}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, ok := w.constants[next]; ok || seen[next] {
			continue
		}
		seen[next] = true
		n, ok := w.producer(next)
		if !ok || len(n.Inputs) == 0 && n.Op != "Constant" {
			return false
		}
		todo = append(todo, n.Inputs...)
	}
	return name != ""
}
