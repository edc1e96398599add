package onnx

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/amx"
)

// TestExternalFromMemory loads a model whose weights lie in a file beside it by way of memory, as a model is loaded that
// has outputs to drop.
func TestExternalFromMemory(t *testing.T) {
	rt := testRuntime(t)
	dir := fixtureDir("external-tiny")
	ref := readReference(t, dir)
	for _, only := range []bool{false, true} {
		e := openTest(t, rt, dir, Options{RuntimeOnly: only})
		e.checkpoint.plan.unused = []string{"present.0.key"}
		for i, v := range encodeAll(t, e, ref.Texts) {
			if d := distance(v.Values, ref.Features[lastHidden][e.checkpoint.Pooling][i]); d > 1e-5 {
				t.Errorf("%q is off by %g (only the runtime: %v)", ref.Texts[i], d, only)
			}
		}
	}
}

// TestTiles encodes with all fixtures on the tile unit and without it. The references in other tests are Python's; here
// the point is that both ways are taken and agree to a few units of the last place.
func TestTiles(t *testing.T) {
	if !amx.Available() {
		t.Skip("this processor has no tile unit (AMX)")
	}
	rt := testRuntime(t)
	dirs, err := filepath.Glob(filepath.Join(fixtureDir("*"), "model.onnx"))
	if err != nil || len(dirs) < 10 {
		t.Fatalf("only %d models: %v", len(dirs), err)
	}
	on := 0
	for _, path := range dirs {
		dir := filepath.Dir(path)
		if _, err := os.Stat(filepath.Join(dir, "tokenizer.json")); err != nil {
			continue
		}
		texts := slices.DeleteFunc(readReference(t, dir).Texts, func(s string) bool { return strings.TrimSpace(s) == "" })
		tiles, plain := openTest(t, rt, dir, Options{}), openTest(t, rt, dir, Options{RuntimeOnly: true})
		got, want := encodeAll(t, tiles, texts), encodeAll(t, plain, texts)
		if plain.loading.session.ops != nil {
			t.Errorf("%s: RuntimeOnly is not heeded", dir)
		}
		if tiles.loading.session.ops != nil {
			on++
		}
		for i := range want {
			for j, x := range want[i].Values {
				if d := math.Abs(float64(got[i].Values[j] - x)); d > 4e-6*math.Max(1, math.Abs(float64(x))) {
					t.Fatalf("%s: text %d, dimension %d: %g, without tiles %g", dir, i, j, got[i].Values[j], x)
				}
			}
		}
	}
	if on < 8 {
		t.Errorf("only %d models had products for the tile unit", on)
	}
}
