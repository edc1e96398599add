package families

// bloomFamily is transformers' BloomModel, whose scores grow with the position of the key (ALiBi).
var bloomFamily = family{types: []string{"bloom"}, describe: func(c *config, w *Weights) (model, error) {
	width, layers, heads := c.size(0, "n_embed", "hidden_size"), c.size(0, "n_layer", "num_hidden_layers"), c.size(0, "n_head", "num_attention_heads")
	vocab, eps := c.size(0, "vocab_size"), c.epsilon(1e-5, "layer_norm_epsilon")
	fromNorm := c.bool(false, "apply_residual_connection_post_layernorm")
	c.ignore("slow_but_exact", "seq_length", "offset_alibi", "masked_softmax_fusion", "attention_softmax_in_fp32", "bias_dropout_fusion",
		"skip_bias_add", "skip_bias_add_qkv", "unk_token_id")
	if c.float(1, "pretraining_tp") > 1 {
		c.without("slow_but_exact") // which leaves out biases
	}
	c.divides(width, heads, "hidden_size", "n_head")
	if err := w.choosePrefix("word_embeddings.weight", "transformer.", ""); err != nil {
		return nil, err
	}
	normal := func(name string) norm { return norm{name: name, eps: eps, bias: true} }
	t := &transformer{Facts: Facts{Causal: true, Layers: layers, Width: width, Vocab: vocab},
		embedding: embedding{tokens: "word_embeddings.weight", norm: normal("word_embeddings_layernorm")}, final: normal("ln_f"),
		head: c.head(w, true, "lm_head")}
	for i := range layers {
		dense := func(name string) linear { return linear{name: layerName("h", i, name), bias: true} }
		t.layers = append(t.layers, layer{
			attention: attention{heads: heads, kv: heads, dim: width / heads, scale: inverseRoot(width / heads), alibi: true, fused: perHead,
				q: dense("self_attention.query_key_value"), out: dense("self_attention.dense")},
			network:         network{up: dense("mlp.dense_h_to_4h"), down: dense("mlp.dense_4h_to_h"), act: "gelu_new", width: 4 * width},
			fromNorm:        fromNorm,
			aroundAttention: around{input: normal(layerName("h", i, "input_layernorm"))},
			aroundNetwork:   around{input: normal(layerName("h", i, "post_attention_layernorm"))},
		})
	}
	return t, nil
}}
