//go:build !cgo

package simd

// Forward computes z[k][r] = x[r]·w[k]. x is (rows, dims) and w is (columns, dims), row-major. Column k of the result
// is at z[k*stride:].
func Forward[T Real](x []T, dims int, w, z []T, stride int) {
	for k := range len(w) / dims {
		column := w[k*dims : (k+1)*dims]
		for r := range len(x) / dims {
			sum := T(0)
			for j, v := range x[r*dims : (r+1)*dims] {
				sum += v * column[j]
			}
			z[k*stride+r] = sum
		}
	}
}

// Backward adds g[k][r]·x[r] over the rows to sums[k]. x is (rows, dims) and sums is (columns, dims), row-major. Column k of
// g is at g[k*stride:].
func Backward[T Real](x []T, dims int, g []T, stride int, sums []T) {
	for k := range len(sums) / dims {
		column := sums[k*dims : (k+1)*dims]
		for r := range len(x) / dims {
			for j, v := range x[r*dims : (r+1)*dims] {
				column[j] += g[k*stride+r] * v
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
