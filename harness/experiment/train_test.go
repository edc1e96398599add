package experiment

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/result"
)

const largeRows = 2200 // half of them have, with 120 dimensions, enough features for products in float32

// largeData returns random features of two classes.
func largeData(dims int) head.Data {
	rng := rand.New(rand.NewPCG(1, uint64(dims)))
	x := &feature.Matrix{Rows: largeRows, Dims: dims, Data: make([]float32, largeRows*dims)}
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	return head.Data{X: x, Classes: 2}
}

// firstHalf returns the first half of the examples, with labels.
func firstHalf() (examples []int, labels [][]float64) {
	for e := range largeRows / 2 {
		examples, labels = append(examples, e), append(labels, []float64{float64(e % 2), float64(1 - e%2)})
	}
	return examples, labels
}

// One model's features are broken, which is noticed before its first step. The training of the other one takes hundreds of
// steps for several heads.
func TestFailingModelStopsTrainingOfOthers(t *testing.T) {
	data := map[string]features{"failing": {raw: largeData(121)}, "slow": {raw: largeData(120)}}
	data["failing"].raw.X.Data[0] = float32(math.NaN())
	env := Env{Trained: func(h result.Head, _ *head.Head) error {
		t.Errorf("%s: the training came to its end", h.Model)
		return nil
	}}
	w := &workbench{cfg: Config{L2: []float64{1, 2, 3, 4}}.withDefaults(), env: env.withDefaults(), test: []int{0}}
	w.allowTrainings(2)
	examples, labels := firstHalf()
	w.halves, w.groups = []halves{{weak: examples, weakGold: labels}}, make([]string, data["slow"].raw.Examples())
	_, err := w.trainAll(t.Context(), data, []string{"slow", "failing"}, func(model string) []trainSpec {
		return []trainSpec{{head: result.Head{Role: result.Supervisor, Model: model}, examples: examples, labels: labels, loss: loss.LogConf{Alpha: 0.5}}}
	})
	if err == nil || !strings.HasPrefix(err.Error(), "failing: ") || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("error %v, want the failing model's", err)
	}
}
