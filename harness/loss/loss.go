// Package loss defines the losses that a student can learn from weak labels.
//
// A [Loss] is a value and its gradient with respect to the logits of a [Batch]. Losses are values of small types; [All]
// lists those that have a name and [Parse] reads them.
package loss

import (
	"fmt"
	"math"

	"w2s/internal/visible"
)

// A Loss scores a student's logits against the labels of a batch.
//
// A loss may depend on the logits of an example only through their softmax, so adding a constant to all of them changes
// nothing, unless it is an [Evidencer]. (Package head relies on that to train a binary head as one column.) To add a loss, write the type, usually
// with [Batch.CrossEntropy] against targets of its own, and add a line to All so that it has a name.
type Loss interface {
	// String returns the loss with its settings, as Parse reads it.
	String() string
	// Moving reports whether the targets follow the student's own predictions. A moving loss has no fixed minimum, so
	// it is trained with Adam. Any other loss is a fixed function of the logits that ignores Batch.Progress.
	Moving() bool
	// Gradient returns the weighted mean loss over the batch and writes its gradient with respect to the logits to
	// grad, in the layout of b.Logits. Targets taken from the student's own predictions count as constants. Gradient
	// must write every element of grad, must not keep b, and may be called from several goroutines for different
	// batches.
	Gradient(b *Batch, grad []float64) float64
}

// A Separable is a Loss that may be computed for a part of the examples at a time. Separable reports whether the gradient of an example
// depends on no other example of the batch, beyond the sum of weights. classes is the number of classes, or 0 for groups of candidates.
type Separable interface {
	Separable(classes int) bool
}

// A Preparer is a Loss with settings that depend on the labels of the whole training set. Prepare is called once for
// each head, before the first step. The batch then holds all training labels and no logits.
type Preparer interface {
	Prepare(labels *Batch) Loss
}

// A Checker is a Loss that does not fit every kind of data. Check returns an error that says why, before any training.
// classes is the number of classes, or 0 if the examples are groups of candidates.
type Checker interface {
	Check(classes int) error
}

// A Guarded is a Loss that can lead a student away from its labels, towards the main axis of the features. Where package head chooses
// penalties, the guarded loss takes the next larger one after the penalty of the reference, and only if the main axis and the head of
// the reference correlate by least or more on held-out examples. Otherwise the student learns from the fallback, with a penalty of the
// fallback's own. Trained with a given penalty, the loss is not guarded.
type Guarded interface {
	Loss
	Guard() (fallback, reference Loss, least float64)
}

// A Starter is a Loss that is not convex in the weights of a head, or whose gradient is 0 at weights of 0, so that it matters where
// training starts. Package head trains a head with Start and the same penalty first, and goes on from there.
type Starter interface {
	Loss
	Start() Loss
}

// An Evidencer is a Loss that may take the outputs z of a head as evidence. If Evidence is true, the prediction is
// (max(0, z) + 1) / Σ (max(0, z) + 1) instead of the softmax, and the loss depends on the size of z and not on differences alone.
type Evidencer interface{ Evidence() bool }

// TakesEvidence reports whether l takes outputs as evidence.
func TakesEvidence(l Loss) bool {
	e, ok := l.(Evidencer)
	return ok && e.Evidence()
}

// A Mixer is a Loss of several heads that are mixed in the space of probabilities.
type Mixer interface {
	Loss
	Heads() int // 1 or more
}

// HeadsOf returns the number of heads that are mixed to learn from l.
func HeadsOf(l Loss) int {
	if m, ok := l.(Mixer); ok {
		return m.Heads()
	}
	return 1
}

// Check reports why l cannot be trained on data with the given number of classes (0 for candidates), or nil.
func Check(l Loss, classes int) error {
	if l == nil {
		return fmt.Errorf("no loss given (Parse reads one by its name)")
	}
	if c, ok := l.(Checker); ok {
		if err := c.Check(classes); err != nil {
			return fmt.Errorf("loss %s: %w", l, err)
		}
	}
	return nil
}

// CheckLabel reports why label is not a distribution over the given number of elements, or nil. classes is the number
// of classes, or 0 for candidates.
func CheckLabel(label []float64, classes, elements int) error {
	if len(label) != elements || classes > 0 && len(label) != classes || len(label) == 0 {
		return fmt.Errorf("label has %s, want %d", visible.Count(len(label), "probability"), max(classes, elements))
	}
	sum := 0.0
	for _, p := range label {
		if !(p >= 0) { // also true for NaN
			return fmt.Errorf("label probability %v is not in 0..1", p)
		}
		sum += p
	}
	if !(math.Abs(sum-1) <= 1e-6) {
		return fmt.Errorf("label probabilities sum to %v, want 1", sum)
	}
	return nil
}

// Evaluate returns the mean loss of one batch and its gradient with respect to the logits. It is meant for inspecting a
// loss; package head trains with it. Each row of logits and of labels is one example, and each label is a distribution.
// classes is the number of classes, which every row then has, or 0 for groups of candidates of any size. progress is
// the share of training that is done, 0 to 1.
func Evaluate(l Loss, classes int, logits, labels [][]float64, progress float64) (float64, [][]float64, error) {
	if len(logits) == 0 || len(logits) != len(labels) {
		return 0, nil, fmt.Errorf("loss: %s of logits and %s of labels: want the same number, at least one", visible.Count(len(logits), "row"), visible.Count(len(labels), "row"))
	}
	start := make([]int, 1, len(logits)+1)
	var flatLogits, flatLabels []float64
	for i, row := range logits {
		if err := CheckLabel(labels[i], classes, len(row)); err != nil {
			return 0, nil, fmt.Errorf("loss: row %d: %w", i, err)
		}
		for _, z := range row {
			if math.IsNaN(z) || math.IsInf(z, 0) {
				return 0, nil, fmt.Errorf("loss: row %d: logit %v is not finite", i, z)
			}
		}
		flatLogits, flatLabels = append(flatLogits, row...), append(flatLabels, labels[i]...)
		start = append(start, len(flatLogits))
	}
	if err := Check(l, classes); err != nil {
		return 0, nil, fmt.Errorf("loss: %w", err)
	}
	labelled := NewBatch(classes, start, flatLabels, nil)
	if p, ok := l.(Preparer); ok {
		l = p.Prepare(labelled)
	}
	b := &Batch{Progress: progress}
	b.Part(labelled, 0, len(logits))
	copy(b.Logits, flatLogits)
	b.UpdateProbs()
	flat := make([]float64, len(flatLogits))
	value := l.Gradient(b, flat)
	grad := make([][]float64, len(logits))
	for i := range grad {
		grad[i] = flat[start[i]:start[i+1]:start[i+1]]
	}
	return value, grad, nil
}
