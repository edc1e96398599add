// Package metric is the table of metrics: what a test score can be a score of.
//
// A new metric needs a line in All and nothing else.
package metric

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/internal/suggest"
	"w2s/tasks"
)

// A Metric turns the predictions of one head for the test examples of its task into a score.
type Metric struct {
	Name  tasks.Metric
	About string // completes "Name: ..." in help
	forms []form
}

// A form is what a metric means for tasks of one form.
type form struct {
	of   tasks.Form
	name tasks.Metric // what tables call it there
	// perExample returns one value for each test example, whose mean is the score. It is nil for a metric that is not a
	// mean over examples, which has score instead.
	perExample func(t *result.Task, h *result.Head) ([]float64, error)
	score      func(t *result.Task, h *result.Head) (stats.Score, error)
}

// Names of the metrics.
const (
	Accuracy      tasks.Metric = "accuracy"
	AUROC         tasks.Metric = "auroc"
	TokenAccuracy tasks.Metric = "token-accuracy"
	ExactMatch    tasks.Metric = "exact-match" // what Accuracy is called for free answers
)

// All returns the table of metrics, the default one first.
func All() []Metric {
	correct := func(t *result.Task, h *result.Head) ([]float64, error) { return stats.Correct(h.Test, t.TestGold) }
	return []Metric{
		{Accuracy, "the share of test examples that are answered right; of free answers, the share of exact matches", []form{
			{of: tasks.Classify, name: Accuracy, perExample: correct},
			{of: tasks.Rank, name: Accuracy, perExample: correct},
			{of: tasks.Generate, name: ExactMatch, perExample: correct},
		}},
		{AUROC, "the area under the ROC curve: mean over classes, or over the rankings of candidates", []form{
			{of: tasks.Classify, name: AUROC, score: func(t *result.Task, h *result.Head) (stats.Score, error) {
				return stats.AUROCScore(h.Test, t.TestGold)
			}},
			{of: tasks.Rank, name: AUROC, perExample: func(t *result.Task, h *result.Head) ([]float64, error) {
				return stats.RankAUROC(h.Test, t.TestGold)
			}},
		}},
		{TokenAccuracy, "of free answers, the share of the right answer's tokens that are found most likely, each given the right ones before it", []form{
			{of: tasks.Generate, name: TokenAccuracy, perExample: func(_ *result.Task, h *result.Head) ([]float64, error) {
				if h.TokenAccuracy == nil {
					return nil, errors.New("it has no token accuracy")
				}
				return h.TokenAccuracy, nil
			}},
		}},
	}
}

// Names returns the names of all metrics.
func Names() []string { return list.Map(All(), func(m Metric) string { return string(m.Name) }) }

// Lookup returns the metric with a name. "" means the first of All.
func Lookup(name tasks.Metric) (Metric, error) {
	all := All()
	if name == "" {
		return all[0], nil
	}
	at := slices.IndexFunc(all, func(m Metric) bool { return m.Name == name || name == ExactMatch && m.Name == Accuracy })
	if at >= 0 {
		return all[at], nil
	}
	return Metric{}, fmt.Errorf("unknown metric %q (%s)", name, suggest.Hint(string(name), "have", Names()))
}

// Has reports whether the metric is defined for tasks of a form.
func (m Metric) Has(f tasks.Form) bool {
	return slices.ContainsFunc(m.forms, func(own form) bool { return own.of == f })
}

// NameFor returns what tables call the metric for tasks of a form.
func (m Metric) NameFor(f tasks.Form) tasks.Metric {
	for _, own := range m.forms {
		if own.of == f {
			return own.name
		}
	}
	return m.Name
}

// Score computes the score of head h of task t. perExample holds one value for each test example if the score is their
// mean, and is nil otherwise.
func (m Metric) Score(t *result.Task, h *result.Head) (score stats.Score, perExample []float64, err error) {
	at := slices.IndexFunc(m.forms, func(own form) bool { return own.of == t.Form })
	if at < 0 {
		var have []string
		for _, other := range All() {
			if other.Has(t.Form) {
				have = append(have, string(other.Name))
			}
		}
		return nil, nil, fmt.Errorf("a %s task has no %s (have: %s)", t.Form, m.Name, strings.Join(have, ", "))
	}
	if own := m.forms[at]; own.perExample != nil {
		if perExample, err = own.perExample(t, h); err == nil {
			score = stats.MeanScore(perExample)
		}
	} else {
		score, err = own.score(t, h)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("head %s: %w", h.ID, err)
	}
	return score, perExample, nil
}
