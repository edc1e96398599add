package families

// bertFamily is transformers' BertModel, an encoder.
var bertFamily = family{types: []string{"bert"}, describe: func(c *config, w *Weights) (model, error) {
	width, layers, heads := c.size(0, "hidden_size"), c.size(0, "num_hidden_layers"), c.size(0, "num_attention_heads")
	inner, vocab, positions := c.size(0, "intermediate_size"), c.size(0, "vocab_size"), c.size(512, "max_position_embeddings")
	segments, eps, act := c.size(2, "type_vocab_size"), c.float(1e-12, "layer_norm_eps"), c.activation("gelu", "hidden_act")
	c.only("absolute", "position_embedding_type")
	c.without("is_decoder")
	if width%heads != 0 {
		c.fault("hidden_size: %d is not a multiple of num_attention_heads, %d", width, heads)
	}
	if err := w.choosePrefix("embeddings.word_embeddings.weight", "bert.", ""); err != nil {
		return nil, err
	}
	normal := func(name string) norm { return norm{name: name, eps: eps, bias: true} }
	t := &transformer{Facts: Facts{Layers: layers, Width: width, Vocab: vocab, Positions: positions, Table: positions},
		embedding: embedding{tokens: "embeddings.word_embeddings.weight", positions: "embeddings.position_embeddings.weight", rows: positions,
			types: "embeddings.token_type_embeddings.weight", segments: segments, norm: normal("embeddings.LayerNorm")}}
	for i := range layers {
		dense := func(name string) linear { return linear{name: layerName("encoder.layer", i, name), bias: true} }
		t.layers = append(t.layers, layer{
			attention: attention{heads: heads, kv: heads, dim: width / heads, scale: inverseRoot(width / heads), bidirectional: true,
				q: dense("attention.self.query"), k: dense("attention.self.key"), v: dense("attention.self.value"), out: dense("attention.output.dense")},
			network:         network{up: dense("intermediate.dense"), down: dense("output.dense"), act: act, width: inner},
			aroundAttention: around{sum: normal(layerName("encoder.layer", i, "attention.output.LayerNorm"))},
			aroundNetwork:   around{sum: normal(layerName("encoder.layer", i, "output.LayerNorm"))},
		})
	}
	return t, nil
}}
