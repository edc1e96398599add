package stats

import "math"

// probFloor bounds probabilities away from 0 in logarithms, as scikit-learn's log_loss does for float64.
const probFloor = 2.220446049250313e-16

// Accuracy is the share of examples whose most probable answer is right.
func Accuracy(pred, gold [][]float64) (float64, error) {
	correct, err := Correct(pred, gold)
	if err != nil {
		return 0, err
	}
	return mean(correct), nil
}

// LogLoss is the mean cross-entropy -Σ gold·ln(pred), in nats. Probabilities below 2.2e-16 count as that, as in
// scikit-learn, so a confident miss costs 36 nats and not infinity.
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

// Brier is the mean of half the squared distance between prediction and gold, from 0 to 1. For two classes that is the
// usual (p - y)²; scikit-learn gives the same for any number with brier_score_loss(..., scale_by_half=True).
func Brier(pred, gold [][]float64) (float64, error) {
	return meanOver(pred, gold, func(p, g []float64) float64 {
		sum := 0.0
		for k := range p {
			sum += (p[k] - g[k]) * (p[k] - g[k])
		}
		return sum / 2
	})
}

func meanOver(pred, gold [][]float64, of func(p, g []float64) float64) (float64, error) {
	if err := CheckPairs(pred, gold); err != nil {
		return 0, err
	}
	sum := 0.0
	for i := range pred {
		sum += of(pred[i], gold[i])
	}
	return sum / float64(len(pred)), nil
}
