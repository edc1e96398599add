package harness

import (
	"errors"
	"fmt"
	"strings"

	"w2s/harness/stats"
	"w2s/tasks"
)

// checkAnswers reports what is wrong with a head's answers to a task with free answers.
func (h *HeadRecord) checkAnswers(t *TaskRecord) error {
	if t.Form != tasks.Generate || len(t.TestAnswers) != len(t.TestIDs) {
		return nil
	}
	if len(h.Answers) != len(t.TestIDs) || len(h.TokenAccuracy) != len(t.TestIDs) {
		return fmt.Errorf("head %q has %d answers and %d token accuracies for %d test examples", h.ID, len(h.Answers), len(h.TokenAccuracy), len(t.TestIDs))
	}
	for i, text := range h.Answers {
		if len(h.Test[i]) == 2 && (h.Test[i][1] == 1) != matches(text, t.TestAnswers[i]) {
			return fmt.Errorf("head %q, test example %s: answer %q and what is said of it do not agree", h.ID, t.TestIDs[i], text)
		}
	}
	return nil
}

// written is a metric of free answers for each test example.
func (h *HeadRecord) written(t *TaskRecord, metric tasks.Metric) ([]float64, error) {
	switch metric {
	case tasks.Accuracy, tasks.ExactMatch:
		return stats.Correct(h.Test, t.TestGold)
	case TokenAccuracy:
		if h.TokenAccuracy == nil {
			return nil, errors.New("it has no token accuracy")
		}
		return h.TokenAccuracy, nil
	}
	return nil, fmt.Errorf("free answers have no %s (have: %s, which is their exact match, and %s)", metric, tasks.Accuracy, TokenAccuracy)
}

// agreeInText compares what two heads wrote: the same answer is the same text.
func agreeInText(t *TaskRecord, student, supervisor *HeadRecord) stats.Agreement {
	n := len(t.TestIDs)
	a := stats.Agreement{Same: make([]float64, n), Wrong: make([]float64, n), SameWrong: make([]float64, n)}
	for i, text := range supervisor.Answers {
		if strings.TrimSpace(student.Answers[i]) == strings.TrimSpace(text) {
			a.Same[i] = 1
		}
		if !matches(text, t.TestAnswers[i]) {
			a.Wrong[i] = 1
		}
		a.SameWrong[i] = a.Same[i] * a.Wrong[i]
	}
	return a
}
