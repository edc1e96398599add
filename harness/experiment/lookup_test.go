package experiment_test

import (
	"context"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/tasks"
)

// A shelf has the vectors of texts under the names "row of TEXT".
type shelf struct {
	numbers
	controls bool
}

const shelved = "row of "

func name(text string) string { return shelved + text }

func (s shelf) Lookup() {}

func (s shelf) Texts(e tasks.Example) ([]string, error) { return list.Map(e.Texts, name), nil }

func (s shelf) Controls(e tasks.Example) []string {
	if !s.controls {
		return nil
	}
	return list.Map(e.Control, name)
}

func (s shelf) Encode(ctx context.Context, names []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	return s.numbers.Encode(ctx, list.Map(names, func(n string) string { return n[len(shelved):] }), emit)
}

// TestLookup checks that vectors that are looked up give the heads of vectors that are encoded, that they are not stored, and that
// controls are left out if there are no vectors of them.
func TestLookup(t *testing.T) {
	cfg := smallConfig(controlled{planted{name: "planted", n: 700, noise: 1}})
	cfg.Seeds, cfg.Losses = cfg.Seeds[:1], convexLosses()
	want := run(t, cfg)
	for _, controls := range []bool{true, false} {
		cfg.Models = slices.Clone(cfg.Models)
		for i, dims := range []int{5, fullDims} {
			s := shelf{numbers{dims: dims}, controls}
			cfg.Models[i].Encoder, cfg.Models[i].Lookup = s, s
		}
		e := env(t)
		got, err := experiment.Run(context.Background(), cfg, e)
		if err != nil {
			t.Fatal(err)
		}
		heads := want.Heads
		if !controls {
			heads = slices.DeleteFunc(slices.Clone(heads), func(h result.Head) bool { return h.Role == result.Control })
			if len(heads) == len(want.Heads) {
				t.Error("there is no control to leave out")
			}
		}
		if !reflect.DeepEqual(got.Heads, heads) {
			t.Errorf("controls %v: the heads differ", controls)
		}
		if warned := strings.Contains(strings.Join(got.Tasks[0].Warnings, "\n"), "no vectors of the controls"); warned == controls {
			t.Errorf("controls %v: warnings %q", controls, got.Tasks[0].Warnings)
		}
		if stored, _ := os.ReadDir(e.Features.Dir()); len(stored) > 0 {
			t.Errorf("the cache has %v", stored)
		}
		texts, err := experiment.TaskTexts(context.Background(), cfg, nil, cfg.Tasks[0], cfg.Models)
		if err != nil || len(texts[0]) == 0 || slices.ContainsFunc(texts[0], func(s string) bool { return !strings.HasPrefix(s, shelved) }) {
			t.Errorf("%d texts, %v", len(texts[0]), err)
		}
		if n, err := e.Features.Missing(cfg.Models[0].Encoder, texts[0]); n != 0 || err != nil {
			t.Errorf("%d missing, %v", n, err)
		}
	}
}
