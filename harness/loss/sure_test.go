package loss

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A sure example has the gradient of cross-entropy under logconf, and the others keep theirs.
func TestLogConfTakesSureLabelsAsTheyAre(t *testing.T) {
	for _, elements := range []int{2, 4} {
		rng := rand.New(rand.NewPCG(3, 0))
		const n = 50
		start := []int{0}
		var labels, logits []float64
		sure := make([]bool, n)
		for i := range n {
			p := rng.Float64()
			labels = append(labels, p, 1-p)
			labels = append(labels, make([]float64, elements-2)...)
			for range elements {
				logits = append(logits, 2*rng.NormFloat64())
			}
			start, sure[i] = append(start, len(labels)), i%3 == 0
		}
		gradient := func(l Loss, sure []bool) []float64 {
			whole, b := NewBatch(elements, start, labels, nil), &Batch{Progress: 1}
			whole.Sure = sure
			b.Part(whole, 0, n)
			copy(b.Logits, logits)
			b.UpdateProbs()
			grad := make([]float64, len(logits))
			l.Gradient(b, grad)
			return grad
		}
		own := LogConf{Alpha: 0.5, Warmup: 0.2}
		xent, logconf, mixed := gradient(XEnt{}, nil), gradient(own, nil), gradient(own, sure)
		for i := range n {
			want := logconf
			if sure[i] {
				want = xent
			}
			if from, to := start[i], start[i+1]; !slices.Equal(mixed[from:to], want[from:to]) {
				t.Errorf("%d elements: example %d, sure %v: gradient %v, want %v", elements, i, sure[i], mixed[from:to], want[from:to])
			}
		}
		if slices.Equal(xent, logconf) {
			t.Error("logconf is cross-entropy, so the test shows nothing")
		}
	}
}
