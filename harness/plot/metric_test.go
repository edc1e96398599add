package plot

import (
	"fmt"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/tasks"
)

// Axes name the metric, or say "score" if rows have several.
func TestAxesNameTheMetric(t *testing.T) {
	with := func(metrics ...tasks.Metric) []summary.Row {
		var rows []summary.Row
		for i, m := range metrics {
			r := row([]string{"a", "b"}[i], "small", "xent", 0.6, 0.7, 0.9)
			r.Metric = m
			rows = append(rows, r)
		}
		return rows
	}
	label := func(c *Chart, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c.plot.X.Label.Text + " | " + c.plot.Y.Label.Text + " | " + strings.Join(c.Notes, " ")
	}
	for want, got := range map[string]string{
		"auroc, % |":                   label(Tracks(with(tasks.AUROC, tasks.AUROC))),
		"score, % |":                   label(Tracks(with(tasks.AUROC, tasks.Accuracy))),
		"Scores: auroc, accuracy.":     label(Gap(with(tasks.AUROC, tasks.Accuracy))),
		"student's auroc - auroc with": label(Losses([]summary.LossRow{{Metric: tasks.AUROC}})),
		"student's score - score with": label(Losses([]summary.LossRow{{Metric: tasks.AUROC}, {Metric: tasks.Accuracy}})),
		"token-accuracy, % |":          label(Chain([]summary.ChainRow{{Metric: "token-accuracy", Models: []string{"a", "b"}, Steps: make([]summary.Figure, 2)}})),
		"accuracy of the weak labels, % | student's auroc, % |": label(Noise(simulated(with(tasks.AUROC)))),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if got := label(Gap(with(tasks.Accuracy))); strings.Contains(got, "Scores:") {
		t.Errorf("%q", got)
	}
	// Only accuracies are compared with the accuracy of labels.
	guides := func(m tasks.Metric) bool {
		c, err := Noise(simulated(with(m)))
		if err != nil {
			t.Fatal(err)
		}
		return c.plot.X.Min == c.plot.Y.Min && c.plot.X.Max == c.plot.Y.Max
	}
	if !guides(tasks.Accuracy) || guides(tasks.AUROC) {
		t.Error("the diagonal is not drawn for accuracy alone")
	}
}

func simulated(rows []summary.Row) []summary.Row {
	for i := range rows {
		rows[i].Weak, rows[i].Simulated = "flip:0.7", true
	}
	return rows
}

// Charts of several results draw every row from its own result and do not join rows of different settings.
func TestSetsOfSeveralResults(t *testing.T) {
	made := func(train int, confidence float64) *result.Result {
		r := &result.Result{Config: result.Settings{Train: train, Seeds: []uint64{0}}, Tasks: []result.Task{{Name: "movies", Form: tasks.Classify}}}
		for i := range 40 {
			gold := []float64{0, 1}
			if i%2 == 0 {
				gold = []float64{1, 0}
			}
			r.Tasks[0].TestGold, r.Tasks[0].TestIDs = append(r.Tasks[0].TestGold, gold), append(r.Tasks[0].TestIDs, fmt.Sprint(i))
		}
		for _, size := range []int{0, 60} {
			for id, right := range map[string]int{"weak": 20, "student": 30, "ceiling": 40} {
				h := result.Head{ID: fmt.Sprint(id, size), Task: "movies", Role: result.Student, Model: "large", Loss: "xent", Treatment: "soft",
					Supervisor: fmt.Sprint("weak", size), Size: size, Train: (train + size) / 2}
				switch id {
				case "weak":
					h.Role, h.Model = result.Supervisor, "small"
				case "ceiling":
					h.Role = result.Ceiling
				}
				for i, gold := range r.Tasks[0].TestGold {
					p := []float64{1 - confidence, confidence}
					if (gold[1] == 1) != (i < right) {
						p[0], p[1] = p[1], p[0]
					}
					h.Test = append(h.Test, p)
				}
				r.Heads = append(r.Heads, h)
			}
		}
		return r
	}
	a, b := made(120, 0.75), made(100, 0.95)
	var parts []summary.Part
	for i, r := range []*result.Result{a, b} {
		rows, err := summary.Rows(r, summary.Options{Resamples: 200})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, summary.Part{Name: fmt.Sprint(i), Rows: rows})
	}
	parts, _ = summary.Together(parts)
	rowsOfB := parts[1].Rows
	m := Material{Rows: rowsOfB, Results: []*result.Result{a, b}}
	s, err := ReliabilitySet(m)
	if err != nil || len(s.Charts) != 1 {
		t.Fatalf("%d diagrams, %v", len(s.Charts), err)
	}
	if x := s.Charts[0].series(t, "strong ceiling (ECE 0.050)").points[0].x; !near(x, 95) {
		t.Errorf("the ceiling is drawn at %v, as in another result", x)
	}
	if !strings.HasSuffix(s.Charts[0].Title, "train=100") {
		t.Errorf("title %q", s.Charts[0].Title)
	}
	m.Rows = append(parts[0].Rows, rowsOfB...)
	if s, err = SizeSet(m); err != nil || len(s.Charts) != 2 {
		t.Fatalf("%d charts of sizes, %v", len(s.Charts), err)
	}
	for i, want := range []string{"train=120", "train=100"} {
		if c := s.Charts[i]; !strings.HasSuffix(c.Title, want) || len(c.series(t, "student, xent").points) != 2 {
			t.Errorf("chart %d: title %q", i, c.Title)
		}
	}
}
