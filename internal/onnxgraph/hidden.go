package onnxgraph

import (
	"errors"
	"fmt"
	"slices"
)

// Hidden is the last hidden state of a model that outputs logits.
type Hidden struct {
	Name string // the value inside the graph, of shape [batch, tokens, Dims]
	Dims int    // 0 if the weights do not show it
	Head bool   // whether a further layer lies between it and the product that makes the logits, as in fill-mask models
}

// maxHead bounds the number of layers between the last hidden state and the logits. Fill-mask models have one.
const maxHead = 3

// Hidden finds the last hidden state from which an output of logits is computed, in whatever form the weights are. It is the
// value that the last matrix product multiplies, unless a layer of a head makes that value. The two are told apart by what
// they are computed from: the last hidden state is the sum of a residual stream, perhaps normalised, to which many products
// contribute, while a value inside a head comes from a single product. Hidden refuses a value that fits neither description,
// except in causal models, which have no heads of this kind.
func (g *Graph) Hidden(output string, causal bool) (Hidden, error) {
	h, err := g.hidden(output, causal)
	if err == nil && h.Name == "" {
		err = errors.New("a matrix product has no input")
	}
	if err != nil {
		return Hidden{}, fmt.Errorf("onnxgraph: %s: output %q: %w", g.file.Path(), output, err)
	}
	return h, nil
}

func (g *Graph) hidden(output string, causal bool) (Hidden, error) {
	o := g.origin(output)
	if err := g.checkOneProduct(o); err != nil {
		return Hidden{}, err
	}
	reshaped := o.reshaped
	h := g.multiplicand(o.product, reshaped)
	for range maxHead {
		o = g.origin(h.Name)
		reshaped = reshaped || o.reshaped
		err := g.checkOneProduct(o)
		switch {
		case len(o.roots) > 1:
			return h, nil
		case err == nil && o.nonlinear:
			h = g.multiplicand(o.product, reshaped)
			h.Head = true
		case causal && !h.Head:
			return h, nil // a product without activation, such as OPT's project_out, belongs to the model
		case err == nil:
			return Hidden{}, errors.New("two matrix products follow each other, and it is unclear which of them belongs to a head")
		default:
			return Hidden{}, err
		}
	}
	return Hidden{}, fmt.Errorf("the head has more than %d layers", maxHead)
}

// An origin describes what a value is computed from by operators that work element by element, reduce or normalise.
type origin struct {
	roots     map[string]bool // the values that matrix products on the way multiply, and rows looked up in a table
	product   *node           // one of the products
	unknown   []*node         // operators of other kinds
	nonlinear bool            // whether an activation or a normalisation is on the way
	reshaped  bool            // whether a reshape is on the way
}

// checkOneProduct refuses the origin of a value that is not computed from a single product by a constant.
func (g *Graph) checkOneProduct(o origin) error {
	switch {
	case len(o.roots) > 1:
		return errors.New("it is not made by a single matrix product")
	case len(o.unknown) > 0:
		n := o.unknown[0]
		return fmt.Errorf("it comes from %s %q, an operator that is not known here", n.Kind(), n.Name)
	case o.product == nil:
		return errors.New("no matrix product makes it")
	case !g.fixed(o.product.Input(1)):
		return fmt.Errorf("%s %q does not multiply by a constant", o.product.Kind(), o.product.Name)
	}
	return nil
}

// The operators that origin looks through. The domain is ignored: operators of com.microsoft either have names of their own
// or mean the same.
var (
	movingOps = []string{"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Transpose", "Dropout",
		"QuantizeLinear", "DequantizeLinear"}
	arithmeticOps = []string{"Add", "Sub", "Mul", "Div", "Sum", "Neg"}
	nonlinearOps  = []string{"Pow", "Sqrt", "Reciprocal", "Exp", "Log", "Abs", "Erf", "Tanh", "Sigmoid", "Relu", "LeakyRelu",
		"Elu", "Celu", "Selu", "Gelu", "FastGelu", "BiasGelu", "QuickGelu", "Softplus", "Softsign", "HardSigmoid", "HardSwish",
		"Swish", "Mish", "PRelu", "Clip", "Min", "Max", "Where", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
		"Not", "And", "Or", "ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL2", "ReduceMax", "LpNormalization",
		"LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization", "SkipLayerNormalization",
		"SkipSimplifiedLayerNormalization"}
	productOps = []string{"MatMul", "Gemm", "Conv", "MatMulInteger", "FusedMatMul", "FusedGemm", "MatMulNBits", "MatMulBnb4",
		"MatMulIntegerToFloat", "DynamicQuantizeMatMul"}
	shapeOps = []string{"Shape", "Size", "ConstantOfShape", "Range"} // they do not contribute to a hidden state
)

