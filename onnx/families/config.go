package families

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/inputfile"
)

// A config is the config.json of a checkpoint. A family reads its settings with the methods below, which note every fault and
// which settings were read.
type config struct {
	fields map[string]json.RawMessage
	read   map[string]bool
	faults []error
	faulty map[string]bool // settings that have a fault
	absent map[string]bool // settings for which null stands for the default

	file    string // "" is config.json
	tensors int    // number of tensors of the weights

	name          string // of the setting, if the configuration is nested
	nestedUnknown []string
}

func parseConfig(data []byte) (*config, error) {
	c := newConfig(nil)
	if err := inputfile.JSON(data, &c.fields); err != nil {
		return nil, err
	}
	if c.fields == nil {
		return nil, errors.New("null, want an object")
	}
	return c, nil
}

func newConfig(fields map[string]json.RawMessage) *config {
	return &config{fields: fields, read: map[string]bool{}, faulty: map[string]bool{}, absent: map[string]bool{}}
}

// fault notes that settings do not fit together, unless one of them has a fault of its own, of which this may be a consequence.
func (c *config) fault(names []string, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if c.anyFaulty(names...) || slices.ContainsFunc(c.faults, func(other error) bool { return other.Error() == err.Error() }) {
		return
	}
	c.faults = append(c.faults, err)
}

// faultOf notes the fault of a setting, unless it has one already.
func (c *config) faultOf(name, format string, args ...any) {
	c.fault([]string{name}, "%s: %w", name, fmt.Errorf(format, args...))
	c.faulty[name] = true
}

// anyFaulty reports whether one of the settings has a fault.
func (c *config) anyFaulty(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return c.faulty[n] })
}

// raw returns the first of the named settings that is present and not null.
func (c *config) raw(names []string) (string, json.RawMessage) {
	for _, n := range names {
		c.read[n] = true
	}
	for _, n := range names {
		if v, ok := c.fields[n]; ok && !bytes.Equal(bytes.TrimSpace(v), []byte("null")) {
			return n, v
		}
	}
	return names[0], nil
}

// has reports whether one of the named settings is there and not null.
func (c *config) has(names ...string) bool {
	_, v := c.raw(names)
	return v != nil
}

// isNull reports whether the first of the named settings that is present is null.
func (c *config) isNull(names ...string) (string, bool) {
	for _, n := range names {
		if v, ok := c.fields[n]; ok {
			if null := bytes.Equal(bytes.TrimSpace(v), []byte("null")); !null || !c.absent[n] {
				return n, null
			}
		}
	}
	return names[0], false
}

// orDefault says that null stands for the defaults of the named settings.
func (c *config) orDefault(names ...string) {
	for _, n := range names {
		c.read[n], c.absent[n] = true, true
	}
}

// value reads a setting. names are the setting and its other names. As in transformers, null is false, and an absent list or
// object. It is a fault of other settings, for which it is neither a value nor the default.
func value[T any](c *config, def T, names ...string) T {
	name, raw := c.raw(names)
	want := reflect.TypeFor[T]()
	if name, null := c.isNull(names...); null {
		switch want.Kind() {
		case reflect.Bool:
			var no T
			return no
		case reflect.Slice, reflect.Map:
		default:
			c.faultOf(name, "null is not %s", inputfile.JSONKind(want))
			return def
		}
	}
	if raw == nil {
		return def
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		c.faultOf(name, "%s is not %s", brief(raw), inputfile.JSONKind(want))
		return def
	}
	return v
}

// brief cuts the text of a setting.
func brief(raw json.RawMessage) string {
	if len(raw) > 60 {
		return string(raw[:60]) + "..."
	}
	return string(raw)
}

func (c *config) float(def float64, names ...string) float64 {
	v := value(c, def, names...)
	if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > math.MaxFloat32 {
		name, _ := c.raw(names)
		c.faultOf(name, "%v is not a finite number", v)
		return def
	}
	return v
}

// epsilon reads what a normalisation adds to the variance, which is not below 0.
func (c *config) epsilon(def float64, names ...string) float64 {
	v := c.float(def, names...)
	if v < 0 {
		name, _ := c.raw(names)
		c.faultOf(name, "%v is below 0", v)
		return def
	}
	return v
}

func (c *config) bool(def bool, names ...string) bool       { return value(c, def, names...) }
func (c *config) string(def string, names ...string) string { return value(c, def, names...) }

