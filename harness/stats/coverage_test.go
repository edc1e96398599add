package stats

import (
	"math/rand/v2"
	"testing"

	"w2s/internal/race"
)

// The test draws test sets from a distribution with a known PGR and gap and counts how often the 95 % intervals contain them.
// The three models tend to be right on the same examples, as real models do.
func TestIntervalsCoverTrueValues(t *testing.T) {
	race.SkipLong(t)
	const sets, n, want = 400, 500, 0.6
	rng := rand.New(rand.NewPCG(1, 2))
	var pgr, gap, defined int
	for set := range sets {
		weak, student, ceiling := make([]float64, n), make([]float64, n), make([]float64, n)
		right := func(rate float64) float64 {
			if rng.Float64() < rate {
				return 1
			}
			return 0
		}
		for i := range n {
			weak[i] = right(0.70)
			if weak[i] == 1 { // the student's accuracy is 0.82 and the ceiling's 0.90
				student[i], ceiling[i] = right(0.92), right(0.95)
			} else {
				student[i], ceiling[i] = right((0.82-0.7*0.92)/0.3), right((0.90-0.7*0.95)/0.3)
			}
		}
		p := must(AccuracyPGR(weak, student, ceiling, Bootstrap{Resamples: 600, Seed: uint64(set)}))(t)
		if p.Defined {
			defined++
			if p.Interval.Contains(want) {
				pgr++
			}
		}
		if p.GapInterval.Contains(0.2) {
			gap++
		}
	}
	// Four standard errors of a share of 95 % of 400 are 4.4 points, and percentile intervals are slightly too narrow.
	for what, n := range map[string]int{"PGR": pgr, "gap": gap} {
		if share := float64(n) / sets; share < 0.90 || share > 0.99 {
			t.Errorf("%s: %.3f of the intervals contain the true value", what, share)
		}
		t.Logf("%s: %d of %d intervals contain the true value", what, n, sets)
	}
	if defined != sets {
		t.Errorf("the PGR is defined for %d of %d test sets", defined, sets)
	}
}

// Without a gap, the PGR must be undefined except for the share of test sets that the confidence level allows.
func TestPGRIsRarelyDefinedWithoutGap(t *testing.T) {
	const sets, n = 400, 300
	rng := rand.New(rand.NewPCG(3, 4))
	defined := 0
	for set := range sets {
		weak, student, ceiling := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			for _, v := range [][]float64{weak, student, ceiling} {
				if rng.Float64() < 0.75 {
					v[i] = 1
				}
			}
		}
		if must(AccuracyPGR(weak, student, ceiling, Bootstrap{Resamples: 600, Seed: uint64(set)}))(t).Defined {
			defined++
		}
	}
	if share := float64(defined) / sets; share > 0.06 { // 2.5 % expected
		t.Errorf("the PGR is defined for %.3f of the test sets", share)
	}
	t.Logf("the PGR is defined for %d of %d test sets", defined, sets)
}
