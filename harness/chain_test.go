package harness_test

import (
	"context"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"w2s/harness"
)

// Strong to strong: the student relabels its own training examples. Its first step is the jump itself, and the file of
// such a chain can be read back.
func TestStrongToStrong(t *testing.T) {
	cfg := harness.ChainConfig{Config: experiment(planted{name: "planted", n: 700}), Chain: []string{"weak", "strong", "strong", "strong"}}
	r, err := harness.RunChain(context.Background(), cfg, env(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "chain.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	if r, err = harness.LoadResult(path); err != nil {
		t.Fatal(err)
	}
	heads := map[string]harness.HeadRecord{}
	for _, h := range r.Heads {
		heads[h.ID] = h
	}
	if len(r.Chains) != 4 { // two losses, two seeds
		t.Fatalf("%d chains", len(r.Chains))
	}
	for _, c := range r.Chains {
		if len(c.Steps) != len(cfg.Chain) {
			t.Fatalf("%d steps of %d models", len(c.Steps), len(cfg.Chain))
		}
		if c.Steps[1] != c.Jump {
			t.Errorf("the first step %s is not the jump %s", c.Steps[1], c.Jump)
		}
		for i := 2; i < len(c.Steps); i++ {
			step, before := heads[c.Steps[i]], heads[c.Steps[i-1]]
			if step.Supervisor != before.ID || reflect.DeepEqual(step.Test, before.Test) {
				t.Errorf("step %d was not taught by the one before, or learned nothing from it", i)
			}
		}
	}
}

func TestChainModels(t *testing.T) {
	for want, cfg := range map[string]harness.ChainConfig{
		"needs three or more":   {Chain: []string{"weak", "strong"}},
		"is its own supervisor": {Chain: []string{"weak", "weak", "strong"}},
		"comes back":            {Chain: []string{"weak", "strong", "weak"}},
		"on disjoint data":      {Chain: []string{"weak", "strong", "strong"}, Disjoint: true},
		`no model is named "x"`: {Chain: []string{"weak", "x", "strong"}},
	} {
		cfg.Config = experiment(planted{name: "planted", n: 700})
		if _, err := harness.RunChain(context.Background(), cfg, env(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v is not an error with %q: %v", cfg.Chain, want, err)
		}
	}
}
