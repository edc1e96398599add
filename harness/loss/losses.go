package loss

import (
	"errors"
	"math"
	"slices"

	"w2s/internal/prob"
	"w2s/internal/simd"
)

// XEnt is the cross-entropy against the labels, which may be hard or soft.
type XEnt struct{}

func (XEnt) String() string { return "xent" }
func (XEnt) Moving() bool   { return false }

// Separable is true.
func (XEnt) Separable(int) bool { return true }

func (XEnt) Gradient(b *Batch, grad []float64) float64 { return b.CrossEntropy(b.Labels, grad) }

// KL is the divergence KL(labels ‖ student), which is the cross-entropy minus the entropy of the labels.
type KL struct{}

func (KL) String() string { return "kl" }
func (KL) Moving() bool   { return false }

// Separable is true.
func (KL) Separable(int) bool { return true }

func (l KL) Gradient(b *Batch, grad []float64) float64 {
	return l.Prepare(b).Gradient(b, grad)
}

// Prepare computes the entropy of the labels once.
func (KL) Prepare(labels *Batch) Loss {
	return preparedKL{entropy: labels.Mean(func(i int) float64 { return prob.Entropy(labels.Labels[labels.Start[i]:labels.Start[i+1]]) }) / labels.share()}
}

// preparedKL is KL for labels whose mean entropy is known.
type preparedKL struct {
	KL
	entropy float64
}

func (l preparedKL) Gradient(b *Batch, grad []float64) float64 {
	return b.CrossEntropy(b.Labels, grad) - l.entropy*b.share()
}

// Confidence is the cross-entropy plus Alpha times the entropy of the student's predictions. The gradient flows through
// the entropy, which pulls predictions towards certainty. The loss is not convex for every Alpha.
type Confidence struct{ Alpha float64 }

func (l Confidence) String() string { return render("confidence", "alpha", l.Alpha) }
func (Confidence) Moving() bool     { return false }

// Separable is true.
func (Confidence) Separable(int) bool { return true }

func (l Confidence) Gradient(b *Batch, grad []float64) float64 {
	return b.CrossEntropy(b.Labels, grad) + b.examples().Entropy(b.Logits, b.Probs, l.Alpha, grad)
}

// LogConf is the auxiliary confidence loss of Burns et al. 2023 (arXiv 2312.09390): the cross-entropy against
// (1-c)·labels + c·hardened, where hardened is the student's own prediction made hard.
//
// With two classes a threshold t keeps the class balance of the labels. The hardened class is 0 if p0 >= t, where t is
// the quantile of p0 over the batch (with linear interpolation) at the labels' mean probability of class 1. With more
// classes or with candidates there is no single threshold, and the hardened class is the most probable one (the first
// of equals).
//
// c is Alpha·min(1, Progress/Warmup), or Alpha if Warmup is 0. For an example that is sure ([Batch.Sure]) it is 0.
type LogConf struct {
	Alpha, Warmup float64
	// Jump reproduces openai/weak-to-strong (weak_to_strong/loss.py): c is Alpha·Progress during the warm-up and Alpha
	// after it. With a warm-up of 0.1, c jumps from a tenth of Alpha to Alpha.
	Jump bool
	// Balance first shifts the labels so that no class is favoured: it subtracts the mean from their log odds, and the
	// threshold is the median (EleutherAI/w2s, w2s/loss.py, balance_batch).
	Balance bool
}

func (l LogConf) String() string {
	return render("logconf", "alpha", l.Alpha, "warmup", l.Warmup, "jump", l.Jump, "balance", l.Balance)
}
func (LogConf) Moving() bool { return true }

// Check rejects Balance for candidates, which have no classes to balance.
func (l LogConf) Check(classes int) error { return checkBalance(l.Balance, classes) }

// Separable is false where the labels are balanced, or hardened by a threshold over the batch.
func (l LogConf) Separable(classes int) bool { return classes != 2 && !l.Balance }

func (l LogConf) Gradient(b *Batch, grad []float64) float64 {
	labels, prior := b.Labels, 0.5
	if l.Balance {
		labels = balanced(b)
	} else if b.Classes == 2 {
		prior = b.meanSecond()
	}
	c := warmed(l.Alpha, l.Warmup, b.Progress, l.Jump)
	if b.Classes != 2 && b.GradientOnly && b.Sure == nil {
		b.examples().Hardened(b.Probs, labels, c, grad)
		return 0
	}
	targets := b.Targets()
	if b.Classes == 2 {
		simd.Threshold(b.Probs, labels, b.firstQuantile(prior), c, targets)
	} else {
		for k := range targets {
			targets[k] = (1 - c) * labels[k]
		}
		for i := range b.Len() {
			targets[b.Start[i]+prob.Argmax(b.Probs[b.Start[i]:b.Start[i+1]])] += c
		}
	}
	for i, sure := range b.Sure {
		if sure {
			copy(targets[b.Start[i]:b.Start[i+1]], labels[b.Start[i]:b.Start[i+1]])
		}
	}
	return b.CrossEntropy(targets, grad)
}

// Entropy is LogConf with the student's own soft predictions instead of the hardened ones (EleutherAI/w2s).
type Entropy struct {
	Alpha, Warmup float64
	Balance       bool // as in LogConf
}

