package onnx

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// TestLayers compares every layer of an export, counted from either end, with the vectors of PyTorch.
func TestLayers(t *testing.T) {
	rt := testRuntime(t)
	dir := fixtureDir("hidden-tiny")
	ref := readReference(t, dir)
	for layer := range 3 {
		for _, n := range []int{layer, layer - 3} {
			e := openTest(t, rt, dir, Options{Layer: &n, Pooling: PoolMean})
			want := ref.Features["hidden_states."+string(rune('0'+layer))][PoolMean]
			for i, got := range encodeAll(t, e, ref.Texts) {
				if d := relative(got.Values, want[i]); len(want[i]) > 0 && !(d < 1e-5) {
					t.Errorf("layer %d, text %d: differs by %v of the largest value", n, i, d)
				}
			}
			if outputs := e.checkpoint.plan.edit().DropOutputs; len(outputs) != 2 {
				t.Errorf("layer %d: only %q are removed", n, outputs)
			}
		}
	}
	// The same output without Layer leaves the others in the graph, so it has another key.
	zero := 0
	if a, b := openTest(t, rt, dir, Options{Layer: &zero}), openTest(t, rt, dir, Options{Output: "hidden_states.0"}); a.Key() == b.Key() {
		t.Error("one key for two graphs")
	}
}

// TestLayerFaults checks the errors for layers that are not there.
func TestLayerFaults(t *testing.T) {
	rt := testRuntime(t)
	for _, c := range []struct {
		model string
		layer int
		want  string
	}{
		{"hidden-tiny", 3, "there is no layer 3: the model has 0 to 2, or -3 to -1 from the end"},
		{"hidden-tiny", -4, "there is no layer -4"},
		{"bert-tiny", 1, "no outputs hidden_states.0"},
	} {
		e, err := Open(t.Context(), rt, fixtureDir(c.model), Options{Layer: &c.layer})
		if err == nil {
			e.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, layer %d: %v, want %q", filepath.Base(c.model), c.layer, err, c.want)
		}
	}
}

// relative returns the largest difference of two vectors, relative to the largest value of the second.
func relative(got, want []float32) float64 {
	var d, largest float64
	for i, w := range want {
		d, largest = max(d, math.Abs(float64(got[i]-w))), max(largest, math.Abs(float64(w)))
	}
	return d / largest
}
