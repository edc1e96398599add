package experiment

import (
	"context"
	"math"

	"w2s/harness/feature"
	"w2s/harness/head"
)

// twins holds the examples that have candidates with the same features, such as two replies to a prompt that is longer than the
// longest input of a model. For each candidate of an example there is the first one with the same features. No head can tell
// twins apart.
type twins map[int][]int

// twinSlack is the largest difference between the features of twins, relative to the largest feature. Kernels that compute the
// same text in batches of different shapes may differ in the last bits.
const twinSlack = 1e-6

// findTwins compares the candidates of every example, whose rows in x are start[e]:start[e+1].
func findTwins(x *feature.Matrix, start []int) twins {
	found, largest := twins{}, make([]float64, x.Rows)
	for r := range largest {
		for _, v := range x.Row(r) {
			largest[r] = max(largest[r], math.Abs(float64(v)))
		}
	}
	for e := range len(start) - 1 {
		n := start[e+1] - start[e]
		first, some := make([]int, n), false
		for k := range n {
			first[k] = k
			for j := range k {
				a, b := start[e]+j, start[e]+k
				if first[j] == j && sameVector(x.Row(a), x.Row(b), twinSlack*max(largest[a], largest[b])) {
					first[k], some = j, true
					break
				}
			}
		}
		if some {
			found[e] = first
		}
	}
	return found
}

// sameVector reports whether no component of two vectors differs by more than slack.
func sameVector(a, b []float32, slack float64) bool {
	for i, v := range a {
		if math.Abs(float64(v)-float64(b[i])) > slack {
			return false
		}
	}
	return true
}

// describeTwins adds to the task's record how many examples have twins.
func (w *workbench) describeTwins(model string, found twins, cut bool) {
	if len(found) == 0 {
		return
	}
	inTest := 0
	for e := range found {
		if e >= w.pooled {
			inTest++
		}
	}
	help := ""
	if cut {
		help = "; --truncate left or right says at which end long texts are cut"
	}
	w.warn("%s: %d of %d examples (%d of %d test examples) have candidates with the same features: a pair of them counts as half right%s",
		model, len(found), len(w.examples), inTest, len(w.test), help)
}

// predictWith returns the distributions of several heads for examples. Twins have the same probability.
func (w *workbench) predictWith(ctx context.Context, data head.Data, heads []*head.Head, examples []int) ([][][]float64, error) {
	predicted, err := head.Predict(ctx, data, heads, examples)
	if err != nil {
		return nil, err
	}
	for i, e := range examples {
		if first := w.twins[data.X][e]; first != nil {
			for _, p := range predicted {
				evenOut(p[i], first)
			}
		}
	}
	return predicted, nil
}

// evenOut gives the mean of their probabilities to the candidates with the same first one.
func evenOut(p []float64, first []int) {
	sum, n := make([]float64, len(p)), make([]float64, len(p))
	for k, f := range first {
		sum[f] += p[k]
		n[f]++
	}
	for k, f := range first {
		if n[f] > 1 {
			p[k] = sum[f] / n[f]
		}
	}
}
