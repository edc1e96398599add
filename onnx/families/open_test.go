package families_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"w2s/internal/drawn"
	"w2s/onnx/families"
)

// change edits config.json or another JSON file of a folder.
func change(tb testing.TB, path string, edit func(m map[string]any)) {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	m := map[string]any{}
	if err := json.Unmarshal(data, &m); err != nil {
		tb.Fatal(err)
	}
	edit(m)
	if data, err = json.Marshal(m); err != nil {
		tb.Fatal(err)
	}
	write(tb, path, data)
}

func write(tb testing.TB, path string, data []byte) {
	tb.Helper()
	if err := os.WriteFile(path, data, 0o666); err != nil {
		tb.Fatal(err)
	}
}

// set returns an edit of a folder that gives settings of config.json other values. A value of nil removes the setting.
func set(pairs ...any) func(tb testing.TB, dir string) {
	return func(tb testing.TB, dir string) {
		tb.Helper()
		change(tb, filepath.Join(dir, "config.json"), func(m map[string]any) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i+1] == nil {
					delete(m, pairs[i].(string))
				} else {
					m[pairs[i].(string)] = pairs[i+1]
				}
			}
		})
	}
}

// header returns an edit of a folder that rewrites the header of a safetensors file.
func header(file string, edit func(m map[string]any)) func(tb testing.TB, dir string) {
	return func(tb testing.TB, dir string) {
		tb.Helper()
		path := filepath.Join(dir, file)
		data, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		n := binary.LittleEndian.Uint64(data)
		m := map[string]any{}
		if err := json.Unmarshal(data[8:8+n], &m); err != nil {
			tb.Fatal(err)
		}
		edit(m)
		h, err := json.Marshal(m)
		if err != nil {
			tb.Fatal(err)
		}
		out := binary.LittleEndian.AppendUint64(nil, uint64(len(h)))
		write(tb, path, append(append(out, h...), data[8+n:]...))
	}
}

// rename returns an edit that renames files, or removes a file whose new name is "".
func rename(pairs ...string) func(tb testing.TB, dir string) {
	return func(tb testing.TB, dir string) {
		tb.Helper()
		for i := 0; i < len(pairs); i += 2 {
			var err error
			if from := filepath.Join(dir, pairs[i]); pairs[i+1] == "" {
				err = os.Remove(from)
			} else {
				err = os.Rename(from, filepath.Join(dir, pairs[i+1]))
			}
			if err != nil {
				tb.Fatal(err)
			}
		}
	}
}

const (
	one   = "model.safetensors"
	index = "model.safetensors.index.json"
	shard = "model-00002-of-00004.safetensors"
)

