package families

// optFamily is transformers' OPTModel.
var optFamily = family{types: []string{"opt"}, describe: func(c *config, w *Weights) (model, error) {
	width, layers, heads := c.size(0, "hidden_size"), c.size(0, "num_hidden_layers"), c.size(0, "num_attention_heads")
	inner, vocab, positions := c.size(0, "ffn_dim"), c.size(0, "vocab_size"), c.size(2048, "max_position_embeddings")
	c.orDefault("word_embed_proj_dim")
	row := c.size(width, "word_embed_proj_dim")
	before, bias, affine := c.bool(true, "do_layer_norm_before"), c.bool(true, "enable_bias"), c.bool(true, "layer_norm_elementwise_affine")
	without := c.bool(false, "_remove_final_layer_norm")
	act := c.activation("relu", "activation_function")
	c.ignore("init_std")
	c.divides(width, heads, "hidden_size", "num_attention_heads")
	if err := w.choosePrefix("embed_tokens.weight", "model.decoder.", "decoder.", ""); err != nil {
		return nil, err
	}
	normal := func(name string) norm {
		if !affine {
			return norm{bare: true, eps: 1e-5}
		}
		return norm{name: name, eps: 1e-5, bias: true}
	}
	const offset = 2 // rows of the table of positions that are not used
	t := &transformer{Facts: Facts{Causal: true, Layers: layers, Width: width, Vocab: vocab, Positions: positions, Table: positions},
		embedding: embedding{tokens: "embed_tokens.weight", positions: "embed_positions.weight", offset: offset, rows: positions + offset},
		head:      c.head(w, true, "lm_head")}
	if row != width {
		t.embedding.width, t.embedding.project, t.project = row, linear{name: "project_in"}, &linear{name: "project_out"}
	}
	if before && !without {
		t.final = normal("final_layer_norm")
	}
	place := func(n norm) around {
		if before {
			return around{input: n}
		}
		return around{sum: n}
	}
	for i := range layers {
		dense := func(name string) linear { return linear{name: layerName("layers", i, name), bias: bias} }
		t.layers = append(t.layers, layer{
			attention: attention{heads: heads, kv: heads, dim: width / heads, scale: inverseRoot(width / heads), q: dense("self_attn.q_proj"),
				k: dense("self_attn.k_proj"), v: dense("self_attn.v_proj"), out: dense("self_attn.out_proj")},
			network:         network{up: dense("fc1"), down: dense("fc2"), act: act, width: inner},
			aroundAttention: place(normal(layerName("layers", i, "self_attn_layer_norm"))),
			aroundNetwork:   place(normal(layerName("layers", i, "final_layer_norm"))),
		})
	}
	return t, nil
}}
