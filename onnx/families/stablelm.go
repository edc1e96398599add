package families

// stablelmFamily is transformers' StableLmModel.
var stablelmFamily = family{types: []string{"stablelm"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{kv: c.nullable("num_key_value_heads", 32), positions: 4096, eps: 1e-5, epsKey: "layer_norm_eps"})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 0.25})
	bias, normalHeads, parallel := c.bool(false, "use_qkv_bias"), c.bool(false, "qk_layernorm"), c.bool(false, "use_parallel_residual")
	return c.llamaLike(w, s, llamaSettings{final: norm{name: "norm", eps: s.eps, bias: true}, layer: func(i int) layer {
		normal := func(name string) norm { return norm{name: layerName("layers", i, name), eps: s.eps, bias: true} }
		l := s.layer(i, rope)
		l.attention.biases(bias, false)
		l.parallel = parallel
		if normalHeads {
			l.attention.each = numbered
			l.attention.qNorm, l.attention.kNorm = normal("self_attn.q_layernorm.norms"), normal("self_attn.k_layernorm.norms")
		}
		l.aroundAttention.input, l.aroundNetwork.input = normal("input_layernorm"), normal("post_attention_layernorm")
		if parallel {
			l.aroundNetwork.input = norm{}
		}
		return l
	}})
}}