// TestBadCheckpoints opens checkpoints with a fault each. The error must name it.
func TestBadCheckpoints(t *testing.T) {
	moved := func(m map[string]any, from, to string) {
		m[to] = m[from]
		delete(m, from)
	}
	weightMap := func(edit func(m map[string]any)) func(tb testing.TB, dir string) {
		return func(tb testing.TB, dir string) {
			change(tb, filepath.Join(dir, index), func(m map[string]any) { edit(m["weight_map"].(map[string]any)) })
		}
	}
	for _, test := range []struct {
		name, model string
		edit        func(tb testing.TB, dir string)
		want        []string
	}{
		{"no config.json", "llama", rename("config.json", ""), []string{"config.json"}},
		{"config.json is a list", "llama", func(tb testing.TB, dir string) { write(tb, filepath.Join(dir, "config.json"), []byte("[]")) }, []string{"config.json"}},
		{"config.json is cut", "llama", func(tb testing.TB, dir string) { write(tb, filepath.Join(dir, "config.json"), []byte(`{"a":1`)) }, []string{"config.json"}},
		{"config.json is null", "llama", func(tb testing.TB, dir string) { write(tb, filepath.Join(dir, "config.json"), []byte(`null`)) }, []string{"null, want an object"}},
		{"no model_type", "llama", set("model_type", nil), []string{"model_type"}},
		{"misspelled model_type", "llama", set("model_type", "lama"), []string{`did you mean "llama"?`}},
		{"unknown model_type", "llama", set("model_type", "mamba2"), []string{`"mamba2"`, "gpt_neox", "docs/export.md"}},

		{"GGUF", "llama", rename(one, "model-q4.gguf"), []string{"model-q4.gguf", "GGUF"}},
		{"GGUF without config.json", "llama", rename(one, "model-q4.gguf", "config.json", ""), []string{"model-q4.gguf", "GGUF"}},
		{"pickle", "llama", rename(one, "pytorch_model.bin"), []string{"pytorch_model.bin", "pickle", "save_pretrained"}},
		{"pickle of Llama's authors", "llama", rename(one, "consolidated.00.pth"), []string{"consolidated.00.pth", "pickle"}},
		{"TensorFlow", "llama", rename(one, "tf_model.h5"), []string{"tf_model.h5", "TensorFlow"}},
		{"another name", "llama", rename(one, "weights.safetensors"), []string{"weights.safetensors", "rename"}},
		{"shards without index", "llama-bf16", rename(index, ""), []string{"model-00001-of-00004.safetensors", index}},
		{"adapter", "llama", rename(one, "adapter_model.safetensors", "config.json", "adapter_config.json"), []string{"adapter", "BASE@adapter="}},
		{"adapter beside weights", "llama", func(tb testing.TB, dir string) { write(tb, filepath.Join(dir, "adapter_config.json"), []byte("{}")) }, []string{"adapter"}},
		{"no weights", "llama", rename(one, ""), []string{"no model.safetensors"}},

		{"missing shard", "llama-bf16", rename(shard, ""), []string{shard, index}},
		{"index without tensors", "llama-bf16", func(tb testing.TB, dir string) { write(tb, filepath.Join(dir, index), []byte(`{"weight_map":{}}`)) }, []string{"names no tensors"}},
		{"index out of the folder", "llama-bf16", weightMap(func(m map[string]any) { m["model.norm.weight"] = "../model.safetensors" }), []string{"../model.safetensors"}},
		{"index with an absolute path", "llama-bf16", weightMap(func(m map[string]any) { m["model.norm.weight"] = "/etc/passwd" }), []string{"/etc/passwd"}},
		{"index of a missing tensor", "llama-bf16", weightMap(func(m map[string]any) { m["model.extra.weight"] = shard }), []string{"model.extra.weight", shard}},
		{"index with a tensor twice", "llama-bf16", func(tb testing.TB, dir string) {
			write(tb, filepath.Join(dir, index), []byte(`{"weight_map":{"a":"`+shard+`","b":"`+shard+`","a":"`+shard+`"}}`))
		}, []string{`"a" twice`}},
		{"tensor in two shards", "llama-bf16", func(tb testing.TB, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, shard))
			if err != nil {
				tb.Fatal(err)
			}
			write(tb, filepath.Join(dir, "model-00003-of-00004.safetensors"), data)
		}, []string{"is in " + shard + " and in model-00003"}},

		{"cut file", "llama", func(tb testing.TB, dir string) {
			if err := os.Truncate(filepath.Join(dir, one), 60000); err != nil {
				tb.Fatal(err)
			}
		}, []string{one, "truncated"}},
		{"huge header", "llama", func(tb testing.TB, dir string) {
			write(tb, filepath.Join(dir, one), binary.LittleEndian.AppendUint64(nil, 4<<30))
		}, []string{one, "header"}},
		{"offsets beyond the file", "llama", header(one, func(m map[string]any) {
			m["model.norm.weight"].(map[string]any)["data_offsets"] = []int{1 << 40, 1<<40 + 256}
		}), []string{one, "begins at"}},
		{"overlapping tensors", "llama", header(one, func(m map[string]any) {
			m["model.norm.weight"].(map[string]any)["data_offsets"] = []int{0, 256}
		}), []string{"begins at"}},
		{"missing tensor", "llama", header(one, func(m map[string]any) {
			moved(m, "model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.up_prj.weight")
		}),
			[]string{`no tensor "model.layers.1.mlp.up_proj.weight"`, "model.layers.1.mlp.up_prj.weight"}},
		{"no embedding", "llama", header(one, func(m map[string]any) { moved(m, "model.embed_tokens.weight", "model.embed.weight") }), []string{`"embed_tokens.weight"`, "model.embed.weight"}},
		{"another element type", "llama", header(one, func(m map[string]any) { m["model.norm.weight"].(map[string]any)["dtype"] = "I32" }), []string{"model.norm.weight", "I32"}},
		{"float8", "llama", header(one, func(m map[string]any) {
			norm := m["model.norm.weight"].(map[string]any)
			norm["dtype"], norm["shape"] = "F8_E4M3", []int{256}
		}), []string{"model.norm.weight", "F8_E4M3", `convert it: AutoModelForCausalLM.from_pretrained(FOLDER).bfloat16()`}},
		{"float8 with scales", "llama", header(one, func(m map[string]any) {
			norm := m["model.norm.weight"].(map[string]any)
			norm["dtype"], norm["shape"] = "F8_E5M2", []int{256}
			m["model.norm.weight_scale_inv"] = map[string]any{"dtype": "F32", "shape": []int{0}, "data_offsets": []int{0, 0}}
		}), []string{"model.norm.weight", "F8_E5M2", "scaled by", "use the checkpoint"}},
		{"4 bits of bitsandbytes", "llama", header(one, func(m map[string]any) {
			norm := m["model.norm.weight"].(map[string]any)
			norm["dtype"], norm["shape"] = "U8", []int{256, 1}
		}), []string{"model.norm.weight", "U8", "use the checkpoint"}},
		{"GPTQ without quantization_config", "llama", header(one, func(m map[string]any) {
			moved(m, "model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.qweight")
		}), []string{`no tensor "model.layers.1.mlp.up_proj.weight", but "model.layers.1.mlp.up_proj.qweight", which is quantised`, "use the checkpoint"}},
		{"GPTQ", "llama", set("quantization_config", map[string]any{"quant_method": "gptq", "bits": 4}), []string{`kind "gptq"`, "use the checkpoint"}},
		{"AWQ", "llama", set("quantization_config", map[string]any{"quant_method": "awq", "bits": 4}), []string{`kind "awq"`, "use the checkpoint"}},
		{"bitsandbytes", "llama", set("quantization_config", map[string]any{"quant_method": "bitsandbytes"}), []string{`kind "bitsandbytes"`, "dequantize()"}},
		{"quantised somehow", "llama", set("quantization_config", map[string]any{}), []string{"quantization_config", "use the checkpoint"}},
		{"another shape", "llama", header(one, func(m map[string]any) { m["model.norm.weight"].(map[string]any)["shape"] = []int{8, 8} }), []string{"model.norm.weight", "[8 8]", "[64]"}},

		{"vocabulary larger than the embedding", "llama", set("vocab_size", 27), []string{"model.embed_tokens.weight", "[26 64]", "[27 64]"}},
		{"vocabulary smaller than the embedding", "llama", set("vocab_size", 25), []string{"[26 64]", "[25 64]"}},
		{"other width", "llama", set("hidden_size", 128), []string{"model.embed_tokens.weight", "[26 128]"}},
		{"other network", "llama", set("intermediate_size", 95), []string{"model.layers.0.mlp.gate_proj.weight", "model.layers.2.mlp.down_proj.weight", "[95 64]"}},
		{"other heads", "llama", set("num_key_value_heads", 4), []string{"model.layers.0.self_attn.k_proj.weight"}},
		{"other positions", "gpt2", set("n_positions", 47), []string{"wpe.weight", "[48 64]", "[47 64]"}},
		{"too many layers", "llama", set("num_hidden_layers", 4), []string{"model.layers.3."}},
		{"far too many layers", "llama", set("num_hidden_layers", 200), []string{"model.layers.3.", "there may be more"}},
		{"too few layers", "llama", set("num_hidden_layers", 2), []string{"2 layers", "model.layers.2."}},
		{"too few layers of GPT-2", "gpt2", set("n_layer", 2), []string{"2 layers", "h.2."}},
		{"a million layers", "llama", set("num_hidden_layers", 1000000), []string{"num_hidden_layers"}},
		{"no layers", "llama", set("num_hidden_layers", 0), []string{"num_hidden_layers"}},
		{"negative width", "llama", set("hidden_size", -64), []string{"hidden_size"}},
		{"half a width", "llama", set("hidden_size", 64.5), []string{"hidden_size", "64.5"}},
		{"a name as width", "llama", set("hidden_size", "64"), []string{"hidden_size"}},
		{"no width", "llama", set("hidden_size", nil), []string{"hidden_size is missing"}},
		{"a huge head", "llama", set("head_dim", 1<<40), []string{"head_dim"}},
		{"huge heads", "stablelm-heads", set("num_attention_heads", 1<<22, "num_key_value_heads", 1<<22, "hidden_size", 1<<22), []string{"num_attention_heads"}},
		{"a huge bare norm", "olmo", set("hidden_size", 1<<24, "head_dim", 16), []string{"embed_tokens"}},
		{"heads that do not divide", "llama", set("num_attention_heads", 3), []string{"num_key_value_heads"}},
		{"width that heads do not divide", "llama", set("num_attention_heads", 6, "num_key_value_heads", 6, "head_dim", nil), []string{"hidden_size"}},
		{"several faults", "llama", set("hidden_act", "xielu", "rope_theta", -1, "num_key_value_heads", 3, "sliding_window", 7),
			[]string{"hidden_act", "rope_theta", "num_key_value_heads", "sliding_window"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := drawn.Read(t, test.model).Write(t)
			test.edit(t, dir)
			_, err := families.Open(dir, "")
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not name %q", err, part)
				}
			}
		})
	}
}

