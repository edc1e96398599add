package loss

import (
	"math"

	"w2s/internal/prob"
)

// AugConf is (1-c)·KL(labels ‖ student) plus c times the cross-entropy against the student's own most probable answer, where c rises
// from 0 to Alpha over Warmup (Guo et al. 2024, arXiv 2402.03749). It differs from [LogConf] in that no threshold keeps the class balance
// of the labels, and in its warm-up. Its temperature is 1.
type AugConf struct{ Alpha, Warmup float64 }

func (l AugConf) String() string { return render("augconf", "alpha", l.Alpha, "warmup", l.Warmup) }
func (AugConf) Moving() bool     { return true }

// Separable is true.
func (AugConf) Separable(int) bool { return true }

func (l AugConf) Gradient(b *Batch, grad []float64) float64 {
	c := warmed(l.Alpha, l.Warmup, b.Progress, false)
	return towardsOwnAnswer(b, grad, func(int) float64 { return c })
}

// AdaptConf is AugConf with a weight of the student's own answer for each example (Guo et al. 2024). With a the student's cross-entropy
// against its own answer and b the one against its supervisor's answer, the weight is
// exp(a/Tau) / (exp(a/Tau) + exp(b/Tau)). As a is never above b, it is 1/2 where student and supervisor agree, and goes
// to 0 where the student disagrees and is sure: there the loss trusts the supervisor most.
type AdaptConf struct{ Tau float64 }

func (l AdaptConf) String() string { return render("adaptconf", "tau", l.Tau) }
func (AdaptConf) Moving() bool     { return true }

// Separable is true.
func (AdaptConf) Separable(int) bool { return true }

// Start returns cross-entropy: at weights of 0, the student's own answer is the first one to every example.
func (AdaptConf) Start() Loss { return XEnt{} }

func (l AdaptConf) Gradient(b *Batch, grad []float64) float64 {
	logProbs := b.LogProbs()
	return towardsOwnAnswer(b, grad, func(i int) float64 {
		from, to := b.Start[i], b.Start[i+1]
		own, supervisor := from+prob.Argmax(b.Probs[from:to]), from+prob.Argmax(b.Labels[from:to])
		return 1 / (1 + math.Exp((logProbs[own]-logProbs[supervisor])/l.Tau))
	})
}

// towardsOwnAnswer returns the mean of (1-c)·KL(labels ‖ student) plus c times the cross-entropy against the student's most probable
// answer, where c may differ by example.
func towardsOwnAnswer(b *Batch, grad []float64, c func(i int) float64) float64 {
	targets, kept := b.Targets(), make([]float64, b.Len())
	for i := range b.Len() {
		from, to := b.Start[i], b.Start[i+1]
		own := c(i)
		kept[i] = 1 - own
		for k := from; k < to; k++ {
			targets[k] = kept[i] * b.Labels[k]
		}
		targets[from+prob.Argmax(b.Probs[from:to])] += own
	}
	value := b.CrossEntropy(targets, grad)
	if b.GradientOnly {
		return 0
	}
	return value - b.Mean(func(i int) float64 { return kept[i] * prob.Entropy(b.Labels[b.Start[i]:b.Start[i+1]]) })
}
