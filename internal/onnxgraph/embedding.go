package onnxgraph

// Embedding returns the number of rows of the table that the graph looks up the tokens of its input in, or 0 if it is not
// certain.
func (g *Graph) Embedding(input string) int64 {
	for i := range g.file.Nodes {
		n := &g.file.Nodes[i]
		if n.Op != "Gather" || g.source(n.Input(1)) != input {
			continue
		}
		if t := g.constant(n.Input(0)); t != nil && len(t.Dims) == 2 {
			return t.Dims[0]
		}
	}
	return 0
}

// source follows casts and reshapes back to the value that they begin with.
func (g *Graph) source(name string) string {
	for range maxSteps {
		n := g.makers[name]
		if n == nil || n.Op != "Cast" && n.Op != "Identity" && n.Op != "Reshape" {
			break
		}
		name = n.Input(0)
	}
	return name
}
