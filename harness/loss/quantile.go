package loss

import (
	"cmp"
	"slices"
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
	return plainQuantile(q, values)
}

// plainQuantile returns the q-quantile of values, which it reorders.
func plainQuantile(q float64, values []float64) float64 {
	rank := q * float64(len(values)-1)
	low := int(rank)
	a := selectNth(values, low)
	if low+1 == len(values) {
		return a
	}
	return lerp(a, slices.Min(values[low+1:]), rank-float64(low))
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
		return plainQuantile(q, values)
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

// selectNth reorders values so that the n-th smallest is at index n, no larger one is before it and no smaller one is
// after it, and returns it. It is Hoare's quickselect with a median-of-three pivot.
func selectNth(values []float64, n int) float64 {
	low, high := 0, len(values)-1
	for low < high {
		a, b, c := values[low], values[low+(high-low)/2], values[high]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := low, high
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case n <= j:
			high = j
		case n >= i:
			low = i
		default:
			return values[n]
		}
	}
	return values[n]
}

// lerp interpolates from a to b. Like torch.lerp, it is exact at both ends.
func lerp(a, b, t float64) float64 {
	if t < 0.5 {
		return a + t*(b-a)
	}
	return b - (b-a)*(1-t)
}
