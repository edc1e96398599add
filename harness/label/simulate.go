package label

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"w2s/harness/head"
	"w2s/harness/stats"
	"w2s/internal/prob"
	"w2s/internal/visible"
)

// Flip simulates a supervisor with random errors that is right on the given share of examples. A hash of seed and example id
// determines which examples it gets wrong and which wrong answer it gives. Its soft labels are calibrated: the answer has the
// probability accuracy, and the other answers share the rest. accuracy must be above the accuracy of guessing.
func Flip(gold Gold, accuracy float64, seed uint64) (Labels, error) {
	return simulate(gold, accuracy, func(i int, wrong []int) (int, float64) {
		draw := newDraw(seed, gold.IDs[i])
		return wrong[int(draw.Float64()*float64(len(wrong)))], draw.Float64()
	})
}

// Systematic simulates a biased supervisor, whose errors follow directions in feature space, so that a student can learn them
// like its right answers. It is right on the given share of examples. Each class has a random direction; for rankings
// all candidates share one. An example scores for a class by its projection on the direction. The supervisor errs where a
// wrong answer's score exceeds the right one's most, and gives that answer. Example i of gold is example examples[i] of
// features, which can be the features of any model. The soft labels are calibrated as in Flip.
func Systematic(gold Gold, accuracy float64, features head.Data, examples []int, seed uint64) (Labels, error) {
	if len(examples) != len(gold.IDs) || features.X == nil {
		return Labels{}, fmt.Errorf("label: systematic errors: features of %s for %s", visible.Count(len(examples), "example"), visible.Count(len(gold.IDs), "label"))
	}
	for i, e := range examples {
		if e < 0 || e >= features.Examples() {
			return Labels{}, fmt.Errorf("label: systematic errors: example %d is not among the %d with features", e, features.Examples())
		}
		if gold.Classes == 0 && (features.Start == nil || features.Start[e+1]-features.Start[e] != len(gold.Gold[i])) {
			return Labels{}, fmt.Errorf("label: systematic errors: example %s has %s, its features have another number", gold.IDs[i], visible.Count(len(gold.Gold[i]), "candidate"))
		}
	}
	if gold.Classes != features.Classes {
		return Labels{}, fmt.Errorf("label: systematic errors: labels over %s and features for %d", visible.Count(gold.Classes, "class"), features.Classes)
	}
	scaling := features.Scaling
	if scaling == nil {
		// Otherwise the dimension with the largest values would determine the projection alone.
		scaling = head.Standardise(features.X, nil)
	}
	directions := make([][]float64, max(1, gold.Classes))
	for k := range directions {
		directions[k] = make([]float64, features.X.Dims)
		draw := newDraw(seed, fmt.Sprintf("direction %d", k))
		for j := range directions[k] {
			directions[k][j] = draw.NormFloat64()
		}
	}
	project := func(row int, direction []float64) float64 { return scaling.Dot(features.X.Row(row), direction) }
	return simulate(gold, accuracy, func(i int, wrong []int) (int, float64) {
		along := func(k int) float64 {
			if gold.Classes > 0 {
				return project(examples[i], directions[k])
			}
			return project(features.Start[examples[i]]+k, directions[0])
		}
		best, most := wrong[0], math.Inf(-1)
		for _, k := range wrong {
			if p := along(k); p > most {
				best, most = k, p
			}
		}
		return best, most - along(prob.Argmax(gold.Gold[i]))
	})
}

// simulate makes the labels of a supervisor that errs on the most tempting examples, as many as the accuracy demands. tempt
// returns the wrong answer that it may give to example i, one of wrong, and how tempting that is.
func simulate(gold Gold, accuracy float64, tempt func(i int, wrong []int) (answer int, temptation float64)) (Labels, error) {
	if err := gold.asLabels().Check(); err != nil {
		return Labels{}, err
	}
	n := len(gold.IDs)
	answers, temptation := make([]int, n), make([]float64, n)
	for i, g := range gold.Gold {
		if !(accuracy > 1/float64(len(g)) && accuracy <= 1) {
			return Labels{}, fmt.Errorf("label: simulated supervisor: accuracy %v is not above guessing among %s and at most 1", accuracy, visible.Count(len(g), "answer"))
		}
		var wrong []int
		for k := range g {
			if !stats.Right(k, g) {
				wrong = append(wrong, k)
			}
		}
		if len(wrong) == 0 {
			return Labels{}, fmt.Errorf("label: simulated supervisor: every answer to example %s is right", gold.IDs[i])
		}
		answers[i], temptation[i] = tempt(i, wrong)
	}
	numErrors := int((1-accuracy)*float64(n) + 0.5)
	for _, i := range descending(temptation, gold.IDs)[numErrors:] {
		answers[i] = prob.Argmax(gold.Gold[i])
	}
	out := Labels{Classes: gold.Classes, IDs: gold.IDs, Soft: make([][]float64, n)}
	for i, g := range gold.Gold {
		p := make([]float64, len(g))
		for k := range p {
			p[k] = (1 - accuracy) / float64(len(g)-1)
		}
		p[answers[i]] = accuracy
		out.Soft[i] = p
	}
	return out, nil
}

// Random simulates a supervisor that guesses. A hash of seed and example id determines its answers, which are hard labels.
// size(i) returns the number of classes or candidates of example i. The score of a student that learns these labels is what
// the task gives away without supervision.
func Random(classes int, ids []string, size func(i int) int, seed uint64) (Labels, error) {
	out := Labels{Classes: classes, IDs: ids}
	for i, id := range ids {
		k := size(i)
		if k < 2 {
			return Labels{}, fmt.Errorf("label: random supervisor: example %s has %s", id, visible.Count(k, "answer"))
		}
		out.Soft = append(out.Soft, oneHot(int(newDraw(seed, id).Float64()*float64(k)), k))
	}
	return out, out.Check()
}

// Majority simulates a supervisor that gives the same label to all examples: the mean of the labels that it may see, such as
// the gold of its own half. Its answer is thus the most frequent one. Rankings have no most frequent answer.
func Majority(ids []string, seen [][]float64) (Labels, error) {
	if err := stats.Check(seen); err != nil {
		return Labels{}, fmt.Errorf("label: majority supervisor: %w", err)
	}
	shares := make([]float64, len(seen[0]))
	for _, g := range seen {
		if len(g) != len(shares) {
			return Labels{}, errors.New("label: majority supervisor: rankings have no most frequent answer")
		}
		for k, v := range g {
			shares[k] += v / float64(len(seen))
		}
	}
	out := Labels{Classes: len(shares), IDs: ids}
	for range ids {
		out.Soft = append(out.Soft, slices.Clone(shares))
	}
	return out, out.Check()
}

// newDraw returns a random number generator whose stream depends on the seed and the id alone.
func newDraw(seed uint64, id string) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s", seed, id))
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))
}
