package onnx

import (
	"path/filepath"
	"testing"
)

// checkLayers compares a checkpoint of safetensors with torch: every output and pooling of reference.json, and what is chosen by
// default. The largest difference may be 1e-5 of the largest number.
func checkLayers(t *testing.T, rt *Runtime, dir string) {
	t.Helper()
	path := filepath.Join(dir, "reference.json")
	r, err := ReadReference(path)
	if err != nil {
		t.Fatal(err)
	}
	c, byDefault := mustRead(t, dir, Options{}), readReference(t, dir).Default
	if c.Output != byDefault.Output || c.Pooling != byDefault.Pooling {
		t.Errorf("the output is %s and the pooling %s, want %s and %s", c.Output, c.Pooling, byDefault.Output, byDefault.Pooling)
	}
	if unknown := c.source.made.Unknown; len(unknown) > 0 {
		t.Errorf("settings of config.json are unknown: %q", unknown)
	}
	list, err := r.Compare(t.Context(), rt, dir, r.Options(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	var worst Comparison
	for _, c := range list {
		if !(c.Largest < 1e-5) {
			t.Errorf("%s, %s: off by %g of the largest number in text %d %s", c.Output, c.Pooling, c.Largest, c.Text, c.Fault)
		}
		if c.Largest >= worst.Largest {
			worst = c
		}
	}
	t.Logf("largest difference %.1e (%s, %s)", worst.Largest, worst.Output, worst.Pooling)
}
