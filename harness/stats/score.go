package stats

import (
	"fmt"

	"gonum.org/v1/gonum/floats"
)

// A Score computes a figure of a set of predictions for a resample in which example i occurs weight[i] times. A nil weight
// counts each example once. It returns NaN if the figure is undefined for the resample.
type Score func(weight []float64) float64

// MeanScore returns the Score that is the mean of values, one for each example. The mean of correctness is the accuracy. For
// several seeds, pass the result of [SeedMean].
func MeanScore(values []float64) Score {
	return func(weight []float64) float64 {
		if weight == nil {
			return mean(values)
		}
		return floats.Dot(weight, values) / floats.Sum(weight)
	}
}

// AUROCScore returns [AUROC] as a Score. It returns [ErrOneClass] if a class has no example or all of them.
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
		first = 1 // the curve of class 0 has the same area
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
