package loss

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A gradient must be the same whether its value is wanted or not, and in parts of any size.
func TestPartsSumToWhole(t *testing.T) {
	for _, named := range All() {
		for _, classes := range []int{0, 2, 5} {
			whole, logits := labelledBatch(classes)
			l := parse(t, named.Name)
			if p, ok := l.(Preparer); ok {
				l = p.Prepare(whole)
			}
			if s, ok := l.(Separable); !ok || !s.Separable(classes) {
				continue
			}
			value, grad := inParts(l, whole, logits, whole.Len(), false)
			for _, size := range []int{1, 7} {
				parts, gradOfParts := inParts(l, whole, logits, size, false)
				if !(math.Abs(value-parts) <= 1e-13) {
					t.Errorf("%s, %d classes: %v in parts of %d, %v as a whole", l, classes, parts, size, value)
				}
				_, gradOnly := inParts(l, whole, logits, size, true)
				for k := range grad {
					if !(math.Abs(gradOfParts[k]-grad[k]) <= 1e-16) || !(math.Abs(gradOnly[k]-grad[k]) <= 1e-16) {
						t.Fatalf("%s, %d classes, element %d: %v in parts, %v without value, %v as a whole", l, classes, k, gradOfParts[k], gradOnly[k], grad[k])
					}
				}
			}
		}
	}
}

// labelledBatch returns 30 weighted examples and their logits.
func labelledBatch(classes int) (whole *Batch, logits []float64) {
	rng := rand.New(rand.NewPCG(1, uint64(classes)))
	start, weights := []int{0}, []float64(nil)
	var labels []float64
	for range 30 {
		size := classes
		if size == 0 {
			size = 2 + rng.IntN(9)
		}
		sum := 0.0
		label := make([]float64, size)
		for k := range label {
			label[k] = rng.Float64()
			sum += label[k]
			logits = append(logits, 3*rng.NormFloat64())
		}
		for _, p := range label {
			labels = append(labels, p/sum)
		}
		start, weights = append(start, len(labels)), append(weights, rng.Float64())
	}
	return NewBatch(classes, start, labels, weights), logits
}

// inParts returns the loss and the gradient of parts of some examples.
func inParts(l Loss, whole *Batch, logits []float64, size int, gradientOnly bool) (value float64, grad []float64) {
	b := &Batch{Progress: 0.7, GradientOnly: gradientOnly}
	for from := 0; from < whole.Len(); from += size {
		to := min(from+size, whole.Len())
		b.Part(whole, from, to)
		copy(b.Logits, logits[whole.Start[from]:whole.Start[to]])
		b.UpdateProbs()
		part := make([]float64, len(b.Logits))
		value += l.Gradient(b, part)
		grad = append(grad, part...)
	}
	return value, grad
}
