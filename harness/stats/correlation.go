package stats

import (
	"math"

	"w2s/internal/prob"
)

// Correlation returns the correlation of two lists of scores: one list for each example, one score for each class or
// candidate. A score counts as its distance from the mean of its example, so that logits can be compared as well as
// probabilities. If classes is true, the mean of each class over all examples is subtracted too, so that a preference for one
// class is not taken for agreement; with two classes the result is then Pearson's correlation of the probabilities of one of
// them. Candidates of different examples have nothing in common, and no mean of theirs is subtracted. The correlation is 0 if a
// list does not vary.
func Correlation(a, b [][]float64, classes bool) float64 {
	x, y := deviations(a, classes), deviations(b, classes)
	var xx, xy, yy float64
	for i := range x {
		for k := range x[i] {
			xx += x[i][k] * x[i][k]
			xy += x[i][k] * y[i][k]
			yy += y[i][k] * y[i][k]
		}
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

// Variation returns how much distributions differ: the mean total variation distance (half the sum of absolute differences) from
// their mean, or from the uniform distribution if they are of candidates. It is 0 if all are alike. For two balanced classes it
// is the mean distance of a probability from 0.5.
func Variation(p [][]float64, classes bool) float64 {
	sum := 0.0
	for _, row := range deviations(p, classes) {
		for _, d := range row {
			sum += math.Abs(d) / 2
		}
	}
	return sum / max(1, float64(len(p)))
}

// Sureness returns how sure labels are: the root mean square of their deviations, as a share of what the same labels have when all
// probability is on their answers. Of labels that are calibrated, it is about the correlation with gold. It is 1 for hard labels, and
// 0 if all are alike.
func Sureness(labels [][]float64, classes bool) float64 {
	hard := make([][]float64, len(labels))
	for i, p := range labels {
		hard[i] = make([]float64, len(p))
		hard[i][prob.Argmax(p)] = 1
	}
	squares := func(rows [][]float64) (sum float64) {
		for _, row := range deviations(rows, classes) {
			for _, d := range row {
				sum += d * d
			}
		}
		return sum
	}
	most := squares(hard)
	if most == 0 {
		return 0
	}
	return math.Sqrt(squares(labels) / most)
}

// deviations returns the distances of scores from the mean of their example and, if classes is true, of their class.
func deviations(scores [][]float64, classes bool) [][]float64 {
	out := make([][]float64, len(scores))
	var ofClass []float64
	for i, row := range scores {
		mean := 0.0
		for _, v := range row {
			mean += v / float64(len(row))
		}
		out[i] = make([]float64, len(row))
		for k, v := range row {
			out[i][k] = v - mean
		}
		if !classes {
			continue
		}
		if ofClass == nil {
			ofClass = make([]float64, len(row))
		}
		for k, d := range out[i] {
			ofClass[k] += d / float64(len(scores))
		}
	}
	if classes {
		for _, row := range out {
			for k := range row {
				row[k] -= ofClass[k]
			}
		}
	}
	return out
}
