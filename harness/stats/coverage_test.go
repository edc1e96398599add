package stats

import (
	"math/rand/v2"
	"testing"
)

// TestIntervalsCoverTheTruth draws test sets from a world whose PGR is known, and counts how often the 95 % interval holds
// it. The rates are chosen so that the three are right on the same examples as often as real models are.
func TestIntervalsCoverTheTruth(t *testing.T) {
	const worlds, n, want = 400, 500, 0.6
	rng := rand.New(rand.NewPCG(1, 2))
	var pgr, gap, defined int
	for w := range worlds {
		weak, student, ceiling := make([]float64, n), make([]float64, n), make([]float64, n)
		right := func(rate float64) float64 {
			if rng.Float64() < rate {
				return 1
			}
			return 0
		}
		for i := range n {
			weak[i] = right(0.70)
			if weak[i] == 1 { // student 0.82, ceiling 0.90
				student[i], ceiling[i] = right(0.92), right(0.95)
			} else {
				student[i], ceiling[i] = right((0.82-0.7*0.92)/0.3), right((0.90-0.7*0.95)/0.3)
			}
		}
		p := must(AccuracyPGR(weak, student, ceiling, Bootstrap{Resamples: 600, Seed: uint64(w)}))(t)
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
	// 4 standard errors of a share of 400 at 95 % are 4.4 points; percentile intervals are a little narrow.
	for what, n := range map[string]int{"PGR": pgr, "gap": gap} {
		if share := float64(n) / worlds; share < 0.90 || share > 0.99 {
			t.Errorf("%s: %.3f of the intervals hold the truth", what, share)
		}
		t.Logf("%s: %d of %d intervals hold the truth", what, n, worlds)
	}
	if defined != worlds {
		t.Errorf("PGR defined in %d of %d", defined, worlds)
	}
}

// TestNoGapIsSeldomTakenForOne: without a gap the PGR must be refused, but for the share that the level allows.
func TestNoGapIsSeldomTakenForOne(t *testing.T) {
	const worlds, n = 400, 300
	rng := rand.New(rand.NewPCG(3, 4))
	defined := 0
	for w := range worlds {
		weak, student, ceiling := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			for _, v := range [][]float64{weak, student, ceiling} {
				if rng.Float64() < 0.75 {
					v[i] = 1
				}
			}
		}
		if must(AccuracyPGR(weak, student, ceiling, Bootstrap{Resamples: 600, Seed: uint64(w)}))(t).Defined {
			defined++
		}
	}
	if share := float64(defined) / worlds; share > 0.06 { // 2.5 % expected
		t.Errorf("PGR defined in %.3f of worlds without a gap", share)
	}
	t.Logf("PGR defined in %d of %d worlds without a gap", defined, worlds)
}
