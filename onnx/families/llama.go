package families

import (
	"cmp"
	"fmt"
)

// llamaFamily is transformers' LlamaModel, which Llama 1 to 3, SmolLM2, TinyLlama, Yi and many others are.
var llamaFamily = family{types: []string{"llama"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.llamaSizes(llamaSizes{})
	c.orDefault("pretraining_tp")
	c.only(1, "pretraining_tp")
	rope := c.rope(s.head, s.positions, ropeDefaults{theta: 10000, partial: 1})
	bias, networkBias := c.bool(false, "attention_bias"), c.bool(false, "mlp_bias")
	return c.llamaLike(w, s, llamaSettings{tied: false, layer: func(i int) layer {
		l := s.layer(i, rope)
		l.attention.biases(bias, bias)
		l.network.biases(networkBias)
		return l
	}})
}}

// llamaSizes are the sizes of a model whose configuration has Llama's names.
type llamaSizes struct {
	width, layers, heads, kv, head, network, vocab, positions int

	eps    float64
	act    string
	actKey string // the setting that names the activation; "" is hidden_act
	epsKey string // the setting that gives eps; "" is rms_norm_eps
}

// llamaSizes reads the sizes. def holds the defaults of settings that config.json can lack; those of kv and head are computed
// if they are 0.
func (c *config) llamaSizes(def llamaSizes) llamaSizes {
	c.orDefault("max_position_embeddings") // which only some kinds of rope_scaling need
	if def.kv == 0 {
		c.orDefault("num_key_value_heads")
	}
	if def.head == 0 {
		c.orDefault("head_dim")
	}
	s := llamaSizes{width: c.size(def.width, "hidden_size"), layers: c.size(def.layers, "num_hidden_layers"),
		heads: c.size(def.heads, "num_attention_heads"), network: c.size(def.network, "intermediate_size"), vocab: c.size(def.vocab, "vocab_size"),
		positions: c.size(cmp.Or(def.positions, 2048), "max_position_embeddings"), eps: c.epsilon(cmp.Or(def.eps, 1e-6), cmp.Or(def.epsKey, "rms_norm_eps"))}
	s.act = c.activation(cmp.Or(def.act, "silu"), cmp.Or(def.actKey, "hidden_act"))
	s.kv = c.size(cmp.Or(def.kv, s.heads), "num_key_value_heads")
	s.head = c.headSize(def.head, s.width, s.heads)
	c.groups(s.heads, s.kv)
	return s
}

// headSize reads the dimension of a head. def is the default; 0 is width/heads.
func (c *config) headSize(def, width, heads int) int {
	if def == 0 && !c.has("head_dim") && width%heads != 0 {
		c.fault([]string{"hidden_size", "num_attention_heads"}, "hidden_size: %d is not a multiple of the %d heads", width, heads)
	}
	if def == 0 {
		def = max(1, width/heads)
	}
	return c.size(def, "head_dim")
}

// groups checks that every head of keys serves the same number of heads of queries.
func (c *config) groups(heads, kv int) {
	if heads%kv != 0 {
		c.fault([]string{"num_attention_heads", "num_key_value_heads"}, "num_attention_heads: %d is not a multiple of num_key_value_heads, %d", heads, kv)
	}
}

// layerName returns the name of a tensor of a layer.
func layerName(layers string, i int, part string) string {
	return layerPrefix(layers, i) + "." + part
}

func layerPrefix(layers string, i int) string { return fmt.Sprintf("%s.%d", layers, i) }

// layer describes a layer with Llama's names and settings. Families change what differs.
func (s llamaSizes) layer(i int, r *rope) layer {
	part := func(name string) string { return layerName("layers", i, name) }
	return layer{
		attention: attention{heads: s.heads, kv: s.kv, dim: s.head, scale: inverseRoot(s.head), rope: r,
			q: linear{name: part("self_attn.q_proj")}, k: linear{name: part("self_attn.k_proj")}, v: linear{name: part("self_attn.v_proj")},
			out: linear{name: part("self_attn.o_proj")}},
		network: network{gate: linear{name: part("mlp.gate_proj")}, up: linear{name: part("mlp.up_proj")},
			down: linear{name: part("mlp.down_proj")}, act: s.act, width: s.network},
		aroundAttention: around{input: norm{name: part("input_layernorm"), kind: rmsNorm, eps: s.eps}},
		aroundNetwork:   around{input: norm{name: part("post_attention_layernorm"), kind: rmsNorm, eps: s.eps}},
	}
}

// biases sets whether the layers of queries, keys and values have a bias, and whether the output has one.
func (a *attention) biases(qkv, out bool) {
	a.q.bias, a.k.bias, a.v.bias, a.out.bias = qkv, qkv, qkv, out
}

func (n *network) biases(all bool) { n.gate.bias, n.up.bias, n.down.bias = all, all, all }

// llamaSettings are what differs between models with Llama's names.
type llamaSettings struct {
	layer func(i int) layer
	tied  bool // the default of tie_word_embeddings
	scale float64
	final norm // if it has another kind than Llama's
}

// llamaLike describes a whole model with Llama's names.
func (c *config) llamaLike(w *Weights, s llamaSizes, set llamaSettings) (*transformer, error) {
	if err := w.choosePrefix("embed_tokens.weight", "model.", "", "model.language_model.", "language_model.model."); err != nil {
		return nil, err
	}
	t := &transformer{Facts: Facts{Causal: true, Layers: s.layers, Width: s.width, Vocab: s.vocab, Positions: s.positions},
		embedding: embedding{tokens: "embed_tokens.weight", scale: set.scale}, final: norm{name: "norm", kind: rmsNorm, eps: s.eps},
		head: c.head(w, set.tied, "lm_head")}
	if set.final.there() {
		t.final = set.final
	}
	for i := range s.layers {
		t.layers = append(t.layers, set.layer(i))
	}
	return t, nil
}

// head describes the layer that computes logits, or returns nil if the checkpoint has none. tied is the default of
// tie_word_embeddings.
func (c *config) head(w *Weights, tied bool, name string) *head {
	h := &head{linear: linear{name: name, full: true}, tied: c.bool(tied, "tie_word_embeddings")}
	if _, ok := w.tensors[name+".weight"]; ok || h.tied {
		return h
	}
	return nil
}
