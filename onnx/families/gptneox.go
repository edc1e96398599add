package families

// gptNeoXFamily is transformers' GPTNeoXModel, which Pythia is.
var gptNeoXFamily = family{types: []string{"gpt_neox"}, describe: func(c *config, w *Weights) (model, error) {
	c.orDefault("max_position_embeddings") // which only some kinds of rope_scaling need
	width, layers, heads := c.size(0, "hidden_size"), c.size(0, "num_hidden_layers"), c.size(0, "num_attention_heads")
	inner, vocab, positions := c.size(0, "intermediate_size"), c.size(0, "vocab_size"), c.size(2048, "max_position_embeddings")
	eps, act := c.epsilon(1e-5, "layer_norm_eps"), c.activation("gelu", "hidden_act")
	parallel, bias := c.bool(true, "use_parallel_residual"), c.bool(true, "attention_bias")
	c.divides(width, heads, "hidden_size", "num_attention_heads")
	rope := c.rope(width/heads, positions, ropeDefaults{theta: 10000, partial: 0.25, rotaryFirst: true})
	if err := w.choosePrefix("embed_in.weight", "gpt_neox.", ""); err != nil {
		return nil, err
	}
	normal := func(name string) norm { return norm{name: name, eps: eps, bias: true} }
	t := &transformer{Facts: Facts{Causal: true, Layers: layers, Width: width, Vocab: vocab, Positions: positions},
		embedding: embedding{tokens: "embed_in.weight"}, final: normal("final_layer_norm"), head: c.head(w, false, "embed_out")}
	for i := range layers {
		part := func(name string) string { return layerName("layers", i, name) }
		t.layers = append(t.layers, layer{
			attention: attention{heads: heads, kv: heads, dim: width / heads, scale: inverseRoot(width / heads), rope: rope, fused: perHead,
				q: linear{name: part("attention.query_key_value"), bias: bias}, out: linear{name: part("attention.dense"), bias: bias}},
			network: network{up: linear{name: part("mlp.dense_h_to_4h"), bias: true}, down: linear{name: part("mlp.dense_4h_to_h"), bias: true},
				act: act, width: inner},
			parallel:        parallel,
			aroundAttention: around{input: normal(part("input_layernorm"))},
			aroundNetwork:   around{input: normal(part("post_attention_layernorm"))},
		})
	}
	return t, nil
}}
