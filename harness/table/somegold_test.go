package table

import (
	"slices"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
)

// The table says which students see gold, below the one that sees none, and each once for all losses.
func TestSomeGold(t *testing.T) {
	rows := baselineRows()
	if SomeGold(rows) != nil {
		t.Error("a table without students that see gold")
	}
	for i := range rows {
		rows[i].SomeGold = []summary.Baseline{{Kind: result.SomeGoldKind(result.GoldNaive, 0.05), Train: 400, Score: summary.Figure{Value: 0.81},
			PGR: stats.PGR{Defined: true, Value: 0.7}, Warnings: []string{result.SeesGold + " of 20 of 400 examples", "training diverged"}},
			{Kind: result.SomeGoldKind(result.GoldOnly, 0.05), Train: 20, Score: summary.Figure{Value: 0.7}}}
	}
	g := SomeGold(rows)
	for column, want := range map[string][]string{
		"GOLD SEEN": {"none", "5 %", "5 %"},
		"method":    {"weak labels", "naive", "only"},
		"score":     {"80.0 ±2.0", "81.0", "70.0"},
		"train":     {"0", "400", "20"},
	} {
		if got := cells(g, column); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", column, got, want)
		}
	}
	if !strings.Contains(g.Caption, "SEE GOLD") || !slices.Contains(g.Notes, "movies: training diverged") || strings.Contains(strings.Join(g.Notes, "\n"), "of 20 of 400") {
		t.Errorf("caption %q, notes %q", g.Caption, g.Notes)
	}
}

func TestEasyHard(t *testing.T) {
	rows := baselineRows()
	if EasyHard(rows) != nil {
		t.Error("a table without orders")
	}
	figure := func(v float64) summary.Figure { return summary.Figure{Value: v} }
	axis := figure(0.5)
	rows[0].EasyHard = []summary.EasyHard{
		{Order: "length", N: 66, Train: 100, Floor: figure(0.55), Transfer: figure(0.6), Unsupervised: &axis, Easy: figure(0.7), Hard: figure(0.9),
			SGR: stats.PGR{Defined: true, Value: 0.5}},
		{Order: "mdl", N: 66, Train: 100, Easy: figure(0.2), Hard: figure(0.4), SGR: stats.PGR{Reason: "gap below noise: SGR undefined"}, Warnings: []string{"easy: 20 steps"}}}
	e := EasyHard(rows)
	for column, want := range map[string][]string{
		"order": {"length", "mdl"}, "unsupervised": {"50.0", "–"}, "easy": {"70.0", "20.0"}, "hard": {"90.0", "40.0"}, "SGR": {"0.50", "undefined"},
	} {
		if got := cells(e, column); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", column, got, want)
		}
	}
	if notes := cells(e, "notes"); !slices.Equal(notes, []string{"", "a b"}) || !slices.Contains(e.Notes, "a: gap (hard - unsupervised) below noise: SGR undefined") || !slices.Contains(e.Notes, "b: easy: 20 steps") {
		t.Errorf("notes %q and lines %q", notes, e.Notes)
	}
}
