package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"w2s/internal/prob"
)

// An Agreement records for each example whether student and supervisor give the same answer and whether the supervisor is
// wrong. Entries are 0 or 1, or shares of the seeds after [MeanAgreement].
type Agreement struct {
	Same      []float64 // they give the same answer
	Wrong     []float64 // the supervisor is wrong
	SameWrong []float64 // they give the same wrong answer
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

// MeanAgreement returns the mean over seeds for each example.
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

// Imitation tells how often a student gives the same answer as its supervisor. The strong ceiling never saw the supervisor's
// labels, so its OnErrors counts examples that mislead both. Only the part of the student's OnErrors above the ceiling's is
// imitation.
type Imitation struct {
	All       Share `json:"all"`        // of all examples (supervisor agreement)
	OnErrors  Share `json:"on_errors"`  // of the examples that the supervisor gets wrong
	OnCorrect Share `json:"on_correct"` // of the examples that the supervisor gets right
}

// Imitation summarises an agreement, with bootstrap intervals over examples. It sets b.N.
func (a Agreement) Imitation(b Bootstrap) (Imitation, error) {
	b.N = len(a.Same)
	right, sameRight, ones := make([]float64, b.N), make([]float64, b.N), make([]float64, b.N)
	for i := range a.Same {
		ones[i] = 1
		right[i] = 1 - a.Wrong[i]
		sameRight[i] = a.Same[i] - a.SameWrong[i]
	}
	ratios := [3]struct{ num, den []float64 }{{a.Same, ones}, {a.SameWrong, a.Wrong}, {sameRight, right}}
	var scores []Score
	for _, r := range ratios {
		scores = append(scores, RatioScore(r.num, r.den))
	}
	samples, err := b.Samples(scores...)
	if err != nil {
		return Imitation{}, err
	}
	var shares [3]Share
	for k, r := range ratios {
		shares[k] = Share{Value: scores[k](nil), N: mean(r.den) * float64(b.N)}
		if v, err := percentiles(samples[k], b.level()); err == nil {
			shares[k].Interval = v
		}
	}
	return Imitation{All: shares[0], OnErrors: shares[1], OnCorrect: shares[2]}, nil
}

// Excess returns how much more often a than b gives the same answer as the supervisor where the supervisor is wrong, with its bootstrap
// interval over examples. a and b are agreements with one supervisor on the same examples. It sets boot.N.
func Excess(a, b Agreement, boot Bootstrap) (Share, error) {
	boot.N = len(a.Wrong)
	if len(b.SameWrong) != boot.N {
		return Share{}, fmt.Errorf("stats: %d and %d examples", boot.N, len(b.SameWrong))
	}
	more := make([]float64, boot.N)
	for i := range more {
		more[i] = a.SameWrong[i] - b.SameWrong[i]
	}
	score := RatioScore(more, a.Wrong)
	samples, err := boot.Samples(score)
	if err != nil {
		return Share{}, err
	}
	out := Share{Value: score(nil), N: mean(a.Wrong) * float64(boot.N)}
	if v, err := percentiles(samples[0], boot.level()); err == nil {
		out.Interval = v
	}
	return out, nil
}

// RatioScore returns Σ num / Σ den as a Score. With den of 0 and 1 it is a share of the examples with a den of 1. It is NaN if
// den sums to 0.
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

// A Share is a share of N examples. N is a mean over seeds and need not be whole. If N is 0 the share is undefined, and Value
// is NaN in Go and null in JSON.
type Share struct {
	Value    float64
	Interval Interval // unknown if some resamples have none of the N examples
	N        float64
}

// Defined reports whether the share is defined.
func (s Share) Defined() bool { return s.N > 0 }

type jsonShare struct {
	Value    *float64 `json:"value"`
	Interval Interval `json:"interval"`
	N        float64  `json:"n"`
}

// MarshalJSON writes the value of an undefined share as null.
func (s Share) MarshalJSON() ([]byte, error) {
	j := jsonShare{Interval: s.Interval, N: s.N}
	if s.Defined() {
		j.Value = &s.Value
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads the form that MarshalJSON writes.
func (s *Share) UnmarshalJSON(data []byte) error {
	var j jsonShare
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("stats: share: %w", err)
	}
	*s = Share{Value: math.NaN(), Interval: j.Interval, N: j.N}
	if (j.Value != nil) != s.Defined() {
		return errors.New("stats: share: there must be a value if n > 0 and only then")
	}
	if j.Value != nil {
		s.Value = *j.Value
	}
	return nil
}
