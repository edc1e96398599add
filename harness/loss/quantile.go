package loss

import (
	"cmp"
	"slices"

	"w2s/internal/simd"
)

// quantile returns the q-quantile of f over the examples of positive weight, with linear interpolation between
// neighbours as in torch.quantile. With unequal weights, the position of an example is the middle of its weight, which
// gives the same result for equal weights.
func (b *Batch) quantile(q float64, f func(i int) float64) float64 {
	q = min(1, max(0, q)) // labels may sum to slightly more than 1
	if b.Weights != nil {
		return b.weightedQuantile(q, f)
	}
	values := b.values[:0]
	for i := range b.Len() {
		values = append(values, f(i))
	}
	b.values = values
	return b.quantileOf(q, values)
}

// firstQuantile is quantile for the first probabilities of two classes.
func (b *Batch) firstQuantile(q float64) float64 {
	if b.Weights != nil {
		return b.quantile(q, func(i int) float64 { return b.Probs[2*i] })
	}
	b.values = sized(b.values, b.Len())
	simd.Firsts(b.Probs, b.values)
	return b.quantileOf(min(1, max(0, q)), b.values)
}

// quantileOf returns the q-quantile of values.
func (b *Batch) quantileOf(q float64, values []float64) float64 {
	rank := q * float64(len(values)-1)
	low := int(rank)
	b.room = sized(b.room, len(values))
	value, next := simd.Nth(values, low, b.room)
	return lerp(value, next, rank-float64(low))
}

func (b *Batch) weightedQuantile(q float64, f func(i int) float64) float64 {
	type point struct{ value, weight float64 }
	points := make([]point, 0, b.Len())
	values := b.values[:0]
	equal, total := true, 0.0
	for i := range b.Len() {
		if w := b.Weight(i); w > 0 {
			points, values = append(points, point{f(i), w}), append(values, f(i))
			equal = equal && w == points[0].weight
			total += w
		}
	}
	b.values = values
	if equal {
		return b.quantileOf(q, values)
	}
	// Sorting ties by weight makes the result independent of the order of the examples.
	slices.SortFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.weight, b.weight))
	})
	last := len(points) - 1
	rank := q * (total - points[0].weight/2 - points[last].weight/2)
	at := 0.0
	for k := range last {
		step := (points[k].weight + points[k+1].weight) / 2
		if rank <= at+step {
			return lerp(points[k].value, points[k+1].value, (rank-at)/step)
		}
		at += step
	}
	return points[last].value
}

// lerp interpolates from a to b. Like torch.lerp, it is exact at both ends.
func lerp(a, b, t float64) float64 {
	if t < 0.5 {
		return a + t*(b-a)
	}
	return b - (b-a)*(1-t)
}
