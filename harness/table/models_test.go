package table

import (
	"testing"

	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/tasks"
)

// Each model has one line for a task, with its ceiling if it is a strong model, and its floor if it is a weak one.
func TestModels(t *testing.T) {
	score := func(v, half float64) summary.Figure {
		return summary.Figure{Value: v, Interval: interval(v-half, v+half)}
	}
	row := func(task, weak, strong, loss string, floor, ceiling float64) summary.Row {
		return summary.Row{Task: task, Weak: weak, Strong: strong, Loss: loss, Treatment: "soft", Metric: tasks.Accuracy, Seeds: 3, N: 800,
			Floor: score(floor, 0.03), Ceiling: score(ceiling, 0.02), PGR: stats.PGR{GapInterval: interval(0, 1)}}
	}
	rows := []summary.Row{
		row("easy", "small", "large", "xent", 0.70, 0.90), row("easy", "small", "large", "logconf", 0.70, 0.90),
		row("hard", "small", "large", "xent", 0.50, 0.75), row("easy", "small", "small", "xent", 0.70, 0.72),
	}
	control := score(0.55, 0.03)
	rows[2].Control = &control
	check(t, Models(rows), "task|model|gold|as supervisor|control", []string{
		"easy|small|72.0 ±2.0|70.0 ±3.0|",
		"easy|large|90.0 ±2.0||",
		"hard|small||50.0 ±3.0|",
		"hard|large|75.0 ±2.0||55.0 ±3.0",
	}, "gold: score of the model trained on gold of strong-train, the strong ceiling.")
	other := row("easy", "small", "huge", "xent", 0.65, 0.95) // of another program, with another floor of the same model
	check(t, Models([]summary.Row{rows[0], other}), "task|model|gold|as supervisor", []string{
		"easy|small||70.0 ±3.0",
		"easy|large|90.0 ±2.0|",
		"easy|small||65.0 ±3.0",
		"easy|huge|95.0 ±2.0|",
	}, "as supervisor: score of the weak supervisor")
	if Models(nil) != nil {
		t.Error("no rows have a table")
	}
}
