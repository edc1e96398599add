package onnx

import (
	"math"
	"strings"
	"testing"
)

// TestCompareReference compares fixtures with their references: all poolings of an output at once, wrong vectors, and poolings
// that the output does not have.
func TestCompareReference(t *testing.T) {
	rt := testRuntime(t)
	dir := "../fixtures/models/bert-tiny"
	r, err := ReadReference(dir + "/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	compare := func() map[Pooling]Comparison {
		t.Helper()
		list, err := r.Compare(t.Context(), rt, dir, r.Options(Options{}))
		if err != nil {
			t.Fatal(err)
		}
		by := map[Pooling]Comparison{}
		for _, c := range list {
			by[c.Pooling] = c
		}
		return by
	}
	by := compare()
	if len(by) != 3 {
		t.Fatalf("compared %d poolings, want mean, cls and last", len(by))
	}
	for p, c := range by {
		if !(c.Largest < 1e-5) || c.Fault != "" || c.Texts != len(r.Texts) {
			t.Errorf("%s: %+v", p, c)
		}
	}

	features := r.Features["last_hidden_state"]
	features[PoolNone] = features[PoolMean]
	features[PoolCLS] = append([][]float32{nil}, features[PoolCLS][1:]...)
	features[PoolLast][2][5] += 1
	by = compare()
	if c := by[PoolMean]; !(c.Largest < 1e-5) || c.Texts != len(r.Texts) {
		t.Errorf("mean: %+v", c)
	}
	if c := by[PoolCLS]; !(c.Largest < 1e-5) || c.Texts != len(r.Texts)-1 {
		t.Errorf("cls, without a vector for the first text: %+v", c)
	}
	if c := by[PoolLast]; c.Text != 2 || c.Largest < 1e-3 || math.IsInf(c.Largest, 0) {
		t.Errorf("last, with a wrong number in text 2: %+v", c)
	}
	if c := by[PoolNone]; !strings.Contains(c.Fault, "pooling") {
		t.Errorf("none: %+v, want a fault", c)
	}
}
