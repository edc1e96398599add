package families

// bertFamily is transformers' BertModel, an encoder.
var bertFamily = family{types: []string{"bert"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.bertSettings(bertDefaults{act: "gelu", positions: 512, segments: 2})
	if err := w.choosePrefix("embeddings.word_embeddings.weight", "bert.", ""); err != nil {
		return nil, err
	}
	return s.model(encoderLayer, bertLayerNames), nil
}}

// electraFamily is ElectraModel: BERT with an embedding that may be narrower than the layers.
var electraFamily = family{types: []string{"electra"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.bertSettings(bertDefaults{act: "gelu", positions: 512, segments: 2})
	narrow := c.size(128, "embedding_size")
	c.ignore("summary_last_dropout")
	if err := w.choosePrefix("embeddings.word_embeddings.weight", "electra.", "discriminator.", ""); err != nil {
		return nil, err
	}
	t := s.model(encoderLayer, bertLayerNames)
	t.embedding.narrow(narrow, t.Width, linear{name: "embeddings_project", bias: true})
	return t, nil
}}

// robertaFamily is RobertaModel and the models that have its code: BERT without segments. Positions begin after the row of padding.
var robertaFamily = family{types: []string{"roberta", "xlm-roberta", "camembert"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.bertSettings(bertDefaults{act: "gelu", positions: 512, segments: 2})
	if err := w.choosePrefix("embeddings.word_embeddings.weight", "roberta.", "camembert.", ""); err != nil {
		return nil, err
	}
	t := s.model(encoderLayer, bertLayerNames)
	t.embedding.oneSegment = true
	t.countAfter(c, c.pad(1))
	return t, nil
}}

// countAfter sets that positions begin after the row of the padding token, as in RoBERTa.
func (t *transformer) countAfter(c *config, pad int) {
	e := &t.embedding
	e.counted, e.offset = true, pad
	t.Table = e.rows - pad - 1
	if t.Positions = t.Table; t.Table < 1 {
		c.fault([]string{"max_position_embeddings", "pad_token_id"}, "max_position_embeddings: a table of %d positions has none after padding, which is %d", e.rows, pad)
	}
}

// pad reads the id of the padding token.
func (c *config) pad(def int) int {
	v := value(c, def, "pad_token_id")
	if v < 0 || v > maxSize {
		c.faultOf("pad_token_id", "%d is not a token", v)
		return def
	}
	return v
}

// bertDefaults are defaults of BERT's settings that differ between families.
type bertDefaults struct {
	act                 string
	positions, segments int
}

// bertSettings are the settings of BERT and of the encoders that are made like it.
type bertSettings struct {
	width, layers, heads, inner, vocab, positions, segments int

	eps float64
	act string
}

func (c *config) bertSettings(d bertDefaults) bertSettings {
	s := bertSettings{width: c.size(0, "hidden_size"), layers: c.size(0, "num_hidden_layers"), heads: c.size(0, "num_attention_heads"),
		inner: c.size(0, "intermediate_size"), vocab: c.size(0, "vocab_size"), positions: c.size(d.positions, "max_position_embeddings"),
		eps: c.epsilon(1e-12, "layer_norm_eps"), act: c.activation(d.act, "hidden_act")}
	if d.segments > 0 {
		s.segments = c.size(d.segments, "type_vocab_size")
	}
	c.only("absolute", "position_embedding_type")
	c.without("is_decoder")
	c.divides(s.width, s.heads, "hidden_size", "num_attention_heads")
	return s
}

func (s bertSettings) norm(name string) norm { return norm{name: name, eps: s.eps, bias: true} }

// facts are those of an encoder with a table of positions.
func (s bertSettings) facts() Facts {
	return Facts{Layers: s.layers, Width: s.width, Vocab: s.vocab, Positions: s.positions, Table: s.positions}
}

// bertNames are the names of a layer's parts, without the layer's own.
type bertNames struct{ q, k, v, out, attentionNorm, up, down, networkNorm string }

var bertLayerNames = bertNames{q: "attention.self.query", k: "attention.self.key", v: "attention.self.value", out: "attention.output.dense",
	attentionNorm: "attention.output.LayerNorm", up: "intermediate.dense", down: "output.dense", networkNorm: "output.LayerNorm"}

// layer describes a layer whose parts have the given names after "prefix.".
func (s bertSettings) layer(prefix string, n bertNames) layer {
	dense := func(name string) linear { return linear{name: prefix + "." + name, bias: true} }
	return layer{
		attention: attention{heads: s.heads, kv: s.heads, dim: s.width / s.heads, scale: inverseRoot(s.width / s.heads), bidirectional: true,
			q: dense(n.q), k: dense(n.k), v: dense(n.v), out: dense(n.out)},
		network:         network{up: dense(n.up), down: dense(n.down), act: s.act, width: s.inner},
		aroundAttention: around{sum: s.norm(prefix + "." + n.attentionNorm)},
		aroundNetwork:   around{sum: s.norm(prefix + "." + n.networkNorm)},
	}
}

// encoderLayer is what the names of a layer's parts begin with in most of these models.
func encoderLayer(i int) string { return layerPrefix("encoder.layer", i) }

// model describes a model with BERT's embedding, and with layers whose parts have the given names after prefix(i) and a dot.
func (s bertSettings) model(prefix func(i int) string, names bertNames) *transformer {
	t := &transformer{Facts: s.facts(), embedding: embedding{tokens: "embeddings.word_embeddings.weight",
		positions: "embeddings.position_embeddings.weight", rows: s.positions, norm: s.norm("embeddings.LayerNorm")}}
	if s.segments > 0 {
		t.embedding.types, t.embedding.segments = "embeddings.token_type_embeddings.weight", s.segments
	}
	for i := range s.layers {
		t.layers = append(t.layers, s.layer(prefix(i), names))
	}
	return t
}
