package stats

import (
	"errors"
	"fmt"
	"slices"
)

// ErrOneClass means that an AUROC is undefined, because a class has no example or all of them.
var ErrOneClass = errors.New("stats: AUROC needs right and wrong examples of every class")

// AUROC returns the area under the receiver operating characteristic, which is the probability that a random positive example
// scores higher than a random negative one. A tie counts one half.
//
// With two classes, class 1 is positive. With more classes, AUROC is the mean over the classes of one class against the rest,
// like scikit-learn's roc_auc_score with multi_class="ovr". All rows must have the same length. For ranking questions use
// [RankAUROC].
func AUROC(pred, gold [][]float64) (float64, error) {
	score, err := AUROCScore(pred, gold)
	if err != nil {
		return 0, err
	}
	return score(nil), nil
}

// RankAUROC returns, for each ranking question, the probability that a right candidate scores higher than a wrong one of the
// same question. A tie counts one half. Scores of different questions are never compared, because a softmax over candidates
// has no meaning across questions. The mean over the questions is the AUROC of a ranking task. For pairs it is the accuracy,
// except that a tie counts one half. A question whose candidates are all right is an error.
func RankAUROC(pred, gold [][]float64) ([]float64, error) {
	if err := CheckPairs(pred, gold); err != nil {
		return nil, err
	}
	out := make([]float64, len(pred))
	for i, p := range pred {
		positive := make([]bool, len(p))
		for k := range p {
			positive[k] = Right(k, gold[i])
		}
		curve, err := newRanking(p, positive)
		if err != nil {
			return nil, fmt.Errorf("stats: question %d: every candidate is right", i)
		}
		out[i] = curve.area(nil)
	}
	return out, nil
}

// A ranking holds scored examples in ascending order of their scores, cut into runs of equal scores.
type ranking struct {
	order    []int // indices of the examples by score
	positive []bool
	runs     []int // end of each run of equal scores in order
}

func newRanking(scores []float64, positive []bool) (*ranking, error) {
	pos := 0
	for _, p := range positive {
		if p {
			pos++
		}
	}
	if pos == 0 || pos == len(positive) {
		return nil, ErrOneClass
	}
	r := &ranking{order: make([]int, len(scores)), positive: positive}
	for i := range r.order {
		r.order[i] = i
	}
	slices.SortFunc(r.order, func(a, b int) int {
		switch {
		case scores[a] < scores[b]:
			return -1
		case scores[a] > scores[b]:
			return 1
		}
		return a - b
	})
	for i := 1; i <= len(r.order); i++ {
		if i == len(r.order) || scores[r.order[i]] != scores[r.order[i-1]] {
			r.runs = append(r.runs, i)
		}
	}
	return r, nil
}

// area returns the AUROC if example i counts weight[i] times (nil: once each). It is NaN if there is no positive or no
// negative weight.
func (r *ranking) area(weight []float64) float64 {
	var area, below, pos float64 // below is the weight of the negatives with a smaller score
	start := 0
	for _, end := range r.runs {
		var runPos, runNeg float64
		for _, i := range r.order[start:end] {
			w := 1.0
			if weight != nil {
				w = weight[i]
			}
			if r.positive[i] {
				runPos += w
			} else {
				runNeg += w
			}
		}
		area += runPos * (below + runNeg/2)
		below += runNeg
		pos += runPos
		start = end
	}
	return area / (pos * below)
}
