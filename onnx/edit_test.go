package onnx

import "testing"

// TestExternalFromMemory loads a model with external data from memory, as is done if outputs are dropped.
func TestExternalFromMemory(t *testing.T) {
	rt := testRuntime(t)
	dir := fixtureDir("external-tiny")
	ref := readReference(t, dir)
	for _, only := range []bool{false, true} {
		e := openTest(t, rt, dir, Options{RuntimeOnly: only})
		e.checkpoint.plan.unused = []string{"present.0.key"}
		for i, v := range encodeAll(t, e, ref.Texts) {
			if d := distance(v.Values, ref.Features[lastHidden][e.checkpoint.Pooling][i]); d > 1e-5 {
				t.Errorf("%q is off by %g (RuntimeOnly: %v)", ref.Texts[i], d, only)
			}
		}
	}
}
