package report

import (
	"strings"
	"testing"

	"w2s/harness/summary"
	"w2s/tasks"
)

// The page answers the questions of stored predictions with tables and charts that are closed at first, and skips those that the result
// cannot answer.
func TestQuestions(t *testing.T) {
	page := pageOf(t, Options{}, chained(sample(120, 2)))
	for _, want := range []string{`<a href="#questions">`, `<details id="question-misfit"><summary>Misfit of student and supervisor`, `id="misfit-table"`, `id="chart-misfit"`,
		`<details id="question-errors">`, `<details id="question-capa">`, `<details id="question-coverage">`, `<details id="question-blindspots">`, `<details id="question-methods">`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, name := range []string{"geometry", "impossible", "budget"} {
		if strings.Contains(page, `id="question-`+name+`"`) {
			t.Errorf("the page has the question %s, which the result cannot answer", name)
		}
	}
}

// Questions of very many rows would take long. The page says how to ask them.
func TestTooManyRowsForQuestions(t *testing.T) {
	many := Summaries{Rows: []summary.Row{{Task: "t", Loss: "xent", Metric: tasks.Accuracy, N: 100_000, Seeds: 3}}}
	views, sets, note, err := asked(many, summary.Options{}, "a.json")
	if err != nil || len(views) != 0 || len(sets) != 0 || !strings.Contains(note, "w2s table --by NAME a.json") || !strings.Contains(note, "misfit") {
		t.Errorf("%d questions, %d sets, %q, %v", len(views), len(sets), note, err)
	}
}
