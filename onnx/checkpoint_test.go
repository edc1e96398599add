package onnx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"w2s/internal/onnxproto"
	"w2s/internal/shareddata"
)

// copyFixture copies a committed checkpoint to a folder that a test may change.
func copyFixture(tb testing.TB, name string) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(shareddata.Root(), "fixtures", "models", name))); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// mustRead reads the description of a checkpoint. It fails the test if there is a fault.
func mustRead(tb testing.TB, dir string, o Options) *Checkpoint {
	tb.Helper()
	c, err := ReadCheckpoint(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func write(tb testing.TB, dir, name, content string) {
	tb.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		tb.Fatal(err)
	}
}

func remove(tb testing.TB, dir, name string) {
	tb.Helper()
	if err := os.RemoveAll(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
		tb.Fatal(err)
	}
}

// model writes a small model whose output is a copy of its input ids as floats, after change has changed it.
func model(tb testing.TB, dir string, change func(*onnxproto.Model)) {
	tb.Helper()
	batch, tokens := onnxproto.Dim{Name: "batch"}, onnxproto.Dim{Name: "tokens"}
	m := onnxproto.Model{
		Name:    "test",
		Inputs:  []onnxproto.Value{{Name: "input_ids", Type: onnxproto.Int64, Dims: []onnxproto.Dim{batch, tokens}}},
		Outputs: []onnxproto.Value{{Name: "last_hidden_state", Type: onnxproto.Float32, Dims: []onnxproto.Dim{batch, tokens, {Size: 1}}}},
		Initializers: []onnxproto.Tensor{
			onnxproto.Int64Tensor("axis", []int64{1}, []int64{2}),
		},
		Nodes: []onnxproto.Node{
			{Op: "Cast", Inputs: []string{"input_ids"}, Outputs: []string{"floats"}, Attrs: []onnxproto.Attr{onnxproto.Int("to", int64(onnxproto.Float32))}},
			{Op: "Unsqueeze", Inputs: []string{"floats", "axis"}, Outputs: []string{"last_hidden_state"}},
		},
	}
	if change != nil {
		change(&m)
	}
	data, err := m.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	write(tb, dir, "model.onnx", string(data))
}

func TestCheckpointFaults(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		o      Options
		want   string // part of the error
	}{
		{"no folder", func(t *testing.T, dir string) { remove(t, dir, ".") }, Options{}, "no such file"},
		{"no model", func(t *testing.T, dir string) { remove(t, dir, "model.onnx") }, Options{}, "the folder has neither an ONNX file nor safetensors"},
		{"two models", func(t *testing.T, dir string) {
			os.Rename(filepath.Join(dir, "model.onnx"), filepath.Join(dir, "a.onnx"))
			write(t, dir, "onnx/b.onnx", "")
		}, Options{}, "no model.onnx, but a.onnx, onnx/b.onnx (name one of them as \"model\" in w2s.json)"},
		{"no such variant", func(*testing.T, string) {}, Options{Model: "model_fp16"}, `no model file "model_fp16" (the folder has: model.onnx)`},
		{"no tokenizer", func(t *testing.T, dir string) { remove(t, dir, "tokenizer.json") }, Options{}, "no tokenizer.json"},
		{"pointer", func(t *testing.T, dir string) {
			write(t, dir, "model.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
		}, Options{}, "Git LFS pointer"},
		{"empty", func(t *testing.T, dir string) { write(t, dir, "model.onnx", "") }, Options{}, "the file is empty"},
		{"text", func(t *testing.T, dir string) { write(t, dir, "model.onnx", "<html>404 Not Found</html>\n") }, Options{}, "model.onnx"},
		{"truncated", func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, "model.onnx"), 40_000); err != nil {
				t.Fatal(err)
			}
		}, Options{}, "model.onnx"},
		{"unknown output", func(*testing.T, string) {}, Options{Output: "pooler"}, `the model has no output "pooler"; it has last_hidden_state float32[batch_size sequence_length 16]`},
		{"unknown pooling", func(*testing.T, string) {}, Options{Pooling: "max"}, `unknown pooling "max"`},
		{"no pooling", func(*testing.T, string) {}, Options{Pooling: PoolNone}, "one vector for each token"},
		{"negative", func(*testing.T, string) {}, Options{Threads: -1, MaxTokens: -2}, "longest input -2 is negative\nnumber of threads -1 is negative"},
		{"too long", func(*testing.T, string) {}, Options{MaxTokens: 65}, "longest input is set to 65 tokens, but the model has only 64 positions"},
		{"unknown provider", func(*testing.T, string) {}, Options{Provider: "gpu"}, `unknown provider "gpu" (known: coreml, cpu, cuda`},
		{"unsupported pooling in a file", func(t *testing.T, dir string) {
			write(t, dir, "1_Pooling/config.json", `{"pooling_mode_max_tokens": true}`)
		}, Options{}, "1_Pooling/config.json: pooling max is not supported"},
		{"two poolings", func(t *testing.T, dir string) {
			write(t, dir, "1_Pooling/config.json", `{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}`)
		}, Options{}, "pooling cls with mean is not supported"},
		{"config", func(t *testing.T, dir string) { write(t, dir, "config.json", `{"hidden_size": "wide"}`) }, Options{}, "config.json"},
		{"deep config", func(t *testing.T, dir string) {
			write(t, dir, "config.json", strings.Repeat("[", 1_000_000))
		}, Options{}, "config.json"},
		{"misspelt", func(t *testing.T, dir string) {
			write(t, dir, "w2s.json", `{"format": 1, "max_token": 7, "poling": "cls", "quxquxqux": 1}`)
		}, Options{}, `unknown field "max_token" (did you mean "max_tokens"?)
w2s.json: unknown field "poling" (did you mean "pooling"?)
w2s.json: unknown field "quxquxqux" (known fields: format, name,`},
		{"model outside", func(t *testing.T, dir string) { write(t, dir, "w2s.json", `{"format": 1, "model": "../model.onnx"}`) }, Options{}, "not a path inside the folder"},
		{"too long in w2s.json", func(t *testing.T, dir string) { write(t, dir, "w2s.json", `{"format": 1, "max_tokens": 65}`) }, Options{}, "but the model has only 64 positions"},
		{"dense module", func(t *testing.T, dir string) {
			write(t, dir, "modules.json", `[{"path": "", "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"}, {"path": "2_Dense", "type": "x.Dense"}]`)
		}, Options{}, "modules.json: module Dense changes the vectors"},
		{"pooling in a missing file", func(t *testing.T, dir string) {
			write(t, dir, "modules.json", `[{"path": "", "type": "x.Transformer"}, {"path": "lost", "type": "x.Pooling"}]`)
		}, Options{}, "lost/config.json does not exist"},
		{"module outside", func(t *testing.T, dir string) {
			write(t, dir, "modules.json", `[{"path": "../1_Pooling", "type": "x.Pooling"}]`)
		}, Options{}, `path "../1_Pooling" is not inside the folder`},
		{"pooling of newer files", func(t *testing.T, dir string) {
			write(t, dir, "1_Pooling/config.json", `{"pooling_mode": ["mean", "cls"]}`)
		}, Options{}, "pooling mean with cls is not supported"},
		{"prompt", func(t *testing.T, dir string) {
			write(t, dir, "config_sentence_transformers.json", `{"prompts": {"query": "q: "}, "default_prompt_name": "querry"}`)
		}, Options{}, `default_prompt_name "querry" is not one of the prompts (did you mean "query"?`},
		{"question answering", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) {
				m.Outputs[0].Name, m.Nodes[1].Outputs = "start_logits", []string{"start_logits"}
				m.Outputs[0].Dims = m.Outputs[0].Dims[:2]
			})
		}, Options{}, `output "start_logits" has only one number for each token`},
		{"one number for each token", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) { m.Outputs[0].Dims = m.Outputs[0].Dims[:2] })
		}, Options{}, `output "last_hidden_state" has only one number for each token`},
		{"classes", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) {
				m.Outputs[0].Name, m.Nodes[1].Outputs = "logits", []string{"logits"}
				m.Outputs[0].Dims = []onnxproto.Dim{{Name: "batch"}, {Size: 2}}
			})
		}, Options{}, "it only outputs scores of classes, logits (export"},
		{"no hidden state", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) { m.Outputs[0].Name, m.Nodes[1].Outputs = "logits", []string{"logits"} })
		}, Options{}, "cannot find the last hidden state"},
		{"no hidden state, requested", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) { m.Outputs[0].Name, m.Nodes[1].Outputs = "logits", []string{"logits"} })
		}, Options{Output: lastHidden}, "cannot find the last hidden state"},
		{"format", func(t *testing.T, dir string) { write(t, dir, "w2s.json", `{"format": 2}`) }, Options{}, "w2s.json: format 2 is unknown"},
		{"input", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) {
				m.Inputs = append(m.Inputs, onnxproto.Value{Name: "pixel_values", Type: onnxproto.Float32, Dims: make([]onnxproto.Dim, 4)})
			})
		}, Options{}, `input "pixel_values" (float32[? ? ? ?]) is not supported`},
		{"decoder", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) {
				m.Inputs[0].Name, m.Nodes[0].Inputs = "decoder_input_ids", []string{"decoder_input_ids"}
			})
		}, Options{}, `input "decoder_input_ids" belongs to the decoder of an encoder-decoder model`},
		{"input type", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) { m.Inputs[0].Type = onnxproto.Float64 })
		}, Options{}, `input "input_ids" has elements of type float64`},
		{"input rank", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) { m.Inputs[0].Dims = m.Inputs[0].Dims[:1] })
		}, Options{}, `input "input_ids" has shape [batch], want 2 dimensions`},
		{"no ids", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) { m.Inputs[0].Name, m.Nodes[0].Inputs[0] = "attention_mask", "attention_mask" })
		}, Options{}, "no input named input_ids"},
		{"huge batch", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) { m.Inputs[0].Dims[1] = onnxproto.Dim{Size: 1 << 40} })
		}, Options{}, "more than any real model takes"},
		{"huge output", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) { m.Outputs[0].Dims[2].Size = 1 << 50 })
		}, Options{}, "the limit is 1048576"},
		{"output rank", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) { m.Outputs[0].Dims = make([]onnxproto.Dim, 4) })
		}, Options{Output: "last_hidden_state"}, "want [batch, tokens, width] or [batch, width]"},
		{"output type", func(t *testing.T, dir string) {
			model(t, dir, func(m *onnxproto.Model) { m.Outputs[0].Type = onnxproto.Int64 })
		}, Options{}, "not floating-point"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := copyFixture(t, "bert-tiny")
			tt.damage(t, dir)
			_, err := ReadCheckpoint(dir, tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "onnx: checkpoint ") {
				t.Errorf("error %q does not start with onnx: checkpoint", err)
			}
		})
	}
}

