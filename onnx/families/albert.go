package families

import "fmt"

// albertFamily is transformers' AlbertModel: BERT whose layers share their weights, with a narrower embedding.
var albertFamily = family{types: []string{"albert"}, describe: func(c *config, w *Weights) (model, error) {
	s := c.bertSettings(bertDefaults{act: "gelu_new", positions: 512, segments: 2})
	narrow, groups := c.size(128, "embedding_size"), c.size(1, "num_hidden_groups")
	c.only(1, "inner_group_num")
	c.ignore("classifier_dropout_prob", "net_structure_type", "gap_size", "num_memory_blocks", "down_scale_factor")
	if err := w.choosePrefix("embeddings.word_embeddings.weight", "albert.", ""); err != nil {
		return nil, err
	}
	if groups > s.layers {
		c.fault([]string{"num_hidden_groups", "num_hidden_layers"}, "num_hidden_groups: %d is more than num_hidden_layers, %d", groups, s.layers)
		groups = s.layers
	}
	layer := func(i int) string {
		group := int(float64(i) / (float64(s.layers) / float64(groups)))
		return fmt.Sprintf("encoder.albert_layer_groups.%d.albert_layers.0", group)
	}
	t := s.model(layer, bertNames{q: "attention.query", k: "attention.key", v: "attention.value", out: "attention.dense",
		attentionNorm: "attention.LayerNorm", up: "ffn", down: "ffn_output", networkNorm: "full_layer_layer_norm"})
	t.embedding.narrow(narrow, 0, linear{name: "encoder.embedding_hidden_mapping_in", bias: true})
	return t, nil
}}