// TestRefusedSettings gives families settings that they do not compute. The error must name the setting.
func TestRefusedSettings(t *testing.T) {
	rope := func(pairs ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	}
	for _, test := range []struct {
		model, name string
		value       any
	}{
		{"llama", "quantization_config", rope("quant_method", "gptq", "bits", 4)},
		{"llama", "pretraining_tp", 2},
		{"llama", "hidden_act", "prelu"},
		{"llama", "rope_scaling", rope("rope_type", "mrope", "mrope_section", []int{2, 3, 3})},
		{"llama", "rope_scaling", rope("rope_type", "linear")},
		{"llama", "rope_scaling", rope("rope_type", "linear", "factor", 0)},
		{"llama", "rope_scaling", rope("rope_type", "llama3", "factor", 8)},
		{"llama", "rope_scaling", rope("rope_type", "longrope", "short_factor", []int{1}, "long_factor", []int{1})},
		{"llama", "rope_scaling", []int{1}},
		{"llama", "rope_theta", "big"},
		{"llama", "num_local_experts", 8},
		{"llama", "layer_types", []string{"sliding_attention", "full_attention", "full_attention"}},
		{"llama", "attention_bias", "yes"},
		{"llama", "no_rope_layers", []int{1, 1, 0}},
		{"llama", "embedding_multiplier", 12},
		{"llama", "use_bidirectional_attention", true},
		{"llama", "attn_logit_softcapping", 50},
		{"llama", "clip_qkv", 3},
		{"llama", "alibi", true},
		{"llama", "multi_query", true},
		{"mistral", "attention_bias", true},
		{"mistral", "sliding_window", 0},
		{"qwen2", "layer_types", []string{"full_attention"}},
		{"qwen2", "layer_types", []string{"full_attention", "full_attention", "linear_attention"}},
		{"qwen2", "use_mrope", true},
		{"qwen3", "num_experts", 128},
		{"smollm3", "no_rope_layers", []int{1}},
		{"granite", "logits_scaling", 0},
		{"granite", "num_local_experts", 40},
		{"stablelm", "alibi", true},
		{"stablelm", "partial_rotary_factor", 2},
		{"olmo", "clip_qkv", -1},
		{"olmo", "clip_qkv", 0},
		{"gemma2", "query_pre_attn_scalar", "a"},
		{"gemma2", "query_pre_attn_scalar", 0},
		{"gemma3_text", "num_kv_shared_layers", 2},
		{"gemma3", "text_config", 5},
		{"phi", "attention_bias", true},
		{"phi3", "attention_bias", true},
		{"gpt_neox", "num_key_value_heads", 2},
		{"gpt2", "add_cross_attention", true},
		{"gpt2", "alibi", true},
		{"gpt2", "activation_function", "swiglu"},
		{"gpt2", "pruned_heads", rope("0", []int{1})},
		{"opt", "rope_theta", 10000},
		{"bloom", "sliding_window", 128},
		{"bert", "position_embedding_type", "relative_key"},
		{"bert", "position_embedding_type", "relative_key_query"},
		{"bert", "is_decoder", true},
		{"bert", "add_cross_attention", true},
	} {
		t.Run(test.model+" "+test.name, func(t *testing.T) {
			dir := drawn.Read(t, test.model).Write(t)
			set(test.name, test.value)(t, dir)
			_, err := families.Open(dir, "")
			if err == nil {
				t.Fatalf("no error for %v", test.value)
			}
			if !strings.Contains(err.Error(), "config.json: "+test.name) {
				t.Errorf("error %q does not name %s", err, test.name)
			}
		})
	}
}

