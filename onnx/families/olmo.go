package families

// olmoFamily is transformers' OlmoModel, whose normalisations have no weights.
var olmoFamily = family{types: []string{"olmo"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1})
	bias, clip := c.bool(false, "attention_bias"), c.cap("clip_qkv", 0)
	bare := norm{bare: true, eps: 1e-5}
	return c.llamaLike(w, s, llamaSettings{final: bare, layer: func(i int) layer {
		l := s.layer(i, rope)
		l.attention.biases(bias, bias)
		l.attention.clip = clip
		l.aroundAttention.input, l.aroundNetwork.input = bare, bare
		return l
	}})
}}

// olmo2Family is transformers' Olmo2Model, which normalises what attention and network compute and not what they read.
var olmo2Family = family{types: []string{"olmo2"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{eps: 1e-5})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1})
	bias := c.bool(false, "attention_bias")
	return c.llamaLike(w, s, llamaSettings{layer: func(i int) layer {
		normal := func(name string) norm { return norm{name: layerName("layers", i, name), kind: rmsNorm, eps: s.eps} }
		l := s.layer(i, rope)
		l.attention.biases(bias, bias)
		l.attention.wide, l.attention.qNorm, l.attention.kNorm = true, normal("self_attn.q_norm"), normal("self_attn.k_norm")
		l.aroundAttention, l.aroundNetwork = around{output: normal("post_attention_layernorm")}, around{output: normal("post_feedforward_layernorm")}
		return l
	}})
}}
