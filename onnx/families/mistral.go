package families

// mistralFamily is transformers' MistralModel, in which all layers have the same window.
var mistralFamily = family{types: []string{"mistral"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{positions: 4096 * 32, kv: c.nullable("num_key_value_heads", 8)})
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1})
	window := c.window("sliding_window", 4096)
	return c.llamaLike(w, s, llamaSettings{layer: func(i int) layer {
		l := s.layer(i, rope)
		l.attention.window = window
		return l
	}})
}}

// nullable returns the default of a setting for which null stands for 0 and not for the default.
func (c *config) nullable(name string, def int) int {
	if _, there := c.fields[name]; there && !c.has(name) {
		return 0
	}
	return def
}

// window reads the size of a sliding window. null, which transformers writes for none, gives 0.
func (c *config) window(name string, def int) int {
	if def = c.nullable(name, def); def == 0 && !c.has(name) {
		return 0
	}
	return c.size(def, name)
}

// windows reads which layers have the window. sliding says which have it if config.json has no layer_types.
func (c *config) windows(layers, window int, sliding func(i int) bool) []int {
	out := make([]int, layers)
	types := value(c, []string(nil), "layer_types")
	if types != nil && len(types) != layers {
		c.fault([]string{"layer_types", "num_hidden_layers"}, "layer_types has %d elements, but the model has %d layers", len(types), layers)
		return out
	}
	for i := range out {
		slides := types == nil && sliding(i)
		if types != nil {
			switch types[i] {
			case "sliding_attention":
				slides = true
			case "full_attention":
			default:
				c.faultOf("layer_types", "%q is not supported (have: full_attention, sliding_attention)", types[i])
			}
		}
		if slides {
			out[i] = window
		}
	}
	return out
}
