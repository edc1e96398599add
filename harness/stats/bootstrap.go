package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A Bootstrap resamples test examples with replacement. The same Bootstrap always makes the same resamples, so figures
// that are computed in different calls from the same examples are still paired.
type Bootstrap struct {
	N         int     // number of examples
	Groups    []int   // Groups[i] is the group (0, 1, …) of example i; groups are drawn whole. nil: every example alone
	Resamples int     // 0 means DefaultResamples
	Level     float64 // 0 means Level
	Seed      uint64
}

// DefaultResamples puts some 50 resamples beyond each end of a 95 % interval.
const DefaultResamples = 2000

func (b Bootstrap) resamples() int {
	if b.Resamples == 0 {
		return DefaultResamples
	}
	return b.Resamples
}

func (b Bootstrap) level() float64 {
	if b.Level == 0 {
		return Level
	}
	return b.Level
}

func (b Bootstrap) check() error {
	switch {
	case b.N < 1:
		return ErrEmpty
	case b.resamples() < 1:
		return fmt.Errorf("stats: %d resamples", b.Resamples)
	case b.Groups != nil && len(b.Groups) != b.N:
		return fmt.Errorf("stats: groups for %d of %d examples", len(b.Groups), b.N)
	}
	for i, g := range b.Groups {
		if g < 0 || g >= b.N {
			return fmt.Errorf("stats: example %d is in group %d (want 0 to %d)", i, g, b.N-1)
		}
	}
	return errLevel(b.level())
}

// Samples returns the scores under every resample: out[k][r] is score k under resample r. Each score sees the same
// weights.
func (b Bootstrap) Samples(scores ...Score) ([][]float64, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	out := make([][]float64, len(scores))
	for k := range out {
		out[k] = make([]float64, b.resamples())
	}
	// PCG's output is fixed by the language's compatibility promise; rand.IntN's use of it is not.
	rng := rand.NewPCG(b.Seed, uint64(b.N))

	groups := 0
	for _, g := range b.Groups {
		groups = max(groups, g+1)
	}
	weight, drawn := make([]float64, b.N), make([]float64, groups)
	for r := range b.resamples() {
		if b.Groups == nil {
			drawInto(weight, rng)
		} else {
			drawInto(drawn, rng)
			for i, g := range b.Groups {
				weight[i] = drawn[g]
			}
		}
		for k, score := range scores {
			out[k][r] = score(weight)
		}
	}
	return out, nil
}

// drawInto draws len(count) times from len(count) things and counts what it drew.
func drawInto(count []float64, rng *rand.PCG) {
	clear(count)
	n := uint64(len(count))
	for i := 0; i < len(count); i += 2 {
		// Two draws from one number. The bias of multiply-and-shift is below n/2³², far below what resamples can show.
		bits := rng.Uint64()
		count[(bits>>32)*n>>32]++
		if i+1 < len(count) {
			count[(bits&math.MaxUint32)*n>>32]++
		}
	}
}

// Interval is the percentile interval of one score.
func (b Bootstrap) Interval(score Score) (Interval, error) {
	samples, err := b.Samples(score)
	if err != nil {
		return Interval{}, err
	}
	return percentiles(samples[0], b.level())
}

// percentiles is the middle share of samples, with linear interpolation between order statistics (numpy's default). It
// sorts its argument.
func percentiles(samples []float64, level float64) (Interval, error) {
	for _, v := range samples {
		if math.IsNaN(v) {
			return Interval{}, fmt.Errorf("stats: the figure does not exist for some resamples (too few examples, or hardly any of one class)")
		}
	}
	slices.Sort(samples)
	at := func(q float64) float64 {
		pos := q * float64(len(samples)-1)
		lo := int(pos)
		hi := min(lo+1, len(samples)-1)
		if samples[lo] == samples[hi] {
			return samples[lo] // also where both are infinite
		}
		return samples[lo] + (pos-float64(lo))*(samples[hi]-samples[lo])
	}
	return Interval{Lo: at((1 - level) / 2), Hi: at((1 + level) / 2), Level: level}, nil
}
