package onnx

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/drawn"
	"w2s/onnx/families"
)

// TestAdapters compares tiny models with adapters with what torch computes after peft has merged them: states of every layer, and
// logits where the head is not one that the adapter has made another than the embedding.
func TestAdapters(t *testing.T) {
	testRuntime(t)
	for _, name := range drawn.Adapters(t) {
		t.Run(name, func(t *testing.T) {
			a := drawn.ReadAdapter(t, name)
			dir := a.Write(t)
			made, err := families.Open(drawn.Read(t, a.Base).Write(t), dir)
			if err != nil {
				t.Fatal(err)
			}
			if u := made.Adapter.Unknown; len(u) > 0 {
				t.Errorf("settings of adapter_config.json are unknown: %q", u)
			}
			r := readReference(t, dir)
			if made.Logits != (len(r.Features["logits"]) > 0) && r.Features["logits"] != nil {
				t.Errorf("the model has logits: %v", made.Logits)
			}
			whole := newMadeSession(t, made, false)
			for i, ids := range r.TokenIDs {
				states, _ := whole.run(t, ids, nil)
				compareLayers(t, r, i, states)
			}
		})
	}
}

// adapted writes the base of an adapter and the adapter, after change has changed it.
func adapted(t *testing.T, name string, change func(*drawn.Adapter)) (base, adapter string) {
	t.Helper()
	a := drawn.ReadAdapter(t, name)
	if change != nil {
		change(&a)
	}
	return drawn.Read(t, a.Base).Write(t), a.Write(t)
}

// TestAdapterKeys checks that the key depends on the adapter and on nothing but its content.
func TestAdapterKeys(t *testing.T) {
	rt := testRuntime(t)
	base, adapter := adapted(t, "llama", nil)
	again := drawn.ReadAdapter(t, "llama").Write(t)
	scaled := drawn.ReadAdapter(t, "llama")
	scaled.Config = bytes.Replace(scaled.Config, []byte(`"lora_alpha":8`), []byte(`"lora_alpha":9`), 1)
	one := 1
	plain, with := openTest(t, rt, base, Options{}), openTest(t, rt, base, Options{Adapter: adapter})
	keys := []string{plain.Key(), with.Key(), openTest(t, rt, base, Options{Adapter: scaled.Write(t)}).Key(),
		openTest(t, rt, base, Options{Adapter: adapter, Layer: &one}).Key(), openTest(t, rt, base, Options{Layer: &one}).Key()}
	if slices.Sort(keys); len(slices.Compact(keys)) != 5 {
		t.Errorf("5 models have the keys %q", keys)
	}
	if openTest(t, rt, base, Options{Adapter: again}).Key() != with.Key() {
		t.Error("the key depends on the adapter's folder")
	}
	a, b := encodeAll(t, plain, layerTexts), encodeAll(t, with, layerTexts)
	for i := range a {
		if d := relative(b[i].Values, a[i].Values); d < 0.01 {
			t.Errorf("text %d differs by %v only", i, d)
		}
	}
	for _, file := range []string{"adapter_config.json", "adapter_model.safetensors"} {
		if with.Checkpoint().Digests[file] == "" {
			t.Errorf("no digest of %s", file)
		}
	}
}

// TestAdapterLayers compares layers of a model with an adapter with those that come from one run of the model.
func TestAdapterLayers(t *testing.T) {
	base, adapter := adapted(t, "gpt2", nil)
	checkJoin(t, testRuntime(t), base, Options{Adapter: adapter})
}

// TestAdapterNotes checks what readers of results are told.
func TestAdapterNotes(t *testing.T) {
	rt := testRuntime(t)
	for name, want := range map[string]string{
		"llama": "the adapter was made for org/llama, and its base here is the checkpoint",
		"bert":  "tensors of the adapter are left out that belong to heads or the like: base_model.model.classifier.bias, base_model.model.classifier.weight",
	} {
		base, adapter := adapted(t, name, nil)
		if w := openTest(t, rt, base, Options{Adapter: adapter}).Warnings(); !slices.ContainsFunc(w, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%s: warnings %q, want %q", name, w, want)
		}
	}
	base, adapter := adapted(t, "llama", func(a *drawn.Adapter) {
		a.Config = bytes.Replace(a.Config, []byte(`"lora_alpha"`), []byte(`"made_up":1,"lora_alpha"`), 1)
	})
	named := filepath.Join(t.TempDir(), "LLAMA")
	if err := os.Rename(base, named); err != nil {
		t.Fatal(err)
	}
	w := openTest(t, rt, named, Options{Adapter: adapter}).Warnings()
	if len(w) != 2 || !strings.Contains(strings.Join(w, "\n"), "unknown settings of adapter_config.json are taken to have no effect: made_up") {
		t.Errorf("warnings %q", w) // the other one is about pooling
	}
}