func TestDescription(t *testing.T) {
	prefix := "query: "
	dir := copyFixture(t, "bert-tiny")
	c := mustRead(t, dir, Options{Prefix: &prefix, MaxTokens: 9, Pooling: PoolLast})
	if c.Name != "bert-tiny" || c.Family != "bert" || c.Width != 16 || c.Prefix != prefix || c.MaxTokens != 9 || c.Pooling != PoolLast {
		t.Errorf("options: %+v", c.Description)
	}
	write(t, dir, "w2s.json", `{"format":1,"name":"n","family":"f","pooling":"cls","max_tokens":7,"prefix":"p","license":"l","source":"s","params":3,"normalize":true}`)
	c = mustRead(t, dir, Options{})
	want := Description{Format: 1, Name: "n", Family: "f", Output: "last_hidden_state", Pooling: PoolCLS, MaxTokens: 7, Prefix: "p",
		License: "l", Source: "s", Params: 3, Normalize: true, Cut: c.Cut}
	if c.Description != want {
		t.Errorf("w2s.json: %+v, want %+v", c.Description, want)
	}
	// Packages hold only model and tokenizer. The longest input is the size of the position table then.
	for _, name := range []string{"w2s.json", "config.json", "tokenizer_config.json", "sentence_bert_config.json", "1_Pooling", "modules.json"} {
		remove(t, dir, name)
	}
	c = mustRead(t, dir, Options{})
	if c.MaxTokens != 64 || c.Pooling != PoolMean || c.Width != 16 {
		t.Errorf("with model and tokenizer only: %+v", c.Description)
	}
}

