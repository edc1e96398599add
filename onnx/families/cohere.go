package families

// cohereFamily is transformers' CohereModel (Command R and Aya 23), whose attention and network read the same.
var cohereFamily = family{types: []string{"cohere"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{positions: 8192, eps: 1e-5, epsKey: "layer_norm_eps"})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1})
	if rope != nil {
		rope.neighbours = true
	}
	bias, normalHeads, scale := c.bool(false, "attention_bias"), c.bool(false, "use_qk_norm"), c.float(0.0625, "logit_scale")
	normal := func(name string) norm { return norm{name: name, eps: s.eps} }
	t, err := c.llamaLike(w, s, llamaSettings{tied: true, final: normal("norm"), layer: func(i int) layer {
		part := func(name string) string { return layerName("layers", i, name) }
		l := s.layer(i, rope)
		l.parallel = true
		l.attention.biases(bias, bias)
		if normalHeads {
			l.attention.each = stacked
			l.attention.qNorm, l.attention.kNorm = normal(part("self_attn.q_norm")), normal(part("self_attn.k_norm"))
		}
		l.aroundAttention, l.aroundNetwork = around{input: normal(part("input_layernorm"))}, around{}
		return l
	}})
	if err == nil && t.head != nil {
		t.head.factor = scale
	}
	return t, err
}}