// maxSize bounds every size in a configuration. The largest real vocabularies and widths stay far below.
const (
	maxSize = 1 << 24
	maxHead = 1 << 14 // number and dimension of heads
)

// layerCounts and headSizes are names of settings with a lower bound.
var (
	layerCounts = []string{"num_hidden_layers", "num_layers", "n_layer", "n_layers"}
	headSizes   = []string{"num_attention_heads", "num_key_value_heads", "n_head", "n_heads", "head_dim"}
)

// size reads a size, which must be above 0. Python's json also writes whole numbers as 64.0.
func (c *config) size(def int, names ...string) int {
	v, most := value(c, float64(def), names...), maxSize
	name, raw := c.raw(names)
	switch {
	case slices.Contains(layerCounts, name):
		most = max(c.tensors, 256) // layers have tensors of their own; ALBERT, which shares them, is small
	case slices.Contains(headSizes, name):
		most = maxHead
	}
	if v < 1 || v > float64(most) || v != math.Trunc(v) {
		if raw == nil && def == 0 {
			c.fault(names, "%s is missing", names[0])
			c.faulty[names[0]] = true
		} else {
			c.faultOf(name, "%s is not a size from 1 to %d", strconv.FormatFloat(v, 'f', -1, 64), most)
		}
		return 1
	}
	return int(v)
}

// nested returns a setting that is an object as a configuration of its own, which is empty if the setting is absent. The caller
// passes it to merge when it has read it.
func (c *config) nested(names ...string) *config {
	n := newConfig(value(c, map[string]json.RawMessage{}, names...))
	n.name, _ = c.raw(names)
	n.tensors = c.tensors
	return n
}

// merge notes the faults of a nested configuration, and its settings that nothing has read.
func (c *config) merge(n *config) {
	for _, err := range n.faults {
		c.faults = append(c.faults, fmt.Errorf("%s.%w", n.name, err))
	}
	for _, name := range n.unknown() {
		c.nestedUnknown = append(c.nestedUnknown, n.name+"."+name)
	}
}

// only notes a fault if a setting has another value than the one that the family computes.
func (c *config) only(want any, name string) {
	c.read[name] = true
	raw, there := c.fields[name]
	if _, null := c.isNull(name); !there || !null && string(raw) == "null" {
		return
	}
	text, err := json.Marshal(want)
	var got any
	if err == nil {
		err = json.Unmarshal(raw, &got)
	}
	var canonical []byte // such as 1 for 1.0
	if err == nil {
		canonical, err = json.Marshal(got)
	}
	if err != nil || !bytes.Equal(canonical, text) {
		c.faultOf(name, "%s is not supported (only %s)", brief(raw), text)
	}
}

// without notes that the family does not compute a setting unless it is off: absent, null, false, 0, "" or empty.
func (c *config) without(names ...string) {
	for _, name := range names {
		_, raw := c.raw([]string{name})
		switch strings.TrimSpace(string(raw)) {
		case "", "false", "0", "0.0", `""`, "[]", "{}", `"none"`:
		default:
			c.faultOf(name, "%s is not supported", brief(raw))
		}
	}
}

// divides checks that the width is a multiple of the number of heads.
func (c *config) divides(width, heads int, widthName, headsName string) {
	if width%heads != 0 {
		c.fault([]string{widthName, headsName}, "%s: %d is not a multiple of %s, %d", widthName, width, headsName, heads)
	}
}

// ignore marks settings that do not change hidden states, such as the rates of dropout.
func (c *config) ignore(names ...string) {
	for _, n := range names {
		c.read[n] = true
	}
}

