package experiment_test

import (
	"math"
	"testing"

	"w2s/harness/result"
)

// The weak model sees the first few numbers of each text and the strong one all of them, so all that the supervisor sees is in the student's
// space, and most of the student's space is beyond the supervisor's.
func TestGeometry(t *testing.T) {
	cfg := smallConfig(planted{name: "classified", n: 700, noise: 0.5}, planted{name: "ranked", n: 700, noise: 0.5, rank: true})
	cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: "strong", Strong: "strong"})
	cfg.Geometry = true
	r := run(t, cfg)
	students := 0
	for _, h := range r.Heads {
		g := h.Geometry
		if (g != nil) != (h.Role == result.Student) {
			t.Fatalf("%s has geometry: %v", h.ID, g)
		}
		if g == nil {
			continue
		}
		students++
		rows := map[string]int{"classified": 200, "ranked": 400}[h.Task] // three candidates have two differences
		density := g.Overlap != nil && *g.Overlap > 0 && *g.Overlap < 1
		if g.Rows != rows || density != (h.Task == "classified") || g.StrongDims != fullDims {
			t.Errorf("%s: %+v", h.ID, g)
		}
		var weak *result.Head
		for i := range r.Heads {
			if r.Heads[i].ID == h.Supervisor {
				weak = &r.Heads[i]
			}
		}
		own := map[string]float64{"weak": 5, "strong": fullDims}[weak.Model]
		if float64(g.WeakDims) != own || math.Abs(g.Shared-own) > 1e-6 {
			t.Errorf("%s shares %v of %d dimensions, want %v", h.ID, g.Shared, g.WeakDims, own)
		}
		// Of dimensions of about the same size, the part beyond is about the share of those that the supervisor lacks.
		if want := 1 - own/fullDims; math.Abs(g.Beyond-want) > 0.02 {
			t.Errorf("%s: %v is beyond, want about %v", h.ID, g.Beyond, want)
		}
	}
	if students != 2*2*2*2 {
		t.Errorf("%d students", students)
	}
	cfg.Geometry = false
	for _, h := range run(t, cfg).Heads {
		if h.Geometry != nil {
			t.Errorf("%s has geometry that nobody asked for", h.ID)
		}
	}
}
