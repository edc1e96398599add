package stats

import (
	"fmt"

	"gonum.org/v1/gonum/floats"
)

// A Score is one figure of one set of predictions, in a form that can be computed again for any resample: weight[i] is
// how often example i counts, nil means once each. A resample for which the figure does not exist gives NaN.
type Score func(weight []float64) float64

// MeanScore is the mean of a per-example value; of a correctness vector it is the accuracy. Where seeds are averaged,
// pass the result of [SeedMean].
func MeanScore(values []float64) Score {
	return func(weight []float64) float64 {
		if weight == nil {
			return mean(values)
		}
		return floats.Dot(weight, values) / floats.Sum(weight)
	}
}

// AUROCScore is [AUROC] as a Score. It returns [ErrOneClass] where a class has no example or all of them.
func AUROCScore(pred, gold [][]float64) (Score, error) {
	if err := CheckPairs(pred, gold); err != nil {
		return nil, err
	}
	classes := len(pred[0])
	for i, row := range pred {
		if len(row) != classes {
			return nil, fmt.Errorf("stats: example %d has %d classes, example 0 has %d (for ranking questions use RankAUROC)",
				i, len(row), classes)
		}
	}
	first := 0
	if classes == 2 {
		first = 1 // class 0 against the rest is the same curve
	}
	var curves []*ranking
	for k := first; k < classes; k++ {
		scores, positive := make([]float64, len(pred)), make([]bool, len(pred))
		for i := range pred {
			scores[i], positive[i] = pred[i][k], Right(k, gold[i])
		}
		curve, err := newRanking(scores, positive)
		if err != nil {
			return nil, fmt.Errorf("%w: class %d", err, k)
		}
		curves = append(curves, curve)
	}
	return func(weight []float64) float64 {
		sum := 0.0
		for _, c := range curves {
			sum += c.area(weight)
		}
		return sum / float64(len(curves))
	}, nil
}

// AverageScore is the mean of several scores on the same examples: one score a seed, for figures such as the AUROC that
// are not a mean over examples.
func AverageScore(scores ...Score) Score {
	return func(weight []float64) float64 {
		sum := 0.0
		for _, s := range scores {
			sum += s(weight)
		}
		return sum / float64(len(scores))
	}
}
