package experiment_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/result"
)

// numbersPass encodes texts under several encoders of numbers at once.
type numbersPass struct{ texts int }

func (p *numbersPass) Encode(ctx context.Context, encoders []feature.Encoder, texts []string,
	emit func(index int, vectors []float32, tokens int, truncated bool) error) error {
	return numbers{dims: fullDims}.Encode(ctx, texts, func(index int, vector []float32, tokens int, _ bool) error {
		p.texts++
		var vectors []float32
		for _, e := range encoders {
			vectors = append(vectors, vector[:e.Dims()]...)
		}
		return emit(index, vectors, tokens, index == 0)
	})
}

// TestPassOfModels runs an experiment with models that are encoded together and with the same models encoded one by one.
func TestPassOfModels(t *testing.T) {
	task := planted{name: "planted", n: 700}
	cfg, calls := smallConfig(task), 0
	cfg.Models, cfg.Pairs = []experiment.Model{{Name: "weak", Encoder: numbers{dims: 5}}}, nil
	pass := &numbersPass{}
	for number, dims := range []int{4, 9, fullDims} {
		name := []string{"strong@layer=0", "strong@layer=1", "strong@layer=2"}[number]
		cfg.Models = append(cfg.Models, experiment.Model{Name: name, Encoder: numbers{dims: dims, calls: &calls},
			Layer: &result.Layer{Of: "strong", Number: number}})
		cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: "weak", Strong: name})
	}
	want := run(t, cfg)
	if calls == 0 {
		t.Fatal("nothing was encoded")
	}
	calls = 0
	for i := range cfg.Models[1:] {
		cfg.Models[1+i].Pass = pass
	}
	got := run(t, cfg)
	if !reflect.DeepEqual(got.Heads, want.Heads) {
		t.Error("heads differ")
	}
	if texts := len(got.Tasks[0].PoolIDs) + len(got.Tasks[0].TestIDs); calls > 0 || pass.texts != texts {
		t.Errorf("%d texts were encoded under one model, and %d under all, want %d", calls, pass.texts, texts)
	}
	warning := fmt.Sprintf("strong@layer=0 and 2 more: 2 of %d texts truncated", pass.texts) // the first of each call
	if !slices.Contains(got.Tasks[0].Warnings, warning) {
		t.Errorf("warnings %q, want %q among them", got.Tasks[0].Warnings, warning)
	}
	for i, r := range summarize(t, got) {
		if l := r.StrongLayer; l == nil || l.Of != "strong" || r.WeakLayer != nil {
			t.Errorf("row %d: layers %v and %v", i, r.WeakLayer, r.StrongLayer)
		}
	}
	experiment.CheckStudentNeverSeesGold(t, cfg, env(t))
}