func (l Entropy) String() string {
	return render("entropy", "alpha", l.Alpha, "warmup", l.Warmup, "balance", l.Balance)
}
func (Entropy) Moving() bool { return true }

// Separable is false where the labels are balanced.
func (l Entropy) Separable(int) bool { return !l.Balance }

// Check rejects Balance for candidates, which have no classes to balance.
func (l Entropy) Check(classes int) error { return checkBalance(l.Balance, classes) }

func (l Entropy) Gradient(b *Batch, grad []float64) float64 {
	labels := b.Labels
	if l.Balance {
		labels = balanced(b)
	}
	c := warmed(l.Alpha, l.Warmup, b.Progress, false)
	targets := b.Targets()
	for k := range targets {
		targets[k] = (1-c)*labels[k] + c*b.Probs[k]
	}
	return b.CrossEntropy(targets, grad)
}

// Product is the cross-entropy against student^Beta · labels^Alpha, normalised (openai/weak-to-strong,
// weak_to_strong/loss.py). It computes the powers as logarithms, so no target underflows to 0/0.
type Product struct{ Alpha, Beta float64 }

func (l Product) String() string { return render("product", "alpha", l.Alpha, "beta", l.Beta) }
func (Product) Moving() bool     { return true }

// Separable is true.
func (Product) Separable(int) bool { return true }

func (l Product) Gradient(b *Batch, grad []float64) float64 {
	targets, logProbs := b.Targets(), b.LogProbs()
	for k, label := range b.Labels {
		targets[k] = l.Beta * logProbs[k]
		if l.Alpha != 0 { // 0^0 is 1
			targets[k] += l.Alpha * math.Log(label)
		}
	}
	for i := range b.Len() {
		from, to := b.Start[i], b.Start[i+1]
		if to-from == 2 && math.IsInf(targets[from], -1) { // Softmax takes the difference of two logits, which must be finite
			targets[from], targets[from+1] = 0, 1
			continue
		} else if to-from == 2 && math.IsInf(targets[from+1], -1) {
			targets[from], targets[from+1] = 1, 0
			continue
		}
		prob.Softmax(targets[from:to], targets[from:to])
	}
	return b.CrossEntropy(targets, grad)
}

// Window is the cross-entropy over the examples where the student is unsure, which means that its top probability is
// under 0.5 + Radius. The sum is divided by the weight of the whole batch, so the loss is 0 if the student is sure of
// every example (EleutherAI/w2s, w2s/loss.py).
type Window struct {
	Radius float64
	// MidWeak sets the radius to the median distance of the labels' top probability from 0.5 over the training set. If
	// the number of labels is even, it takes the lower one of the middle two distances, as torch.median does.
	MidWeak bool
}

func (l Window) String() string {
	if l.MidWeak {
		return render("window", "radius", "midweak")
	}
	return render("window", "radius", l.Radius)
}
func (Window) Moving() bool { return true }

// Separable is true once Prepare has set the radius.
func (l Window) Separable(int) bool { return !l.MidWeak }

// Prepare replaces a MidWeak window by one with a fixed radius.
func (l Window) Prepare(labels *Batch) Loss {
	if !l.MidWeak {
		return l
	}
	var distances []float64
	for i := range labels.Len() {
		if labels.Weight(i) > 0 {
			distances = append(distances, slices.Max(labels.Labels[labels.Start[i]:labels.Start[i+1]])-0.5)
		}
	}
	slices.Sort(distances)
	return Window{Radius: distances[(len(distances)-1)/2]}
}

func (l Window) Gradient(b *Batch, grad []float64) float64 {
	targets := b.Targets()
	for i := range b.Len() {
		from, to := b.Start[i], b.Start[i+1]
		if slices.Max(b.Probs[from:to]) < 0.5+l.Radius {
			copy(targets[from:to], b.Labels[from:to])
		}
	}
	return b.CrossEntropy(targets, grad)
}

// warmed returns the weight of the student's own prediction at the given progress.
func warmed(alpha, warmup, progress float64, jump bool) float64 {
	switch {
	case jump && progress <= warmup:
		return alpha * progress
	case jump || warmup <= 0:
		return alpha
	}
	return alpha * min(1, progress/warmup)
}

func checkBalance(balance bool, classes int) error {
	if balance && classes == 0 {
		return errors.New("balance needs classes and candidates have none (leave balance out)")
	}
	return nil
}

// balanced returns the labels after subtracting the batch mean from their log odds. For more than two classes it uses
// the logarithms of the probabilities, which is equivalent for two.
func balanced(b *Batch) []float64 {
	const eps = 1e-7 // of w2s/loss.py
	k := b.Classes
	logs := make([]float64, len(b.Labels))
	mean := make([]float64, k)
	for i := range b.Len() {
		for c := range k {
			logs[k*i+c] = math.Log(b.Labels[k*i+c] + eps)
			if w := b.Weight(i); w > 0 {
				mean[c] += w * logs[k*i+c]
			}
		}
	}
	labels := make([]float64, len(logs))
	for i := range b.Len() {
		row := logs[k*i : k*i+k]
		for c := range row {
			row[c] -= mean[c] / b.total
		}
		prob.Softmax(row, labels[k*i:k*i+k])
	}
	return labels
}
