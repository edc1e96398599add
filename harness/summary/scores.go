package summary

import (
	"errors"
	"strings"

	"w2s/harness/metric"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/tasks"
)

// seedScores are the scores of heads that differ only in the seed, on the same test examples.
type seedScores struct {
	scores   []stats.Score
	examples [][]float64 // by seed and example; empty if the metric is not a mean over examples
}

// add computes the score of the head of another seed.
func (s *seedScores) add(m metric.Metric, t *result.Task, h *result.Head) error {
	score, perExample, err := m.Score(t, h)
	if err != nil {
		return err
	}
	s.scores = append(s.scores, score)
	if perExample != nil {
		s.examples = append(s.examples, perExample)
	}
	return nil
}

// values returns the score of each seed on the test examples themselves.
func (s *seedScores) values() []float64 {
	out := make([]float64, len(s.scores))
	for i, score := range s.scores {
		out[i] = score(nil)
	}
	return out
}

// figureOf returns the mean score of a kind over the seeds with its intervals.
func figureOf(c *stats.Crossed, kind int) (Figure, error) {
	v, spread, err := c.Mean(kind)
	return Figure{Value: v, Interval: spread.Interval, Examples: spread.Examples}, err
}

// agreements compares students and ceilings with their supervisors, with an entry for each seed.
type agreements struct{ student, ceiling []stats.Agreement }

// add compares the heads of another seed.
func (a *agreements) add(t *result.Task, weak, student, ceiling *result.Head) error {
	if t.Form == tasks.Generate {
		a.student, a.ceiling = append(a.student, agreeInText(t, student, weak)), append(a.ceiling, agreeInText(t, ceiling, weak))
		return nil
	}
	s, errStudent := stats.Agree(student.Test, weak.Test, t.TestGold)
	c, errCeiling := stats.Agree(ceiling.Test, weak.Test, t.TestGold)
	a.student, a.ceiling = append(a.student, s), append(a.ceiling, c)
	return errors.Join(errStudent, errCeiling)
}

// imitation returns the mean over the seeds.
func (a *agreements) imitation(b stats.Bootstrap) (Imitation, error) {
	var out Imitation
	student, err := stats.MeanAgreement(a.student)
	if err != nil {
		return out, err
	}
	ceiling, err := stats.MeanAgreement(a.ceiling)
	if err != nil {
		return out, err
	}
	out.Student, out.Ceiling, out.Excess, err = stats.CompareImitation(student, ceiling, b)
	return out, err
}

// agreeInText compares free answers: two heads agree if they wrote the same text, white space around it aside.
func agreeInText(t *result.Task, student, supervisor *result.Head) stats.Agreement {
	n := len(t.TestIDs)
	a := stats.Agreement{Same: make([]float64, n), Wrong: make([]float64, n), SameWrong: make([]float64, n)}
	for i, text := range supervisor.Answers {
		if strings.TrimSpace(student.Answers[i]) == strings.TrimSpace(text) {
			a.Same[i] = 1
		}
		if !result.Matches(text, t.TestAnswers[i]) {
			a.Wrong[i] = 1
		}
		a.SameWrong[i] = a.Same[i] * a.Wrong[i]
	}
	return a
}
