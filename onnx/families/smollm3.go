package families

// smollm3Family is transformers' SmolLM3Model, in which some layers have no rotation.
var smollm3Family = family{types: []string{"smollm3"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{positions: 32768, kv: c.nullable("num_key_value_heads", 4)})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 2e6, partial: 1})
	bias, networkBias := c.bool(false, "attention_bias"), c.bool(false, "mlp_bias")
	rotated := value(c, []int(nil), "no_rope_layers") // despite its name, 1 stands for a rotation
	if rotated == nil {
		interval := c.size(4, "no_rope_layer_interval")
		for i := range s.layers {
			rotated = append(rotated, min(1, (i+1)%interval))
		}
	}
	c.ignore("no_rope_layer_interval")
	if len(rotated) != s.layers {
		c.fault([]string{"no_rope_layers", "num_hidden_layers"}, "no_rope_layers has %d elements, but the model has %d layers", len(rotated), s.layers)
		return nil, nil
	}
	slides := c.bool(false, "use_sliding_window")
	windows := c.windows(s.layers, c.window("sliding_window", 0), func(i int) bool { return slides && rotated[i] == 0 })
	return c.llamaLike(w, s, llamaSettings{tied: true, layer: func(i int) layer {
		l := s.layer(i, rope)
		if rotated[i] == 0 {
			l.attention.rope = nil
		}
		l.attention.biases(bias, bias)
		l.network.biases(networkBias)
		l.attention.window = windows[i]
		return l
	}})
}}