// TestSentenceTransformers reads the files that sentence-transformers writes.
func TestSentenceTransformers(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	read := func(o Options) *Checkpoint {
		t.Helper()
		c := mustRead(t, dir, o)
		return c
	}
	modules := func(more string) {
		write(t, dir, "modules.json", `[{"path": "0_Transformer", "type": "x.Transformer"}, {"path": "pooling", "type": "x.Pooling"}`+more+`]`)
	}
	modules("")
	write(t, dir, "pooling/config.json", `{"pooling_mode": "lasttoken"}`)
	write(t, dir, "0_Transformer/sentence_bert_config.json", `{"max_seq_length": 12, "do_lower_case": true}`)
	if c := read(Options{}); c.Pooling != PoolLast || c.MaxTokens != 12 || !c.LowerCase || len(c.LeftOut) != 0 {
		t.Errorf("modules in subfolders: %+v", c)
	}
	modules(`, {"path": "2_Normalize", "type": "x.Normalize"}`)
	yes := true
	if c := read(Options{}); c.Normalize || !slices.Equal(c.LeftOut, []string{"Normalize"}) {
		t.Errorf("Normalize: %+v", c)
	}
	if c := read(Options{Normalize: &yes}); !c.Normalize || len(c.LeftOut) != 0 {
		t.Errorf("Normalize requested: %+v", c)
	}
	modules(`, {"path": "2_Dense", "type": "x.Dense"}`)
	write(t, dir, "w2s.json", `{"format": 1, "pooling": "cls", "prefix": null}`)
	write(t, dir, "config_sentence_transformers.json", `{"prompts": {"query": "q: "}, "default_prompt_name": "query"}`)
	if c := read(Options{}); c.Pooling != PoolCLS || !slices.Equal(c.LeftOut, []string{"Dense"}) || c.Prefix != "q: " {
		t.Errorf("pooling in w2s.json: %+v", c)
	}
	// A length from a file is limited to the position table. 0 in w2s.json means as much as fits.
	write(t, dir, "0_Transformer/sentence_bert_config.json", `{"max_seq_length": 5120}`)
	if c := read(Options{}); c.MaxTokens != 64 {
		t.Errorf("max_seq_length beyond the positions: %d tokens", c.MaxTokens)
	}
	write(t, dir, "w2s.json", `{"format": 1, "pooling": "cls", "max_tokens": 0}`)
	if c := read(Options{}); c.MaxTokens != 64 {
		t.Errorf("max_tokens 0: %d tokens", c.MaxTokens)
	}
}

