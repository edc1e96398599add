package families

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// debertaFamily is transformers' DebertaV2Model, of which DeBERTa v3 has the code too.
var debertaFamily = family{types: []string{"deberta-v2"}, describe: func(c *config, w *Weights) (model, error) {
	s := bertSettings{width: c.size(1536, "hidden_size"), layers: c.size(24, "num_hidden_layers"), heads: c.size(24, "num_attention_heads"),
		inner: c.size(6144, "intermediate_size"), vocab: c.size(128100, "vocab_size"), positions: c.size(512, "max_position_embeddings"),
		eps: c.epsilon(1e-7, "layer_norm_eps"), act: c.activation("gelu", "hidden_act")}
	c.divides(s.width, s.heads, "hidden_size", "num_attention_heads")
	if value(c, 0, "type_vocab_size") != 0 {
		s.segments = c.size(0, "type_vocab_size")
	}
	narrow := c.size(s.width, "embedding_size")
	head := s.width / s.heads
	if !c.anyFaulty("hidden_size", "num_attention_heads") {
		c.only(head, "attention_head_size") // transformers cannot compute others
	}
	c.ignore("pooler_dropout", "pooler_hidden_act", "pooler_hidden_size", "legacy", "padding_idx", "cls_dropout")
	if err := w.choosePrefix("embeddings.word_embeddings.weight", "deberta.", ""); err != nil {
		return nil, err
	}
	names := bertLayerNames
	names.q, names.k, names.v = "attention.self.query_proj", "attention.self.key_proj", "attention.self.value_proj"
	t := s.model(encoderLayer, names)
	t.embedding.narrow(narrow, s.width, linear{name: "embeddings.embed_proj"})
	t.embedding.normFirst = false
	if !c.bool(true, "position_biased_input") {
		t.embedding.positions, t.Table = "", 0
	}
	kinds := c.words("pos_att_type")
	for _, k := range kinds {
		if k != "c2p" && k != "p2c" {
			c.faultOf("pos_att_type", "%q is not supported (have: c2p, p2c)", k)
		}
	}
	apart := c.disentangled(s, kinds)
	scale := 1.0
	for _, k := range []string{"c2p", "p2c"} {
		if slices.Contains(kinds, k) {
			scale++
		}
	}
	share := c.bool(false, "share_att_key")
	for i := range t.layers {
		dense := func(name string) linear { return linear{name: layerName("encoder.layer", i, name), bias: true} }
		a := &t.layers[i].attention
		a.scale = 1 / math.Sqrt(float64(head)*scale)
		if apart != nil && len(kinds) > 0 {
			p := *apart
			p.key, p.query = a.k, a.q
			if !share {
				p.key, p.query = dense("attention.self.pos_key_proj"), dense("attention.self.pos_query_proj")
			}
			a.apart = &p
		}
	}
	if size := value(c, 0, "conv_kernel_size"); size > 0 {
		t.conv = &convolution{name: "encoder.conv.conv", size: size, groups: c.size(1, "conv_groups"), act: c.activation("tanh", "conv_act"),
			sum: s.norm("encoder.conv.LayerNorm")}
		if size%2 == 0 || size > 1000 || s.width%t.conv.groups != 0 {
			c.fault([]string{"conv_kernel_size", "conv_groups", "hidden_size"}, "conv_kernel_size: %d with conv_groups: %d is not supported (want an odd size, and groups that divide hidden_size)", size, t.conv.groups)
			t.conv = nil
		}
	} else {
		c.ignore("conv_act", "conv_groups")
	}
	return t, nil
}}

// disentangled reads the settings of attention to positions. It returns nil if there is none.
func (c *config) disentangled(s bertSettings, kinds []string) *disentangled {
	on := c.bool(false, "relative_attention")
	furthest, buckets := value(c, -1, "max_relative_positions"), value(c, -1, "position_buckets")
	norms := c.words("norm_rel_ebd")
	if furthest < 1 {
		furthest = s.positions
	}
	if !on {
		return nil
	}
	if _, null := c.isNull("norm_rel_ebd"); null {
		c.faultOf("norm_rel_ebd", "null is not supported")
	}
	span := furthest
	if buckets > 0 {
		span = buckets
	}
	if furthest > maxSize || span > maxSize || buckets > 0 && (buckets < 4 || furthest <= buckets/2+1) {
		c.fault([]string{"position_buckets", "max_relative_positions", "max_position_embeddings"}, "position_buckets: %d with max_relative_positions: %d is not supported", buckets, furthest)
		return nil
	}
	d := &disentangled{table: "encoder.rel_embeddings.weight", span: span, c2p: slices.Contains(kinds, "c2p"), p2c: slices.Contains(kinds, "p2c")}
	if slices.Contains(norms, "layer_norm") {
		d.norm = s.norm("encoder.LayerNorm")
	}
	// Distances are those of the query less the key, and buckets those of the key less the query.
	for distance := furthest; distance >= -furthest; distance-- {
		row := debertaBucket(distance, buckets, furthest) + span
		d.buckets = append(d.buckets, int64(max(0, min(row, 2*span-1))))
	}
	return d
}

// debertaBucket groups distances: those below half the number of buckets have one each, and the width of the others grows up to
// the furthest.
func debertaBucket(distance, buckets, furthest int) int {
	mid, size := buckets/2, max(distance, -distance)
	if buckets <= 0 || size <= mid {
		return distance
	}
	// In float32, as transformers computes it.
	share := logFloat32(float32(size)/float32(mid)) / logFloat32(float32(float64(furthest-1)/float64(mid)))
	bucket := int(math.Ceil(float64(share*float32(mid-1)))) + mid
	if distance < 0 {
		return -bucket
	}
	return bucket
}

// words reads a setting that is a list of words, or a text with | between them.
func (c *config) words(name string) []string {
	_, raw := c.raw([]string{name})
	var text string
	if raw == nil || json.Unmarshal(raw, &text) != nil {
		return value(c, []string(nil), name)
	}
	var words []string
	for _, word := range strings.Split(strings.ToLower(text), "|") {
		if word = strings.TrimSpace(word); word != "" && word != "none" {
			words = append(words, word)
		}
	}
	return words
}
