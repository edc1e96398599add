package stats

import "math"

// probFloor is the least probability of which a logarithm is taken, as in scikit-learn's log_loss for float64.
const probFloor = 2.220446049250313e-16

// Accuracy returns the share of the examples whose answer is right.
func Accuracy(pred, gold [][]float64) (float64, error) {
	correct, err := Correct(pred, gold)
	if err != nil {
		return 0, err
	}
	return mean(correct), nil
}

// LogLoss returns the mean cross-entropy -Σ gold·ln(pred), in nats. Smaller probabilities than 2.2e-16 count as 2.2e-16, as in
// scikit-learn, so a wrong answer costs at most 36 nats.
func LogLoss(pred, gold [][]float64) (float64, error) {
	return meanOver(pred, gold, func(p, g []float64) float64 {
		loss := 0.0
		for k := range p {
			if g[k] > 0 {
				loss -= g[k] * math.Log(min(max(p[k], probFloor), 1))
			}
		}
		return loss
	})
}

// Brier returns half the mean squared distance between prediction and gold, from 0 to 1. For two classes it is the usual
// mean of (p - y)². It equals scikit-learn's brier_score_loss(..., scale_by_half=True) for any number of classes.
func Brier(pred, gold [][]float64) (float64, error) {
	return meanOver(pred, gold, func(p, g []float64) float64 {
		sum := 0.0
		for k := range p {
			sum += (p[k] - g[k]) * (p[k] - g[k])
		}
		return sum / 2
	})
}

// meanOver returns the mean of f over all examples.
func meanOver(pred, gold [][]float64, f func(p, g []float64) float64) (float64, error) {
	if err := CheckPairs(pred, gold); err != nil {
		return 0, err
	}
	sum := 0.0
	for i := range pred {
		sum += f(pred[i], gold[i])
	}
	return sum / float64(len(pred)), nil
}
