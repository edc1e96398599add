package families

// modernbertFamily is transformers' ModernBertModel, an encoder with rotary embeddings and windows.
var modernbertFamily = family{types: []string{"modernbert"}, describe: func(c *config, w *Weights) (model, error) {
	c.orDefault("max_position_embeddings")
	width, layers, heads := c.size(768, "hidden_size"), c.size(22, "num_hidden_layers"), c.size(12, "num_attention_heads")
	inner, vocab, positions := c.size(1152, "intermediate_size"), c.size(50368, "vocab_size"), c.size(8192, "max_position_embeddings")
	eps, biasedNorm, act := c.epsilon(1e-5, "norm_eps", "layer_norm_eps"), c.bool(false, "norm_bias"), c.activation("gelu", "hidden_activation", "hidden_act")
	every, window := c.size(3, "global_attn_every_n_layers"), c.size(128, "local_attention")
	biasedAttention, biasedNetwork := c.bool(false, "attention_bias"), c.bool(false, "mlp_bias")
	c.orDefault("position_embedding_type")
	c.only("absolute", "position_embedding_type")
	c.without("is_decoder")
	c.ignore("initializer_cutoff_factor", "embedding_dropout", "mlp_dropout", "decoder_bias", "classifier_pooling", "classifier_bias",
		"classifier_activation", "deterministic_flash_attn", "sparse_prediction", "sparse_pred_ignore_index", "reference_compile",
		"repad_logits_with_grad")
	c.divides(width, heads, "hidden_size", "num_attention_heads")
	if err := w.choosePrefix("embeddings.tok_embeddings.weight", "model.", ""); err != nil {
		return nil, err
	}
	global := c.positive(160000, "global_rope_theta")
	local := global
	if _, null := c.fields["local_rope_theta"]; !null || c.has("local_rope_theta") {
		local = c.positive(10000, "local_rope_theta")
	}
	globalRope, localRope := c.plainRope(global, width/heads, positions), c.plainRope(local, width/heads, positions)
	normal := func(name string) norm { return norm{name: name, eps: eps, bias: biasedNorm} }
	t := &transformer{Facts: Facts{Layers: layers, Width: width, Vocab: vocab, Positions: positions},
		embedding: embedding{tokens: "embeddings.tok_embeddings.weight", norm: normal("embeddings.norm")}, final: normal("final_norm"), rawLast: true}
	for i := range layers {
		name := func(part string) string { return layerName("layers", i, part) }
		l := layer{
			attention: attention{heads: heads, kv: heads, dim: width / heads, scale: inverseRoot(width / heads), bidirectional: true, rope: globalRope,
				fused: thirds, q: linear{name: name("attn.Wqkv"), bias: biasedAttention}, out: linear{name: name("attn.Wo"), bias: biasedAttention}},
			network: network{fused: true, up: linear{name: name("mlp.Wi"), bias: biasedNetwork}, down: linear{name: name("mlp.Wo"), bias: biasedNetwork},
				act: act, width: inner},
			aroundNetwork: around{input: normal(name("mlp_norm"))},
		}
		if i > 0 { // the first layer reads what embeddings.norm computes
			l.aroundAttention.input = normal(name("attn_norm"))
		}
		if i%every != 0 {
			l.attention.rope, l.attention.window = localRope, window/2+1 // on either side, the token itself included
		}
		t.layers = append(t.layers, l)
	}
	return t, nil
}}
