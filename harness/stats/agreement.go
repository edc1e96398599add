package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"w2s/internal/prob"
)

// An Agreement says for every example whether student and supervisor give the same answer, beside whether the supervisor
// is wrong. Entries are 0 or 1, or shares of seeds after [MeanAgreement].
type Agreement struct {
	Same      []float64 // same answer
	Wrong     []float64 // the supervisor is wrong
	SameWrong []float64 // the supervisor is wrong and the student gives the same wrong answer
}

// Agree compares the answers of a student and its supervisor.
func Agree(student, supervisor, gold [][]float64) (Agreement, error) {
	if err := errors.Join(CheckPairs(student, gold), CheckPairs(supervisor, gold)); err != nil {
		return Agreement{}, err
	}
	n := len(gold)
	a := Agreement{Same: make([]float64, n), Wrong: make([]float64, n), SameWrong: make([]float64, n)}
	for i, g := range gold {
		answer := prob.Argmax(supervisor[i])
		if prob.Argmax(student[i]) == answer {
			a.Same[i] = 1
		}
		if !Right(answer, g) {
			a.Wrong[i] = 1
		}
		a.SameWrong[i] = a.Same[i] * a.Wrong[i]
	}
	return a, nil
}

// MeanAgreement averages over seeds, example by example.
func MeanAgreement(bySeed []Agreement) (Agreement, error) {
	var same, wrong, sameWrong [][]float64
	for _, a := range bySeed {
		same, wrong, sameWrong = append(same, a.Same), append(wrong, a.Wrong), append(sameWrong, a.SameWrong)
	}
	var out Agreement
	var errs [3]error
	out.Same, errs[0] = SeedMean(same)
	out.Wrong, errs[1] = SeedMean(wrong)
	out.SameWrong, errs[2] = SeedMean(sameWrong)
	if err := errors.Join(errs[:]...); err != nil {
		return Agreement{}, err
	}
	return out, nil
}

// Imitation is how far a student copies its supervisor. Set OnErrors beside the same figure of the strong ceiling, which
// never saw the supervisor: what exceeds it is imitation, the rest are examples that are hard for both.
type Imitation struct {
	All       Share `json:"all"`        // supervisor agreement: same answer
	OnErrors  Share `json:"on_errors"`  // same answer where the supervisor is wrong
	OnCorrect Share `json:"on_correct"` // same answer where it is right
}

// Imitation sums up an agreement, with bootstrap intervals over examples. b.N is set from the agreement.
func (a Agreement) Imitation(b Bootstrap) (Imitation, error) {
	b.N = len(a.Same)
	right, sameRight, ones := make([]float64, b.N), make([]float64, b.N), make([]float64, b.N)
	for i := range a.Same {
		ones[i] = 1
		right[i] = 1 - a.Wrong[i]
		sameRight[i] = a.Same[i] - a.SameWrong[i]
	}
	parts := [3]struct{ num, den []float64 }{{a.Same, ones}, {a.SameWrong, a.Wrong}, {sameRight, right}}
	var scores []Score
	for _, p := range parts {
		scores = append(scores, RatioScore(p.num, p.den))
	}
	samples, err := b.Samples(scores...)
	if err != nil {
		return Imitation{}, err
	}
	var shares [3]Share
	for k, p := range parts {
		shares[k] = Share{Value: scores[k](nil), N: mean(p.den) * float64(b.N)}
		if v, err := percentiles(samples[k], b.level()); err == nil {
			shares[k].Interval = v
		}
	}
	return Imitation{All: shares[0], OnErrors: shares[1], OnCorrect: shares[2]}, nil
}

// RatioScore is Σ num / Σ den as a Score: a share among those examples that den marks. It is NaN where den sums to 0.
func RatioScore(num, den []float64) Score {
	return func(weight []float64) float64 {
		var n, d float64
		for i := range num {
			w := 1.0
			if weight != nil {
				w = weight[i]
			}
			n += w * num[i]
			d += w * den[i]
		}
		if d == 0 {
			return math.NaN()
		}
		return n / d
	}
}

// A Share is a share of N examples (a mean over seeds, so not always whole). With N 0 it does not exist: Value is NaN in
// Go and null in JSON. Interval is not known where so few examples count that some resamples have none.
type Share struct {
	Value    float64
	Interval Interval
	N        float64
}

// Defined says whether there is anything to take a share of.
func (s Share) Defined() bool { return s.N > 0 }

type jsonShare struct {
	Value    *float64 `json:"value"`
	Interval Interval `json:"interval"`
	N        float64  `json:"n"`
}

// MarshalJSON writes a share of nothing as null.
func (s Share) MarshalJSON() ([]byte, error) {
	j := jsonShare{Interval: s.Interval, N: s.N}
	if s.Defined() {
		j.Value = &s.Value
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Share) UnmarshalJSON(data []byte) error {
	var j jsonShare
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("stats: share: %w", err)
	}
	*s = Share{Value: math.NaN(), Interval: j.Interval, N: j.N}
	if (j.Value != nil) != s.Defined() {
		return fmt.Errorf("stats: share: a value goes with n > 0 and only with that")
	}
	if j.Value != nil {
		s.Value = *j.Value
	}
	return nil
}
