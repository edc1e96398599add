package stats

// Quality compares training labels with gold. It belongs to the analysis: only code that has gold for a student's
// training examples can measure it, and the student never sees it.
type Quality struct {
	N        int     `json:"n"`
	Accuracy float64 `json:"accuracy"`
	LogLoss  float64 `json:"log_loss"`
	Brier    float64 `json:"brier"`
	ECE      float64 `json:"ece"` // with DefaultBins bins
}

// Measure compares labels with gold. Row i of both is a distribution over the answers of example i.
func Measure(labels, gold [][]float64) (Quality, error) {
	q := Quality{N: len(labels)}
	var err error
	if q.Accuracy, err = Accuracy(labels, gold); err != nil {
		return Quality{}, err
	}
	if q.LogLoss, err = LogLoss(labels, gold); err != nil {
		return Quality{}, err
	}
	if q.Brier, err = Brier(labels, gold); err != nil {
		return Quality{}, err
	}
	c, err := Calibrate(labels, gold, DefaultBins)
	q.ECE = c.ECE
	return q, err
}
