package stats

import (
	"fmt"
	"math"

	"w2s/internal/prob"
)

// DefaultBins is the number of bins in Guo et al. 2017.
const DefaultBins = 15

// A Calibration compares the confidence of predictions with their accuracy.
type Calibration struct {
	ECE  float64          `json:"ece"` // expected calibration error: mean of |accuracy - confidence| over the bins, weighted by N
	MCE  float64          `json:"mce"` // maximum calibration error: largest |accuracy - confidence| of a bin
	N    int              `json:"n"`
	Bins []CalibrationBin `json:"bins"` // bins that have examples, by confidence
}

// A CalibrationBin describes the predictions with Lo < confidence <= Hi.
type CalibrationBin struct {
	Lo         float64 `json:"lo"`
	Hi         float64 `json:"hi"`
	N          int     `json:"n"`
	Confidence float64 `json:"confidence"` // mean probability of the answer
	Accuracy   float64 `json:"accuracy"`
}

// Calibrate sorts predictions into bins of equal width over (0, 1] by the probability of the answer (Guo et al. 2017, "On
// Calibration of Modern Neural Networks"). With K classes that probability is at least 1/K. With two classes the lower half
// of the bins is thus empty, and 8 of 15 bins are in use. ECE and MCE depend on the number of bins, so state it with them.
func Calibrate(pred, gold [][]float64, bins int) (Calibration, error) {
	if bins < 1 {
		return Calibration{}, fmt.Errorf("stats: calibration over %d bins (want 1 or more; %d is usual)", bins, DefaultBins)
	}
	correct, err := Correct(pred, gold)
	if err != nil {
		return Calibration{}, err
	}
	all := make([]CalibrationBin, bins)
	for i, p := range pred {
		conf := p[prob.Argmax(p)]
		b := &all[min(max(int(math.Ceil(conf*float64(bins)))-1, 0), bins-1)]
		b.N++
		b.Confidence += conf
		b.Accuracy += correct[i]
	}
	c := Calibration{N: len(pred)}
	for k, b := range all {
		if b.N == 0 {
			continue
		}
		b.Lo, b.Hi = float64(k)/float64(bins), float64(k+1)/float64(bins)
		b.Confidence /= float64(b.N)
		b.Accuracy /= float64(b.N)
		miss := math.Abs(b.Accuracy - b.Confidence)
		c.ECE += miss * float64(b.N) / float64(len(pred))
		c.MCE = max(c.MCE, miss)
		c.Bins = append(c.Bins, b)
	}
	return c, nil
}
