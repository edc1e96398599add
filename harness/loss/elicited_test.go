package loss

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The values are worked out by hand from the formula, and the gradient is compared with differences.
func TestElicited(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 0))
	sigmoid := func(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
	for _, c := range []struct {
		loss     Elicited
		classes  int
		elements int
	}{{Elicited{0.5, false}, 2, 2}, {Elicited{0.3, false}, 4, 4}, {Elicited{0.5, false}, 0, 3}, {Elicited{0.7, true}, 0, 2}, {Elicited{0, true}, 0, 2}} {
		const n = 40
		logits, labels := make([][]float64, n), make([][]float64, n)
		for i := range n {
			sum := 0.0
			for range c.elements {
				logits[i], labels[i] = append(logits[i], 3*rng.NormFloat64()), append(labels[i], rng.Float64())
				sum += labels[i][len(labels[i])-1]
			}
			for k := range labels[i] {
				labels[i][k] /= sum
			}
		}
		want := 0.0
		for i, z := range logits {
			sum, most := 0.0, math.Inf(-1)
			for _, v := range z {
				sum, most = sum+math.Exp(v), max(most, v)
			}
			for k, v := range z {
				want -= c.loss.Alpha * labels[i][k] * (v - math.Log(sum)) / n
			}
			free := math.Pow(1-math.Exp(most)/sum, 2)
			if c.loss.Contrast {
				p, q := sigmoid(z[0]), sigmoid(z[1])
				free = math.Pow(q-(1-p), 2) + math.Pow(min(p, q), 2)
			}
			want += (1 - c.loss.Alpha) * free / n
		}
		value, grad, err := Evaluate(c.loss, c.classes, logits, labels, 0)
		if err != nil || math.Abs(value-want) > 1e-12 {
			t.Fatalf("%+v: value %v, want %v (%v)", c.loss, value, want, err)
		}
		for i, z := range logits {
			for k := range z {
				const h = 1e-6
				old := z[k]
				z[k] = old + h
				up, _, _ := Evaluate(c.loss, c.classes, logits, labels, 0)
				z[k] = old - h
				down, _, _ := Evaluate(c.loss, c.classes, logits, labels, 0)
				z[k] = old
				if d := (up - down) / (2 * h); math.Abs(d-grad[i][k]) > 1e-8 {
					t.Errorf("%+v: gradient %v of logit %d of example %d, want %v", c.loss, grad[i][k], k, i, d)
				}
			}
		}
	}
	if err := Check(Elicited{0.5, true}, 2); err == nil {
		t.Error("contrast of classes is allowed")
	}
}
