package loss

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// A reverse divergence takes logarithms of labels, which may be 0. leastLog bounds them, as the binary cross-entropy of PyTorch does.
const leastLog = -100

// RKL is the reverse divergence KL(student ‖ labels), after labels are mixed with the uniform distribution:
// y' = (1-Eps)·y + Eps/K (Yao et al. 2025, arXiv 2502.11107). Of two classes its pointwise optimum is the label, as with KL, but an
// example counts by p·(1-p): one of which the student is sure hardly counts.
type RKL struct{ Eps float64 }

func (l RKL) String() string { return render("rkl", "eps", l.Eps) }
func (RKL) Moving() bool     { return false }
func (RKL) Start() Loss      { return XEnt{} }

// Separable is true.
func (RKL) Separable(int) bool { return true }

func (l RKL) Gradient(b *Batch, grad []float64) float64 {
	clear(grad)
	return b.Mean(func(i int) float64 { return addReverse(b, i, 1, true, l.Eps, grad) })
}

// RXEnt is the reverse cross-entropy -Σ p·log y' with y' as in [RKL] (Yao et al. 2025). It has no optimum between 0 and 1: it pulls
// every prediction to the side of its label, the more so the surer the label is. Of hard labels with Eps = 0, all logarithms are 0 or
// -100.
type RXEnt struct{ Eps float64 }

func (l RXEnt) String() string { return render("rxent", "eps", l.Eps) }
func (RXEnt) Moving() bool     { return false }
func (RXEnt) Start() Loss      { return XEnt{} }

// Separable is true.
func (RXEnt) Separable(int) bool { return true }

func (l RXEnt) Gradient(b *Batch, grad []float64) float64 {
	clear(grad)
	return b.Mean(func(i int) float64 { return addReverse(b, i, 1, false, l.Eps, grad) })
}

// addReverse adds the gradient of factor times the reverse cross-entropy of example i, or its reverse divergence, to grad, with the
// example's share of the batch. It returns factor times the value of the example.
func addReverse(b *Batch, i int, factor float64, divergence bool, eps float64, grad []float64) float64 {
	from, to := b.Start[i], b.Start[i+1]
	p, logProbs := b.Probs[from:to], b.LogProbs()[from:to]
	term := func(k int) float64 {
		t := -max(math.Log((1-eps)*b.Labels[from+k]+eps/float64(to-from)), leastLog)
		if divergence {
			t += logProbs[k]
		}
		return t
	}
	value := 0.0
	for k, v := range p {
		if v > 0 { // the logarithm may be huge
			value += v * term(k)
		}
	}
	scale := factor * b.Weight(i) / b.total
	for k, v := range p {
		if v > 0 {
			grad[from+k] += scale * v * (term(k) - value)
		}
	}
	return factor * value
}

// Symmetric is Alpha times the cross-entropy plus Beta times the reverse one of [RXEnt] (Wang et al. 2019, arXiv 1908.06112, for noisy
// labels; in weak-to-strong generalization Gengze/W2SG-Bregman).
type Symmetric struct{ Alpha, Beta, Eps float64 }

func (l Symmetric) String() string {
	return render("symmetric", "alpha", l.Alpha, "beta", l.Beta, "eps", l.Eps)
}
func (Symmetric) Moving() bool { return false }
func (Symmetric) Start() Loss  { return XEnt{} }

// Separable is true.
func (Symmetric) Separable(int) bool { return true }

func (l Symmetric) Gradient(b *Batch, grad []float64) float64 {
	value := l.Alpha * b.CrossEntropy(b.Labels, grad)
	for k := range grad {
		grad[k] *= l.Alpha
	}
	return value + b.Mean(func(i int) float64 { return addReverse(b, i, l.Beta, false, l.Eps, grad) })
}

// CACE is the cross-entropy where the supervisor is confident, and the reverse cross-entropy where it is not
// (Gengze/W2SG-Bregman). Confident means that the top probability of a label is at least C above guessing: |y - 1/2| of two classes,
// max y - 1/K of more, which is our reading.
type CACE struct {
	C float64
	// Decile takes C from the labels of the training set instead: their decile of that number, 1 to 9. 0: C counts.
	Decile int
}

func (l CACE) String() string {
	if l.Decile > 0 {
		return render("cace", "c", decilePrefix+strconv.Itoa(l.Decile))
	}
	return render("cace", "c", l.C)
}
func (CACE) Moving() bool { return false }
func (CACE) Start() Loss  { return XEnt{} }

// Separable is true once Prepare has set the number.
func (l CACE) Separable(int) bool { return l.Decile == 0 }

const decilePrefix = "decile"

// newCACE reads c, which is a number or a decile.
func newCACE(v *values) Loss {
	text, ok := strings.CutPrefix(v.given["c"], decilePrefix)
	if !ok {
		return CACE{C: v.number("c", 0, 1)}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 9 {
		v.fault("c=%s is not %s1 to %s9", v.given["c"], decilePrefix, decilePrefix)
	}
	return CACE{Decile: n}
}

// sureness returns how far the top probability of the label of example i is above guessing.
func sureness(b *Batch, i int) float64 {
	from, to := b.Start[i], b.Start[i+1]
	return slices.Max(b.Labels[from:to]) - 1/float64(to-from)
}

// Prepare replaces a decile by its value.
func (l CACE) Prepare(labels *Batch) Loss {
	if l.Decile == 0 {
		return l
	}
	return CACE{C: labels.quantile(float64(l.Decile)/10, func(i int) float64 { return sureness(labels, i) })}
}

func (l CACE) Gradient(b *Batch, grad []float64) float64 {
	targets := b.Targets()
	var unsure []int
	for i := range b.Len() {
		if sureness(b, i) >= l.C {
			copy(targets[b.Start[i]:b.Start[i+1]], b.Labels[b.Start[i]:b.Start[i+1]])
		} else if b.Weight(i) > 0 {
			unsure = append(unsure, i)
		}
	}
	value := b.CrossEntropy(targets, grad)
	for _, i := range unsure {
		value += b.Weight(i) / b.total * addReverse(b, i, 1, false, 0, grad)
	}
	return value
}
