package summary

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"w2s/harness/result"
	"w2s/internal/list"
)

// addComparison adds the heads of a baseline, which are right on the given numbers of examples on even and odd seeds. If it is of a
// supervisor, it is of "small".
func addComparison(r *result.Result, kind, loss string, ofSupervisor bool, seeds int, even, odd int) {
	for seed := range seeds {
		n := even + seed%2*(odd-even)
		h := result.Head{Task: "t", Role: result.Comparison, Baseline: kind, Model: "large", Loss: loss, Seed: uint64(seed), Train: 100, Test: right(0, n),
			Cosines: &result.Cosines{Axis: 0.2 + 0.2*float64(seed%2), Ceiling: -0.5}}
		if kind == result.FewGold(8) {
			h.Train = 8
		}
		if loss != "" && ofSupervisor {
			h.Treatment = "soft"
		}
		if ofSupervisor {
			h.Supervisor = result.HeadID(result.Head{Task: "t", Role: result.Supervisor, Model: "small", Seed: uint64(seed)})
		}
		h.ID = result.HeadID(h)
		r.Heads = append(r.Heads, h)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func kinds(r Row) []string { return list.Map(r.Baselines, func(b Baseline) string { return b.Kind }) }

func TestBaselinesOfRows(t *testing.T) {
	r := seedsLike(6)
	withLoss(r, "confidence:alpha=0.5", 0, 25)
	addComparison(r, result.OfGold, "xent", false, 6, 38, 38)
	addComparison(r, result.FewGold(8), "xent", false, 6, 28, 28)
	addComparison(r, result.OfAxis, "", true, 6, 32, 34)
	addComparison(r, result.OfRandom, "", true, 5, 20, 20)
	addComparison(r, result.OfShuffled, "xent", true, 6, 20, 22)
	addComparison(r, result.OfShuffled, "confidence:alpha=0.5", true, 6, 24, 26)
	all := rows(t, r, Options{})
	if len(all) != 2 {
		t.Fatalf("%d rows, want 2: baselines are none", len(all))
	}
	for _, row := range all { // the random direction lacks a seed
		if got, want := kinds(row), []string{"shuffled", "axis", "gold:8", "gold"}; !slices.Equal(got, want) {
			t.Fatalf("%s has the baselines %q, want %q", row.Loss, got, want)
		}
	}
	axis := all[0].Baseline(result.OfAxis)
	near(t, "score", axis.Score.Value, 0.825)
	near(t, "PGR", axis.PGR.Value, (0.825-0.55)/(0.95-0.55))
	near(t, "cosine with the axis", axis.Cosines.Axis.Value, 0.3)
	near(t, "cosine with the ceiling", axis.Cosines.Ceiling.Value, -0.5)
	if !axis.Cosines.Axis.Interval.Known() || axis.Seeds != 6 {
		t.Errorf("axis: %+v", axis)
	}
	near(t, "shuffled", all[0].Baseline(result.OfShuffled).Score.Value, 21.0/40)
	near(t, "shuffled, confidence", all[1].Baseline(result.OfShuffled).Score.Value, 25.0/40)
	if all[0].Cosines != nil || all[0].CeilingAxis != nil {
		t.Error("students without cosines have some")
	}

	// A student with the same predictions has the same figures.
	for i := range r.Heads {
		if h := &r.Heads[i]; h.Role == result.Student && h.Loss == "xent" {
			h.Test = right(0, 32+2*int(h.Seed%2))
			h.Cosines = &result.Cosines{Axis: 0.6, Ceiling: 0.4}
		} else if h.Role == result.Ceiling {
			h.Cosines = &result.Cosines{Axis: 0.7}
		}
	}
	same := rows(t, r, Options{})[0]
	if !reflect.DeepEqual(same.Transfer, axis.Score) || !reflect.DeepEqual(same.PGR, axis.PGR) {
		t.Errorf("student %+v, %+v; baseline %+v, %+v", same.Transfer, same.PGR, axis.Score, axis.PGR)
	}
	near(t, "the student's cosine with the axis", same.Cosines.Axis.Value, 0.6)
	near(t, "the ceiling's cosine with the axis", same.CeilingAxis.Value, 0.7)
}

// Baselines do not change the other figures of a row.
func TestBaselinesChangeNoRow(t *testing.T) {
	r := twoSeeds()
	want := rows(t, r, Options{})[0]
	addComparison(r, result.OfAxis, "", true, 2, 32, 34)
	got := rows(t, r, Options{})[0]
	if len(got.Baselines) != 1 {
		t.Fatalf("baselines %+v", got.Baselines)
	}
	got.Baselines = nil
	if g, w := asJSON(t, got), asJSON(t, want); g != w {
		t.Errorf("%s, want %s", g, w)
	}
}

// A row that an earlier file has without baselines gets those of the later file.
func TestTogetherKeepsBaselines(t *testing.T) {
	with := twoSeeds()
	addComparison(with, result.OfAxis, "", true, 2, 32, 34)
	kept, notes := Together([]Part{part(t, "without.json", twoSeeds()), part(t, "with.json", with)})
	if len(kept[0].Rows) != 1 || len(kept[1].Rows) != 0 || len(notes) != 1 {
		t.Fatalf("%d and %d rows, notes %q", len(kept[0].Rows), len(kept[1].Rows), notes)
	}
	if got := kinds(kept[0].Rows[0]); !slices.Equal(got, []string{"axis"}) {
		t.Errorf("baselines %q", got)
	}
}
