package head

import (
	"cmp"
	"slices"
)

// quantile is the q-quantile of f over the examples of positive weight, with linear interpolation between neighbours
// as in torch.quantile. With unequal weights an example stands at the middle of its weight, which for equal weights
// is the same thing.
func (b *Batch) quantile(q float64, f func(i int) float64) float64 {
	type point struct{ value, weight float64 }
	points := make([]point, 0, b.Len())
	equal, total := true, 0.0
	for i := range b.Len() {
		if w := b.Weight(i); w > 0 {
			points = append(points, point{f(i), w})
			equal = equal && w == points[0].weight
			total += w
		}
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.value, b.value) })
	last := len(points) - 1
	q = min(1, max(0, q)) // labels may sum to a hair more than 1
	if equal {
		rank := q * float64(last)
		low := int(rank)
		return lerp(points[low].value, points[min(low+1, last)].value, rank-float64(low))
	}
	// Equal values in any order give the same quantile only if their weights are merged or sorted too.
	slices.SortStableFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.weight, b.weight))
	})
	first := points[0].weight / 2
	rank := q * (total - first - points[last].weight/2)
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

// lerp goes from a to b; like torch.lerp it is exact at both ends.
func lerp(a, b, t float64) float64 {
	if t < 0.5 {
		return a + t*(b-a)
	}
	return b - (b-a)*(1-t)
}
