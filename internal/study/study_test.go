package study

import (
	"errors"
	"slices"
	"testing"

	"w2s/harness/plot"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

// rows returns rows in which every study finds what it compares: two losses, two alphas, two treatments, two sizes of the
// training pool, a simulated supervisor, two layers, and baselines.
func rows() []summary.Row {
	base := summary.Row{Task: "movies", Category: tasks.NLP, Weak: "small", Strong: "large", Loss: "xent", Treatment: "soft",
		Metric: tasks.Accuracy, N: 800, Train: 1000, Seeds: 3,
		Floor: summary.Figure{Value: 0.6}, Transfer: summary.Figure{Value: 0.75}, Ceiling: summary.Figure{Value: 0.9},
		PGR: stats.PGR{Value: 0.5, Gap: 0.3, Defined: true}}
	base.Imitation.Student.OnErrors, base.Imitation.Ceiling.OnErrors = stats.Share{Value: 0.6, N: 200}, stats.Share{Value: 0.4, N: 200}
	out := []summary.Row{base}
	out[0].Baselines = []summary.Baseline{{Kind: result.OfShuffled, Score: summary.Figure{Value: 0.5}}, {Kind: result.FewGold(8), Train: 8, Score: summary.Figure{Value: 0.7}}}
	add := func(change func(*summary.Row)) {
		r := base
		change(&r)
		out = append(out, r)
	}
	add(func(r *summary.Row) { r.Loss = "confidence:alpha=0.25" })
	add(func(r *summary.Row) { r.Loss = "confidence:alpha=0.5" })
	add(func(r *summary.Row) { r.Treatment = "platt" })
	add(func(r *summary.Row) { r.Size, r.Train = 500, 250 })
	add(func(r *summary.Row) { r.Stopped = 10 })
	add(func(r *summary.Row) { r.Task = "movies@minority=0.5" })
	add(func(r *summary.Row) { r.Task = "movies@minority=0.1" })
	add(func(r *summary.Row) { r.Weak, r.Simulated = "flip:0.6", true })
	add(func(r *summary.Row) { r.Weak = "raters:1" })
	add(func(r *summary.Row) { r.Strong, r.StrongLayer = "large@layer=4", &result.Layer{Of: "large", Number: 4} })
	add(func(r *summary.Row) { r.Strong, r.StrongLayer = "large@layer=8", &result.Layer{Of: "large", Number: 8} })
	return out
}

func TestStudies(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		t.Run(s.Name, func(t *testing.T) {
			if s.Name == "" || s.About == "" || seen[s.Name] {
				t.Errorf("name %q (already there: %v), about %q", s.Name, seen[s.Name], s.About)
			}
			seen[s.Name] = true
			if s.Asks != nil {
				if s.Asks.Name != s.Name || s.Table != nil || s.Charts != nil {
					t.Errorf("asks %q, and has a table or charts of its own", s.Asks.Name)
				}
				return
			}
			if s.Table == nil {
				t.Fatal("no table")
			}
			if table := s.Table(rows()); table.Name != s.Name || len(table.Rows) != len(rows()) {
				t.Errorf("table %q has %d lines, want %q with one for each of %d rows", table.Name, len(table.Rows), s.Name, len(rows()))
			}
			if table := s.Table(nil); len(table.Rows) != 0 || len(table.Columns) == 0 {
				t.Errorf("the table of no rows has %d lines and %d columns", len(table.Rows), len(table.Columns))
			}
			if s.Charts == nil {
				return
			}
			set, err := s.Charts(plot.Material{Rows: rows()})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{s.Name}
			if s.Layers {
				want = []string{"layers-1", "layers-2"} // scores and PGR
			}
			if names := list.Map(set.Charts, func(c *plot.Chart) string { return c.Name }); set.Name != s.Name || !slices.Equal(names, want) {
				t.Errorf("set %q with the charts %q, want %q", set.Name, names, want)
			}
			if _, err := s.Charts(plot.Material{}); !errors.Is(err, plot.ErrNothing) {
				t.Errorf("charts of no rows: error %v, want ErrNothing", err)
			}
		})
	}
}

// A study with charts is also on the page of package report.
func TestSetsHaveTheChartsOfStudies(t *testing.T) {
	sets, err := plot.Sets(plot.Material{Rows: rows()})
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]bool{}
	for _, set := range sets {
		drawn[set.Name] = true
	}
	for _, s := range All() {
		if s.Charts != nil && !drawn[s.Name] {
			t.Errorf("plot.Sets does not draw the charts of study %s", s.Name)
		}
	}
}
