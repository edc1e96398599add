package stats

import (
	"math"
	"testing"
)

// The values come from scikit-learn:
//
//	balanced_accuracy_score([0, 0, 0, 1, 2], [0, 0, 1, 1, 0])
//	balanced_accuracy_score([0, 0, 0, 1, 2], [0, 0, 1, 1, 0], sample_weight=[1, 0, 2, 1, 1])
//	balanced_accuracy_score([0, 0, 0, 1], [0, 0, 1, 1])
func TestBalancedAccuracyMatchesScikitLearn(t *testing.T) {
	pred := [][]float64{{1, 0, 0}, {0.5, 0.3, 0.2}, {0.2, 0.5, 0.3}, {0, 1, 0}, {0.6, 0, 0.4}}
	gold := [][]float64{{1, 0, 0}, {1, 0, 0}, {0.9, 0.1, 0}, {0, 1, 0}, {0, 0, 1}}
	score, err := BalancedAccuracyScore(pred, gold)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		weight []float64
		want   float64
	}{{nil, 5. / 9}, {[]float64{1, 0, 2, 1, 1}, 4. / 9}, {[]float64{1, 1, 1, 1, 0}, 5. / 6}} {
		if got := score(c.weight); !(math.Abs(got-c.want) <= 1e-12) {
			t.Errorf("weights %v: %v, want %v", c.weight, got, c.want)
		}
	}
	if _, err := BalancedAccuracyScore(pred[:2], [][]float64{{1, 0, 0}, {1, 0}}); err == nil {
		t.Error("no error for rows of different lengths")
	}
	if share, uneven, err := MajorityShare(gold); share != 0.6 || !uneven || err != nil {
		t.Errorf("majority %v, uneven %v, %v", share, uneven, err)
	}
	if _, _, err := MajorityShare(nil); err == nil {
		t.Error("no error for no examples")
	}
}

// With one best candidate it is Correct. Several share a point.
func TestCorrectOfTied(t *testing.T) {
	pred := [][]float64{{0.5, 0.5}, {0.4, 0.6}, {0.25, 0.25, 0.25, 0.25}, {0.4, 0.4, 0.2}, {0.4, 0.4, 0.2}}
	gold := [][]float64{{0, 1}, {0, 1}, {1, 0, 0, 0}, {0, 0, 1}, {0.5, 0.5, 0}}
	got, err := CorrectOfTied(pred, gold)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.5, 1, 0.25, 0, 1} {
		if got[i] != want {
			t.Errorf("example %d: %v, want %v", i, got[i], want)
		}
	}
}
