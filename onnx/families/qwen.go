package families

// qwen2Family is transformers' Qwen2Model, with biases of queries, keys and values.
var qwen2Family = family{types: []string{"qwen2"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{positions: 32768})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1})
	windows := c.qwenWindows(s.layers)
	return c.llamaLike(w, s, llamaSettings{layer: func(i int) layer {
		l := s.layer(i, rope)
		l.attention.biases(true, false)
		l.attention.window = windows[i]
		return l
	}})
}}

// qwen3Family is transformers' Qwen3Model, which normalises the heads of queries and keys.
var qwen3Family = family{types: []string{"qwen3"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{positions: 32768, head: 128})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1})
	windows, bias := c.qwenWindows(s.layers), c.bool(false, "attention_bias")
	return c.llamaLike(w, s, llamaSettings{layer: func(i int) layer {
		l := s.layer(i, rope)
		l.attention.biases(bias, bias)
		l.attention.window = windows[i]
		l.attention.qNorm = norm{name: layerName("layers", i, "self_attn.q_norm"), kind: rmsNorm, eps: s.eps}
		l.attention.kNorm = norm{name: layerName("layers", i, "self_attn.k_norm"), kind: rmsNorm, eps: s.eps}
		return l
	}})
}}

// qwenWindows reads the windows of the layers. Layers from max_window_layers on have one if use_sliding_window is set.
func (c *config) qwenWindows(layers int) []int {
	window, from := 0, 0
	if c.bool(false, "use_sliding_window") {
		window, from = c.window("sliding_window", 4096), value(c, 28, "max_window_layers")
	}
	c.ignore("sliding_window", "max_window_layers")
	return c.windows(layers, window, func(i int) bool { return i >= from })
}
