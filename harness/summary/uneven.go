package summary

import (
	"errors"
	"math"

	"w2s/harness/metric"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/tasks"
)

// Uneven holds what a reader needs beside the scores of a row if the classes of the test examples differ in size. Always giving
// the same answer then scores Majority, and metrics tell different stories.
type Uneven struct {
	Majority float64  `json:"majority"` // accuracy of always answering with the most frequent class
	Scores   []Scores `json:"scores"`   // in the other metrics of classifications
}

// Scores are the scores of a row in a further metric, means over the seeds. They are nil if the metric is undefined, such as the
// AUROC if a class has no test example.
type Scores struct {
	Metric  tasks.Metric `json:"metric"`
	Weak    *float64     `json:"weak"`
	Student *float64     `json:"student"`
	Ceiling *float64     `json:"ceiling"`
}

// uneven returns nil if the classes of the test examples have the same size, or if there are none.
func (x *index) uneven(k groupKey, t *result.Task, students []*result.Head, shown metric.Metric) (*Uneven, error) {
	if t.Form != tasks.Classify {
		return nil, nil
	}
	share, uneven, err := stats.MajorityShare(t.TestGold)
	if err != nil || !uneven {
		return nil, err
	}
	u := &Uneven{Majority: share}
	for _, m := range metric.All() {
		if m.Name == shown.Name || !m.Has(t.Form) {
			continue
		}
		s := Scores{Metric: m.Name}
		for _, of := range []struct {
			to   **float64
			head func(*result.Head) *result.Head
		}{
			{&s.Weak, func(h *result.Head) *result.Head { return x.heads[h.Supervisor] }},
			{&s.Student, func(h *result.Head) *result.Head { return h }},
			{&s.Ceiling, func(h *result.Head) *result.Head {
				return x.reference[referenceKey{result.Ceiling, k.task, k.strong, k.trained, k.size, h.Seed}]
			}},
		} {
			sum := 0.0
			for _, h := range students {
				score, _, err := m.Score(t, of.head(h))
				if errors.Is(err, stats.ErrOneClass) {
					sum = math.NaN()
					break
				}
				if err != nil {
					return nil, err
				}
				sum += score(nil)
			}
			if mean := sum / float64(len(students)); !math.IsNaN(mean) {
				*of.to = &mean
			}
		}
		u.Scores = append(u.Scores, s)
	}
	return u, nil
}
