package onnxgraph

import (
	"testing"

	"w2s/internal/onnxproto"
)

// TestEmbedding finds the table of the tokens behind casts and reshapes, and not that of other indices.
func TestEmbedding(t *testing.T) {
	for name, test := range map[string]struct {
		nodes nodeList
		want  int64
	}{
		"plain":         {nodeList{op("Gather", "e", "tokens", "input_ids")}, 50},
		"reshaped":      {nodeList{op("Cast", "c", "input_ids"), op("Reshape", "r", "c", "shape"), op("Gather", "e", "tokens", "r")}, 50},
		"other indices": {nodeList{op("Gather", "e", "tokens", "position_ids")}, 0},
		"positions too": {nodeList{op("Gather", "p", "positions", "position_ids"), op("Gather", "e", "tokens", "input_ids")}, 50},
		"not constant":  {nodeList{op("Add", "t", "tokens", "x"), op("Gather", "e", "t", "input_ids")}, 0},
		"computed":      {nodeList{op("Add", "s", "input_ids", "x"), op("Gather", "e", "tokens", "s")}, 0},
	} {
		f := &onnxproto.File{Info: onnxproto.Info{Nodes: test.nodes, Initializers: []onnxproto.Initializer{{Name: "tokens", Dims: []int64{50, 4}},
			{Name: "positions", Dims: []int64{9, 4}}}}}
		if got := New(f).Embedding("input_ids"); got != test.want {
			t.Errorf("%s: %d rows, want %d", name, got, test.want)
		}
	}
}
