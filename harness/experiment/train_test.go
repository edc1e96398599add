package experiment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/result"
)

const largeRows = 2200 // half of them have, with 120 dimensions, enough features for a multiplier to be used

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

// A slowMultiplier takes a millisecond for each product and makes no result.
type slowMultiplier struct{ products *int }

func (m slowMultiplier) Forward(int, int, []float32, []float32) error  { return m.wait() }
func (m slowMultiplier) Backward(int, int, []float32, []float32) error { return m.wait() }
func (m slowMultiplier) Close() error                                  { return nil }

func (m slowMultiplier) wait() error {
	time.Sleep(time.Millisecond)
	*m.products++
	return nil
}

// One model fails after ten milliseconds. The training of the other one would take hundreds of products, one each millisecond.
func TestFailingModelStopsTrainingOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, products := errors.New("broken"), 0
		data := map[string]features{"failing": {raw: largeData(121)}, "slow": {raw: largeData(120)}}
		multiplier := func(_ []float32, _, dims int) (head.Multiplier, error) {
			if dims == 121 {
				time.Sleep(10 * time.Millisecond)
				return nil, broken
			}
			return slowMultiplier{&products}, nil
		}
		w := &workbench{cfg: Config{L2: []float64{1}}.withDefaults(), env: Env{Multiplier: multiplier}.withDefaults(), test: []int{0}}
		examples, labels := firstHalf()
		w.halves, w.groups = []halves{{weak: examples, weakGold: labels}}, make([]string, data["slow"].raw.Examples())
		_, err := w.trainAll(t.Context(), data, []string{"slow", "failing"}, func(model string) []trainSpec {
			return []trainSpec{{head: result.Head{Role: result.Supervisor, Model: model}, examples: examples, labels: labels, loss: loss.LogConf{Alpha: 0.5}}}
		})
		if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "failing: ") {
			t.Errorf("error %v, want the failing model's", err)
		}
		if products < 5 || products > 15 {
			t.Errorf("the other model's training took %d products, want about 10", products)
		}
	})
}

func TestProbesTrainWithMultiplierOfEnv(t *testing.T) {
	used := errors.New("the multiplier is used")
	env := Env{Multiplier: func([]float32, int, int) (head.Multiplier, error) { return nil, used }}
	examples, labels := firstHalf()
	o := offer{halves: halves{strong: examples, strongGold: labels}, labels: label.Labels{Classes: 2, Soft: labels}}
	for e := range examples {
		o.labels.IDs = append(o.labels.IDs, fmt.Sprint(e))
	}
	for _, text := range []string{"relabel:logreg", "filter:logreg"} {
		treatment, err := label.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		w := &workbench{cfg: Config{Treatments: []label.Treatment{treatment}}, env: env, data: map[string]features{"strong": {raw: largeData(120)}}}
		if _, err := w.studentSpecs(t.Context(), o, "strong"); !errors.Is(err, used) {
			t.Errorf("%s: error %v, want the multiplier's", text, err)
		}
	}
}
