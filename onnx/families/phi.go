package families

// phiFamily is transformers' PhiModel (Phi-1 and Phi-2), whose attention and network read the same.
var phiFamily = family{types: []string{"phi"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{eps: 1e-5, epsKey: "layer_norm_eps", act: "gelu_new"})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 0.5})
	normal := func(name string) norm { return norm{name: name, eps: s.eps, bias: true} }
	normalHeads := c.bool(false, "qk_layernorm")
	t, err := c.llamaLike(w, s, llamaSettings{final: normal("final_layernorm"), layer: func(i int) layer {
		l := s.layer(i, rope)
		l.parallel = true
		l.attention.out.name = layerName("layers", i, "self_attn.dense")
		l.attention.biases(true, true)
		if normalHeads {
			l.attention.qNorm, l.attention.kNorm = normal(layerName("layers", i, "self_attn.q_layernorm")), normal(layerName("layers", i, "self_attn.k_layernorm"))
		}
		l.network = network{up: linear{name: layerName("layers", i, "mlp.fc1"), bias: true}, down: linear{name: layerName("layers", i, "mlp.fc2"), bias: true},
			act: s.act, width: s.network}
		l.aroundAttention, l.aroundNetwork = around{input: normal(layerName("layers", i, "input_layernorm"))}, around{}
		return l
	}})
	if err == nil && t.head != nil {
		t.head.bias = true
	}
	return t, err
}}

// phi3Family is transformers' Phi3Model (Phi-3, Phi-3.5 and Phi-4-mini), with fused layers.
var phi3Family = family{types: []string{"phi3"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{positions: 4096, eps: 1e-5})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1, original: 4096, yarnIsOld: true})
	c.ignore("original_max_position_embeddings")
	window := c.window("sliding_window", 0)
	c.without("attention_bias")
	t, err := c.llamaLike(w, s, llamaSettings{layer: func(i int) layer {
		l := s.layer(i, rope)
		l.attention.fused, l.attention.q = thirds, linear{name: layerName("layers", i, "self_attn.qkv_proj")}
		l.attention.window = window
		l.network = network{fused: true, up: linear{name: layerName("layers", i, "mlp.gate_up_proj")},
			down: linear{name: layerName("layers", i, "mlp.down_proj")}, act: s.act, width: s.network}
		return l
	}})
	if err == nil && rope != nil && rope.long != nil {
		t.Renew = rope.after // as Phi3ForCausalLM.prepare_inputs_for_generation does
	}
	return t, err
}}
