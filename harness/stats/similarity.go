package stats

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"w2s/internal/prob"
)

// Divergences returns the Kullback-Leibler divergence KL(a ‖ b) = Σ a·ln(a/b) of each example, in nats. Smaller entries of b than
// 2.2e-16 count as 2.2e-16, as in [LogLoss].
func Divergences(a, b [][]float64) ([]float64, error) {
	return perExample(a, b, func(p, q []float64) (sum float64) {
		for k, v := range p {
			if v > 0 {
				sum += v * math.Log(v/min(max(q[k], probFloor), 1))
			}
		}
		return sum
	})
}

// SquaredDistances returns half of the squared distance between a and b of each example. With b gold, its mean is the [Brier] score.
func SquaredDistances(a, b [][]float64) ([]float64, error) {
	return perExample(a, b, func(p, q []float64) (sum float64) {
		for k := range p {
			sum += (p[k] - q[k]) * (p[k] - q[k]) / 2
		}
		return sum
	})
}

func perExample(a, b [][]float64, of func(p, q []float64) float64) ([]float64, error) {
	if err := CheckPairs(a, b); err != nil {
		return nil, err
	}
	out := make([]float64, len(a))
	for i := range a {
		out[i] = of(a[i], b[i])
	}
	return out, nil
}

// PhiScore returns φ, Pearson's correlation of two indicators of 0 and 1. It is NaN if one of them does not vary.
func PhiScore(a, b []float64) Score {
	both := product(a, b)
	return func(weight []float64) float64 {
		mean := weightedMean(weight)
		x, y, xy := mean(a), mean(b), mean(both)
		spread := x * (1 - x) * y * (1 - y)
		if !(spread > 0) {
			return math.NaN()
		}
		return (xy - x*y) / math.Sqrt(spread)
	}
}

// KappaScore returns Cohen's κ of two indicators of 0 and 1: how much more often they are equal than two independent ones with the same
// means, as a share of the most that is possible. Of indicators of errors it is the error consistency of Geirhos et al. 2020. It is NaN
// if both are constant and equal.
func KappaScore(a, b []float64) Score {
	both := product(a, b)
	return func(weight []float64) float64 {
		mean := weightedMean(weight)
		x, y, xy := mean(a), mean(b), mean(both)
		return beyondChance(1-x-y+2*xy, x*y+(1-x)*(1-y))
	}
}

// Logit returns the logarithm of p / (1 - p). Neither of the two counts as smaller than 2.2e-16, as in [LogLoss].
func Logit(p float64) float64 { return math.Log(max(p, probFloor) / max(1-p, probFloor)) }

// VarianceShareScore returns the share of the variance of values that comes from the examples with an indicator of 1: the sum of their squared
// distances from the mean of all, divided by the sum of all. With their share w, variance v and mean m, that is (w·v + w·(m - mean)²) /
// variance. It is NaN if values do not vary.
func VarianceShareScore(values, indicator []float64) Score {
	return func(weight []float64) float64 {
		m := MeanScore(values)(weight)
		var part, all float64
		for i, v := range values {
			w := 1.0
			if weight != nil {
				w = weight[i]
			}
			all += w * (v - m) * (v - m)
			part += w * indicator[i] * (v - m) * (v - m)
		}
		if all == 0 {
			return math.NaN()
		}
		return part / all
	}
}

// CAPAScore returns the chance-adjusted probabilistic agreement of two models (Goel et al. 2025, 2502.04313). Their agreement is the
// mean of Σ p·q over the answers. What chance alone gives is ā·b̄ + mean(1/(K-1))·(1-ā)·(1-b̄), where ā and b̄ are the mean
// probabilities of the gold answer and K is the number of answers of an example. It is NaN if chance alone gives full agreement.
func CAPAScore(a, b, gold [][]float64) (Score, error) {
	if err := errors.Join(CheckPairs(a, gold), CheckPairs(b, gold)); err != nil {
		return nil, err
	}
	n := len(gold)
	same, ofA, ofB, others := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i, g := range gold {
		answer := prob.Argmax(g)
		same[i] = floats.Dot(a[i], b[i])
		ofA[i], ofB[i], others[i] = a[i][answer], b[i][answer], 1/float64(len(g)-1)
	}
	return func(weight []float64) float64 {
		mean := weightedMean(weight)
		x, y := mean(ofA), mean(ofB)
		return beyondChance(mean(same), x*y+mean(others)*(1-x)*(1-y))
	}, nil
}

// beyondChance returns (observed - expected) / (1 - expected).
func beyondChance(observed, expected float64) float64 {
	if expected >= 1 {
		return math.NaN()
	}
	return (observed - expected) / (1 - expected)
}

// weightedMean returns the function that computes means with these weights, or without weights if they are nil.
func weightedMean(weight []float64) func(values []float64) float64 {
	if weight == nil {
		return mean
	}
	sum := floats.Sum(weight)
	return func(values []float64) float64 { return floats.Dot(weight, values) / sum }
}

func product(a, b []float64) []float64 {
	out := make([]float64, len(a))
	floats.MulTo(out, a, b)
	return out
}

// RankCorrelation returns Spearman's rank correlation, Pearson's of the ranks. Equal values share the mean of their ranks. It is NaN if
// the values of a list are all equal. Infinite values have ranks; NaN is an error.
func RankCorrelation(a, b []float64) (float64, error) {
	if len(a) != len(b) {
		return 0, fmt.Errorf("stats: rank correlation of %d and %d values", len(a), len(b))
	}
	x, errA := ranks(a)
	y, errB := ranks(b)
	if err := errors.Join(errA, errB); err != nil {
		return 0, err
	}
	mx, my := mean(x), mean(y)
	var xx, xy, yy float64
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
		yy += (y[i] - my) * (y[i] - my)
	}
	if xx == 0 || yy == 0 {
		return math.NaN(), nil
	}
	return xy / math.Sqrt(xx*yy), nil
}

// ranks returns the rank of each value, from 1. Equal values share the mean of their ranks.
func ranks(values []float64) ([]float64, error) {
	for i, v := range values {
		if math.IsNaN(v) {
			return nil, fmt.Errorf("stats: value %d is not a number", i)
		}
	}
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	out := make([]float64, len(values))
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && values[order[end]] == values[order[start]] {
			end++
		}
		for _, i := range order[start:end] {
			out[i] = float64(start+end+1) / 2
		}
		start = end
	}
	return out, nil
}
