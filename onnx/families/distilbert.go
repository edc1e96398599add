package families

// distilbertFamily is transformers' DistilBertModel: BERT without segments and with other names.
var distilbertFamily = family{types: []string{"distilbert"}, describe: func(c *config, w *Weights) (model, error) {
	s := bertSettings{width: c.size(768, "dim", "hidden_size"), layers: c.size(6, "n_layers", "num_hidden_layers"),
		heads: c.size(12, "n_heads", "num_attention_heads"), inner: c.size(3072, "hidden_dim"), vocab: c.size(30522, "vocab_size"),
		positions: c.size(512, "max_position_embeddings"), eps: 1e-12, act: c.activation("gelu", "activation")}
	c.divides(s.width, s.heads, "dim", "n_heads")
	c.ignore("sinusoidal_pos_embds", "qa_dropout", "seq_classif_dropout", "tie_weights_") // positions are stored in either case
	if err := w.choosePrefix("embeddings.word_embeddings.weight", "distilbert.", ""); err != nil {
		return nil, err
	}
	layer := func(i int) string { return layerPrefix("transformer.layer", i) }
	return s.model(layer, bertNames{q: "attention.q_lin", k: "attention.k_lin", v: "attention.v_lin", out: "attention.out_lin",
		attentionNorm: "sa_layer_norm", up: "ffn.lin1", down: "ffn.lin2", networkNorm: "output_layer_norm"}), nil
}}
