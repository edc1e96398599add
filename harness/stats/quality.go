package stats

// A Quality compares training labels with gold. It takes gold of the student's training examples, so it is for the analysis
// only and must not reach the student.
type Quality struct {
	N        int     `json:"n"`
	Accuracy float64 `json:"accuracy"`
	LogLoss  float64 `json:"log_loss"`
	Brier    float64 `json:"brier"`
	ECE      float64 `json:"ece"` // with DefaultBins bins
}

// Measure compares labels with gold. Row i of either is a distribution over the answers to example i.
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
