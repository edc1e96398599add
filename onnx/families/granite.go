package families

// graniteFamily is transformers' GraniteModel, a Llama whose embeddings, scores, sums and logits are scaled.
var graniteFamily = family{types: []string{"granite"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1})
	bias, networkBias := c.bool(false, "attention_bias"), c.bool(false, "mlp_bias")
	factor, scores, logits := c.float(1, "residual_multiplier"), c.float(1, "attention_multiplier"), c.float(1, "logits_scaling")
	t, err := c.llamaLike(w, s, llamaSettings{scale: c.float(1, "embedding_multiplier"), layer: func(i int) layer {
		l := s.layer(i, rope)
		l.attention.biases(bias, bias)
		l.network.biases(networkBias)
		l.attention.scale, l.factor = scores, factor
		return l
	}})
	if logits == 0 {
		c.faultOf("logits_scaling", "0 is not a divisor")
	}
	if err == nil && t.head != nil {
		t.head.factor = 1 / logits
	}
	return t, err
}}