// TestLowerCase compares with Python's str.lower, which is what sentence-transformers calls.
func TestLowerCase(t *testing.T) {
	c := &Checkpoint{LowerCase: true}
	for text, want := range map[string]string{"ABC ÄÖ": "abc äö", "İstanbul": "i\u0307stanbul", "ΟΔΟΣ ΣΑΣ": "οδος σας", "Σ": "σ", "ǅ ẞ": "ǆ ß"} {
		if got := c.Text(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	var texts, want []string
	for text := range strings.SplitSeq(strings.Join(readReference(t, fixtureDir("bert-tiny")).Texts, "\n"), " ") {
		texts = append(texts, text, strings.ToUpper(text))
	}
	if err := json.Unmarshal(python(t, "json", "lower.py", texts), &want); err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		if got := c.Text(text); got != want[i] {
			t.Errorf("%q: %q, Python %q", text, got, want[i])
		}
	}
}

// TestPositions reads the longest input of families that count positions differently.
func TestPositions(t *testing.T) {
	for name, test := range map[string]struct {
		fixture, config string
		want            int
	}{
		"roberta, no config.json": {"roberta-tiny", "", 64},
		"mpnet, no config.json":   {"mpnet-tiny", "", 64},
		"ibert":                   {"llama-tiny", `{"model_type": "ibert", "max_position_embeddings": 66, "pad_token_id": 1}`, 64},
		"mpt":                     {"llama-tiny", `{"model_type": "mpt", "max_seq_len": 48}`, 48},
		"smaller table":           {"gpt2-tiny", `{"model_type": "gpt2", "n_positions": 1024}`, 64},
	} {
		dir := copyFixture(t, test.fixture)
		remove(t, dir, "tokenizer_config.json")
		remove(t, dir, "config.json")
		if test.config != "" {
			write(t, dir, "config.json", test.config)
		}
		if c, err := ReadCheckpoint(dir, Options{}); err != nil || c.MaxTokens != test.want {
			t.Errorf("%s: %v tokens, %v; want %d", name, c, err, test.want)
		}
	}
}

// TestModelOfDescription expects the ONNX file that w2s.json names, unless the options name another.
func TestModelOfDescription(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	if err := os.Rename(filepath.Join(dir, "model.onnx"), filepath.Join(dir, "encoder_model.onnx")); err != nil {
		t.Fatal(err)
	}
	model(t, dir, nil)
	write(t, dir, "w2s.json", `{"format": 1, "model": "encoder_model.onnx"}`)
	for asked, want := range map[string]string{"": "encoder_model.onnx", "model": "model.onnx"} {
		if c, err := ReadCheckpoint(dir, Options{Model: asked}); err != nil || filepath.Base(c.Model) != want {
			t.Errorf("asked for %q: %v, %v", asked, c, err)
		}
	}
}

func TestKey(t *testing.T) {
	ctx, dir := context.Background(), copyFixture(t, "external-tiny")
	old := time.Now().Add(-time.Hour)
	age := func(name string) {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
		old = old.Add(time.Minute)
	}
	for _, name := range []string{"model.onnx", "model.onnx_data", "tokenizer.json"} {
		age(name)
	}
	memory := filepath.Join(t.TempDir(), "cache", "digests.json")
	key := func(o Options, version string) string {
		t.Helper()
		c := mustRead(t, dir, o)
		k, err := c.key(ctx, version, CPU, o.Settings, memory)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	yes, prefix := true, "p"
	seen := map[string]string{key(Options{}, "1"): "nothing"}
	for name, o := range map[string]Options{"pooling": {Pooling: PoolCLS}, "tokens": {MaxTokens: 5}, "prefix": {Prefix: &prefix}, "normalize": {Normalize: &yes}} {
		k := key(o, "1")
		if other, ok := seen[k]; ok {
			t.Errorf("%s and %s give the same key", name, other)
		}
		seen[k] = name
	}
	first := key(Options{}, "1")
	if first != key(Options{Threads: 7, BatchTokens: 3}, "1") {
		t.Error("threads and batch size change the key")
	}
	if _, ok := seen[key(Options{}, "2")]; ok {
		t.Error("the version of the runtime does not change the key")
	}
	// A changed bit in a file of the same size changes the key, and changing it back restores it.
	for _, name := range []string{"model.onnx_data", "tokenizer.json"} {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := len(data) - 2
		if name == "tokenizer.json" {
			at = bytes.Index(data, []byte("1.0")) // of its version, so that it stays a tokenizer.json
		}
		data[at] ^= 1
		write(t, dir, name, string(data))
		age(name)
		if k := key(Options{}, "1"); k == first {
			t.Errorf("a change of %s does not change the key", name)
		}
		data[at] ^= 1
		write(t, dir, name, string(data))
		age(name)
	}
	if key(Options{}, "1") != first {
		t.Error("the same files give another key")
	}
	// Different weights of the same size and modification time, as from archives with fixed times, change the key.
	weights := filepath.Join(dir, "model.onnx_data")
	data, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(settled + 100*time.Millisecond) // so that digests are remembered
	if key(Options{}, "1") != first {
		t.Error("the same files give another key")
	}
	f, err := os.Open(weights)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if c, _ := changed(f); c != 0 {
		same := st.ModTime()
		for _, bit := range []byte{1, 0} {
			changed := slices.Clone(data)
			changed[len(data)-2] ^= bit
			write(t, dir, "model.onnx_data", string(changed))
			if err := os.Chtimes(weights, same, same); err != nil {
				t.Fatal(err)
			}
			if k := key(Options{}, "1"); (k == first) != (bit == 0) {
				t.Errorf("weights of the same size and time with bit %d: key %s, the first was %s", bit, k, first)
			}
		}
	}
	// Digests are stored, and damaged ones do no harm.
	data, err = os.ReadFile(memory)
	if err != nil || !strings.Contains(string(data), "model.onnx_data") {
		t.Errorf("digests %s: %v", data, err)
	}
	for _, rubbish := range []string{"", "null", "{", `{"x":3}`} {
		write(t, filepath.Dir(memory), "digests.json", rubbish)
		if key(Options{}, "1") != first {
			t.Errorf("stored digests %q change the key", rubbish)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	c := mustRead(t, dir, Options{})
	if _, err := c.key(ctx, "1", CPU, nil, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestFilesBesideModel reads a checkpoint with all files in the folder of the model.
func TestFilesBesideModel(t *testing.T) {
	dir := copyFixture(t, "gpt2-tiny")
	want := mustRead(t, dir, Options{})
	if err := os.Mkdir(filepath.Join(dir, "onnx"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"model.onnx", "tokenizer.json", "tokenizer_config.json", "config.json"} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, "onnx", name)); err != nil {
			t.Fatal(err)
		}
	}
	got := mustRead(t, dir, Options{})
	want.Name = got.Name // of the folder
	if got.Tokenizer != filepath.Join(dir, "onnx", "tokenizer.json") || !reflect.DeepEqual(got.Description, want.Description) || got.pad != want.pad {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, name := range []string{"tokenizer_config.json", "config.json"} { // files of dir come first, and broken files are errors
		write(t, dir, name, "{")
		if _, err := ReadCheckpoint(dir, Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a broken %s in dir: %v", name, err)
		}
		remove(t, dir, name)
		write(t, dir, "onnx/"+name, "{")
		if _, err := ReadCheckpoint(dir, Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a broken %s beside the model: %v", name, err)
		}
		write(t, dir, "onnx/"+name, "{}")
	}
}

// TestSomeFilesBesideModel expects files from the folder of the model only if the checkpoint's own folder lacks them.
func TestSomeFilesBesideModel(t *testing.T) {
	dir := copyFixture(t, "gpt2-tiny")
	for _, sub := range []string{"onnx/1_Pooling", "1_Pooling"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"model.onnx", "config.json"} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, "onnx", name)); err != nil {
			t.Fatal(err)
		}
	}
	pooling := func(want Pooling) {
		t.Helper()
		c := mustRead(t, dir, Options{})
		if c.Pooling != want || c.Family != "gpt2" {
			t.Errorf("pooling %s of family %q, want %s of gpt2", c.Pooling, c.Family, want)
		}
	}
	pooling(PoolLast) // config.json says that the model is causal
	write(t, dir, "onnx/1_Pooling/config.json", `{"pooling_mode_cls_token": true}`)
	pooling(PoolCLS)
	write(t, dir, "1_Pooling/config.json", `{"pooling_mode_mean_tokens": true}`)
	pooling(PoolMean)
}

// TestNoModes expects the default of sentence-transformers if the file of the pooling names none, whatever the model.
func TestNoModes(t *testing.T) {
	dir := copyFixture(t, "gpt2-tiny")
	for config, want := range map[string]Pooling{`{"word_embedding_dimension": 16}`: PoolMean, `{"pooling_mode_mean_tokens": false}`: PoolLast} {
		write(t, dir, "1_Pooling/config.json", config)
		c := mustRead(t, dir, Options{})
		if c.Pooling != want {
			t.Errorf("%s: pooling %s, want %s", config, c.Pooling, want)
		}
	}
}

// TestNoLimit expects a default for the longest input if no file gives one, unless w2s.json sets 0 for no limit.
func TestNoLimit(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	model(t, dir, nil)
	for _, name := range []string{"config.json", "tokenizer_config.json", "sentence_bert_config.json"} {
		remove(t, dir, name)
	}
	for description, want := range map[string]int{`{"format": 1}`: defaultMaxTokens, `{"format": 1, "max_tokens": 0}`: 0, `{"format": 1, "max_tokens": 9000}`: 9000} {
		write(t, dir, "w2s.json", description)
		c := mustRead(t, dir, Options{})
		if c.MaxTokens != want {
			t.Errorf("%s: longest input %d, want %d", description, c.MaxTokens, want)
		}
	}
}

// TestNoRoom refuses a longest input that prefix and special tokens use up, because all texts would have the same vector.
func TestNoRoom(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	for _, c := range []struct {
		prefix string
		tokens int
		fits   bool
	}{{"", 2, false}, {"", 3, true}, {"x x x x", 6, false}, {"x x x x", 7, true}} {
		ck := mustRead(t, dir, Options{MaxTokens: c.tokens, Prefix: &c.prefix})
		if err := ck.CheckTokenizer(); (err == nil) != c.fits || err != nil && !strings.Contains(err.Error(), "leaves no room") {
			t.Errorf("%d tokens, prefix %q: %v", c.tokens, c.prefix, err)
		}
	}
}

// TestBitSensitive expects that models whose products round states to 8 bits are left to the runtime's kernels.
func TestBitSensitive(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	for op, want := range map[string]bool{"MatMulNBits": true, "FusedMatMul": false} {
		model(t, dir, func(m *onnxproto.Model) {
			m.Nodes = append(m.Nodes, onnxproto.Node{Op: op, Domain: "com.microsoft", Inputs: []string{"input_ids"}, Outputs: []string{"more"}})
		})
		c := mustRead(t, dir, Options{})
		if c.plan.bitSensitive != want {
			t.Errorf("%s: bitSensitive %v, want %v", op, c.plan.bitSensitive, want)
		}
	}
}

// TestAmbiguousOutputs refuses to choose among outputs whose names do not tell what they are, and finds the last hidden state
// among the outputs of all layers.
func TestAmbiguousOutputs(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	for _, c := range []struct {
		outputs    []string
		want, says string
	}{
		{[]string{"embedding_output", "encoder_output"}, "", "embedding_output, encoder_output"},
		{[]string{"hidden_states_0", "hidden_states_10", "hidden_states_9"}, "hidden_states_10", ""},
		{[]string{"hidden_states.0", "hidden_state.1"}, "hidden_state.1", ""},
		{[]string{"token_embeddings", "encoder_output", "embedding_output"}, "token_embeddings", ""},
		{[]string{"encoder_output"}, "encoder_output", ""},
	} {
		model(t, dir, func(m *onnxproto.Model) {
			first := m.Outputs[0]
			m.Outputs, m.Nodes = nil, m.Nodes[:1]
			for i, name := range c.outputs {
				v := first
				v.Name = name
				m.Outputs = append(m.Outputs, v)
				if i == 0 {
					m.Nodes[0].Outputs = []string{name}
				} else {
					m.Nodes = append(m.Nodes, onnxproto.Node{Op: "Identity", Inputs: []string{c.outputs[0]}, Outputs: []string{name}})
				}
			}
		})
		got, err := ReadCheckpoint(dir, Options{})
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q: %v", c.outputs, err)
			}
			got, err = ReadCheckpoint(dir, Options{Output: c.outputs[1]})
			c.want = c.outputs[1]
		}
		if err != nil {
			t.Fatal(err)
		}
		if got.Output != c.want {
			t.Errorf("%q: output %s, want %s", c.outputs, got.Output, c.want)
		}
	}
}

