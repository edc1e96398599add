//go:build !cgo

package simd

import (
	"math"
	"slices"
)

// Forward computes z[k][i] = x[rows[i]]·w[k]. x has rows of length dims, and w is (columns, dims), row-major. Column k of the result is
// at z[k*stride:].
func Forward[T Real](x []T, rows []int32, dims int, w, z []T, stride int) {
	for k := range len(w) / dims {
		column := w[k*dims : (k+1)*dims]
		for i, r := range rows {
			sum := T(0)
			for j, v := range x[int(r)*dims : int(r+1)*dims] {
				sum += v * column[j]
			}
			z[k*stride+i] = sum
		}
	}
}

// Backward adds g[k][i]·x[rows[i]] over rows to sums[k]. x has rows of length dims, and sums is (columns, dims), row-major. Column k of g
// is at g[k*stride:].
func Backward[T Real](x []T, rows []int32, dims int, g []T, stride int, sums []T) {
	for k := range len(sums) / dims {
		column := sums[k*dims : (k+1)*dims]
		for i, r := range rows {
			for j, v := range x[int(r)*dims : int(r+1)*dims] {
				column[j] += g[k*stride+i] * v
			}
		}
	}
}

// Softmax writes the softmax of each example's logits to probs. Elements start[i]:start[i+1] belong to example i.
func Softmax(start []int, logits, probs []float64) { softmax(start, logits, probs) }

// Gradient writes the gradient of the weighted mean cross-entropy against targets, with respect to the logits, to grad:
// weight/Total·(p·sum of the example's targets - target). Targets count as constants.
func (e Examples) Gradient(probs, targets, grad []float64) {
	e.gradient(probs, targets, grad)
}

// Hardened is Gradient for the targets (1-c)·labels + c·hardened, where hardened is 1 for the most probable element of an
// example, the first of equals, and 0 for the others.
func (e Examples) Hardened(probs, labels []float64, c float64, grad []float64) {
	e.hardened(probs, labels, c, grad)
}

// CrossEntropy returns the sum of weight·target·-log p. probs are the softmax of logits.
func (e Examples) CrossEntropy(logits, probs, targets []float64) float64 {
	return e.crossEntropy(logits, probs, targets)
}

// Entropy returns the sum of alpha·weight/Total·entropy and adds its gradient with respect to the logits to grad. probs are
// the softmax of logits.
func (e Examples) Entropy(logits, probs []float64, alpha float64, grad []float64) float64 {
	return e.entropy(logits, probs, alpha, grad)
}

// Adam takes a step of Adam: m and v become means of the gradient and of its squares, with beta 0.9 and 0.999, and theta loses
// rate·m/(√v/c2 + eps).
func Adam(grad []float64, rate, c2, eps float64, m, v, theta []float64) {
	adam(grad, rate, c2, eps, m, v, theta)
}

// Standardise writes (row - mean)·factor, rounded to float32, to out.
func Standardise[T Real](row []float32, mean, factor []float64, out []T) {
	for i, v := range row {
		out[i] = T(float32((float64(v) - mean[i]) * factor[i]))
	}
}

// Convert writes the numbers of from to to, which is as long.
func Convert[A, B Real](from []A, to []B) {
	for i, v := range from {
		to[i] = B(v)
	}
}

// Pairs writes the logits of two classes, -(z+bias) and z+bias, for each z.
func Pairs[T Real](z []T, bias float64, logits []float64) {
	for i, v := range z {
		logits[2*i], logits[2*i+1] = -(float64(v) + bias), float64(v)+bias
	}
}

// Firsts writes the first number of each pair to out.
func Firsts(pairs, out []float64) {
	for i := range out {
		out[i] = pairs[2*i]
	}
}

// Seconds writes the second number of each pair to out.
func Seconds(pairs, out []float64) {
	for i := range out {
		out[i] = pairs[2*i+1]
	}
}

// Accumulate adds x to sums.
func Accumulate[T Real](x []T, sums []float64) {
	for i, v := range x {
		sums[i] += float64(v)
	}
}

// Threshold writes (1-c)·label for each label of two classes, and adds c for the first class of an example if its probability is least or
// more, and else for the second.
func Threshold(probs, labels []float64, least, c float64, targets []float64) {
	for i := range len(labels) / 2 {
		targets[2*i], targets[2*i+1] = float64((1-c)*labels[2*i]), float64((1-c)*labels[2*i+1])
		if probs[2*i] >= least {
			targets[2*i] += c
		} else {
			targets[2*i+1] += c
		}
	}
}

// MaxAbs returns the largest absolute value, or NaN if there is one.
func MaxAbs(x []float64) float64 {
	most := 0.0
	for _, v := range x {
		if a := math.Abs(v); a > most || a != a {
			most = a
		}
	}
	return most
}

// Nth returns the k-th smallest value, counted from 0, and the next one, which is the same again if there is none. room is as long as
// values, which are not NaN.
func Nth(values []float64, k int, room []float64) (value, next float64) {
	copy(room, values)
	slices.Sort(room)
	return room[k], room[min(k+1, len(values)-1)]
}

// ScaledDot adds factor·x to d, and returns the dot product of d and y. It sums in the order of gonum's products on x86-64.
func ScaledDot(factor float64, x, y, d []float64) float64 {
	var sums [4]float64
	for i := range d {
		d[i] += float64(factor * x[i])
		k := i % 4
		if i >= len(d)/4*4 {
			k = 0
		}
		sums[k] += float64(d[i] * y[i])
	}
	return (sums[0] + sums[2]) + (sums[1] + sums[3])
}
