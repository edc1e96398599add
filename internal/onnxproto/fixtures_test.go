package onnxproto

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"w2s/internal/shareddata"
)

// TestAgreesWithPython compares what is found in exported models with what the onnx package found in them
// (fixtures/models/make.py, docs/scripts/reference.py).
func TestAgreesWithPython(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(shareddata.Root(), "fixtures", "models", "*", "model.onnx"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("only %d models: %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), "reference.json"))
		if err != nil {
			t.Fatal(err)
		}
		type value struct {
			Name, Type string
			Dims       []any
		}
		var ref struct {
			Model struct {
				IRVersion    int64 `json:"ir_version"`
				Opsets       map[string]int64
				Inputs       []value
				Outputs      []value
				Ops          map[string]int
				Params       int64
				Initializers int
			}
		}
		if err := json.Unmarshal(data, &ref); err != nil {
			t.Fatal(err)
		}
		f := open(t, path)
		want, name := ref.Model, filepath.Base(filepath.Dir(path))
		if f.IRVersion != want.IRVersion || !reflect.DeepEqual(f.Opsets, want.Opsets) || f.Params != want.Params {
			t.Errorf("%s: version %d, operator sets %v, %d parameters; want %d, %v, %d", name, f.IRVersion, f.Opsets, f.Params,
				want.IRVersion, want.Opsets, want.Params)
		}
		if !reflect.DeepEqual(f.Ops, want.Ops) {
			t.Errorf("%s: operators %v, want %v", name, f.Ops, want.Ops)
		}
		text := func(v value) string { return fmt.Sprint(v.Name, " ", v.Type, " ", v.Dims) }
		for _, io := range []struct {
			got  []Value
			want []value
		}{{f.Inputs, want.Inputs}, {f.Outputs, want.Outputs}} {
			if len(io.got) != len(io.want) {
				t.Errorf("%s: %v, want %v", name, io.got, io.want)
				continue
			}
			for i, v := range io.got {
				if got := fmt.Sprint(v.Name, " ", v.Type, " ", v.Dims); got != text(io.want[i]) {
					t.Errorf("%s: got %s, want %s", name, got, text(io.want[i]))
				}
			}
		}
		constants := 0
		for _, c := range f.Initializers {
			if c.Name != "" {
				constants++
			}
		}
		if nodes := constants - want.Initializers; nodes < 0 || nodes > want.Ops["Constant"] {
			t.Errorf("%s: %d constants, want %d initializers and at most %d Constant nodes", name, constants, want.Initializers, want.Ops["Constant"])
		}
	}
}

// TestProjectionOfExports multiplies a hidden state of the reference by the unembedding that is found in the model,
// and expects the logits of the reference.
func TestProjectionOfExports(t *testing.T) {
	for _, name := range []string{"llama-tiny", "gpt2-logits-tiny", "gemma2-tiny"} {
		dir := filepath.Join(shareddata.Root(), "fixtures", "models", name)
		data, err := os.ReadFile(filepath.Join(dir, "reference.json"))
		if err != nil {
			t.Fatal(err)
		}
		var ref struct {
			Features map[string]map[string][][]float64
		}
		if err := json.Unmarshal(data, &ref); err != nil {
			t.Fatal(err)
		}
		f := open(t, filepath.Join(dir, "model.onnx"))
		p, err := f.Projection("logits")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		hidden, logits := ref.Features["last_hidden_state"]["last"][0], ref.Features["logits"]["last"][0]
		if p.Dims != len(hidden) || p.Vocab != len(logits) {
			t.Fatalf("%s: %+v, want %d and %d", name, p, len(hidden), len(logits))
		}
		tokens := []int{0, 7, p.Vocab - 1}
		rows, bias, err := p.Read(f, tokens)
		if err != nil {
			t.Fatal(err)
		}
		for i, token := range tokens {
			sum := float64(bias[i])
			for j, w := range rows[i] {
				sum += float64(w) * hidden[j]
			}
			if d := p.Logit(sum) - logits[token]; d > 1e-5 || d < -1e-5 {
				t.Errorf("%s: logit of token %d is off by %g", name, token, d)
			}
		}
	}
}
