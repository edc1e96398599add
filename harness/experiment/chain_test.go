package experiment_test

import (
	"context"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/result"
)

// In a chain that ends with a model that follows itself, a student relabels its own training examples, and the first step is
// the jump. The chain must also survive a result file.
func TestChainOfModelThatFollowsItself(t *testing.T) {
	cfg := experiment.ChainConfig{Config: smallConfig(planted{name: "planted", n: 700}), Chain: []string{"weak", "strong", "strong", "strong"}}
	r, err := experiment.RunChain(context.Background(), cfg, env(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "chain.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	if r, err = result.Load(path); err != nil {
		t.Fatal(err)
	}
	heads := map[string]result.Head{}
	for _, h := range r.Heads {
		heads[h.ID] = h
	}
	if len(r.Chains) != 4 { // two losses, two seeds
		t.Fatalf("%d chains, want 4", len(r.Chains))
	}
	for _, c := range r.Chains {
		if len(c.Steps) != len(cfg.Chain) {
			t.Fatalf("%d steps, want one for each of %d models", len(c.Steps), len(cfg.Chain))
		}
		if c.Steps[1] != c.Jump {
			t.Errorf("the first step %s is not the jump %s", c.Steps[1], c.Jump)
		}
		for i := 2; i < len(c.Steps); i++ {
			step, before := heads[c.Steps[i]], heads[c.Steps[i-1]]
			if step.Supervisor != before.ID || reflect.DeepEqual(step.Test, before.Test) {
				t.Errorf("step %d did not learn from step %d, or predicts the same", i, i-1)
			}
		}
	}
}

func TestChainRejectsBadModels(t *testing.T) {
	for want, cfg := range map[string]experiment.ChainConfig{
		"want three or more":    {Chain: []string{"weak", "strong"}},
		"is its own supervisor": {Chain: []string{"weak", "weak", "strong"}},
		"comes back":            {Chain: []string{"weak", "strong", "weak"}},
		"on disjoint data":      {Chain: []string{"weak", "strong", "strong"}, Disjoint: true},
		`no model is named "x"`: {Chain: []string{"weak", "x", "strong"}},
	} {
		cfg.Config = smallConfig(planted{name: "planted", n: 700})
		if _, err := experiment.RunChain(context.Background(), cfg, env(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("chain %v: error %v, want one with %q", cfg.Chain, err, want)
		}
	}
}
