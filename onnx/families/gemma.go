package families

import "math"

// gemmaFamily is transformers' GemmaModel.
var gemmaFamily = family{types: []string{"gemma"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{head: 256, positions: 8192, act: "gelu_pytorch_tanh"})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1})
	bias := c.bool(false, "attention_bias")
	c.ignore("hidden_activation") // transformers 4.57 and 5 compute hidden_act, whatever this says
	return c.gemma(w, s, func(i int) layer {
		l := s.layer(i, rope)
		l.attention.biases(bias, bias)
		l.aroundAttention.input.kind, l.aroundNetwork.input.kind = rmsPlusOne, rmsPlusOne
		return l
	})
}}

// gemma2Family is transformers' Gemma2Model: every other layer has a window, and scores have a soft cap.
var gemma2Family = family{types: []string{"gemma2"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{head: 256, positions: 8192, act: "gelu_pytorch_tanh", actKey: "hidden_activation"})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1})
	windows := c.windows(s.layers, c.size(4096, "sliding_window"), func(i int) bool { return i%2 == 0 })
	c.ignore("hidden_act")
	bias, scale, softcap := c.bool(false, "attention_bias"), c.positive(256, "query_pre_attn_scalar"), c.cap("attn_logit_softcapping", 50)
	t, err := c.gemma(w, s, func(i int) layer {
		l := s.gemmaLayer(i, rope, bias, scale)
		l.attention.window, l.attention.softcap = windows[i], softcap
		return l
	})
	return t.capped(c.cap("final_logit_softcapping", 30)), err
}}

// gemma3TextFamily is transformers' Gemma3TextModel: layers with a window have a rotation of their own, heads of queries and keys
// are normalised, and embedding models read in both directions.
var gemma3TextFamily = family{types: []string{"gemma3_text"}, describe: func(c *config, w *Weights) (model, error) { return gemma3(c, w) }}

// gemma3Family is the text model in Gemma3Model, which also reads pictures.
var gemma3Family = family{types: []string{"gemma3"}, describe: func(c *config, w *Weights) (model, error) {
	c.ignore("vision_config", "mm_tokens_per_image", "boi_token_index", "eoi_token_index", "image_token_index", "boi_token_id", "eoi_token_id",
		"image_token_id", "processor_class")
	text := c.nested("text_config")
	defer c.merge(text)
	defer text.common() // which must not see settings that gemma3 is yet to read
	t, err := gemma3(text, w)
	return t.capped(0), err // Gemma3ForConditionalGeneration does not use final_logit_softcapping
}}

func gemma3(c *config, w *Weights) (*transformer, error) {
	s := c.llamaSizes(llamaSizes{width: 2304, network: 9216, layers: 26, heads: 8, kv: 4, head: 256, vocab: 262208, positions: 131072,
		act: "gelu_pytorch_tanh", actKey: "hidden_activation"})
	everywhere, nearby := c.gemma3Ropes(s)
	both := c.bool(false, "use_bidirectional_attention")
	window := c.size(4096, "sliding_window")
	if both {
		window = window/2 + 1 // as transformers does, whose bounds are exclusive
	}
	pattern := 6
	if !c.has("layer_types") {
		pattern = c.size(pattern, "sliding_window_pattern", "_sliding_window_pattern")
	}
	c.ignore("sliding_window_pattern", "_sliding_window_pattern")
	windows := c.windows(s.layers, window, func(i int) bool { return (i+1)%pattern != 0 })
	bias, scale := c.bool(false, "attention_bias"), c.positive(256, "query_pre_attn_scalar")
	c.ignore("attn_logit_softcapping", "hidden_act") // Gemma3Model does not use them
	t, err := c.gemma(w, s, func(i int) layer {
		rope := everywhere
		if windows[i] > 0 {
			rope = nearby
		}
		l := s.gemmaLayer(i, rope, bias, scale)
		l.attention.window, l.attention.bidirectional = windows[i], both
		l.attention.qNorm = norm{name: layerName("layers", i, "self_attn.q_norm"), kind: rmsPlusOne, eps: s.eps}
		l.attention.kNorm = norm{name: layerName("layers", i, "self_attn.k_norm"), kind: rmsPlusOne, eps: s.eps}
		return l
	})
	if err == nil {
		t.Causal = !both
	}
	return t.capped(c.cap("final_logit_softcapping", 0)), err
}

// gemma3Ropes reads the rotations of layers without and with a window.
func (c *config) gemma3Ropes(s llamaSizes) (everywhere, nearby *rope) {
	full, local := ropeDefaults{theta: 1e6, partial: 1}, c.positive(10000, "rope_local_base_freq")
	if !c.has("rope_parameters") {
		return c.rope(s.head, s.positions, full), c.plainRope(local, s.head, s.positions)
	}
	// transformers 5 has the settings of both in one place.
	both := c.nested("rope_parameters")
	defer c.merge(both)
	read := func(name string, d ropeDefaults) *rope {
		n := both.nested(name)
		d.theta = n.positive(d.theta, "rope_theta")
		return both.scaledRope(n, d, s.head, s.positions)
	}
	return read("full_attention", full), read("sliding_attention", ropeDefaults{theta: local, partial: 1})
}

// positive reads a number above 0.
func (c *config) positive(def float64, names ...string) float64 {
	x := c.float(def, names...)
	if x <= 0 {
		name, _ := c.raw(names)
		c.faultOf(name, "%v is not above 0", x)
		return def
	}
	return x
}

// cap reads a soft cap. null stands for none.
func (c *config) cap(name string, def float64) float64 {
	if _, there := c.fields[name]; there && !c.has(name) {
		return 0
	}
	if !c.has(name) {
		return def
	}
	return c.positive(def, name)
}

// gemma describes a model whose embeddings are scaled.
func (c *config) gemma(w *Weights, s llamaSizes, layer func(i int) layer) (*transformer, error) {
	return c.llamaLike(w, s, llamaSettings{layer: layer, tied: true, scale: math.Sqrt(float64(s.width)),
		final: norm{name: "norm", kind: rmsPlusOne, eps: s.eps}})
}

// gemmaLayer describes a layer with normalisations before and after attention and network.
func (s llamaSizes) gemmaLayer(i int, r *rope, bias bool, scale float64) layer {
	l := s.layer(i, r)
	l.attention.biases(bias, bias)
	l.attention.scale = 1 / math.Sqrt(scale)
	normal := func(name string) norm { return norm{name: layerName("layers", i, name), kind: rmsPlusOne, eps: s.eps} }
	l.aroundAttention = around{input: normal("input_layernorm"), output: normal("post_attention_layernorm")}
	l.aroundNetwork = around{input: normal("pre_feedforward_layernorm"), output: normal("post_feedforward_layernorm")}
	return l
}

// capped gives the logits a soft cap.
func (t *transformer) capped(softcap float64) *transformer {
	if t != nil && t.head != nil {
		t.head.softcap = softcap
	}
	return t
}
