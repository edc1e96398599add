package stats

import (
	"errors"
	"fmt"
	"slices"
)

// ErrOneClass says that a ranking measure has nothing to rank: all examples are of one class.
var ErrOneClass = errors.New("stats: AUROC needs right and wrong examples of every class")

// AUROC is the area under the receiver operating characteristic: the chance that a random positive example scores above
// a random negative one, ties counting one half.
//
// Two classes: class 1 against class 0. More classes: the mean of one class against the rest over all classes (as
// scikit-learn's roc_auc_score with multi_class="ovr"). All rows must have the same length; for ranking questions use
// [RankAUROC].
func AUROC(pred, gold [][]float64) (float64, error) {
	score, err := AUROCScore(pred, gold)
	if err != nil {
		return 0, err
	}
	return score(nil), nil
}

// RankAUROC returns for every ranking question the chance that a right candidate scores above a wrong one of the same
// question, ties counting one half. Scores of different questions are never compared: a softmax over candidates says
// nothing across questions. The mean over questions is the AUROC of a ranking task; for pairs it is the accuracy with
// ties counted one half. A question in which every candidate is right is an error.
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

// A ranking is a set of scored examples in ascending order of score, cut into runs of equal scores.
type ranking struct {
	order    []int // example numbers, by score
	positive []bool
	runs     []int // end of each run of ties in order
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

// area is the AUROC when example i counts weight[i] times (nil: once). It is NaN when one side has no weight.
func (r *ranking) area(weight []float64) float64 {
	var area, below, pos float64 // below: weight of negatives with a smaller score
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
