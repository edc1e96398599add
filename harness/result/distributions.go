package result

import (
	"encoding/json"
	"fmt"
	"math"
)

// Distributions holds one probability distribution for each example. In JSON, a distribution over two answers is written
// as the probability of the second one, and any other distribution as a list.
type Distributions [][]float64

// MarshalJSON writes the short form.
func (d Distributions) MarshalJSON() ([]byte, error) {
	short := make([]any, len(d))
	for i, p := range d {
		if len(p) == 2 {
			short[i] = p[1]
		} else {
			short[i] = p
		}
	}
	return json.Marshal(short)
}

// UnmarshalJSON reads both forms.
func (d *Distributions) UnmarshalJSON(data []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	out := make(Distributions, len(raw))
	for i, r := range raw {
		var err error
		if out[i], err = readDistribution(r); err != nil {
			return fmt.Errorf("distribution %d: %w", i, err)
		}
	}
	*d = out
	return nil
}

// readDistribution reads the probability of the second of two answers, or a list that sums to 1. Pointers tell null
// from 0.
func readDistribution(raw json.RawMessage) ([]float64, error) {
	var second *float64
	if err := json.Unmarshal(raw, &second); err == nil {
		if second == nil || *second < 0 || *second > 1 {
			return nil, fmt.Errorf("%s is not a probability", raw)
		}
		return []float64{1 - *second, *second}, nil
	}
	var list []*float64
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("want a probability or a list of them: %w", err)
	}
	out, sum := make([]float64, len(list)), 0.0
	for k, p := range list {
		if p == nil || *p < 0 || *p > 1 {
			return nil, fmt.Errorf("entry %d of %s is not a probability", k, raw)
		}
		out[k] = *p
		sum += *p
	}
	if math.Abs(sum-1) > 1e-6 {
		return nil, fmt.Errorf("%s sums to %v, not to 1", raw, sum)
	}
	return out, nil
}
