package onnx

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"w2s/internal/atomicfile"
	"w2s/internal/onnxproto"
	"w2s/internal/visible"
)

// BuildStatic makes a checkpoint from static token vectors. It turns the weights and the tokenizer.json of rawDir into a small
// ONNX graph, and writes model.onnx, tokenizer.json and w2s.json into outDir, which may exist. It keeps the first dims
// dimensions of every vector, or all if dims is 0. Vectors that were trained for it (Matryoshka) keep their meaning when cut.
//
// BuildStatic reads three layouts. The checkpoint computes exactly what the Python package of each layout computes:
//
//   - wordllama (any NAME.safetensors with embedding.weight): the mean over the tokens without special tokens; texts are
//     never cut.
//   - StaticEmbedding of sentence-transformers (model.safetensors with embedding.weight, in the folder or its subfolder
//     0_StaticEmbedding): the same, normalised if modules.json says so.
//   - model2vec (model.safetensors with embeddings, and optionally mapping and weights): unknown tokens are left out, texts
//     are cut at max_length of config.json, and vectors are normalised if that file says so. Unlike model2vec, the checkpoint
//     does not cut very long texts by characters first.
//
// The vector of a text without tokens is zero. Vectors are normalised after they are cut to dims. Name, licence and source can
// be added to w2s.json by hand.
func BuildStatic(ctx context.Context, rawDir, outDir string, dims int) error {
	raw, err := findStatic(rawDir)
	if err != nil {
		return fmt.Errorf("onnx: static vectors in %s: %w", rawDir, err)
	}
	if err := raw.build(ctx, outDir, dims); err != nil {
		return fmt.Errorf("onnx: static vectors in %s: %w", rawDir, err)
	}
	return nil
}

func (s *staticSource) build(ctx context.Context, outDir string, dims int) error {
	table, err := s.table(dims)
	if err != nil {
		return err
	}
	tokenizer, highest, err := s.plainTokenizer()
	if err != nil {
		return err
	}
	if highest >= table.rows {
		return fmt.Errorf("the tokenizer has a token %d, but there are vectors for only %s", highest, visible.Count(table.rows, "token"))
	}
	graph := staticGraph(table, s.unknown, s.normalize)
	model, err := graph.Marshal()
	if err != nil {
		return err
	}
	card, err := json.MarshalIndent(s.card(table), "", "  ")
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.MkdirAll(outDir, 0o777); err != nil {
		return err
	}
	// w2s.json is written last, so that a folder with this file is complete.
	for _, f := range []struct {
		name string
		data []byte
	}{{"model.onnx", model}, {"tokenizer.json", tokenizer}, {"w2s.json", append(card, '\n')}} {
		if err := atomicfile.WriteBytes(filepath.Join(outDir, f.name), f.data); err != nil {
			return err
		}
	}
	return nil
}

// card returns the w2s.json of the checkpoint. Its pooling is informative, because the graph itself computes the mean.
func (s *staticSource) card(t vectorTable) Description {
	return Description{Format: 1, Name: fmt.Sprintf("%s-%d", s.name, t.dims), Family: "static", Output: "sentence_embedding",
		Pooling: PoolMean, MaxTokens: s.maxTokens, Params: int64(t.rows) * int64(t.dims)}
}

// staticGraph returns the graph of sentence_embedding = (sum of the vectors of the counted tokens) / max(1, their number). The
// sum is a matrix product of the mask with the gathered rows, which avoids a masked copy of the rows. unknown is a token that
// is not counted, or -1.
func staticGraph(t vectorTable, unknown int64, normalize bool) onnxproto.Model {
	batch, tokens := onnxproto.Dim{Name: "batch"}, onnxproto.Dim{Name: "tokens"}
	g := graphBuilder{}
	g.constant(onnxproto.Tensor{Name: "vectors", Type: t.typ, Dims: []int64{int64(t.rows), int64(t.dims)}, Data: t.data})
	g.constant(onnxproto.Int64Tensor("one_axis", []int64{1}, []int64{1}))
	g.constant(onnxproto.Float32Tensor("one", nil, []float32{1}))

	mask := g.node("Cast", []string{"attention_mask"}, onnxproto.Int("to", int64(onnxproto.Float32)))
	if unknown >= 0 {
		g.constant(onnxproto.Int64Tensor("unknown", nil, []int64{unknown}))
		known := g.node("Not", []string{g.node("Equal", []string{"input_ids", "unknown"})})
		mask = g.node("Mul", []string{mask, g.node("Cast", []string{known}, onnxproto.Int("to", int64(onnxproto.Float32)))})
	}
	rows := g.node("Gather", []string{"vectors", "input_ids"}, onnxproto.Int("axis", 0)) // [batch, tokens, dims]
	if t.typ != onnxproto.Float32 {
		rows = g.node("Cast", []string{rows}, onnxproto.Int("to", int64(onnxproto.Float32)))
	}
	wide := g.node("Unsqueeze", []string{mask, "one_axis"}) // [batch, 1, tokens]
	sum := g.node("Squeeze", []string{g.node("MatMul", []string{wide, rows}), "one_axis"})
	count := g.node("Max", []string{g.node("ReduceSum", []string{mask, "one_axis"}, onnxproto.Int("keepdims", 1)), "one"})
	mean := g.node("Div", []string{sum, count})
	if normalize {
		g.constant(onnxproto.Float32Tensor("least", nil, []float32{1e-12})) // a zero vector stays zero
		norm := g.node("ReduceL2", []string{mean}, onnxproto.Ints("axes", 1), onnxproto.Int("keepdims", 1))
		mean = g.node("Div", []string{mean, g.node("Max", []string{norm, "least"})})
	}
	g.nodes = append(g.nodes, onnxproto.Node{Op: "Identity", Inputs: []string{mean}, Outputs: []string{"sentence_embedding"}})
	return onnxproto.Model{
		Name: "static_vectors",
		Inputs: []onnxproto.Value{
			{Name: "input_ids", Type: onnxproto.Int64, Dims: []onnxproto.Dim{batch, tokens}},
			{Name: "attention_mask", Type: onnxproto.Int64, Dims: []onnxproto.Dim{batch, tokens}},
		},
		Outputs: []onnxproto.Value{
			{Name: "sentence_embedding", Type: onnxproto.Float32, Dims: []onnxproto.Dim{batch, {Size: int64(t.dims)}}},
		},
		Nodes:        g.nodes,
		Initializers: g.constants,
	}
}

// A graphBuilder collects nodes and constants, and names the outputs of the nodes.
type graphBuilder struct {
	nodes     []onnxproto.Node
	constants []onnxproto.Tensor
}

func (g *graphBuilder) constant(t onnxproto.Tensor) { g.constants = append(g.constants, t) }

func (g *graphBuilder) node(op string, inputs []string, attrs ...onnxproto.Attr) string {
	out := fmt.Sprintf("%s_%d", op, len(g.nodes))
	g.nodes = append(g.nodes, onnxproto.Node{Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	return out
}
