package stats

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A Bootstrap resamples test examples with replacement. Equal Bootstraps make the same resamples, so figures of the same
// examples are paired even if they are computed in different calls.
type Bootstrap struct {
	N         int     // number of examples
	Groups    []int   // group (0, 1, …) of each example; groups are drawn whole. nil: examples are drawn one by one
	Resamples int     // 0: DefaultResamples
	Level     float64 // 0: Level
	Seed      uint64
}

// DefaultResamples leaves about 50 resamples beyond each end of a 95 % interval.
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
	return checkLevel(b.level())
}

// Units returns how many things are drawn: groups, or examples.
func (b Bootstrap) Units() int {
	if b.Groups == nil {
		return b.N
	}
	return slices.Max(b.Groups) + 1
}

// Samples returns all scores for all resamples: out[k][r] is score k on resample r, which is the same for every score.
func (b Bootstrap) Samples(scores ...Score) ([][]float64, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	out := make([][]float64, len(scores))
	for k := range out {
		out[k] = make([]float64, b.resamples())
	}
	b.draw(func(r int, weight []float64) {
		for k, score := range scores {
			out[k][r] = score(weight)
		}
	})
	return out, nil
}

// draw calls do for every resample, in order. do must not keep weight.
func (b Bootstrap) draw(do func(r int, weight []float64)) {
	// Go promises never to change the output of a PCG. It does not promise that for rand.IntN.
	rng := rand.NewPCG(b.Seed, uint64(b.N))
	weight, drawn := make([]float64, b.N), make([]float64, b.Units())
	for r := range b.resamples() {
		if b.Groups == nil {
			drawInto(weight, rng)
		} else {
			drawInto(drawn, rng)
			for i, g := range b.Groups {
				weight[i] = drawn[g]
			}
		}
		do(r, weight)
	}
}

// drawInto draws len(count) times with replacement from len(count) items and counts how often it draws each.
func drawInto(count []float64, rng *rand.PCG) {
	clear(count)
	n := uint64(len(count))
	for i := 0; i < len(count); i += 2 {
		// One number makes two draws. The bias of multiply-and-shift is below n/2³², which no number of resamples shows.
		bits := rng.Uint64()
		count[(bits>>32)*n>>32]++
		if i+1 < len(count) {
			count[(bits&math.MaxUint32)*n>>32]++
		}
	}
}

// Interval returns the percentile interval of a score.
func (b Bootstrap) Interval(score Score) (Interval, error) {
	samples, err := b.Samples(score)
	if err != nil {
		return Interval{}, err
	}
	return percentiles(samples[0], b.level())
}

// Percentiles returns the interval that holds the middle share of the samples. It sorts samples.
func Percentiles(samples []float64, level float64) (Interval, error) {
	if err := errors.Join(checkFinite("sample", samples), checkLevel(level)); err != nil {
		return Interval{}, err
	}
	return percentiles(samples, level)
}

// percentiles returns the interval that holds the middle share of the samples, with linear interpolation between order
// statistics (numpy's default). It sorts samples.
func percentiles(samples []float64, level float64) (Interval, error) {
	for _, v := range samples {
		if math.IsNaN(v) {
			return Interval{}, errors.New("stats: the figure is undefined for some resamples (too few examples, or too few of one class)")
		}
	}
	slices.Sort(samples)
	at := func(q float64) float64 {
		pos := q * float64(len(samples)-1)
		lo := int(pos)
		hi := min(lo+1, len(samples)-1)
		if samples[lo] == samples[hi] {
			return samples[lo] // also if both are infinite
		}
		return samples[lo] + (pos-float64(lo))*(samples[hi]-samples[lo])
	}
	return Interval{Lo: at((1 - level) / 2), Hi: at((1 + level) / 2), Level: level}, nil
}
