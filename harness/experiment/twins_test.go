package experiment_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"w2s/harness/metric"
	"w2s/tasks"
)

// cutRankings is a task whose every fourth example has candidates that differ only behind what numbers reads.
type cutRankings struct{ planted }

func (c cutRankings) Load(ctx context.Context, src tasks.Source) (*tasks.Data, error) {
	data, err := c.planted.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	for i := range data.Pool {
		e := &data.Pool[i]
		if i%4 == 0 {
			e.Texts = []string{e.Texts[0] + " 1", e.Texts[0] + " 2", e.Texts[2]}
			e.ID = tasks.ContentID(tasks.Rank, e.Texts)
		}
	}
	return data, nil
}

// Candidates that a model cannot tell apart share their probability and their part of a right answer, and the result says how
// many examples have some. Otherwise the first of them would win, in whatever order they are.
func TestTwinsShareTheirScore(t *testing.T) {
	cfg := smallConfig(cutRankings{planted{name: "r", n: 300, rank: true}})
	cfg.Train, cfg.Test, cfg.Seeds = 200, 100, []uint64{0}
	r := run(t, cfg)
	record := &r.Tasks[0]
	ties := 0
	m, err := metric.Lookup(metric.Accuracy)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range r.Heads {
		_, correct, err := m.Score(record, &h)
		if err != nil {
			t.Fatal(err)
		}
		tied := 0
		for i, p := range h.Test {
			twins := p[0] == p[1] || p[1] == p[2] || p[0] == p[2]
			if !twins {
				if correct[i] != 0 && correct[i] != 1 {
					t.Fatalf("%s: %v counts as %v", h.ID, p, correct[i])
				}
				continue
			}
			tied++
			// The third candidate may be better than the twins, or be the right one.
			if v := correct[i]; v != 0 && v != 0.5 && v != 1 {
				t.Fatalf("%s: %v counts as %v", h.ID, p, v)
			}
		}
		if ties == 0 {
			ties = tied
		}
		if tied != ties || ties < 10 {
			t.Errorf("%s: twins in %d test examples, in %d before", h.ID, tied, ties)
		}
	}
	for _, model := range []string{"weak", "strong"} {
		want := fmt.Sprintf("%s: 75 of 300 examples (%d of 100 test examples) have candidates with the same features: a pair of them counts as half right", model, ties)
		if !slices.Contains(record.Warnings, want) {
			t.Errorf("warnings %q, want %q", record.Warnings, want)
		}
	}
	for _, w := range run(t, smallConfig(planted{name: "r", n: 700, rank: true})).Tasks[0].Warnings {
		if strings.Contains(w, "same features") {
			t.Errorf("warning %q", w)
		}
	}
}
