package onnxgraph

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"w2s/internal/shareddata"
)

// TestProjectionOfExports multiplies a hidden state of the reference by the weights that Projection finds in the model, and
// compares the result with the logits of the reference.
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
		g := New(openFile(t, filepath.Join(dir, "model.onnx")))
		p, err := g.Projection("logits")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		hidden, logits := ref.Features["last_hidden_state"]["last"][0], ref.Features["logits"]["last"][0]
		if p.Dims != len(hidden) || p.Vocab != len(logits) {
			t.Fatalf("%s: got %+v, want %d dimensions and %d tokens", name, p, len(hidden), len(logits))
		}
		tokens := []int{0, 7, p.Vocab - 1}
		rows, bias, err := g.Weights(p, tokens)
		if err != nil {
			t.Fatal(err)
		}
		for i, token := range tokens {
			sum := float64(bias[i])
			for j, w := range rows[i] {
				sum += float64(w) * hidden[j]
			}
			if d := p.Logit(sum) - logits[token]; !(d >= -1e-5 && d <= 1e-5) {
				t.Errorf("%s: logit of token %d is off by %g", name, token, d)
			}
		}
	}
}
