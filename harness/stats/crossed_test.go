package stats

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"w2s/internal/race"
)

// The reference computes variances by analysis of variance and finds the ends of Fieller's interval numerically; see
// testdata/crossed.py. What remains is the noise of the bootstrap.
func TestCrossedAgreesWithAnalysisOfVariance(t *testing.T) {
	race.SkipLong(t)
	data, err := os.ReadFile("testdata/crossed.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Correct [3][]string
		Ceiling [2]float64
		Gap     [2]float64
		PGR     [2]float64
		P       float64
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		var kinds [3][]Score
		var values [3][][]float64
		n := len(c.Correct[0][0])
		for k, seeds := range c.Correct {
			for _, digits := range seeds {
				v := make([]float64, n)
				for i, d := range digits {
					v[i] = float64(d - '0')
				}
				kinds[k], values[k] = append(kinds[k], MeanScore(v)), append(values[k], v)
			}
		}
		boot := Bootstrap{N: n, Resamples: 20000, Seed: 5}
		crossed := must(boot.Cross(kinds[0], kinds[1], kinds[2]))(t)
		_, ceiling, err := crossed.Mean(2)
		if err != nil {
			t.Fatal(err)
		}
		_, gap, err := crossed.Difference(2, 0)
		if err != nil {
			t.Fatal(err)
		}
		p := must(crossed.PGR(0, 1, 2))(t)
		for what, v := range map[string]struct {
			got  Interval
			want [2]float64
		}{"ceiling": {ceiling.Interval, c.Ceiling}, "gap": {gap.Interval, c.Gap}, "PGR": {p.Interval, c.PGR}} {
			slack := 0.02 * (v.want[1] - v.want[0])
			if !(math.Abs(v.got.Lo-v.want[0]) < slack && math.Abs(v.got.Hi-v.want[1]) < slack) {
				t.Errorf("%d seeds, %s: %v, want %v", len(kinds[0]), what, v.got, v.want)
			}
		}
		if p.GapInterval != gap.Interval || p.GapExamples != gap.Examples || p.Seeds != len(kinds[0]) {
			t.Errorf("%+v", p)
		}
		d := must(Compare(values[1], values[0], boot))(t)
		if d.Test != TestT || !(math.Abs(d.P/c.P-1) < 0.06) {
			t.Errorf("%d seeds: p %v (%s), want %v", len(kinds[0]), d.P, d.Test, c.P)
		}
	}
}

// Seeds that all have the same predictions are one seed: what remains is the interval over examples.
func TestCrossedOfEqualSeedsIsThatOfOne(t *testing.T) {
	v := make([]float64, 200)
	for i := range 120 {
		v[i] = 1
	}
	same := []Score{MeanScore(v), MeanScore(v), MeanScore(v)}
	several := must(Bootstrap{N: 200}.Cross(same))(t)
	one := must(Bootstrap{N: 200}.Cross(same[:1]))(t)
	_, a, errA := several.Mean(0)
	_, b, errB := one.Mean(0)
	if errA != nil || errB != nil || math.Abs(a.Examples.Lo-b.Examples.Lo) > 1e-12 || b.Interval != b.Examples {
		t.Errorf("%+v, %+v, %v, %v", a, b, errA, errB)
	}
	// The t interval and the percentile interval of a share differ a little.
	if math.Abs(a.Interval.Lo-b.Interval.Lo) > 0.005 || math.Abs(a.Interval.Hi-b.Interval.Hi) > 0.005 || a.Interval.Lo > a.Examples.Lo {
		t.Errorf("%+v, %+v", a, b)
	}
}

// Ten copies of every example say no more than one, if they are of one group.
func TestCrossedResamplesGroupsWhole(t *testing.T) {
	const n, copies = 60, 10
	single, all, groups := make([]float64, n), make([]float64, n*copies), make([]int, n*copies)
	for i := range n {
		single[i] = float64(i % 3 % 2)
		for c := range copies {
			all[i*copies+c], groups[i*copies+c] = single[i], i
		}
	}
	width := func(values []float64, groups []int) float64 {
		c := must(Bootstrap{N: len(values), Groups: groups}.Cross([]Score{MeanScore(values)}))(t)
		_, s, err := c.Mean(0)
		if err != nil {
			t.Fatal(err)
		}
		return s.Interval.Hi - s.Interval.Lo
	}
	want := width(single, nil)
	if got := width(all, groups); math.Abs(got/want-1) > 0.08 {
		t.Errorf("with groups the interval is %v wide, want %v", got, want)
	}
	if got := width(all, nil); got > want/2 {
		t.Errorf("without groups the interval is %v wide, want about %v", got, want/math.Sqrt(copies))
	}
}

