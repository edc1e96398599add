package loss

import (
	"errors"
	"math"

	"w2s/internal/prob"
)

// Evidential takes a head's outputs z as evidence of the classes: they are the parameters α = max(0, z) + 1 of a Dirichlet
// distribution, whose mean α/Σα is the prediction (Bayesian WeakS-to-Strong, Cui et al. 2025, arXiv 2406.03199, for one supervisor).
// With S = Σα, progress s and a target t, an example has the loss
//
//	L(t) = Σ t·(log S - log α) + s·KL(Dir(α') ‖ Dir(1)), where α' = t + (1-t)·α
//
// and altogether (1-Gamma)·L(label) + Gamma·L(the student's own answer, hard). Logits of its batches are the outputs z, whose softmax
// is not the prediction.
type Evidential struct{ Gamma float64 }

func (l Evidential) String() string { return render("evidential", "gamma", l.Gamma) }
func (Evidential) Moving() bool     { return true }

// Separable is true.
func (Evidential) Separable(int) bool { return true }

// Start returns cross-entropy: at weights of 0, no output is above 0 and the gradient is 0.
func (Evidential) Start() Loss { return XEnt{} }

// Evidence reports that outputs are evidence.
func (Evidential) Evidence() bool { return true }

// Check rejects candidates: the score of one has no size of its own, only a difference from others.
func (Evidential) Check(classes int) error {
	if classes == 0 {
		return errors.New("evidence needs classes and candidates have none (choose another loss)")
	}
	return nil
}

func (l Evidential) Gradient(b *Batch, grad []float64) float64 {
	clear(grad)
	return b.Mean(func(i int) float64 {
		from, to := b.Start[i], b.Start[i+1]
		z := b.Logits[from:to]
		own := make([]float64, len(z))
		own[prob.Argmax(z)] = 1
		value := 0.0
		for _, part := range []struct {
			target []float64
			share  float64
		}{{b.Labels[from:to], 1 - l.Gamma}, {own, l.Gamma}} {
			if part.share > 0 {
				value += part.share * addEvidential(z, part.target, b.Progress, part.share*b.Weight(i)/b.total, grad[from:to])
			}
		}
		return value
	})
}

// addEvidential returns L of one example, and adds scale times its gradient with respect to z to grad.
func addEvidential(z, target []float64, s, scale float64, grad []float64) float64 {
	n := len(z)
	alpha, other := make([]float64, n), make([]float64, n)
	total, otherTotal, targets := 0.0, 0.0, 0.0
	for k, v := range z {
		alpha[k] = max(0, v) + 1
		other[k] = target[k] + (1-target[k])*alpha[k]
		total, otherTotal, targets = total+alpha[k], otherTotal+other[k], targets+target[k]
	}
	logGamma := func(x float64) float64 { v, _ := math.Lgamma(x); return v }
	value := targets * math.Log(total)
	divergence := logGamma(otherTotal) - logGamma(float64(n))
	digammaTotal, trigammaTotal := polygamma(otherTotal)
	slopeTotal := (otherTotal - float64(n)) * trigammaTotal // of the divergence, in the sum of other
	for k, a := range alpha {
		value -= target[k] * math.Log(a)
		digamma, trigamma := polygamma(other[k])
		divergence += (other[k]-1)*(digamma-digammaTotal) - logGamma(other[k])
		if z[k] <= 0 { // as PyTorch has it at 0
			continue
		}
		grad[k] += scale * (targets/total - target[k]/a + s*(1-target[k])*((other[k]-1)*trigamma-slopeTotal))
	}
	return value + s*divergence
}
