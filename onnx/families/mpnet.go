package families

import (
	"math"

	"w2s/internal/onnxproto"
)

// mpnetFamily is transformers' MPNetModel, an encoder whose scores have a learned bias by the distance of the tokens.
var mpnetFamily = family{types: []string{"mpnet"}, describe: func(c *config, w *Weights) (model, error) {
	width, layers, heads := c.size(768, "hidden_size"), c.size(12, "num_hidden_layers"), c.size(12, "num_attention_heads")
	inner, vocab, rows := c.size(3072, "intermediate_size"), c.size(30527, "vocab_size"), c.size(512, "max_position_embeddings")
	eps, act := c.float(1e-12, "layer_norm_eps"), c.activation("gelu", "hidden_act")
	c.only(32, "relative_attention_num_buckets") // MPNetEncoder computes buckets from 0 to 31, whatever the table's size
	if width%heads != 0 {
		c.fault("hidden_size: %d is not a multiple of num_attention_heads, %d", width, heads)
	}
	if err := w.choosePrefix("embeddings.word_embeddings.weight", "mpnet.", ""); err != nil {
		return nil, err
	}
	const padding = 1 // MPNetEmbeddings.padding_idx, whatever pad_token_id is
	positions := max(1, rows-padding-1)
	normal := func(name string) norm { return norm{name: name, eps: eps, bias: true} }
	t := &transformer{Facts: Facts{Layers: layers, Width: width, Vocab: vocab, Positions: positions, Table: positions},
		embedding: embedding{tokens: "embeddings.word_embeddings.weight", positions: "embeddings.position_embeddings.weight", padding: padding, rows: rows,
			norm: normal("embeddings.LayerNorm")}}
	bias := &distanceBias{table: "encoder.relative_attention_bias.weight", buckets: 32, farthest: 128, longest: positions}
	for i := range layers {
		dense := func(name string) linear { return linear{name: layerName("encoder.layer", i, name), bias: true} }
		t.layers = append(t.layers, layer{
			attention: attention{heads: heads, kv: heads, dim: width / heads, scale: inverseRoot(width / heads), bidirectional: true, distance: bias,
				q: dense("attention.attn.q"), k: dense("attention.attn.k"), v: dense("attention.attn.v"), out: dense("attention.attn.o")},
			network:         network{up: dense("intermediate.dense"), down: dense("output.dense"), act: act, width: inner},
			aroundAttention: around{sum: normal(layerName("encoder.layer", i, "attention.LayerNorm"))},
			aroundNetwork:   around{sum: normal(layerName("encoder.layer", i, "output.LayerNorm"))},
		})
	}
	return t, nil
}}

// A distanceBias is added to the scores of each head. It depends on how far the key is from the query, as in T5
// (https://arxiv.org/abs/1910.10683).
type distanceBias struct {
	table    string // [buckets, heads]
	buckets  int    // half of them for keys before the query, half for keys after it
	farthest int    // distance from which the last bucket is used
	longest  int    // longest text
}

// bucket returns the bucket of a key at query + distance. Small distances have a bucket each, larger ones share them by the
// logarithm of the distance. The arithmetic is torch's, in float32.
func (d distanceBias) bucket(distance int) int {
	half, first := d.buckets/2, 0
	if distance > 0 {
		first = half
	} else {
		distance = -distance
	}
	exact := half / 2
	if distance < exact {
		return first + distance
	}
	log := float32(math.Log(float64(float32(distance) / float32(exact))))
	large := exact + int(log/float32(math.Log(float64(d.farthest)/float64(exact)))*float32(half-exact))
	return first + min(large, half-1)
}

// distances returns the bias, [heads, tokens, tokens].
func (b *builder) distances(d distanceBias, heads int) string {
	return b.once("distances "+d.table, func() string {
		buckets := make([]int64, 2*d.longest-1) // of the distances from 1-longest to longest-1
		for i := range buckets {
			buckets[i] = int64(d.bucket(i - (d.longest - 1)))
		}
		byDistance := b.op("Transpose", []string{b.lookUp(d.table, d.buckets, heads, b.ints(buckets...))}) // [heads, distances]
		key := b.op("Unsqueeze", []string{b.allPositions(), b.ints(0)})
		query := b.op("Unsqueeze", []string{b.newPositions(), b.ints(1)})
		at := b.add(b.op("Sub", []string{key, query}), b.ints(int64(d.longest-1)))
		return b.op("Gather", []string{byDistance, at}, onnxproto.Int("axis", 1))
	})
}
