package table

import (
	"slices"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

// baselineRows returns rows of two losses with baselines, of which only the students of shuffled labels differ.
func baselineRows() []summary.Row {
	figure := func(v float64) summary.Figure {
		return summary.Figure{Value: v, Interval: stats.Interval{Lo: v - 0.02, Hi: v + 0.02, Level: 0.95}}
	}
	baseline := func(kind string, train int, v float64, warnings ...string) summary.Baseline {
		return summary.Baseline{Kind: kind, Train: train, Seeds: 3, Score: figure(v), Warnings: warnings,
			PGR:     stats.PGR{Defined: true, Value: (v - 0.6) / 0.3, Interval: stats.Interval{Lo: -1, Hi: 1, Level: 0.95}},
			Cosines: &summary.Cosines{Axis: summary.Cosine{Value: v}}}
	}
	row := func(loss string, shuffled float64) summary.Row {
		return summary.Row{Task: "movies", Category: tasks.NLP, Weak: "small", Strong: "large", Loss: loss, Treatment: "soft", Metric: tasks.Accuracy, N: 800, Seeds: 3,
			Floor: figure(0.6), Transfer: figure(0.8), Ceiling: figure(0.9), PGR: stats.PGR{Defined: true}, Warnings: []string{"of the task"},
			Cosines: &summary.Cosines{Axis: summary.Cosine{Value: 0.5}, Ceiling: &summary.Cosine{Value: -0.25}}, CeilingAxis: &summary.Cosine{Value: 0.75},
			Baselines: []summary.Baseline{baseline(result.OfShuffled, 400, shuffled, "of the task", "of the baseline"), baseline(result.OfAxis, 400, 0.84),
				baseline(result.FewGold(32), 32, 0.7), baseline(result.OfGold, 400, 0.9)}}
	}
	return []summary.Row{row("xent", 0.5), row("logconf:alpha=0.5:warmup=0.2", 0.8)}
}

// cells returns the cells of a column.
func cells(t *Table, name string) []string {
	at := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if at < 0 {
		return nil
	}
	return list.Map(t.Rows, func(row []string) string { return row[at] })
}

// What all losses share has one line, and notes keep the letters of the table above.
func TestBaselines(t *testing.T) {
	rows := baselineRows()
	rows[0].Warnings = append(rows[0].Warnings, "of a row") // has the letter a in the table of PGR
	b := Baselines(rows, true)
	for column, want := range map[string][]string{
		"baseline": {"shuffled labels (xent)", "shuffled labels (logconf)", "main axis", "32 gold labels", "gold of weak-train"},
		"score":    {"50.0 ±2.0", "80.0 ±2.0", "84.0 ±2.0", "70.0 ±2.0", "90.0 ±2.0"},
		"as PGR":   {"-0.33", "0.67", "0.80", "0.33", "1.00"},
		"notes":    {"b", "b", "", "", ""},
	} {
		if got := cells(b, column); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", column, got, want)
		}
	}
	if notes := strings.Join(b.Notes, "\n"); strings.Contains(notes, "of the task") || strings.Contains(notes, "a: ") || !strings.Contains(notes, "b: of the baseline") {
		t.Errorf("notes:\n%s", notes)
	}
	if b.Caption != "baselines, accuracy in per cent, small → large, weak 60.0 ±2.0, ceiling 90.0 ±2.0, 800 test examples" {
		t.Errorf("caption %q", b.Caption)
	}
	rows[0].Transfer.Value = 0.85
	for best, want := range []string{"shuffled labels (xent)", "shuffled labels (logconf)"} {
		rows[best].Transfer.Value = 0.85 + 0.01*float64(best)
		if got := cells(Baselines(rows, false), "baseline"); len(got) != 4 || got[0] != want {
			t.Errorf("baselines of the best student: %q, want %s first", got, want)
		}
	}
	rows[0].Baselines, rows[1].Baselines = nil, nil
	if Baselines(rows, true) != nil {
		t.Error("rows without baselines have a table of them")
	}
}

func TestBaselinesOfSeveralPairsAndTreatments(t *testing.T) {
	rows := baselineRows()
	rows[1].Weak, rows[1].Treatment = "other", "hard"
	b := Baselines(rows, true)
	if got := cells(b, "baseline"); got[0] != "shuffled labels (xent, soft)" || got[4] != "shuffled labels (logconf, hard)" {
		t.Errorf("baselines %q", got)
	}
	if got := cells(b, "pair"); got[0] != "small → large" || got[7] != "other → large" {
		t.Errorf("pairs %q", got)
	}
}

func TestSupervision(t *testing.T) {
	s := Supervision(baselineRows())
	for column, want := range map[string][]string{
		"student": {"80.0 ±2.0", "80.0 ±2.0"}, "shuffled": {"50.0 ±2.0", "80.0 ±2.0"}, "main axis": {"84.0 ±2.0", "84.0 ±2.0"}, "random": {"–", "–"},
		"32 gold": {"70.0 ±2.0", "70.0 ±2.0"}, "8 gold": nil, "|cos| axis": {"0.50 / 0.50 / 0.75", "0.50 / 0.80 / 0.75"}, "cos ceiling": {"-0.25", "-0.25"},
	} {
		if got := cells(s, column); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", column, got, want)
		}
	}
	bare := baselineRows()[0]
	bare.Baselines, bare.Cosines, bare.CeilingAxis = nil, nil, nil
	if got := cells(Supervision([]summary.Row{bare}), "|cos| axis"); !slices.Equal(got, []string{"– / – / –"}) {
		t.Errorf("a row without baselines: %q", got)
	}
}
