package onnx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"w2s/internal/onnxproto"
	"w2s/internal/safetensors"
	"w2s/internal/shareddata"
)

func fixture(elem ...string) string {
	return filepath.Join(append([]string{shareddata.Root(), "fixtures", "models"}, elem...)...)
}

// TestStaticAgreesWithPython builds a checkpoint from each layout and compares its vectors, whole and cut, with those of the
// Python package of the layout (fixtures/models/make.py).
func TestStaticAgreesWithPython(t *testing.T) {
	rt := testRuntime(t)
	for _, name := range []string{"static-wordllama-tiny", "static-model2vec-tiny", "static-sentence-tiny"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(fixture(name, "reference.json"))
			if err != nil {
				t.Fatal(err)
			}
			var ref struct {
				reference
				Cut struct {
					Dims int
					None [][]float32
				}
			}
			if err := json.Unmarshal(data, &ref); err != nil {
				t.Fatal(err)
			}
			checkStatic(t, rt, fixture(name), 0, ref.Texts, ref.Features["sentence_embedding"]["none"])
			checkStatic(t, rt, fixture(name), ref.Cut.Dims, ref.Texts, ref.Cut.None)
		})
	}
}

func checkStatic(t *testing.T, rt *Runtime, raw string, dims int, texts []string, want [][]float32) {
	t.Helper()
	dir := t.TempDir()
	if err := BuildStatic(context.Background(), raw, dir, dims); err != nil {
		t.Fatal(err)
	}
	e := openTest(t, rt, dir, Options{})
	if e.Dims() != len(want[0]) {
		t.Fatalf("%d dimensions, want %d", e.Dims(), len(want[0]))
	}
	if len(texts) == 0 || len(want) != len(texts) {
		t.Fatalf("%d vectors of %d texts in the reference", len(want), len(texts))
	}
	for i, v := range encodeAll(t, e, texts) {
		if d := distance(v.Values, want[i]); d > 1e-6 {
			t.Errorf("%d dimensions: text %d %.40q is off by %g", dims, i, texts[i], d)
		}
	}
}

func TestStaticDescription(t *testing.T) {
	dir := t.TempDir()
	if err := BuildStatic(context.Background(), fixture("static-model2vec-tiny"), dir, 4); err != nil {
		t.Fatal(err)
	}
	c := mustRead(t, dir, Options{})
	f, err := onnxproto.Open(c.Model)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if c.Family != "static" || c.Output != "sentence_embedding" || c.MaxTokens != 24 || c.Width != 4 || c.Params != f.Params {
		t.Errorf("got %+v of a model with %d parameters", c.Description, f.Params)
	}
	first, err := os.ReadFile(c.Model)
	if err != nil {
		t.Fatal(err)
	}
	if err := BuildStatic(context.Background(), fixture("static-model2vec-tiny"), dir, 4); err != nil {
		t.Fatalf("building over a checkpoint: %v", err)
	}
	if second, err := os.ReadFile(c.Model); err != nil || !bytes.Equal(first, second) {
		t.Errorf("the second build differs: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestStaticRefuses(t *testing.T) {
	const plain = `{"model":{"type":"WordLevel","vocab":{"a":0,"b":1},"unk_token":"a"}}`
	vectors := func(rows int64) safetensors.Tensor {
		return safetensors.Float32Tensor("embedding.weight", []int64{rows, 2}, make([]float32, 2*rows))
	}
	renamed := func(name string, t safetensors.Tensor) safetensors.Tensor { t.Name = name; return t }
	tests := []struct {
		name      string
		tensors   []safetensors.Tensor
		tokenizer string
		modules   string
		config    string
		dims      int
		want      string
	}{
		{name: "good", tensors: []safetensors.Tensor{vectors(2)}, tokenizer: plain, dims: 2},
		{name: "no weights", tokenizer: plain, want: "0 files named *.safetensors"},
		{name: "no tokenizer", tensors: []safetensors.Tensor{vectors(2)}, want: "no tokenizer.json"},
		{name: "another tensor", tensors: []safetensors.Tensor{renamed("x", vectors(2))}, tokenizer: plain, want: "must hold either embedding.weight or embeddings"},
		{name: "too many dimensions", tensors: []safetensors.Tensor{vectors(2)}, tokenizer: plain, dims: 3, want: "3 dimensions are requested"},
		{name: "negative dimensions", tensors: []safetensors.Tensor{vectors(2)}, tokenizer: plain, dims: -1, want: "-1 dimensions are requested"},
		{name: "too few vectors", tensors: []safetensors.Tensor{vectors(1)}, tokenizer: plain, want: "vectors for only 1 token"},
		{name: "added token without vector", tensors: []safetensors.Tensor{vectors(2)}, tokenizer: `{"added_tokens":[{"id":7}],` + plain[1:], want: "token 7"},
		{name: "one-dimensional vectors", tensors: []safetensors.Tensor{safetensors.Float32Tensor("embedding.weight", []int64{2}, []float32{1, 2})}, tokenizer: plain, want: "has shape [2]"},
		{name: "broken tokenizer", tensors: []safetensors.Tensor{vectors(2)}, tokenizer: `{"model":`, want: "tokenizer.json"},
		{name: "no vocabulary", tensors: []safetensors.Tensor{vectors(2)}, tokenizer: `{"model":{"vocab":3}}`, want: "neither a list nor a map"},
		{name: "dense module", tensors: []safetensors.Tensor{vectors(2)}, tokenizer: plain, modules: `[{"type":"x.StaticEmbedding"},{"type":"y.Dense"}]`, want: "module Dense after static vectors"},
		{name: "mapping", tensors: []safetensors.Tensor{safetensors.Int64Tensor("mapping", []int64{2}, []int64{0, 5}), renamed("embeddings", vectors(2))}, tokenizer: plain, want: "token 1 has vector 5, but there are 2"},
		{name: "weights", tensors: []safetensors.Tensor{safetensors.Float64Tensor("weights", []int64{1}, []float64{1}), renamed("embeddings", vectors(2))}, tokenizer: plain, want: "there are 1 weights for 2 tokens"},
		{name: "max_length", tensors: []safetensors.Tensor{renamed("embeddings", vectors(2))}, tokenizer: plain, config: `{"max_length":0}`, want: "max_length 0"},
	}
	for _, test := range tests {
		raw, out := t.TempDir(), filepath.Join(t.TempDir(), "new")
		put := func(name, text string) {
			if text != "" {
				if err := os.WriteFile(filepath.Join(raw, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
		put("tokenizer.json", test.tokenizer)
		put("modules.json", test.modules)
		put("config.json", test.config)
		if test.tensors != nil {
			var b strings.Builder
			if err := safetensors.Write(&b, nil, test.tensors...); err != nil {
				t.Fatal(err)
			}
			put("model.safetensors", b.String())
		}
		err := BuildStatic(context.Background(), raw, out, test.dims)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), raw) {
			t.Errorf("%s: %v", test.name, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: the folder was made despite the error", test.name)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := BuildStatic(ctx, fixture("static-sentence-tiny"), t.TempDir(), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled build: %v", err)
	}
}
