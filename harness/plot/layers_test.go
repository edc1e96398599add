package plot

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/tasks"
)

// layered returns rows of one task and supervisor for layers of one model.
func layered(task string, layers ...int) (rows []summary.Row) {
	for _, n := range layers {
		rows = append(rows, summary.Row{Task: task, Weak: "small", Strong: fmt.Sprintf("large@layer=%d", n), StrongLayer: &result.Layer{Of: "large", Number: n},
			Loss: "xent", Treatment: "soft", Metric: tasks.Accuracy, N: 800, Seeds: 3, Floor: summary.Figure{Value: 0.6},
			Transfer: summary.Figure{Value: 0.7}, Ceiling: summary.Figure{Value: 0.8}, PGR: stats.PGR{Value: float64(n) / 10, Gap: 0.2, Defined: n > 2}})
	}
	return rows
}

func TestLayerSet(t *testing.T) {
	rows := slices.Concat(layered("movies", 9, 2, 5), layered("tweets", 3), layered("news", 1, 2))
	rows[0].Loss = "kl"
	set, err := LayerSet(Material{Rows: append(rows, summary.Row{Task: "movies", Weak: "small", Strong: "large"})})
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, c := range set.Charts {
		titles = append(titles, c.Name+": "+c.Title)
	}
	// tweets has one layer only, and news no PGR.
	want := []string{"layers-1: Scores by layer: movies, small → large", "layers-2: PGR by layer: movies, small → large",
		"layers-3: Scores by layer: news, small → large"}
	if !slices.Equal(titles, want) {
		t.Errorf("charts %q, want %q", titles, want)
	}
	if _, err := LayerSet(Material{Rows: layered("tweets", 3)}); !errors.Is(err, ErrNothing) {
		t.Errorf("one layer: %v", err)
	}
}

func TestLayerCharts(t *testing.T) {
	scores, err := LayerScores(layered("movies", 9, 2, 5))
	if err != nil {
		t.Fatal(err)
	}
	if scores.points != 9 || len(scores.legend) != 3 {
		t.Errorf("%d points in %d series, want 9 in 3", scores.points, len(scores.legend))
	}
	pgr, err := LayerPGR(layered("movies", 9, 2, 5))
	if err != nil {
		t.Fatal(err)
	}
	if line := pgr.legend[0].mark.points; len(line) != 2 || line[0].x != 5 || line[0].y != 0.5 || line[1].x != 9 || line[1].y != 0.9 {
		t.Errorf("PGR at %+v", line)
	}
	for last, most := range map[int]int{60: 25, 120: 18} { // a label of three digits is wider
		var every []int
		for n := range last + 1 {
			every = append(every, n)
		}
		many, err := LayerScores(layered("movies", every...))
		if err != nil {
			t.Fatal(err)
		}
		labels := 0
		for _, tick := range many.plot.X.Tick.Marker.(names) {
			if tick.Label != "" {
				labels++
			}
		}
		if labels < 10 || labels > most {
			t.Errorf("%d labels for %d layers, want 10 to %d", labels, last+1, most)
		}
	}
	mixed := layered("movies", 1, 2)
	mixed[1].StrongLayer = nil
	if _, err := LayerScores(mixed); err == nil {
		t.Error("a chart of two models")
	}
}
