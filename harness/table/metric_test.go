package table

import (
	"strings"
	"testing"

	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/tasks"
)

// Captions name the metric, and tables of several metrics have a column for it.
func TestTablesNameTheMetric(t *testing.T) {
	one, two := row("a", "xent", 0.5, 0.7, 0.9), row("b", "xent", 0.5, 0.7, 0.9)
	one.Metric, two.Metric = tasks.AUROC, tasks.AUROC
	mixed := two
	mixed.Metric = tasks.Accuracy
	for name, c := range map[string]struct{ same, mixed *Table }{
		"pgr":         {PGR([]summary.Row{one, two}), PGR([]summary.Row{one, mixed})},
		"gap":         {Gap([]summary.Row{one, two}), Gap([]summary.Row{one, mixed})},
		"alpha":       {Alpha([]summary.Row{one, two}), Alpha([]summary.Row{one, mixed})},
		"calibration": {Calibration([]summary.Row{one, two}), Calibration([]summary.Row{one, mixed})},
		"imitation":   {Imitation([]summary.Row{one, two}), Imitation([]summary.Row{one, mixed})},
		"noise":       {Noise([]summary.Row{one, two}), Noise([]summary.Row{one, mixed})},
		"size":        {Size([]summary.Row{one, two}), Size([]summary.Row{one, mixed})},
		"pairs": {Pairs([]summary.PairRow{{Pool: summary.Pool{Metric: tasks.AUROC}}}),
			Pairs([]summary.PairRow{{Pool: summary.Pool{Metric: tasks.AUROC}}, {Pool: summary.Pool{Metric: tasks.Accuracy}}})},
		"categories": {Categories([]summary.CategoryRow{{Pool: summary.Pool{Metric: tasks.AUROC}}}),
			Categories([]summary.CategoryRow{{Pool: summary.Pool{Metric: tasks.AUROC}}, {Pool: summary.Pool{Metric: tasks.Accuracy}}})},
		"losses": {Losses([]summary.LossRow{{Metric: tasks.AUROC}}, ""),
			Losses([]summary.LossRow{{Metric: tasks.AUROC, Difference: stats.Difference{Test: "x"}}, {Metric: tasks.Accuracy, Difference: stats.Difference{Test: "y"}}}, "")},
		"chains": {Chains([]summary.ChainRow{{Metric: tasks.AUROC, Models: []string{"m"}, Steps: []summary.Figure{{}}}}),
			Chains([]summary.ChainRow{{Metric: tasks.AUROC, Models: []string{"m"}, Steps: []summary.Figure{{}}}, {Metric: tasks.Accuracy, Models: []string{"m"}, Steps: []summary.Figure{{}}}})},
	} {
		has := func(t *Table) bool {
			for _, c := range t.Columns {
				if c.Name == "metric" {
					return true
				}
			}
			return false
		}
		if !strings.Contains(c.same.Caption, "auroc") || has(c.same) {
			t.Errorf("%s of one metric: caption %q, metric column %v", name, c.same.Caption, has(c.same))
		}
		if strings.Contains(c.mixed.Caption, "auroc") || strings.Contains(c.mixed.Caption, "accuracy in") || !has(c.mixed) {
			t.Errorf("%s of two metrics: caption %q, metric column %v", name, c.mixed.Caption, has(c.mixed))
		}
	}
	m := summary.TransferMatrix{Tasks: []string{"a", "b"}, Cells: [][]summary.Row{{one, mixed}, {one, mixed}}}
	if caption := Transfer([]summary.TransferMatrix{m}).Caption; !strings.Contains(caption, "scores in per cent") || !strings.Contains(caption, "a 800 (auroc), b 800 (accuracy)") {
		t.Errorf("transfer: caption %q", caption)
	}
}

// A student's AUROC is not compared with the accuracy of its labels.
func TestNoiseComparesAccuracyOnly(t *testing.T) {
	r := row("a", "xent", 0.5, 0.7, 0.9)
	r.Labels.Accuracy = 0.6
	other := r
	other.Metric = tasks.AUROC
	cell := func(rows ...summary.Row) string {
		table := Noise(rows)
		for i, c := range table.Columns {
			if c.Name == "above labels" {
				return table.Rows[len(rows)-1][i]
			}
		}
		return "no column"
	}
	if got := []string{cell(r), cell(other), cell(r, other)}; got[0] != "+10.0" || got[1] != "no column" || got[2] != "–" {
		t.Errorf("above labels: %q", got)
	}
}

func TestLossesSayWhatIsNotCompared(t *testing.T) {
	if notes := Losses(nil, "Not compared: x.").Notes; len(notes) != 1 || notes[0] != "Not compared: x." {
		t.Errorf("notes %q", notes)
	}
	if notes := Losses([]summary.LossRow{{}}, "Not compared: x.").Notes; notes[len(notes)-1] != "Not compared: x." {
		t.Errorf("notes %q", notes)
	}
}

func TestPGROverSeedsShowsHowManySeedsCount(t *testing.T) {
	r := row("a", "xent", 0.5, 0.7, 0.9)
	r.SeedPGR = stats.SeedPGR{PGR: stats.PGR{Value: 0.5, Interval: interval(0.4, 0.6), Defined: true, N: 2}, LeftOut: 1}
	alone := r
	alone.SeedPGR = stats.SeedPGR{PGR: stats.PGR{Value: 0.5, Defined: true, N: 1}, LeftOut: 2}
	if got := []string{overSeeds(r), overSeeds(alone)}; got[0] != "0.50 ±0.10 (2/3)" || got[1] != "0.50 (1/3)" {
		t.Errorf("over seeds: %q", got)
	}
	if notes := strings.Join(PGR([]summary.Row{r}).Lines(), "\n"); !strings.Contains(notes, "(2/3): of the 2 seeds of 3 whose gap is positive.") {
		t.Errorf("notes:\n%s", notes)
	}
}

// Tables of studies have notes if a row's PGR may mean nothing.
func TestStudiesNoteDoubts(t *testing.T) {
	plain, doubtful := row("a", "xent", 0.5, 0.7, 0.9), row("b", "xent", 0.5, 0.7, 0.9)
	plain.Warnings = []string{"1 duplicate removed"}
	doubtful.Doubts = []string{"x", "y"}
	check(t, Gap([]summary.Row{plain, doubtful}), "loss|gap|PGR|95% CI (seeds, test)|task|notes", []string{
		"xent|40.0 ±3.0|0.50|[0.30, 0.70]|a|",
		"xent|40.0 ±3.0|0.50|[0.30, 0.70]|b|a b",
	}, "a: x\nb: y")
	check(t, Gap([]summary.Row{plain}), "loss|gap|PGR|95% CI (seeds, test)|task", []string{"xent|40.0 ±3.0|0.50|[0.30, 0.70]|a"})
}
