package onnx

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/drawn"
)

// TestHeads compares the scores of classification heads with the logits of transformers, and their softmax with that of torch. One
// of the texts ends in the padding token of most of the models.
func TestHeads(t *testing.T) {
	rt := testRuntime(t)
	for _, name := range drawn.Heads(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := drawn.Read(t, name).Write(t)
			r := readReference(t, dir)
			e := openTest(t, rt, dir, Options{Head: true, MaxTokens: r.MaxTokens})
			var config struct {
				ID2Label map[string]string `json:"id2label"`
			}
			if err := readConfig(filepath.Join(dir, "config.json"), &config); err != nil {
				t.Fatal(err)
			}
			for i, label := range e.Checkpoint().Head.Labels {
				if want := config.ID2Label[fmt.Sprint(i)]; config.ID2Label != nil && label != want || config.ID2Label == nil && label != fmt.Sprint("LABEL_", i) {
					t.Errorf("label %d is %q, want %q", i, label, want)
				}
			}
			for i, v := range encodeAll(t, e, r.Texts) {
				compare(t, fmt.Sprintf("text %d", i), v.Values, r.Features["logits"][PoolNone], i)
				sum := 0.0
				for _, x := range v.Values {
					sum += math.Exp(float64(x))
				}
				for k, want := range r.Features["softmax"][PoolNone][i] {
					if got := math.Exp(float64(v.Values[k])) / sum; math.Abs(got-float64(want)) > 1e-5 {
						t.Errorf("text %d, label %d: probability %v, want %v", i, k, got, want)
					}
				}
			}
			if features := openTest(t, rt, dir, Options{}); features.Key() == e.Key() || features.Checkpoint().Output != lastHidden {
				t.Errorf("features have the output %s, and the key of scores: %v", features.Checkpoint().Output, features.Key() == e.Key())
			}
		})
	}
}

// TestHeadFaults opens classification heads that do not fit their config.json.
func TestHeadFaults(t *testing.T) {
	var many strings.Builder
	for i := range maxLabels + 1 {
		fmt.Fprintf(&many, `"%d": "label %[1]d",`, i)
	}
	for _, c := range []struct{ model, config, want string }{
		{"heads/bert", `"id2label": {"0": "a", "1": "b", "2": "c"}`, "has 2 scores, but config.json has 3 labels"},
		{"heads/bert", `"id2label": {"0": "a", "2": "b"}`, `their numbers should be 0 to 1, but there is "2"`},
		{"heads/bert", `"id2label": {"0": "a", "00": "b"}`, "their numbers should be"},
		{"heads/bert", `"id2label": {"0": "a", "1": "a"}`, `the label "a" twice`},
		{"heads/bert", `"id2label": {"0": "a", "1": ""}`, "one without a name"},
		{"heads/bert", `"id2label": {}`, "no labels"},
		{"heads/bert", `"id2label": ["a", "b"]`, "id2label"},
		{"heads/bert", `"id2label": {` + strings.TrimSuffix(many.String(), ",") + `}`, "id2label has 65537 labels, want at most 65536"},
		{"heads/bert", `"num_labels": 3`, "num_labels is 3, but id2label has 2 labels"},
		{"heads/bert", `"id2label": null, "num_labels": 3`, "has 2 scores, but config.json has 3 labels"},
		{"heads/bert", `"num_labels": 1e9`, "num_labels"},
		{"heads/bert", `"problem_type": 3`, "problem_type"},
		{"heads/modernbert", `"classifier_pooling": "max"`, `classifier_pooling: "max" is neither cls nor mean`},
		{"bert", `"id2label": null`, `no classification head: its weights have no tensor "classifier.weight"`},
		{"llama", `"id2label": null`, `no classification head: its weights have no tensor "score.weight"`},
		{"cohere", `"id2label": null`, `no classification head of the model type "cohere"`},
	} {
		dir := drawn.Read(t, c.model).Write(t)
		setConfig(t, dir, c.config)
		if _, err := ReadCheckpoint(dir, Options{Head: true}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s: got %v, want %q", c.model, c.config, err, c.want)
		}
	}
	for model, want := range map[string]string{"gpt2-logits-tiny": "there are scores of tokens, not of texts", "bert-tiny": `no output "logits"`} {
		if _, err := ReadCheckpoint(fixture(model), Options{Head: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", model, err, want)
		}
	}
}

// setConfig sets fields of a checkpoint's config.json, which are given as the inside of a JSON object.
func setConfig(t *testing.T, dir, fields string) {
	t.Helper()
	path := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(path)
	config := map[string]json.RawMessage{}
	if err == nil {
		err = json.Unmarshal(data, &config)
	}
	if err == nil {
		err = json.Unmarshal([]byte("{"+fields+"}"), &config)
	}
	if err == nil {
		data, err = json.Marshal(config)
	}
	if err == nil {
		err = os.WriteFile(path, data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestExportedHead runs an ONNX file with the scores of a classification head, whose number it does not give.
func TestExportedHead(t *testing.T) {
	rt := testRuntime(t)
	made := drawn.Read(t, "heads/roberta").Write(t)
	c, err := ReadCheckpoint(made, Options{Head: true})
	if err != nil {
		t.Fatal(err)
	}
	want := encodeAll(t, openTest(t, rt, made, Options{Head: true}), []string{"the weak model", "yes"})
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
		t.Fatal(err)
	}
	graph, err := c.source.made.Graph(c.wantScores())
	if err != nil {
		t.Fatal(err)
	}
	graph.Outputs[0].Dims[1].Size, graph.Outputs[0].Dims[1].Name = 0, "labels"
	data, err := graph.Marshal()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "model.onnx"), data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	got := encodeAll(t, openTest(t, rt, dir, Options{Head: true}), []string{"the weak model", "yes"})
	for i, v := range got {
		if !slices.Equal(v.Values, want[i].Values) {
			t.Errorf("text %d: %v, want %v", i, v.Values, want[i].Values)
		}
	}
	setConfig(t, dir, `"id2label": {"0": "a", "1": "b", "2": "c"}`)
	if _, err := Open(t.Context(), rt, dir, Options{Head: true}); err == nil || !strings.Contains(err.Error(), "has 2 scores, but config.json has 3 labels") {
		t.Errorf("got %v", err)
	}
}
