package prob

import (
	"math"
	"testing"
)

func TestArgmax(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   int
	}{
		{nil, -1},
		{[]float64{0.5}, 0},
		{[]float64{0.2, 0.8}, 1},
		{[]float64{0.5, 0.5}, 0},
		{[]float64{-3, -1, -2, -1}, 1},
		{[]float64{math.Inf(-1), math.Inf(-1)}, 0},
	} {
		if got := Argmax(c.values); got != c.want {
			t.Errorf("Argmax(%v) = %d, want %d", c.values, got, c.want)
		}
	}
}

// The wanted values are those of scipy.special.softmax.
func TestSoftmax(t *testing.T) {
	for _, c := range []struct{ logits, want []float64 }{
		{[]float64{0, 0}, []float64{0.5, 0.5}},
		{[]float64{1, -1}, []float64{0.8807970779778824, 0.11920292202211757}},
		{[]float64{1000, 0}, []float64{1, 0}},
		{[]float64{-1000, 0}, []float64{0, 1}},
		{[]float64{0, 1, 2}, []float64{0.09003057317038045, 0.24472847105479764, 0.6652409557748218}},
		{[]float64{1e300, 1e300, 0}, []float64{0.5, 0.5, 0}},
		{[]float64{7}, []float64{1}},
	} {
		got := make([]float64, len(c.logits))
		Softmax(c.logits, got)
		for k := range got {
			if !(math.Abs(got[k]-c.want[k]) <= 1e-15) {
				t.Errorf("Softmax(%v)[%d] = %v, want %v", c.logits, k, got[k], c.want[k])
			}
		}
		inPlace := append([]float64(nil), c.logits...)
		Softmax(inPlace, inPlace)
		for k := range got {
			if inPlace[k] != got[k] {
				t.Errorf("Softmax(%v) in place: [%d] = %v, want %v", c.logits, k, inPlace[k], got[k])
			}
		}
	}
}
