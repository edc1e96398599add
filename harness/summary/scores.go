package summary

import (
	"errors"
	"fmt"
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

// figure returns the mean over the seeds of the scores s, which are kind number kind of c, with its intervals. A score that is the same on
// all resamples, such as an accuracy of 1, has the interval of n values that are all the same if it is a mean over examples, and else none.
func (s *seedScores) figure(c *stats.Crossed, kind, n int) (Figure, error) {
	f, err := figureOf(c, kind)
	if err == nil && s.examples != nil {
		f.constant(0, 1, n)
	} else if f.Interval.Lo == f.Interval.Hi {
		f.Interval, f.Examples = stats.Interval{}, stats.Interval{}
	}
	return f, err
}

// constant replaces intervals without a width by those of n values from least to most that are all the same; see [stats.OfConstant].
func (f *Figure) constant(least, most float64, n int) {
	if v := f.Interval; v.Known() && v.Lo == v.Hi {
		f.Interval = stats.OfConstant(f.Value, least, most, n, v.Level)
		f.Examples = f.Interval
	}
}

// undefinedOn says on how many resamples scores are undefined, or returns "".
func undefinedOn(c *stats.Crossed, m tasks.Metric) string {
	skipped, all := c.Skipped()
	switch {
	case skipped == 0:
		return ""
	case 2*skipped > all:
		return fmt.Sprintf("%s is undefined on %d of %d resamples of the test examples, which lack a class: too many for intervals (--metric accuracy, or more test examples)", m, skipped, all)
	}
	return fmt.Sprintf("%s is undefined on %d of %d resamples of the test examples, which lack a class: intervals are of the others", m, skipped, all)
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
