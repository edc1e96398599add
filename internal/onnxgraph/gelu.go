package onnxgraph

import "math"

// addGELU makes an exact GELU part of the layer if it follows and nothing else uses the layer's output z. Exporters write it
// as one node (operator set 20), or as z·(1 + erf(z/√2))·½, multiplied in this order or z·½ first.
func (g *Graph) addGELU(l *Linear) {
	z := l.Output
	if next := g.onlyUser(z); is(next, "Gelu", 1) {
		if a, ok := next.Attr("approximate"); !ok || a.Text == "none" {
			l.GELU = true
			l.extend(next)
			return
		}
	}
	users := g.users[z]
	if len(users) != 2 || users[0] == nil || users[1] == nil {
		return
	}
	for i, first := range users {
		if nodes, ok := g.erfGELU(z, first, users[1-i]); ok {
			l.GELU = true
			for _, n := range nodes {
				l.extend(n)
			}
			return
		}
	}
}

// erfGELU matches a GELU of z that is written with Erf. first is the user of z that scales it by 1/√2, and second the other
// one. erfGELU returns the nodes of the GELU, ending with the one that makes its output.
func (g *Graph) erfGELU(z string, first, second *node) ([]*node, bool) {
	if !g.scales(first, z, math.Sqrt2/2) {
		return nil, false
	}
	erf := g.follower(first, "Erf", 1)
	add := g.follower(erf, "Add", 2)
	product := g.follower(add, "Mul", 2)
	if product == nil || !g.isNumber(otherInput(add, erf.Outputs[0]), 1) {
		return nil, false
	}
	if second != product { // second makes z·½
		return []*node{first, erf, add, second, product}, g.scales(second, z, 0.5) && g.follower(second, "Mul", 2) == product
	}
	half := g.follower(product, "Mul", 2)
	if half == nil {
		half = g.follower(product, "Div", 2)
	}
	return []*node{first, erf, add, product, half}, g.scales(half, product.Outputs[0], 0.5)
}

// scales reports whether n multiplies a value by a constant, to the precision of float32.
func (g *Graph) scales(n *node, name string, by float64) bool {
	switch {
	case is(n, "Mul", 2) && n.Inputs[0] != n.Inputs[1]:
		return g.isNumber(otherInput(n, name), by)
	case is(n, "Div", 2):
		return n.Inputs[0] == name && g.isNumber(n.Inputs[1], 1/by)
	}
	return false
}

// isNumber reports whether a value is a constant number, to the precision of float32.
func (g *Graph) isNumber(name string, want float64) bool {
	t := g.constants[name]
	if t == nil || t.Elements() != 1 || len(t.Dims) > 1 {
		return false
	}
	v, _, err := g.file.Floats(name)
	return err == nil && math.Abs(float64(v[0])-want) <= 1e-6*math.Abs(want)
}
