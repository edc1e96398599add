package freeform

import (
	"fmt"
	"math"

	"w2s/harness/result"
	"w2s/harness/stats"
)

// An answer is what was written to a prompt.
type answer struct {
	text       string
	unfinished bool    // it reached the limit without an end token
	logProb    float64 // log probability of all its tokens, under the head that wrote them
}

// probability returns exp(logProb), capped at 1.
func probability(logProb float64) float64 { return min(1, math.Exp(logProb)) }

// labelQuality measures written answers as labels. The accuracy is the share of exact matches. The other figures measure how
// well the probability that the supervisor gave to its whole answer forecasts a match.
func labelQuality(written []answer, right [][]string) (*result.LabelQuality, error) {
	forecast, truth := make([][]float64, len(written)), make([][]float64, len(written))
	matched := 0.0
	for i, w := range written {
		p := probability(w.logProb)
		forecast[i], truth[i] = []float64{1 - p, p}, []float64{1, 0}
		if result.Matches(w.text, right[i]) {
			truth[i] = []float64{0, 1}
			matched++
		}
	}
	q, err := stats.Measure(forecast, truth)
	if err != nil {
		return nil, err
	}
	q.Accuracy = matched / float64(len(written))
	return &result.LabelQuality{Quality: q, Raw: q}, nil
}

// unfinished returns a warning that counts answers without an end, if there are any.
func unfinished(whose string, written []answer) []string {
	n := 0
	for _, w := range written {
		if w.unfinished {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d %s answers reached the length limit without an end", n, len(written), whose)}
}
