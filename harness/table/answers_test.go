package table

import (
	"slices"
	"strings"
	"testing"

	"w2s/harness/stats"
	"w2s/harness/summary"
)

func TestAnswers(t *testing.T) {
	q := summary.Question{Name: "which", Caption: "which figures", Asked: []summary.Asked{
		{Key: "part", Name: "a share", Unit: summary.Percent}, {Key: "more", Name: "a difference", Unit: summary.Points}, {Key: "nats", Name: "nats", Unit: summary.Signed},
	}, Notes: []string{"A note."}}
	around := func(v float64) *summary.Figure {
		return &summary.Figure{Value: v, Interval: stats.Interval{Lo: v - 0.1, Hi: v + 0.3, Level: 0.95}}
	}
	row := func(task string) summary.Row {
		return summary.Row{Task: task, Weak: "small", Strong: "large", Loss: "xent", Treatment: "soft", N: 800, Seeds: 3, PGR: stats.PGR{Value: 0.5, Defined: true}}
	}
	all := summary.Answers{Question: q, LeftOut: "Left out: 2 imported rows.", Rows: []summary.Answer{
		{Row: row("movies"), Figures: []*summary.Figure{around(0.25), around(-0.05), around(0.5)}},
		{Row: row("tweets"), Figures: []*summary.Figure{nil, around(0.1), around(-0.5)}},
	}, Ranks: []summary.RankCorrelation{
		{Rank: summary.Rank{A: "part", B: summary.PGRKey}, Loss: "xent", Value: 0.25, Interval: stats.Interval{Lo: -0.5, Hi: 0.75, Level: 0.95}, N: 12},
		{Rank: summary.Rank{A: "part", B: summary.PGRKey}, Loss: "xent", Within: true, Groups: 3, Value: 0.5, N: 9},
	}}
	tables := AllAnswers(all)
	if len(tables) != 2 || tables[0].Name != "which" || tables[1].Name != "which-ranks" {
		t.Fatalf("%d tables", len(tables))
	}
	for i, want := range []string{"25.0 ±20.0 -5.0 ±20.0 +0.500 ±0.200 0.50", "– +10.0 ±20.0 -0.500 ±0.200 0.50"} {
		if got := strings.Join(tables[0].Rows[i], " "); !strings.Contains(got, want) {
			t.Errorf("row %d is %q, want %q", i, got, want)
		}
	}
	if notes := tables[0].Notes; !slices.Contains(notes, "A note.") || !slices.Contains(notes, all.LeftOut) {
		t.Errorf("notes %q", notes)
	}
	for i, want := range []string{"a share, PGR all rows 0.25 [-0.50, 0.75] 12", "a share, PGR supervisors, 3 groups 0.50  9"} {
		if got := strings.Join(tables[1].Rows[i], " "); got != want {
			t.Errorf("rank correlation %d is %q, want %q", i, got, want)
		}
	}
	d := tables[0].values
	value := func(row int, column string) any { return d.Rows[row][slices.Index(d.Columns, column)] }
	if v := []any{value(0, "part"), value(0, "part_hi"), value(1, "part"), value(1, "more"), value(1, "task"), value(1, "pgr")}; !slices.Equal(v, []any{0.25, 0.55, nil, 0.1, "tweets", 0.5}) {
		t.Errorf("values for programs %v", v)
	}
	all.Ranks = nil
	if len(AllAnswers(all)) != 1 {
		t.Error("a table of no rank correlations")
	}
}