// TestAdapterHeads compares the scores of classification heads that adapters bring for bases without one, as peft saves them for the
// task type SEQ_CLS, with those of torch.
func TestAdapterHeads(t *testing.T) {
	rt := testRuntime(t)
	heads := 0
	for _, name := range drawn.Adapters(t) {
		a := drawn.ReadAdapter(t, name)
		if a.Scores == nil {
			continue
		}
		heads++
		base, adapter := adapted(t, name, nil)
		r := readReference(t, adapter)
		e := openTest(t, rt, base, Options{Head: true, Adapter: adapter, MaxTokens: r.MaxTokens})
		if h := e.Checkpoint().Head; len(h.Labels) != len(a.Scores[0]) || h.Labels[0] != "LABEL_0" {
			t.Errorf("%s: labels %q, want %d", name, h.Labels, len(a.Scores[0]))
		}
		for i, v := range encodeAll(t, e, r.Texts) {
			compare(t, fmt.Sprintf("%s, text %d", name, i), v.Values, a.Scores, i)
		}
		features := openTest(t, rt, base, Options{Adapter: adapter})
		for e, want := range map[*Encoder]bool{e: false, features: true} {
			if w := e.Warnings(); slices.ContainsFunc(w, func(s string) bool { return strings.Contains(s, "left out") }) != want {
				t.Errorf("%s, output %s: warnings %q", name, e.Checkpoint().Output, w)
			}
		}
	}
	if heads < 5 {
		t.Errorf("only %d adapters have heads", heads)
	}
	for _, c := range []struct {
		name, config string
		change       func(*drawn.Adapter)
		want         string
	}{
		{"llama-score", `"num_labels": 2`, nil, "has 3 scores, but config.json has 2 labels"},
		{"llama-score", `"id2label": {"0": "a", "1": "b"}`, nil, "has 3 scores, but config.json has 2 labels"},
		{"llama-score", "", tensors(func(name string, shape []int64) (string, []int64) {
			if strings.Contains(name, "score") {
				shape = []int64{1 << 17, 0}
			}
			return name, shape
		}), "the classification head of the adapter has 131072 scores"},
		{"llama", "", nil, `neither the checkpoint nor the adapter has a classification head: there is no tensor "score.weight"`},
		{"distilbert", "", retitled("pre_classifier", ""), `needs the tensor "pre_classifier.weight", which neither`},
	} {
		base, adapter := adapted(t, c.name, c.change)
		setConfig(t, base, c.config)
		if _, err := ReadCheckpoint(base, Options{Head: true, Adapter: adapter}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestManyAdapterFaults checks that an error about many layers names a few of them and no consequences.
func TestManyAdapterFaults(t *testing.T) {
	for name, change := range map[string]func(*drawn.Adapter){
		"ranks":                     set("r", "3"),
		"names":                     retitled("base_model.model.", "x."),
		"other names of one matrix": retitled("lora_A.weight", "lora_C.weight"),
		"widths": tensors(func(name string, shape []int64) (string, []int64) {
			if strings.Contains(name, "lora_A") {
				shape = []int64{shape[0], 2 * shape[1]}
			}
			return name, shape
		}),
		"no layers": retitled("layers.", "blocks."),
		"targets":   set("target_modules", `["q_proj", "v_proj", "o_proj", "k_proj", "up_proj"]`),
	} {
		base, adapter := adapted(t, "llama", change)
		_, err := ReadCheckpoint(base, Options{Adapter: adapter})
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		lines := strings.Split(err.Error(), "\n")
		if last := lines[len(lines)-1]; len(lines) > 7 || !strings.Contains(last, " more") || strings.Contains(err.Error(), "only one of") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAdapterOfPictures leaves out what an adapter changes in the part for pictures of a model.
func TestAdapterOfPictures(t *testing.T) {
	base, adapter := adapted(t, "llama", func(a *drawn.Adapter) {
		retitled("model.layers.1.", "model.vision_tower.encoder.layers.1.")(a)
		set("layers_to_transform", "[0, 2]")(a)
	})
	c := mustRead(t, base, Options{Adapter: adapter})
	if notes := strings.Join(c.notes, "\n"); !strings.Contains(notes, "tensors of the adapter are left out that belong to heads or the like: base_model.model.model.vision_tower") {
		t.Errorf("notes %q", notes)
	}
}

// TestAdapterOfTiedTable checks why a model has no logits whose table of tokens and layer for logits differ with the adapter.
func TestAdapterOfTiedTable(t *testing.T) {
	base, adapter := adapted(t, "gpt2-embedding", nil)
	const want = "the adapter changes the table of tokens or the layer for logits"
	if _, err := OpenLikelihood(t.Context(), testRuntime(t), base, Options{Adapter: adapter}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	if _, err := OpenGenerator(t.Context(), testRuntime(t), base, Options{Adapter: adapter}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// set changes a setting of adapter_config.json.
func set(name, value string) func(*drawn.Adapter) {
	return func(a *drawn.Adapter) {
		fields := map[string]json.RawMessage{}
		if err := json.Unmarshal(a.Config, &fields); err != nil {
			panic(err)
		}
		fields[name] = json.RawMessage(value)
		a.Config, _ = json.Marshal(fields)
	}
}

// tensors changes the shapes of an adapter's tensors by name.
func tensors(change func(name string, shape []int64) (string, []int64)) func(*drawn.Adapter) {
	return func(a *drawn.Adapter) {
		for i := range a.Weights {
			changed := map[string][]int64{}
			for name, shape := range a.Weights[i].Shapes {
				if name, shape = change(name, shape); name != "" {
					changed[name] = shape
				}
			}
			a.Weights[i].Shapes = changed
		}
	}
}

// retitled replaces a part of the names of an adapter's tensors. If to is "", it removes the tensors.
func retitled(from, to string) func(*drawn.Adapter) {
	return tensors(func(name string, shape []int64) (string, []int64) {
		if to == "" && strings.Contains(name, from) {
			return "", nil
		}
		return strings.Replace(name, from, to, 1), shape
	})
}

// TestAdapterFaults tries adapters that do not fit or that are not computed. The error names what is wrong.
func TestAdapterFaults(t *testing.T) {
	rt := testRuntime(t)
	const q = "base_model.model.model.layers.1.self_attn.q_proj.lora_"
	for _, c := range []struct {
		name   string
		change func(*drawn.Adapter)
		want   string
	}{
		{"another method", set("peft_type", `"IA3"`), `peft_type "IA3" is not supported (only LORA; of other methods`},
		{"no method", set("peft_type", `null`), `peft_type "" is not supported`},
		{"another rank", set("r", "8"), "A has shape [4 64] and B [64 4], but the rank of adapter_config.json is 8"},
		{"rank 0", set("r", "0"), "the rank of adapter_config.json is 0"},
		{"rank as text", set("r", `"x"`), "adapter_config.json: r: "},
		{"alpha", set("lora_alpha", "1e39"), "lora_alpha: 1e+39 is not a finite number"},
		{"rank pattern", set("rank_pattern", `{"q_proj": 2}`), "but the rank of adapter_config.json is 2"},
		{"a bad pattern", set("alpha_pattern", `{"(": 2}`), "alpha_pattern"},
		{"PiSSA", set("init_lora_weights", `"pissa_niter_4"`), "init_lora_weights: \"pissa_niter_4\" changes the weights of the base model"},
		{"replicated layers", set("layer_replication", `[[0, 2]]`), "layer_replication: [[0,2]] is not supported"},
		{"parameters", set("target_parameters", `["experts"]`), "target_parameters"},
		{"activated LoRA", set("alora_invocation_tokens", `[1, 2]`), "alora_invocation_tokens"},
		{"tokens", set("trainable_token_indices", `[3]`), "trainable_token_indices"},
		{"bias of B", set("lora_bias", `true`), "lora_bias: true is not supported"},
		{"DoRA without magnitudes", set("use_dora", `true`), "lora_magnitude_vector"},
		{"more targets", set("target_modules", `["q_proj", "v_proj", "o_proj"]`), `there is no tensor "base_model.model.model.layers.0.self_attn.o_proj.lora_A.weight"`},
		{"all targets", set("target_modules", `"all-linear"`), "though target_modules of adapter_config.json names the module"},
		{"a matrix is missing", retitled(q+"B", ""), `module "model.layers.1.self_attn.q_proj" has only one of the matrices`},
		{"a layer is missing", retitled(q, ""), `there is no tensor "` + q + `A.weight"`},
		{"more layers", retitled("layers.1.", "layers.9."), `module "model.layers.9.self_attn.q_proj" is not a layer of the base model (does the adapter belong to another one?)`},
		{"another family", retitled("self_attn.q_proj", "attn.c_attn"), `attn.c_attn" is not a layer of the base model`},
		{"names without prefix", retitled("base_model.model.", "x."), `does not begin with "base_model.model."`},
		{"an unknown matrix", retitled("lora_A.weight", "lora_C.weight"), `lora_C.weight" is not supported`},
		{"a whole tensor", retitled("self_attn.q_proj.lora_A", "unknown"), `has only one of the matrices`},
		{"another width", tensors(func(name string, shape []int64) (string, []int64) {
			if strings.Contains(name, "lora_A") {
				shape = []int64{shape[0], 2 * shape[1]}
			}
			return name, shape
		}), "has type F32 and shape [4 128], but the base model and the rank ask for numbers of shape [4 64]"},
		{"ranks that differ", tensors(func(name string, shape []int64) (string, []int64) {
			if strings.Contains(name, "lora_B") {
				shape = []int64{shape[0], 5}
			}
			return name, shape
		}), "A has shape [4 64] and B [64 5]"},
		{"no matrix", tensors(func(name string, shape []int64) (string, []int64) { return name, []int64{shape[0] * shape[1]} }), "which is not a matrix"},
		{"no tensors", func(a *drawn.Adapter) { a.Weights[0].Shapes = nil; a.Weights = a.Weights[:1] }, "no adapter_model.safetensors"},
		{"no JSON", func(a *drawn.Adapter) { a.Config = []byte("{") }, "adapter_config.json: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			base, adapter := adapted(t, "llama", c.change)
			e, err := Open(t.Context(), rt, base, Options{Adapter: adapter})
			if err == nil {
				e.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), adapter) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestAdapterFiles tries folders that have no adapter, and models that take none.
func TestAdapterFiles(t *testing.T) {
	rt := testRuntime(t)
	base, adapter := adapted(t, "llama", nil)
	fault := func(dir, adapter, want string) {
		t.Helper()
		e, err := Open(t.Context(), rt, dir, Options{Adapter: adapter})
		if err == nil {
			e.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	fault(base, t.TempDir(), "adapter_config.json")
	fault(adapter, "", "name its base model and the adapter: BASE@adapter="+adapter)
	fault(fixtureDir("bert-tiny"), adapter, "an adapter changes the weights of safetensors, but the model is model.onnx")

	pickled := drawn.ReadAdapter(t, "llama").Write(t)
	if err := os.Rename(filepath.Join(pickled, "adapter_model.safetensors"), filepath.Join(pickled, "adapter_model.bin")); err != nil {
		t.Fatal(err)
	}
	fault(base, pickled, "adapter_model.bin is a pickle")

	path := filepath.Join(adapter, "adapter_model.safetensors")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 100, len(data) - 1} {
		if err := os.WriteFile(path, data[:cut], 0o666); err != nil {
			t.Fatal(err)
		}
		fault(base, adapter, "adapter_model.safetensors")
	}
	copy(data[len(data)-4:], []byte{0, 0, 0xc0, 0x7f}) // NaN
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	fault(base, adapter, "tensors have numbers that are not finite: base_model.model.model.layers.")
}

// TestAdapterGenerates writes answers with adapters: the first token is the one with the largest of torch's logits.
func TestAdapterGenerates(t *testing.T) {
	rt := testRuntime(t)
	for name, want := range map[string]string{"llama": "", "llama-saved": "", "qwen2": "", "llama-head": "not a constant"} {
		t.Run(name, func(t *testing.T) {
			base, adapter := adapted(t, name, nil)
			g, err := OpenGenerator(t.Context(), rt, base, Options{Adapter: adapter})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			r := readReference(t, adapter)
			for i, text := range r.Texts {
				logits := r.Features["logits"][PoolLast][i]
				_, err := g.Greedy(t.Context(), text, GreedyOptions{MaxTokens: 1, Pick: func(_, got []float32) int64 {
					compare(t, text, got, r.Features["logits"][PoolLast], i)
					return int64(slices.Index(logits, slices.Max(logits)))
				}})
				if err != nil {
					t.Error(err)
				}
			}
			if _, _, err := g.Unembedding([]int{1, 2}); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("the last layer: %v, want %q", err, want)
			}
		})
	}
}