// harmless are settings of any family that do not change the hidden states of a model that only encodes.
var harmless = []string{"architectures", "model_type", "torch_dtype", "dtype", "transformers_version", "_name_or_path", "_model_name_or_path", "_commit_hash", "use_cache",
	"bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id", "mask_token_id", "decoder_start_token_id", "forced_eos_token_id",
	"forced_bos_token_id", "unk_token_id", "initializer_range", "initializer_factor", "attention_dropout", "hidden_dropout", "resid_dropout",
	"embd_dropout", "dropout", "activation_dropout", "attention_probs_dropout_prob", "hidden_dropout_prob", "classifier_dropout", "embd_pdrop",
	"attn_pdrop", "resid_pdrop", "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
	"layerdrop", "id2label", "label2id", "num_labels", "problem_type", "finetuning_task", "task_specific_params", "gradient_checkpointing",
	"output_attentions", "output_hidden_states", "return_dict", "_attn_implementation", "_attn_implementation_autoset", "attn_implementation",
	"tie_word_embeddings", "tokenizer_class", "prefix", "auto_map", "pretraining_tp", "max_length", "min_length", "do_sample", "temperature", "top_k",
	"top_p", "num_beams", "repetition_penalty", "length_penalty", "early_stopping", "num_return_sequences", "no_repeat_ngram_size", "typical_p",
	"chunk_size_feed_forward", "torchscript", "use_bfloat16", "tf_legacy_loss", "remove_invalid_values", "is_encoder_decoder", "language",
	"model_name", "unsloth_version", "unsloth_fixed", "transformers.js_config", "_flash_attn_2_enabled", "use_return_dict", "vocab_size",
	"bad_words_ids", "begin_suppress_tokens", "suppress_tokens", "exponential_decay_length_penalty", "diversity_penalty", "num_beam_groups",
	"encoder_no_repeat_ngram_size", "output_scores", "return_dict_in_generate", "sentence_transformers"}

// common checks settings that any configuration can have and that would change the result.
func (c *config) common() {
	c.ignore(harmless...)
	for _, name := range telling {
		if !c.read[name] {
			c.without(name)
		}
	}
	c.without("pruned_heads", "is_decoder_only_cross_attention", "add_cross_attention")
	for _, name := range parts {
		if !c.read[name] && c.has(name) {
			c.faultOf(name, "a model of this model_type has no such part (use the config.json of the part itself, if that is what the weights are)")
		}
	}
	c.withoutQuantisation()
}

// withoutQuantisation refuses weights that are stored with scales of their own.
func (c *config) withoutQuantisation() {
	for _, name := range []string{"quantization_config", "compression_config"} {
		if !c.has(name) {
			continue
		}
		q := c.nested(name)
		method, advice := value(q, "", "quant_method"), useOriginal
		if method == "bitsandbytes" {
			advice += ", or convert them: AutoModelForCausalLM.from_pretrained(FOLDER).dequantize().save_pretrained(NEW)"
		}
		c.faultOf(name, "quantised weights%s are not read; %s", of(method), advice)
	}
}

// of returns " of kind X", or "" if the kind is not known.
func of(method string) string {
	if method == "" {
		return ""
	}
	return fmt.Sprintf(" of kind %q", method)
}

// unknown returns the settings that nothing has read.
func (c *config) unknown() []string {
	names := slices.Clone(c.nestedUnknown)
	for _, n := range slices.Sorted(maps.Keys(c.fields)) {
		if !c.read[n] && string(bytes.TrimSpace(c.fields[n])) != "null" {
			names = append(names, n)
		}
	}
	return names
}

// parts are settings with the configurations of parts of a larger model. transformers takes the model to be the part if one is there.
var parts = []string{"text_config", "decoder", "generator"}

// telling are settings that change the hidden states of models that have them. If a family does not read such a setting and it
// is not off, the model is not what the family computes.
var telling = []string{"alibi", "attention_bias", "attention_multiplier", "attn_logit_softcapping", "clip_qkv", "cross_attention_freq",
	"embedding_multiplier", "final_logit_softcapping", "first_k_dense_replace", "hidden_act", "hidden_activation", "hidden_size_per_layer_input", "kv_lora_rank",
	"layer_types", "logit_scale", "logits_scaling", "mlp_bias", "moe_intermediate_size", "mrope_section", "multi_query", "n_inner", "no_rope_layers", "num_experts",
	"num_key_value_heads", "num_kv_shared_layers", "num_local_experts", "n_routed_experts", "parallel_attn", "parallel_residual", "partial_rotary_factor",
	"q_lora_rank", "qk_layernorm", "qk_norm", "query_pre_attn_scalar", "residual_multiplier", "rope_interleaved", "rope_local_base_freq", "rope_parameters",
	"rope_scaling", "rope_theta", "rotary_dim", "rotary_emb_base", "rotary_pct", "sliding_window", "sliding_window_pattern", "use_bidirectional_attention",
	"use_conv_bias", "use_mamba_kernels", "use_mrope", "use_parallel_residual", "use_qk_norm", "use_qkv_bias", "use_sliding_window", "word_embed_proj_dim"}

// err returns all faults.
func (c *config) err() error {
	for i, err := range c.faults {
		c.faults[i] = fmt.Errorf("%s: %w", cmp.Or(c.file, "config.json"), err)
	}
	return errors.Join(c.faults...)
}
