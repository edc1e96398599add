package families

// starcoder2Family is transformers' Starcoder2Model: Mistral's attention with biases, and layer norms.
var starcoder2Family = family{types: []string{"starcoder2"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{kv: 2, positions: 4096, eps: 1e-5, epsKey: "norm_epsilon", act: "gelu_pytorch_tanh"})
	bias, window := c.bool(true, "use_bias"), c.window("sliding_window", 0)
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1})
	c.ignore("residual_dropout", "embedding_dropout")
	normal := func(name string) norm { return norm{name: name, eps: s.eps, bias: true} }
	return c.llamaLike(w, s, llamaSettings{tied: true, final: normal("norm"), layer: func(i int) layer {
		part := func(name string) string { return layerName("layers", i, name) }
		l := s.layer(i, rope)
		l.attention.biases(bias, bias)
		l.attention.window = window
		l.network = network{up: linear{name: part("mlp.c_fc")}, down: linear{name: part("mlp.c_proj")}, act: s.act, width: s.network}
		l.network.biases(bias)
		l.aroundAttention.input, l.aroundNetwork.input = normal(part("input_layernorm")), normal(part("post_attention_layernorm"))
		return l
	}})
}}
