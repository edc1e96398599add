package onnx

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"w2s/internal/onnxproto"
)

func TestLoadModel(t *testing.T) {
	for name, drop := range map[string][]string{
		"hidden-tiny":      {"hidden_states.0", "hidden_states.1"},
		"gpt2-logits-tiny": {"present.0.key", "present.0.value", "logits"},
		"bert-tiny":        {"no such output"},
	} {
		path := filepath.Join(fixtureDir(name), "model.onnx")
		added := onnxproto.Value{Name: "added", Type: onnxproto.Float32, Dims: []onnxproto.Dim{{Name: "x"}}}
		before, err := onnxproto.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer before.Close()
		patch, err := exposeHidden(before.Outputs[0].Name, added)
		if err != nil {
			t.Fatal(err)
		}
		data, err := loadModel(path, drop, patch)
		if err != nil {
			t.Fatal(err)
		}
		changed := filepath.Join(t.TempDir(), "model.onnx")
		if err := os.WriteFile(changed, data, 0o666); err != nil {
			t.Fatal(err)
		}
		after, err := onnxproto.Open(changed)
		if err != nil {
			t.Fatal(err)
		}
		defer after.Close()
		var want, got []string
		for _, v := range before.Outputs {
			if !slices.Contains(drop, v.Name) {
				want = append(want, v.Name)
			}
		}
		for _, v := range after.Outputs {
			got = append(got, v.Name)
		}
		if want = append(want, "added"); !slices.Equal(got, want) {
			t.Errorf("%s: outputs %v, want %v", name, got, want)
		}
		if after.Params != before.Params || len(after.Inputs) != len(before.Inputs) || after.Ops["Cast"] != before.Ops["Cast"]+1 {
			t.Errorf("%s: more than the outputs has changed", name)
		}
	}
}

// TestExternalFromMemory loads a model whose weights lie in a file beside it by way of memory, as a model is loaded that
// has outputs to drop.
func TestExternalFromMemory(t *testing.T) {
	rt := testRuntime(t)
	dir := fixtureDir("external-tiny")
	ref := readReference(t, dir)
	e := openTest(t, rt, dir, Options{})
	e.checkpoint.plan.unused = []string{"present.0.key"}
	for i, v := range encodeAll(t, e, ref.Texts) {
		if d := distance(v.Values, ref.Features[lastHidden][e.checkpoint.Pooling][i]); d > 1e-5 {
			t.Errorf("%q is off by %g", ref.Texts[i], d)
		}
	}
}

func FuzzDropOutputs(f *testing.F) {
	data, err := os.ReadFile(filepath.Join(fixtureDir("dynamo-tiny"), "model.onnx"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[:2000], "last_hidden_state")
	f.Add([]byte{0x3a, 0x80, 0x00}, "")
	f.Add([]byte{0x3a, 0x84, 0x00, 0x62, 0x82, 0x00, 0x0a, 0x00}, "")
	f.Fuzz(func(t *testing.T, model []byte, drop string) {
		size := len(model)
		out, err := dropOutputs(slices.Clone(model), []string{drop})
		if err == nil && len(out) > size {
			t.Errorf("%d bytes became %d", size, len(out))
		}
		if err != nil {
			return
		}
		again, err := dropOutputs(slices.Clone(out), []string{drop})
		if err != nil || !slices.Equal(again, out) {
			t.Errorf("dropping twice gives %x after %x: %v", again, out, err)
		}
	})
}
