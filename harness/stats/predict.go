package stats

import (
	"errors"
	"fmt"
	"math"

	"w2s/internal/prob"
)

// sumSlack is the largest difference between the sum of a distribution and 1. It allows for a softmax in float32 and for
// labels that were printed with a few digits, but not for logits.
const sumSlack = 1e-3

// ErrEmpty means that there are no examples.
var ErrEmpty = errors.New("stats: no examples")

// Right reports whether an answer is right, which means that no entry of gold is larger than the answer's.
func Right(answer int, gold []float64) bool {
	return gold[answer] > 0 && gold[answer] == gold[prob.Argmax(gold)]
}

// Correct returns 1 for each example whose answer is right and 0 for the others. pred[i] and gold[i] are distributions of the
// same length.
func Correct(pred, gold [][]float64) ([]float64, error) {
	if err := CheckPairs(pred, gold); err != nil {
		return nil, err
	}
	correct := make([]float64, len(pred))
	for i, p := range pred {
		if Right(prob.Argmax(p), gold[i]) {
			correct[i] = 1
		}
	}
	return correct, nil
}

// CorrectOfTied is like [Correct], but an example with several answers of the same highest probability has the share of them that
// is right: one half for two candidates that a model cannot tell apart.
func CorrectOfTied(pred, gold [][]float64) ([]float64, error) {
	if err := CheckPairs(pred, gold); err != nil {
		return nil, err
	}
	correct := make([]float64, len(pred))
	for i, p := range pred {
		top, tied := p[prob.Argmax(p)], 0.0
		for k, v := range p {
			if v == top {
				tied++
				if Right(k, gold[i]) {
					correct[i]++
				}
			}
		}
		correct[i] /= tied
	}
	return correct, nil
}

// Check returns an error unless there is a row and every row is a distribution, two or more values in [0, 1] that sum to 1.
func Check(rows [][]float64) error {
	if len(rows) == 0 {
		return ErrEmpty
	}
	for i, row := range rows {
		if err := checkRow(row); err != nil {
			return fmt.Errorf("stats: example %d: %w", i, err)
		}
	}
	return nil
}

// CheckPairs returns an error unless a and b hold distributions of the same lengths for the same number of examples.
func CheckPairs(a, b [][]float64) error {
	if len(a) != len(b) {
		return fmt.Errorf("stats: %d examples and %d", len(a), len(b))
	}
	if err := errors.Join(Check(a), Check(b)); err != nil {
		return err
	}
	for i := range a {
		if len(a[i]) != len(b[i]) {
			return fmt.Errorf("stats: example %d: %d entries and %d", i, len(a[i]), len(b[i]))
		}
	}
	return nil
}

func checkRow(row []float64) error {
	if len(row) < 2 {
		return fmt.Errorf("a distribution over %d entries (want 2 or more)", len(row))
	}
	sum := 0.0
	for k, v := range row {
		// The negation also catches NaN.
		if !(v >= 0 && v <= 1+sumSlack) {
			return fmt.Errorf("entry %d is %v, not a probability", k, v)
		}
		sum += v
	}
	if math.Abs(sum-1) > sumSlack {
		return fmt.Errorf("probabilities sum to %v, not 1", sum)
	}
	return nil
}

// checkFinite returns an error if there are no values or one of them is NaN or infinite.
func checkFinite(what string, values []float64) error {
	if len(values) == 0 {
		return ErrEmpty
	}
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("stats: %s %d is %v", what, i, v)
		}
	}
	return nil
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// SeedMean returns the mean over seeds for each example, where bySeed[s][i] is the correctness (or another value) of example i
// under seed s. With these means, examples are the unit of a bootstrap for any number of seeds.
func SeedMean(bySeed [][]float64) ([]float64, error) {
	if len(bySeed) == 0 {
		return nil, ErrEmpty
	}
	out := make([]float64, len(bySeed[0]))
	for s, values := range bySeed {
		if len(values) != len(out) {
			return nil, fmt.Errorf("stats: seed %d has %d examples, seed 0 has %d", s, len(values), len(out))
		}
		if err := checkFinite(fmt.Sprintf("seed %d: example", s), values); err != nil {
			return nil, err
		}
		for i, v := range values {
			out[i] += v
		}
	}
	for i := range out {
		out[i] /= float64(len(bySeed))
	}
	return out, nil
}
