package families

// gpt2Family is transformers' GPT2Model. Its weights are stored transposed.
var gpt2Family = family{types: []string{"gpt2"}, describe: func(c *config, w *Weights) (model, error) {
	width, layers, heads := c.size(0, "n_embd", "hidden_size"), c.size(0, "n_layer", "num_hidden_layers"), c.size(0, "n_head", "num_attention_heads")
	positions, vocab := c.size(1024, "n_positions", "max_position_embeddings", "n_ctx"), c.size(0, "vocab_size")
	c.orDefault("n_inner")
	inner, eps := c.size(4*width, "n_inner"), c.epsilon(1e-5, "layer_norm_epsilon")
	act := c.activation("gelu_new", "activation_function")
	scaled, byLayer := c.bool(true, "scale_attn_weights"), c.bool(false, "scale_attn_by_inverse_layer_idx")
	c.ignore("reorder_and_upcast_attn", "n_ctx") // the former is about overflows of half precision
	c.divides(width, heads, "n_embd", "n_head")
	if err := w.choosePrefix("wte.weight", "transformer.", ""); err != nil {
		return nil, err
	}
	normal := func(name string) norm { return norm{name: name, eps: eps, bias: true} }
	t := &transformer{Facts: Facts{Causal: true, Layers: layers, Width: width, Vocab: vocab, Positions: positions, Table: positions},
		embedding: embedding{tokens: "wte.weight", positions: "wpe.weight", rows: positions}, final: normal("ln_f"),
		head: c.head(w, true, "lm_head")}
	for i := range layers {
		dense := func(name string) linear { return linear{name: layerName("h", i, name), bias: true, transposed: true} }
		scale := 1.0
		if scaled {
			scale = inverseRoot(width / heads)
		}
		if byLayer {
			scale /= float64(i + 1)
		}
		t.layers = append(t.layers, layer{
			attention: attention{heads: heads, kv: heads, dim: width / heads, q: dense("attn.c_attn"), fused: thirds,
				out: dense("attn.c_proj"), scale: scale},
			network:         network{up: dense("mlp.c_fc"), down: dense("mlp.c_proj"), act: act, width: inner},
			aroundAttention: around{input: normal(layerName("h", i, "ln_1"))},
			aroundNetwork:   around{input: normal(layerName("h", i, "ln_2"))},
		})
	}
	return t, nil
}}