func TestCrossedRefusesUnevenSeeds(t *testing.T) {
	s := MeanScore([]float64{0, 1})
	for what, kinds := range map[string][][]Score{"no kinds": nil, "no seeds": {{}}, "uneven": {{s, s}, {s}}} {
		if _, err := (Bootstrap{N: 2}).Cross(kinds...); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// Resamples without an example of a class are left out of all scores alike, and counted.
func TestCrossSkipsUndefinedResamples(t *testing.T) {
	pred, gold := [][]float64{{0.1, 0.9}, {0.6, 0.4}, {0.7, 0.3}, {0.2, 0.8}}, [][]float64{{0, 1}, {1, 0}, {1, 0}, {1, 0}}
	auroc := must(AUROCScore(pred, gold))(t)
	b := Bootstrap{N: 4, Resamples: 1000}
	c := must(b.Cross([]Score{auroc}, []Score{MeanScore([]float64{1, 0, 1, 1})}))(t)
	skipped, all := c.Skipped()
	// Example 0 is missing from (3/4)⁴ of the resamples, and is all of (1/4)⁴.
	if share := float64(skipped) / float64(all); all != 1000 || math.Abs(share-(81+1)/256.) > 0.05 {
		t.Errorf("%d of %d resamples are left out", skipped, all)
	}
	if a, b := len(c.Resampled(0)[0]), len(c.Resampled(1)[0]); a != all-skipped || a != b {
		t.Errorf("%d and %d resamples are left", a, b)
	}
	if _, spread, err := c.Mean(0); err != nil || !spread.Interval.Known() {
		t.Errorf("interval %v, %v", spread.Interval, err)
	}
	each := must(b.CrossEach([]Score{auroc}, []Score{MeanScore([]float64{1, 0, 1, 1})}))(t)
	if each[0] != nil || each[1] == nil || len(each[1].Resampled(0)[0]) != 1000 {
		t.Errorf("CrossEach has %v", each)
	}

	rare := must(AUROCScore(pred[:2], gold[:2]))(t) // half of all resamples of two examples have both
	c = must(Bootstrap{N: 2, Resamples: 101, Seed: 1}.Cross([]Score{rare}, []Score{rare}, []Score{MeanScore([]float64{1, 1})}))(t)
	skipped, all = c.Skipped()
	v, spread, err := c.Mean(0)
	p := must(c.PGR(0, 1, 2))(t)
	if few := 2*skipped > all; err != nil || v != 1 || spread.Interval.Known() == few || p.Defined || few && p.Reason != ReasonResamples {
		t.Errorf("%d of %d are left out, score %v %v, PGR %+v, %v", skipped, all, v, spread.Interval, p, err)
	}
}

// Reference values are those of SciPy: beta.ppf for Clopper and Pearson, binomtest(...).proportion_ci for Wilson.
func TestIntervalsOfShares(t *testing.T) {
	for _, c := range []struct {
		what      string
		got       Interval
		low, high float64
	}{
		{"no event in 22", OfConstant(0, 0, 1, 22, 0.95), 0, 0.1543725128155},
		{"50 events in 50", OfConstant(1, 0, 1, 50, 0.95), 0.9288782635, 1},
		{"no difference in 22", OfConstant(0, -1, 1, 22, 0.95), -0.1543725128155, 0.1543725128155},
		{"3 events in 40", Wilson(3./40, 40, 0.95), 0.0258360258, 0.1986423352},
		{"no event in 40", Wilson(0, 40, 0.95), 0, 0.0876216012},
	} {
		if math.Abs(c.got.Lo-c.low) > 1e-6 || math.Abs(c.got.Hi-c.high) > 1e-6 || c.got.Level != 0.95 {
			t.Errorf("%s: %+v, want [%v, %v]", c.what, c.got, c.low, c.high)
		}
	}
}