// TestCausalFamily expects the last token for a causal family that only w2s.json names.
func TestCausalFamily(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	for _, name := range []string{"config.json", "modules.json", "1_Pooling/config.json"} {
		remove(t, dir, name)
	}
	for family, want := range map[string]Pooling{"mpt": PoolLast, "bert": PoolMean} {
		write(t, dir, "w2s.json", fmt.Sprintf(`{"format": 1, "family": %q}`, family))
		c := mustRead(t, dir, Options{})
		if c.Pooling != want || c.plan.bitSensitive != (want == PoolLast) {
			t.Errorf("family %s: pooling %s, bitSensitive %v, want %s", family, c.Pooling, c.plan.bitSensitive, want)
		}
	}
}

// TestCheckModel checks ONNX files alone, as they are when a download has brought nothing else.
func TestCheckModel(t *testing.T) {
	for name, dir := range map[string]string{"an encoder": fixtureDir("bert-tiny"), "a decoder with logits": fixtureDir("llama-tiny")} {
		if err := CheckModel(filepath.Join(dir, "model.onnx"), filepath.Join(dir, "config.json")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := copyFixture(t, "bert-tiny")
	model(t, dir, func(m *onnxproto.Model) {
		m.Outputs[0].Name, m.Nodes[1].Outputs = "logits", []string{"logits"}
		m.Outputs[0].Dims = []onnxproto.Dim{{Name: "batch"}, {Size: 2}}
	})
	if err := CheckModel(filepath.Join(dir, "model.onnx"), ""); err == nil || !strings.Contains(err.Error(), "only outputs scores of classes") {
		t.Errorf("a classifier: %v", err)
	}
	if err := CheckModel(filepath.Join(dir, "config.json"), ""); err == nil {
		t.Error("a file that is no model")
	}
}
