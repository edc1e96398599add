package onnxgraph

import (
	"strings"

	"w2s/internal/onnxproto"
)

// Positions returns the longest input, in tokens, that the learned position tables of the graph allow, or 0 if it has none.
// It knows the tables by their names. If the first token does not use the first row of a table (RoBERTa counts from the
// padding id on, OPT from 2), the rows before are not counted.
func (g *Graph) Positions() int {
	first := map[string]int64{} // the row of the first token, by table
	for i := range g.file.Nodes {
		if n := &g.file.Nodes[i]; n.Op == "Gather" {
			if t := g.constant(n.Input(0)); t != nil && isPositionTable(t) {
				first[t.Name] = max(0, g.firstIndex(n.Input(1), maxSteps))
			}
		}
	}
	longest := 0
	for i := range g.file.Initializers {
		t := &g.file.Initializers[i]
		if !isPositionTable(t) {
			continue
		}
		if n := int(t.Dims[0] - first[t.Name]); n > 0 && (longest == 0 || n < longest) {
			longest = n
		}
	}
	return longest
}

func isPositionTable(t *onnxproto.Initializer) bool {
	if len(t.Dims) != 2 || t.Dims[0] < 2 || t.Dims[0] >= 1<<20 {
		return false
	}
	name := strings.ToLower(t.Name)
	return strings.Contains(name, "position_embeddings") || strings.Contains(name, "wpe.weight") || strings.Contains(name,
		"embed_positions")
}

// firstIndex estimates the first element of a value that holds the indices of positions. A constant counts as its first
// element and the running sum of a mask as 1. Everything else (position_ids, a range, the length of a cache) counts as 0.
func (g *Graph) firstIndex(name string, steps int) int64 {
	if v, ok := g.constantInt(name); ok || steps == 0 {
		return v
	}
	n := g.makers[name]
	if n == nil {
		return 0
	}
	of := func(i int) int64 { return g.firstIndex(n.Input(i), steps-1) }
	switch n.Op {
	case "Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Expand", "Slice":
		return of(0)
	case "CumSum":
		return 1
	case "Add":
		return of(0) + of(1)
	case "Sub":
		return of(0) - of(1)
	case "Mul":
		return max(of(0), of(1)) // one of them is a mask, which is 0 or 1
	}
	return 0
}

// constantInt returns the first element of a constant of integers.
func (g *Graph) constantInt(name string) (int64, bool) {
	if t := g.constant(name); t != nil {
		return g.file.FirstInt(t.Name)
	}
	return 0, false
}
