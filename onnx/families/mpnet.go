package families

// mpnetFamily is transformers' MPNetModel: BERT without segments, whose scores depend on the distance of tokens.
var mpnetFamily = family{types: []string{"mpnet"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.bertSettings(bertDefaults{act: "gelu", positions: 512})
	rows := c.size(32, "relative_attention_num_buckets")
	if rows < mpnetBuckets {
		c.faultOf("relative_attention_num_buckets", "%d is below %d, the number that the model uses", rows, mpnetBuckets)
	}
	if err := w.choosePrefix("embeddings.word_embeddings.weight", "mpnet.", ""); err != nil {
		return nil, err
	}
	t := s.model(encoderLayer, bertNames{q: "attention.attn.q", k: "attention.attn.k", v: "attention.attn.v", out: "attention.attn.o",
		attentionNorm: "attention.LayerNorm", up: "intermediate.dense", down: "output.dense", networkNorm: "output.LayerNorm"})
	bias := &distanceBias{table: "encoder.relative_attention_bias.weight", rows: rows, buckets: mpnetDistances(s.positions)}
	for i := range t.layers {
		t.layers[i].attention.distances = bias
	}
	t.countAfter(c, 1) // whatever pad_token_id is
	return t, nil
}}

// mpnetBuckets is the number of groups of distances. transformers does not take it from the configuration.
const mpnetBuckets = 32

// mpnetDistances returns the groups of the distances from -(n-1) to n-1 (key less query), as T5 has them
// (https://arxiv.org/abs/1910.10683): half of them for each direction, of which one half have one distance each and the
// others' widths grow up to a distance of 128.
func mpnetDistances(n int) []int64 {
	const half, exact, furthest = mpnetBuckets / 2, mpnetBuckets / 4, 128
	groups := make([]int64, 2*n-1)
	for i := range groups {
		d := i - (n - 1)
		group := 0
		if d > 0 {
			group = half
		} else {
			d = -d
		}
		if d >= exact {
			// In float32, as transformers computes it.
			ratio := logFloat32(float32(d)/exact) / logFloat32(furthest/exact) * (half - exact)
			d = min(exact+int(ratio), half-1)
		}
		groups[i] = int64(group + d)
	}
	return groups
}
