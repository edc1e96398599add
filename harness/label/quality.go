package label

import "w2s/harness/stats"

// Quality compares labels with gold. It belongs to the analysis: whoever has gold of what a student learns from can
// measure, and the student never sees the result.
type Quality struct {
	N        int     `json:"n"`
	Accuracy float64 `json:"accuracy"`
	LogLoss  float64 `json:"log_loss"`
	Brier    float64 `json:"brier"`
	ECE      float64 `json:"ece"` // with stats.DefaultBins
}

// Measure compares labels with gold.
func Measure(labels, gold [][]float64) (Quality, error) {
	q := Quality{N: len(labels)}
	var err error
	if q.Accuracy, err = stats.Accuracy(labels, gold); err != nil {
		return Quality{}, err
	}
	if q.LogLoss, err = stats.LogLoss(labels, gold); err != nil {
		return Quality{}, err
	}
	if q.Brier, err = stats.Brier(labels, gold); err != nil {
		return Quality{}, err
	}
	c, err := stats.Calibrate(labels, gold, stats.DefaultBins)
	q.ECE = c.ECE
	return q, err
}
