// Package metric is the table of metrics, which turn the predictions of a head into a score.
//
// [Lookup] finds a [Metric] by name, and [Metric.Score] computes it for the predictions of a [result.Head] on the test
// examples of its [result.Task]. A metric may mean something else, or nothing, for tasks of another form. To add a metric,
// add a line to [All].
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

// A Metric turns the predictions of a head for the test examples of its task into a score.
type Metric struct {
	Name  tasks.Metric
	About string // a phrase for help texts
	forms []forForm
}

// A forForm is a metric for tasks of one form.
type forForm struct {
	form tasks.Form
	name tasks.Metric // what tables call it
	// perExample returns one value for each test example, and the score is their mean. For a metric that is not a mean over
	// examples, perExample is nil and score is set.
	perExample func(t *result.Task, h *result.Head) ([]float64, error)
	score      func(t *result.Task, h *result.Head) (stats.Score, error)
}

// Names of the metrics.
const (
	Accuracy                      = tasks.Accuracy
	AUROC                         = tasks.AUROC
	BalancedAccuracy tasks.Metric = "balanced-accuracy"
	TokenAccuracy    tasks.Metric = "token-accuracy"
	ExactMatch                    = tasks.ExactMatch // what Accuracy is called for free answers
)

// All returns the table of metrics, the default one first.
func All() []Metric {
	correct := func(t *result.Task, h *result.Head) ([]float64, error) { return stats.Correct(h.Test, t.TestGold) }
	ofTied := func(t *result.Task, h *result.Head) ([]float64, error) {
		return stats.CorrectOfTied(h.Test, t.TestGold)
	}
	return []Metric{
		{Accuracy, "the share of test examples that are answered right; of free answers, the share of exact matches", []forForm{
			{form: tasks.Classify, name: Accuracy, perExample: correct},
			{form: tasks.Rank, name: Accuracy, perExample: ofTied},
			{form: tasks.Generate, name: ExactMatch, perExample: correct},
		}},
		{AUROC, "the area under the ROC curve: mean over classes, or over the rankings of candidates", []forForm{
			{form: tasks.Classify, name: AUROC, score: func(t *result.Task, h *result.Head) (stats.Score, error) {
				return stats.AUROCScore(h.Test, t.TestGold)
			}},
			{form: tasks.Rank, name: AUROC, perExample: func(t *result.Task, h *result.Head) ([]float64, error) {
				return stats.RankAUROC(h.Test, t.TestGold)
			}},
		}},
		{BalancedAccuracy, "for classification: the mean over the classes of the share of their test examples that are answered right", []forForm{
			{form: tasks.Classify, name: BalancedAccuracy, score: func(t *result.Task, h *result.Head) (stats.Score, error) {
				return stats.BalancedAccuracyScore(h.Test, t.TestGold)
			}},
		}},
		{TokenAccuracy, "for free answers: the share of the right answer's tokens to which the head gives the highest probability, given the right tokens before them", []forForm{
			{form: tasks.Generate, name: TokenAccuracy, perExample: func(_ *result.Task, h *result.Head) ([]float64, error) {
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

// Lookup returns the metric with a name. The empty name stands for the first metric of All.
func Lookup(name tasks.Metric) (Metric, error) {
	all := All()
	if name == "" {
		return all[0], nil
	}
	at := slices.IndexFunc(all, func(m Metric) bool {
		return m.Name == name || slices.ContainsFunc(m.forms, func(f forForm) bool { return f.name == name })
	})
	if at >= 0 {
		return all[at], nil
	}
	return Metric{}, fmt.Errorf("unknown metric %q (%s)", name, suggest.Hint(string(name), "have", Names()))
}

// Has reports whether the metric is defined for tasks of a form.
func (m Metric) Has(f tasks.Form) bool {
	return m.of(f) != nil
}

// NameFor returns what tables call the metric for tasks of a form.
func (m Metric) NameFor(f tasks.Form) tasks.Metric {
	if v := m.of(f); v != nil {
		return v.name
	}
	return m.Name
}

// of returns the metric for tasks of a form, or nil if it is not defined for them.
func (m Metric) of(f tasks.Form) *forForm {
	at := slices.IndexFunc(m.forms, func(v forForm) bool { return v.form == f })
	if at < 0 {
		return nil
	}
	return &m.forms[at]
}

// Score computes the score of head h of task t. If the score is a mean over the test examples, perExample has the value of
// each, and otherwise it is nil.
func (m Metric) Score(t *result.Task, h *result.Head) (score stats.Score, perExample []float64, err error) {
	v := m.of(t.Form)
	if v == nil {
		var have []string
		for _, other := range All() {
			if other.Has(t.Form) {
				have = append(have, string(other.Name))
			}
		}
		return nil, nil, fmt.Errorf("a %s task has no %s (have: %s)", t.Form, m.Name, strings.Join(have, ", "))
	}
	if v.perExample != nil {
		perExample, err = v.perExample(t, h)
		score = stats.MeanScore(perExample)
	} else {
		score, err = v.score(t, h)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("head %s: %w", h.ID, err)
	}
	return score, perExample, nil
}
