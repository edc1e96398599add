package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

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
	s, err := shares(a.ratios(), b)
	if err != nil {
		return Imitation{}, err
	}
	return Imitation{s[0], s[1], s[2]}, nil
}

// Excess returns how much more often a than b gives the same answer as the supervisor where the supervisor is wrong, with its bootstrap
// interval over examples. a and b are agreements with one supervisor on the same examples. It sets boot.N.
func Excess(a, b Agreement, boot Bootstrap) (Share, error) {
	_, _, out, err := CompareImitation(a, b, boot)
	return out, err
}

// CompareImitation returns the imitation of a and of b, and the [Excess] of a over b, from one set of resamples.
func CompareImitation(a, b Agreement, boot Bootstrap) (ofA, ofB Imitation, excess Share, err error) {
	if len(b.SameWrong) != len(a.Wrong) {
		return ofA, ofB, excess, fmt.Errorf("stats: %d and %d examples", len(a.Wrong), len(b.SameWrong))
	}
	more := make([]float64, len(a.Wrong))
	for i := range more {
		more[i] = a.SameWrong[i] - b.SameWrong[i]
	}
	s, err := shares(slices.Concat(a.ratios(), b.ratios(), []ratio{{more, a.Wrong}}), boot)
	if err != nil {
		return ofA, ofB, excess, err
	}
	return Imitation{s[0], s[1], s[2]}, Imitation{s[3], s[4], s[5]}, s[6], nil
}

// A ratio is Σ num / Σ den over examples.
type ratio struct{ num, den []float64 }

// ratios returns the shares of an [Imitation] in the order of its fields.
func (a Agreement) ratios() []ratio {
	n := len(a.Same)
	ones, right, sameRight := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range a.Same {
		ones[i] = 1
		right[i] = 1 - a.Wrong[i]
		sameRight[i] = a.Same[i] - a.SameWrong[i]
	}
	return []ratio{{a.Same, ones}, {a.SameWrong, a.Wrong}, {sameRight, right}}
}

// shares returns ratios with their bootstrap intervals over examples, all from the same resamples. It sets b.N.
func shares(of []ratio, b Bootstrap) ([]Share, error) {
	b.N = len(of[0].num)
	if err := b.check(); err != nil {
		return nil, err
	}
	samples := make([][]float64, len(of))
	for k := range samples {
		samples[k] = make([]float64, b.resamples())
	}
	b.draw(func(r int, weight []float64) {
		for k := 0; k < len(of); k += 2 {
			next := min(k+1, len(of)-1) // k itself, if their number is odd
			x, y := of[k], of[next]
			nx, dx, ny, dy := sums(weight, x.num, x.den, y.num, y.den)
			samples[k][r], samples[next][r] = quotient(nx, dx), quotient(ny, dy)
		}
	})
	out := make([]Share, len(of))
	for k, x := range of {
		out[k] = Share{Value: RatioScore(x.num, x.den)(nil), N: mean(x.den) * float64(b.N)}
		if v, err := percentiles(samples[k], b.level()); err == nil {
			out[k].Interval = v
		}
	}
	return out, nil
}

// sums returns the weighted sums of four columns. An addition waits for the one before it in its sum, so four sums take little longer
// than one.
func sums(weight, a, b, c, d []float64) (sa, sb, sc, sd float64) {
	a, b, c, d = a[:len(weight)], b[:len(weight)], c[:len(weight)], d[:len(weight)]
	for i, w := range weight {
		sa += w * a[i]
		sb += w * b[i]
		sc += w * c[i]
		sd += w * d[i]
	}
	return sa, sb, sc, sd
}

func quotient(num, den float64) float64 {
	if den == 0 {
		return math.NaN()
	}
	return num / den
}

// RatioScore returns Σ num / Σ den as a Score. With den of 0 and 1 it is a share of the examples with a den of 1. It is NaN if
// den sums to 0.
func RatioScore(num, den []float64) Score {
	type term struct {
		example  int
		num, den float64
	}
	var terms []term // that are not 0; a share of few examples has few of them
	for i := range num {
		if num[i] != 0 || den[i] != 0 {
			terms = append(terms, term{i, num[i], den[i]})
		}
	}
	return func(weight []float64) float64 {
		var n, d float64
		for _, t := range terms {
			w := 1.0
			if weight != nil {
				w = weight[t.example]
			}
			n += w * t.num
			d += w * t.den
		}
		return quotient(n, d)
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
