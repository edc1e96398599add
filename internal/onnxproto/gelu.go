package onnxproto

import "math"

// addGELU makes a GELU that follows a product, and is all that uses it, a part of it. Exporters write it as one node
// (operator set 20), or as z·(1 + erf(z/√2))·½ in this order or with z·½ first.
func (w *walker) addGELU(l *Linear) {
	z := l.Output
	if next := w.only(z); next.standard("Gelu", 1) && !next.approximate {
		l.GELU = true
		l.extend(next)
		return
	}
	next := w.users[z]
	if len(next) != 2 || next[0] == nil || next[1] == nil {
		return
	}
	for i, first := range next {
		if nodes, ok := w.erfGELU(z, first, next[1-i]); ok {
			l.GELU = true
			for _, n := range nodes {
				l.extend(n)
			}
			return
		}
	}
}

// erfGELU follows z from first, its scale by 1/√2, and second, its other use, to their product. It returns the nodes of the
// GELU, the one that makes its output last.
func (w *walker) erfGELU(z string, first, second *graphNode) ([]*graphNode, bool) {
	if !w.scales(first, z, math.Sqrt2/2) {
		return nil, false
	}
	erf := w.follower(first, "Erf", 1)
	add := w.follower(erf, "Add", 2)
	product := w.follower(add, "Mul", 2)
	if product == nil || !w.isNumber(add.other(erf.Outputs[0]), 1) {
		return nil, false
	}
	if second != product { // z·½
		return []*graphNode{first, erf, add, second, product}, w.scales(second, z, 0.5) && w.follower(second, "Mul", 2) == product
	}
	half := w.follower(product, "Mul", 2)
	if half == nil {
		half = w.follower(product, "Div", 2)
	}
	return []*graphNode{first, erf, add, product, half}, w.scales(half, product.Outputs[0], 0.5)
}

// scales says that a node multiplies the value of that name by a constant, in float32.
func (w *walker) scales(n *graphNode, name string, by float64) bool {
	switch {
	case n.standard("Mul", 2) && n.Inputs[0] != n.Inputs[1]:
		return w.isNumber(n.other(name), by)
	case n.standard("Div", 2):
		return n.Inputs[0] == name && w.isNumber(n.Inputs[1], 1/by)
	}
	return false
}

// isNumber says that a value is a constant number, to the precision of float32.
func (w *walker) isNumber(name string, want float64) bool {
	i, ok := w.constants[name]
	if !ok {
		return false
	}
	if n, _ := elements(w.file.Initializers[i].Dims); n != 1 || len(w.file.Initializers[i].Dims) > 1 {
		return false
	}
	v, _, err := w.file.Floats(name)
	return err == nil && math.Abs(float64(v[0])-want) <= 1e-6*math.Abs(want)
}
