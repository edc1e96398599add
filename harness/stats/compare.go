package stats

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// The tests that Compare uses.
const (
	TestMcNemar  = "mcnemar exact"
	TestSignFlip = "sign-flip permutation"
	TestT        = "t over seeds and test examples"
)

// permutations is the number of random sign flips in SignFlip, whose smallest p-value is thus 1e-4.
const permutations = 9999

// A Difference is the mean of a - b over the same seeds and test examples.
type Difference struct {
	Diff     float64  `json:"diff"`
	Interval Interval `json:"interval"`          // over seeds and test examples, or over test examples if there is one seed
	Examples Interval `json:"interval_examples"` // over test examples alone (paired bootstrap)
	P        float64  `json:"p"`                 // two-sided p-value of this comparison alone; see Holm for several
	Test     string   `json:"test"`
	Better   int      `json:"better"` // examples on which a is better, by its mean over seeds
	Worse    int      `json:"worse"`
	N        int      `json:"n"`
	Seeds    int      `json:"seeds"`
}

// Compare compares two students. a and b hold their correctness by seed and example, for the same seeds and examples. Compare
// sets boot.N.
//
// The p-value of a single seed comes from the exact McNemar test if all values are 0 or 1 and boot has no groups, and otherwise
// from a sign-flip permutation test over examples or groups. It then says nothing about other training draws. The p-value of
// several seeds is the larger one of a t-test of the variance in [Crossed] and the sign-flip test of the means over seeds.
func Compare(a, b [][]float64, boot Bootstrap) (Difference, error) {
	if len(a) == 0 || len(a) != len(b) {
		return Difference{}, fmt.Errorf("stats: comparison of %d seeds with %d", len(a), len(b))
	}
	boot.N = len(a[0])
	d := Difference{N: boot.N, Seeds: len(a), Test: TestMcNemar}
	diff := make([]float64, boot.N) // mean over seeds
	bySeed := make([]Score, len(a))
	for s := range a {
		if len(a[s]) != boot.N || len(b[s]) != boot.N {
			return Difference{}, fmt.Errorf("stats: comparison of %d examples with %d (want %d)", len(a[s]), len(b[s]), boot.N)
		}
		if err := errors.Join(checkFinite("example", a[s]), checkFinite("example", b[s])); err != nil {
			return Difference{}, err
		}
		own := make([]float64, boot.N)
		for i := range own {
			own[i] = a[s][i] - b[s][i]
			diff[i] += own[i] / float64(len(a))
		}
		bySeed[s] = MeanScore(own)
	}
	for _, v := range diff {
		switch {
		case v > 0:
			d.Better++
		case v < 0:
			d.Worse++
		}
		if v != math.Trunc(v) {
			d.Test = TestSignFlip
		}
	}
	if boot.Groups != nil || d.Seeds > 1 {
		d.Test = TestSignFlip
	}
	crossed, err := boot.Cross(bySeed)
	if err != nil {
		return Difference{}, err
	}
	var spread Spread
	if d.Diff, spread, err = crossed.Mean(0); err != nil {
		return Difference{}, err
	}
	d.Interval, d.Examples = spread.Interval, spread.Examples
	if d.Test == TestMcNemar {
		d.P, err = McNemar(d.Better, d.Worse)
		return d, err
	}
	if d.P, err = SignFlip(sumByGroup(diff, boot.Groups), boot.Seed); err != nil {
		return d, err
	}
	if p := crossed.pValue(0); d.Seeds > 1 && p >= d.P {
		d.P, d.Test = p, TestT
	}
	return d, nil
}

// sumByGroup returns the sum of the values of each group, or the values themselves without groups.
func sumByGroup(values []float64, groups []int) []float64 {
	if groups == nil {
		return values
	}
	sums := make([]float64, slices.Max(groups)+1)
	for i, g := range groups {
		sums[g] += values[i]
	}
	return sums
}

// McNemar returns the exact two-sided p-value of McNemar's test, which is the binomial test of one half. better and worse count
// the examples on which only the first or only the second of two students is right.
func McNemar(better, worse int) (float64, error) {
	if better < 0 || worse < 0 {
		return 0, fmt.Errorf("stats: McNemar's test of %d and %d examples", better, worse)
	}
	n := better + worse
	if n == 0 {
		return 1, nil
	}
	return min(1, 2*distuv.Binomial{N: float64(n), P: 0.5}.CDF(float64(min(better, worse)))), nil
}

// SignFlip returns the two-sided p-value of the hypothesis that the mean of diff is zero, by random flips of the signs. It is
// (1 + number of flips with a mean at least as far from zero) / (1 + number of flips), and thus never 0.
func SignFlip(diff []float64, seed uint64) (float64, error) {
	if err := checkFinite("difference", diff); err != nil {
		return 0, err
	}
	var moved []float64
	sum, scale := 0.0, 0.0
	for _, d := range diff {
		if d != 0 {
			moved = append(moved, d)
			sum += d
			scale += math.Abs(d)
		}
	}
	// A flip whose sum differs from |sum| only by rounding must count.
	reach := math.Abs(sum) - 1e-12*scale
	rng := rand.NewPCG(seed, uint64(len(diff)))
	hits := 1
	for range permutations {
		flipped, bits := 0.0, uint64(0)
		for i, d := range moved {
			if i%64 == 0 {
				bits = rng.Uint64()
			}
			if bits&1 == 1 {
				d = -d
			}
			flipped += d
			bits >>= 1
		}
		if math.Abs(flipped) >= reach {
			hits++
		}
	}
	return float64(hits) / (permutations + 1), nil
}

// Holm adjusts p-values for the number of comparisons (Holm 1979). A comparison with an adjusted p-value below 0.05 is
// significant at that level among all len(p) comparisons, whether or not they are independent. The result is in the order
// of p.
func Holm(p []float64) ([]float64, error) {
	order := make([]int, len(p))
	for i, v := range p {
		if !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("stats: p-value %d is %v", i, v)
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(p))
	floor := 0.0
	for rank, i := range order {
		floor = max(floor, min(1, p[i]*float64(len(p)-rank)))
		out[i] = floor
	}
	return out, nil
}
