package loss

import (
	"math"
	"slices"

	"w2s/harness/stats"
	"w2s/internal/prob"
)

// GuardConf is [LogConf] made safe against learning from itself instead of from its supervisor. That happens where labels are
// flat, because then the student's own hardened predictions outweigh them, and where the penalty is large, because then training
// on these predictions is a power iteration towards the main axis of the features. GuardConf meets it in three ways:
//
//   - Labels flatter than Spread are sharpened. Their logits are multiplied by the number of 1 or more that makes their variation
//     ([stats.Variation]) Spread times the variation of the same labels made hard. No answer changes.
//   - The penalty is not chosen by the student's own held-out log loss, which rewards a large penalty for an overconfident
//     student. It is the next larger one after the penalty of cross-entropy.
//   - A guard: if the logits of its head and of the head of cross-entropy correlate by less than Least on held-out examples, the
//     student is the head of cross-entropy.
//
// Package head does the second and the third. No step sees gold. The guard does not know which of two heads is right, so it also
// rejects a student that left a bad supervisor for good reasons.
type GuardConf struct {
	Alpha, Warmup float64 // as in LogConf
	Spread        float64 // 0: labels are left alone
	Least         float64
}

func (l GuardConf) String() string {
	return render("guardconf", "alpha", l.Alpha, "warmup", l.Warmup, "spread", l.Spread, "least", l.Least)
}
func (GuardConf) Moving() bool { return true }

// Guard returns cross-entropy and Least.
func (l GuardConf) Guard() (fallback Loss, least float64) { return XEnt{}, l.Least }

// Prepare returns the loss with a factor that sharpens these labels.
func (l GuardConf) Prepare(labels *Batch) Loss {
	return sharpConf{l, sharpness(labels, l.Spread)}
}

func (l GuardConf) Gradient(b *Batch, grad []float64) float64 { return l.Prepare(b).Gradient(b, grad) }

// A sharpConf is a GuardConf that knows by how much to sharpen labels.
type sharpConf struct {
	GuardConf
	factor float64
}

func (l sharpConf) Gradient(b *Batch, grad []float64) float64 {
	labels := sharpened(b, l.factor)
	return LogConf{Alpha: l.Alpha, Warmup: l.Warmup}.gradient(b, labels, secondClass(b, labels), grad)
}

// maxSharpness is the largest factor of logits. Labels of which every one is nearly uniform do not reach their spread.
const maxSharpness = 1e6

// sharpness returns the factor of at least 1 with which labels have a given share of the variation that they have when hard.
func sharpness(b *Batch, share float64) float64 {
	variation := func(labels []float64) float64 {
		var rows [][]float64
		for i := range b.Len() {
			if b.Weight(i) > 0 {
				rows = append(rows, labels[b.Start[i]:b.Start[i+1]])
			}
		}
		return stats.Variation(rows, b.Classes > 0)
	}
	hard := make([]float64, len(b.Labels))
	for i := range b.Len() {
		hard[b.Start[i]+prob.Argmax(b.Labels[b.Start[i]:b.Start[i+1]])] = 1
	}
	want := share * variation(hard)
	low, high := 1.0, maxSharpness
	if variation(b.Labels) >= want {
		return 1
	}
	for high/low > 1+1e-9 {
		if middle := math.Sqrt(low * high); variation(sharpened(b, middle)) < want {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// sharpened returns the labels with their logits multiplied by factor.
func sharpened(b *Batch, factor float64) []float64 {
	if factor == 1 {
		return b.Labels
	}
	out := make([]float64, len(b.Labels))
	for i := range b.Len() {
		from, to := b.Start[i], b.Start[i+1]
		most := slices.Max(b.Labels[from:to])
		sum := 0.0
		for k := from; k < to; k++ {
			out[k] = math.Pow(b.Labels[k]/most, factor)
			sum += out[k]
		}
		for k := from; k < to; k++ {
			out[k] /= sum
		}
	}
	return out
}