// TestNull sets settings to null. What is to come of them was found by trying each with transformers 4.57.6.
func TestNull(t *testing.T) {
	null := json.RawMessage("null")
	graph := func(t *testing.T, model string, pairs ...any) ([]byte, error) {
		dir := drawn.Read(t, model).Write(t)
		set(pairs...)(t, dir)
		c, err := families.Open(dir, "")
		if err != nil {
			return nil, err
		}
		g, err := c.Graph(families.Want{Outputs: c.Outputs()})
		if err != nil {
			t.Fatal(err)
		}
		data, err := g.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return data, nil
	}
	for _, test := range []struct {
		model, name string
		like        any // the value that has the same effect; nil removes the setting
	}{
		{"gpt_neox", "use_parallel_residual", false},
		{"gpt2", "scale_attn_weights", false},
		{"llama", "attention_bias", false},
		{"llama", "mlp_bias", false},
		{"llama", "rope_scaling", nil},
		{"llama", "max_position_embeddings", nil},
		{"llama", "pretraining_tp", 1},
		{"llama", "head_dim", 16},
		{"llama", "attention_dropout", nil},
		{"llama", "text_config", nil},
		{"mistral", "sliding_window", 1000},
		{"gemma2", "attn_logit_softcapping", 1e9},
		{"gemma2", "layer_types", nil},
		{"gpt2", "n_inner", nil},
		{"gpt_neox", "rope_theta", nil},
		{"llama-yarn", "rope_scaling", nil},
		{"modernbert", "position_embedding_type", nil},
		{"modernbert", "local_rope_theta", 160000},
		{"opt", "word_embed_proj_dim", nil},
		{"opt", "_remove_final_layer_norm", false},
		{"qwen2", "max_window_layers", nil},
		{"smollm3-windows", "no_rope_layer_interval", nil},
	} {
		t.Run(test.model+" "+test.name, func(t *testing.T) {
			got, err := graph(t, test.model, test.name, null)
			if err != nil {
				t.Fatal(err)
			}
			want, err := graph(t, test.model, test.name, test.like)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) && test.name != "sliding_window" && test.name != "attn_logit_softcapping" {
				t.Errorf("null is not like %v", test.like)
			}
		})
	}
	for model, names := range map[string][]string{
		"albert": {"inner_group_num", "num_hidden_groups", "type_vocab_size", "position_embedding_type"},
		"bert": {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size", "layer_norm_eps", "hidden_act",
			"max_position_embeddings", "position_embedding_type"},
		"bloom":         {"layer_norm_epsilon", "pretraining_tp"},
		"deberta-3":     {"max_relative_positions", "norm_rel_ebd", "type_vocab_size"},
		"distilbert":    {"activation", "dim"},
		"gemma2":        {"query_pre_attn_scalar", "sliding_window", "head_dim", "hidden_activation"},
		"gemma3_text":   {"rope_local_base_freq", "sliding_window"},
		"gpt2":          {"activation_function", "n_positions"},
		"gpt_neox":      {"rotary_emb_base", "rotary_pct"},
		"granite":       {"attention_multiplier", "embedding_multiplier", "residual_multiplier"},
		"llama":         {"hidden_act", "rms_norm_eps", "rope_theta"},
		"llama-yarn":    {"max_position_embeddings"},
		"modernbert":    {"global_attn_every_n_layers", "global_rope_theta", "local_attention", "norm_eps"},
		"mpnet":         {"relative_attention_num_buckets"},
		"phi":           {"partial_rotary_factor"},
		"phi3-longrope": {"max_position_embeddings", "original_max_position_embeddings"},
		"qwen2-windows": {"max_window_layers"},
		"qwen3":         {"head_dim"},
		"roberta":       {"pad_token_id"},
		"smollm3":       {"no_rope_layer_interval"},
		"starcoder2":    {"num_key_value_heads", "norm_epsilon"},
	} {
		for _, name := range names {
			t.Run(model+" "+name, func(t *testing.T) {
				if _, err := graph(t, model, name, null); err == nil || !strings.Contains(err.Error(), name+": null") {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// TestOneFault gives settings faults that others depend on. The error must say these only, and in JSON's terms.
func TestOneFault(t *testing.T) {
	for _, test := range []struct {
		model string
		edit  func(tb testing.TB, dir string)
		want  string
	}{
		{"llama", set("hidden_size", "64"), `hidden_size: "64" is not a number`},
		{"llama", set("hidden_size", nil), "hidden_size is missing"},
		{"llama", set("num_attention_heads", []int{4}, "head_dim", nil), "num_attention_heads: [4] is not a number"},
		{"llama", set("head_dim", 0), "head_dim: 0 is not a size from 1 to 16384"},
		{"llama", set("num_key_value_heads", "two"), `num_key_value_heads: "two" is not a number`},
		{"llama", set("rope_theta", -1), "rope_theta: -1 is not above 0"},
		{"llama", set("rope_theta", "a"), `rope_theta: "a" is not a number`},
		{"llama", set("rms_norm_eps", -1e-6), "rms_norm_eps: -1e-06 is below 0"},
		{"llama", set("attention_bias", 1), "attention_bias: 1 is not true or false"},
		{"llama", set("hidden_act", 3), "hidden_act: 3 is not a string"},
		{"llama", set("rope_scaling", []int{1}), "rope_scaling: [1] is not an object"},
		{"llama", set("rope_scaling", map[string]any{"rope_type": "linear", "factor": "2"}), `rope_scaling.factor: "2" is not a number`},
		{"llama-longrope", set("hidden_size", nil, "head_dim", nil), "hidden_size is missing"},
		{"llama-longrope", set("rope_scaling", map[string]any{"rope_type": "linear", "factor": 0}), "rope_scaling.factor: 0 is not above 0"},
		{"qwen2-types", set("num_hidden_layers", 0), "num_hidden_layers: 0 is not a size from 1 to 256"},
		{"qwen2-types", set("layer_types", []int{1, 2}), "layer_types: [1,2] is not a list of strings"},
		{"smollm3", set("num_hidden_layers", "3"), `num_hidden_layers: "3" is not a number`},
		{"smollm3", set("no_rope_layers", "1"), `no_rope_layers: "1" is not a list of whole numbers`},
		{"bert", set("num_attention_heads", 0), "num_attention_heads: 0 is not a size from 1 to 16384"},
		{"deberta-3", set("hidden_size", true, "attention_head_size", 16), "hidden_size: true is not a number"},
		{"roberta", set("pad_token_id", "a"), `pad_token_id: "a" is not a whole number`},
		{"llama", set("text_config", map[string]any{"hidden_size": 64}), "text_config: a model of this model_type has no such part"},
		{"llama", func(tb testing.TB, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, "config.json"))
			if err != nil {
				tb.Fatal(err)
			}
			write(tb, filepath.Join(dir, "config.json"), append([]byte("\ufeff"), data...)) // transformers refuses it too
		}, "it begins with a byte order mark"},
		{"llama", func(tb testing.TB, dir string) { write(tb, filepath.Join(dir, "config.json"), []byte("[]")) }, "a list, want an object"},
	} {
		t.Run(test.want, func(t *testing.T) {
			dir := drawn.Read(t, test.model).Write(t)
			test.edit(t, dir)
			_, err := families.Open(dir, "")
			if err == nil || !strings.HasPrefix(err.Error(), "config.json: "+test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want only %s", err, test.want)
			}
		})
	}
}

// TestHarmlessSettings changes settings that have no effect on hidden states.
func TestHarmlessSettings(t *testing.T) {
	for _, test := range []struct {
		model string
		edit  func(tb testing.TB, dir string)
	}{
		{"llama", set("attention_dropout", 0.1, "use_cache", false, "torch_dtype", "float16", "bos_token_id", nil, "transformers_version", "4.20")},
		{"llama", set("hidden_size", 64.0, "rope_scaling", map[string]any{"rope_type": "default"})},
		{"llama", set("architectures", []string{"LlamaForSequenceClassification"}, "id2label", map[string]string{"0": "a"}, "num_labels", 1)},
		{"gpt2", set("attn_pdrop", 0.3, "summary_type", "mean", "task_specific_params", map[string]any{"a": 1})},
		{"qwen2", set("sliding_window", 4, "max_window_layers", 0, "use_sliding_window", false, "layer_types", nil)},
		{"bert", set("hidden_dropout_prob", 0.5, "classifier_dropout", 0.2, "gradient_checkpointing", true, "use_cache", true)},
	} {
		dir := drawn.Read(t, test.model).Write(t)
		test.edit(t, dir)
		c, err := families.Open(dir, "")
		if err != nil {
			t.Error(err)
		} else if len(c.Unknown)+len(c.Unused) > 0 {
			t.Errorf("%s: unknown %q, unused %q", test.model, c.Unknown, c.Unused)
		}
	}
}

// TestUnused opens checkpoints with settings and tensors that nothing reads.
func TestUnused(t *testing.T) {
	dir := drawn.Read(t, "llama-bias").Write(t)
	set("attention_bias", false, "made_up", 3, "made_up_null", nil)(t, dir)
	c, err := families.Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if want := 3 * 4; len(c.Unused) != want || !strings.HasSuffix(c.Unused[0], "self_attn.k_proj.bias") {
		t.Errorf("%d tensors are unused, want %d biases: %q", len(c.Unused), want, c.Unused)
	}
	if len(c.Unknown) != 1 || c.Unknown[0] != "made_up" {
		t.Errorf("unknown settings %q, want made_up", c.Unknown)
	}
	// Old checkpoints have masks and frequencies, which are no weights.
	dir = drawn.Read(t, "llama").Write(t)
	header(one, func(m map[string]any) {
		m["model.layers.0.self_attn.rotary_emb.inv_freq"] = map[string]any{"dtype": "F32", "shape": []int{0}, "data_offsets": []int{0, 0}}
	})(t, dir)
	if c, err = families.Open(dir, ""); err != nil || len(c.Unused) > 0 {
		t.Errorf("%v, unused %q", err, c.Unused)
	}
}

// FuzzOpen opens a checkpoint of any config.json and any header of model.safetensors.
func FuzzOpen(f *testing.F) {
	for _, name := range []string{"llama-yarn", "llama-longrope", "gemma3", "gemma3_text-5", "stablelm-heads", "opt-350m", "bert", "gpt2-layer", "smollm3"} {
		dir := drawn.Read(f, name).Write(f)
		config, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil {
			f.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, one))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(config, data[8:8+binary.LittleEndian.Uint64(data)])
	}
	f.Fuzz(func(t *testing.T, config, header []byte) {
		// The data are zeros, of the length at which the last tensor ends.
		var ends map[string]struct {
			Offsets [2]int64 `json:"data_offsets"`
		}
		var size int64
		if json.Unmarshal(header, &ends) == nil {
			for _, t := range ends {
				size = max(size, t.Offsets[1])
			}
		}
		if size > 1<<22 {
			size = 0
		}
		dir := t.TempDir()
		write(t, filepath.Join(dir, "config.json"), config)
		path := filepath.Join(dir, one)
		write(t, path, append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...))
		if err := os.Truncate(path, 8+int64(len(header))+size); err != nil {
			t.Fatal(err)
		}
		c, err := families.Open(dir, "")
		if err != nil {
			return
		}
		// What opens can be written, with and without the cache.
		graph, err := c.Graph(families.Want{Outputs: c.Outputs(), Cache: c.Causal})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := graph.Marshal(); err != nil {
			t.Fatal(err)
		}
	})
}
