package stats

import (
	"errors"
	"fmt"

	"w2s/internal/prob"
)

// BalancedAccuracyScore returns the balanced accuracy as a [Score]: the mean over the classes of the share of their examples
// that are answered right, like scikit-learn's balanced_accuracy_score. A class without examples does not count. If there is a
// tie in gold, the example belongs to the first of its classes. All rows must have the same length.
func BalancedAccuracyScore(pred, gold [][]float64) (Score, error) {
	correct, err := Correct(pred, gold)
	if err != nil {
		return nil, err
	}
	class, classes := make([]int, len(gold)), len(gold[0])
	for i, g := range gold {
		if len(g) != classes {
			return nil, fmt.Errorf("stats: example %d has %d classes, example 0 has %d", i, len(g), classes)
		}
		class[i] = prob.Argmax(g)
	}
	return func(weight []float64) float64 {
		right, all := make([]float64, classes), make([]float64, classes)
		for i, c := range class {
			w := 1.0
			if weight != nil {
				w = weight[i]
			}
			all[c] += w
			right[c] += w * correct[i]
		}
		sum, present := 0.0, 0
		for c, n := range all {
			if n > 0 {
				sum += right[c] / n
				present++
			}
		}
		return sum / float64(present)
	}, nil
}

// MajorityShare returns the share of the examples that belong to the most frequent class, which is the accuracy of a head that
// always answers with it, and whether the classes differ in size by more than one example.
func MajorityShare(gold [][]float64) (share float64, uneven bool, err error) {
	if len(gold) == 0 || len(gold[0]) == 0 {
		return 0, false, errors.New("stats: no examples")
	}
	count := make([]int, len(gold[0]))
	for i, g := range gold {
		if len(g) != len(count) {
			return 0, false, fmt.Errorf("stats: example %d has %d classes, example 0 has %d", i, len(g), len(count))
		}
		count[prob.Argmax(g)]++
	}
	most, least := 0, len(gold)
	for _, n := range count {
		most, least = max(most, n), min(least, n)
	}
	return float64(most) / float64(len(gold)), most-least > 1, nil
}
