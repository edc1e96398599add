package summary

import (
	"testing"

	"w2s/harness/result"
)

// Students that see gold are apart from rows and baselines. Their scores are worked out by hand.
func TestSomeGoldIsApart(t *testing.T) {
	r := seedsLike(6)
	addComparison(r, result.OfAxis, "", true, 6, 28, 28)
	for _, c := range []struct {
		method string
		share  float64
		right  int
	}{{result.GoldOnly, 0.1, 24}, {result.GoldNaive, 0.25, 36}, {result.GoldNaive, 0.1, 34}} {
		for seed := range 6 {
			h := result.Head{Task: "t", Role: result.SomeGold, Baseline: result.SomeGoldKind(c.method, c.share), Model: "large", Loss: "xent", Treatment: "gold",
				Seed: uint64(seed), Train: 100, Test: right(0, c.right), Warnings: []string{"SEES GOLD"}}
			h.Supervisor = result.HeadID(result.Head{Task: "t", Role: result.Supervisor, Model: "small", Seed: uint64(seed)})
			h.ID = result.HeadID(h)
			r.Heads = append(r.Heads, h)
		}
	}
	all := rows(t, r, Options{})
	if len(all) != 1 || len(all[0].Baselines) != 1 || len(all[0].SomeGold) != 3 {
		t.Fatalf("%d rows, the first with %d baselines and %d students that see gold", len(all), len(all[0].Baselines), len(all[0].SomeGold))
	}
	for i, want := range []struct {
		kind  string
		score float64
	}{{"naive:0.1", 34. / 40}, {"only:0.1", 24. / 40}, {"naive:0.25", 36. / 40}} {
		b := all[0].SomeGold[i]
		if b.Kind != want.kind || !b.SeesGold() || len(b.Warnings) == 0 || b.Warnings[0] != "SEES GOLD" {
			t.Errorf("%+v", b)
		}
		near(t, want.kind, b.Score.Value, want.score)
		near(t, want.kind+", as PGR", b.PGR.Value, (want.score-0.55)/(0.95-0.55))
	}
}
