package plot

import (
	"strings"
	"testing"

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
		"auroc, % |":                   label(Bars(with(tasks.AUROC, tasks.AUROC))),
		"score, % |":                   label(Bars(with(tasks.AUROC, tasks.Accuracy))),
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