// origin walks back from a value. It stops as soon as it has found two roots.
func (g *Graph) origin(name string) origin {
	o, seen := origin{roots: map[string]bool{}}, map[*node]bool{}
	for todo := []string{name}; len(todo) > 0 && len(o.roots) < 2; {
		n := g.makers[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		if n == nil || seen[n] {
			continue
		}
		seen[n] = true
		switch {
		case slices.Contains(movingOps, n.Op):
			o.reshaped = o.reshaped || n.Op == "Reshape" || n.Op == "Squeeze" || n.Op == "Unsqueeze"
			todo = append(todo, n.Input(0))
		case slices.Contains(arithmeticOps, n.Op):
			todo = append(todo, n.Inputs...)
		case slices.Contains(nonlinearOps, n.Op):
			o.nonlinear = true
			todo = append(todo, n.Inputs...)
		case slices.Contains(productOps, n.Op):
			o.roots[g.root(n.Input(0))], o.product = true, n
		case n.Op == "DynamicQuantizeLinear": // its scale, which multiplies the product later
			o.roots[g.root(n.Input(0))] = true
		case n.Op == "Gather" && g.fixed(n.Input(0)):
			o.roots["rows "+n.Outputs[0]] = true // never equal to the root of a product
		case n.Op == "Constant", slices.Contains(shapeOps, n.Op):
		default:
			o.unknown = append(o.unknown, n)
		}
	}
	return o
}

// root returns a value as it was before it was moved or quantised, so that all products of one value have the same root.
func (g *Graph) root(name string) string {
	for range maxSteps {
		n := g.makers[name]
		if n == nil || n.Op != "DynamicQuantizeLinear" && !slices.Contains(movingOps, n.Op) {
			break
		}
		name = n.Input(0)
	}
	return name
}

// multiplicand returns the value that a product multiplies, as it was before it was quantised. If the result of the product
// is reshaped, it returns the value before it was flattened to rows.
func (g *Graph) multiplicand(product *node, reshaped bool) Hidden {
	h := Hidden{Name: product.Input(0), Dims: g.width(product)}
	for range maxSteps {
		n := g.makers[h.Name]
		if n == nil || n.Op != "DynamicQuantizeLinear" && n.Op != "QuantizeLinear" && n.Op != "DequantizeLinear" &&
			!(reshaped && n.Op == "Reshape") {
			break
		}
		h.Name, reshaped = n.Input(0), reshaped && n.Op != "Reshape"
	}
	return h
}

// width returns the length of the rows that a product multiplies, or 0 if its weight does not show it.
func (g *Graph) width(product *node) int {
	name, columns := product.Input(1), flag(product, "transB")
	for range maxSteps {
		n := g.makers[name]
		if n == nil {
			break
		}
		switch {
		case transposes(n):
			columns = !columns
		case n.Op != "Cast" && n.Op != "Identity" && n.Op != "DequantizeLinear":
			return 0
		}
		name = n.Input(0)
	}
	t := g.constant(name)
	switch {
	case t == nil || len(t.Dims) != 2 || product.Op == "MatMulNBits" ||
		product.Op == "MatMulBnb4": // these pack several weights into a byte
		return 0
	case columns:
		return int(t.Dims[1])
	}
	return int(t.Dims[0])
}

// fixed reports whether a value is computed from constants alone.
func (g *Graph) fixed(name string) bool {
	seen := map[string]bool{"": true} // optional inputs that are left out do not count
	todo := []string{name}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if g.constants[next] != nil || seen[next] {
			continue
		}
		seen[next] = true
		n := g.makers[next]
		if n == nil || len(n.Inputs) == 0 && n.Op != "Constant" {
			return false
		}
		todo = append(todo, n.Inputs...)
	}
	return name != ""
}
