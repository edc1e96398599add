// Package list holds operations on slices that the standard library lacks.
package list

import "slices"

// Map returns f(v) for every v in values, in their order.
func Map[A, B any](values []A, f func(A) B) []B {
	out := make([]B, len(values))
	for i, v := range values {
		out[i] = f(v)
	}
	return out
}

// AppendNew appends those of more that values does not hold yet.
func AppendNew[T comparable](values []T, more ...T) []T {
	for _, m := range more {
		if !slices.Contains(values, m) {
			values = append(values, m)
		}
	}
	return values
}

// Range returns 0 to n-1.
func Range(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
