package onnx

import (
	"fmt"
	"math"
)

// A Pooling tells how the vectors of a text's tokens become one.
type Pooling string

const (
	PoolMean Pooling = "mean" // the mean over the tokens
	PoolCLS  Pooling = "cls"  // the first token
	PoolLast Pooling = "last" // the last token
	PoolNone Pooling = "none" // the model outputs one vector for each text
)

func (p Pooling) check() error {
	switch p {
	case PoolMean, PoolCLS, PoolLast, PoolNone:
		return nil
	}
	return fmt.Errorf("unknown pooling %q (known: mean, cls, last, and none for a model that outputs one vector for each text)", string(p))
}

// pool reduces the states of one text, [len(mask), len(dst)] row-major, to dst. Tokens whose mask is 0 do not count, wherever
// they are. A mean is summed in float64, in sums, which has the length of dst.
func (p Pooling) pool(dst, states []float32, mask []int64, sums []float64) error {
	width := len(dst)
	if p != PoolMean {
		at := -1
		for i, m := range mask {
			if m != 0 && (at < 0 || p == PoolLast) {
				at = i
			}
		}
		if at < 0 {
			return errNoTokens
		}
		copy(dst, states[at*width:(at+1)*width])
		return nil
	}
	clear(sums)
	n := 0
	for i, m := range mask {
		if m == 0 {
			continue
		}
		n++
		for j, x := range states[i*width : (i+1)*width] {
			sums[j] += float64(x)
		}
	}
	if n == 0 {
		return errNoTokens
	}
	for j, s := range sums {
		dst[j] = float32(s / float64(n))
	}
	return nil
}

// normalize scales a vector to length 1. It does not change a zero vector.
func normalize(v []float32) {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	scale := 1 / math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) * scale)
	}
}

// finite reports whether a vector contains neither NaN nor infinities.
func finite(v []float32) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}
