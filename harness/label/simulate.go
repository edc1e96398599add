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
)

// Flip simulates a supervisor that is right on the given share of examples and errs at random: which examples it gets
// wrong, and with which wrong answer, follows from a hash of seed and example id. Its soft labels are calibrated: accuracy
// on the answer, the rest spread over the others. Accuracy must be above that of guessing.
func Flip(gold Gold, accuracy float64, seed uint64) (Labels, error) {
	return simulate(gold, accuracy, func(i int, wrong []int) (int, float64) {
		draw := newDraw(seed, gold.IDs[i])
		return wrong[int(draw.Float64()*float64(len(wrong)))], draw.Float64()
	})
}

// Systematic simulates a supervisor that is right on the given share of examples and errs where a direction in feature
// space misleads it, as a supervisor with a bias does: a student can learn its errors as well as its answers. There is a
// random direction for each class (for rankings one for all candidates); the examples on which a wrong class beats the
// right one by most, along them, are answered with that class. Features are the student's or anyone's; gold example i
// is example examples[i] of them.
func Systematic(gold Gold, accuracy float64, features head.Data, examples []int, seed uint64) (Labels, error) {
	if len(examples) != len(gold.IDs) || features.X == nil {
		return Labels{}, fmt.Errorf("label: systematic errors: features of %d examples for %d", len(examples), len(gold.IDs))
	}
	for i, e := range examples {
		if e < 0 || e >= features.Examples() {
			return Labels{}, fmt.Errorf("label: systematic errors: example %d is not among the %d with features", e, features.Examples())
		}
		if gold.Classes == 0 && (features.Start == nil || features.Start[e+1]-features.Start[e] != len(gold.Gold[i])) {
			return Labels{}, fmt.Errorf("label: systematic errors: example %s has %d candidates, its features have others", gold.IDs[i], len(gold.Gold[i]))
		}
	}
	if gold.Classes != features.Classes {
		return Labels{}, fmt.Errorf("label: systematic errors: %d classes with features for %d", gold.Classes, features.Classes)
	}
	scaling := features.Scaling
	if scaling == nil {
		scaling = head.Standardise(features.X, nil) // else the direction is that of the dimension with the largest values
	}
	directions := make([][]float64, max(1, gold.Classes))
	for k := range directions {
		directions[k] = make([]float64, features.X.Dims)
		draw := newDraw(seed, fmt.Sprintf("direction %d", k))
		for j := range directions[k] {
			directions[k][j] = draw.NormFloat64()
		}
	}
	project := func(row int, direction []float64) float64 {
		sum := 0.0
		for j, v := range features.X.Row(row) {
			sum += direction[j] * (float64(v) - scaling.Mean[j]) / scaling.SD[j]
		}
		return sum
	}
	return simulate(gold, accuracy, func(i int, wrong []int) (int, float64) {
		pull := func(k int) float64 {
			if gold.Classes > 0 {
				return project(examples[i], directions[k])
			}
			return project(features.Start[examples[i]]+k, directions[0])
		}
		best, most := wrong[0], math.Inf(-1)
		for _, k := range wrong {
			if p := pull(k); p > most {
				best, most = k, p
			}
		}
		return best, most - pull(prob.Argmax(gold.Gold[i]))
	})
}

// simulate gets wrong those examples that tempt most, as many as the accuracy says. tempt returns the wrong answer to an
// example and how tempting it is.
func simulate(gold Gold, accuracy float64, tempt func(i int, wrong []int) (answer int, temptation float64)) (Labels, error) {
	if err := gold.asLabels().Check(); err != nil {
		return Labels{}, err
	}
	n := len(gold.IDs)
	answers, temptation := make([]int, n), make([]float64, n)
	for i, g := range gold.Gold {
		if !(accuracy > 1/float64(len(g)) && accuracy <= 1) {
			return Labels{}, fmt.Errorf("label: simulated supervisor: accuracy %v is not above guessing among %d and at most 1", accuracy, len(g))
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
	errorsWanted := int((1-accuracy)*float64(n) + 0.5)
	for _, i := range byValue(temptation, gold.IDs)[errorsWanted:] {
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

// Random is the supervisor that knows nothing: a hard answer by a hash of seed and example id. size(i) is the number of
// classes or candidates of example i. What a student scores with it is what the task gives away for nothing.
func Random(classes int, ids []string, size func(i int) int, seed uint64) (Labels, error) {
	out := Labels{Classes: classes, IDs: ids}
	for i, id := range ids {
		k := size(i)
		if k < 2 {
			return Labels{}, fmt.Errorf("label: random supervisor: example %s has %d answers", id, k)
		}
		out.Soft = append(out.Soft, oneHot(int(newDraw(seed, id).Float64()*float64(k)), k))
	}
	return out, out.Check()
}

// Majority is the supervisor that always gives the most frequent answer among labels that it may see, such as gold of its
// own half, with the shares of the answers as probabilities. Rankings have no frequent answer.
func Majority(ids []string, seen [][]float64) (Labels, error) {
	if err := stats.Check(seen); err != nil {
		return Labels{}, fmt.Errorf("label: majority supervisor: %w", err)
	}
	shares := make([]float64, len(seen[0]))
	for _, g := range seen {
		if len(g) != len(shares) {
			return Labels{}, errors.New("label: majority supervisor: examples of different sizes; rankings have no most frequent answer")
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

// newDraw is a stream of random numbers that belongs to a seed and an id alone.
func newDraw(seed uint64, id string) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s", seed, id))
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))
}
