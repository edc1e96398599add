package head

import (
	"fmt"
	"math"
)

// A Loss scores a student's logits against the labels of a batch.
//
// A loss must depend on the logits of an example through their softmax only, so that adding a constant to all of them
// changes nothing. (The logits of a binary head are kept as one column on the strength of that.) To add one: write the
// type, most often with Batch.CrossEntropy against targets of your own, and a line in Losses so that it has a name.
type Loss interface {
	// String is the loss with its settings, as Parse reads it.
	String() string
	// Moving reports whether targets follow the student's own predictions. Such a loss has no fixed minimum to find:
	// it is trained with Adam. A loss that does not move is a fixed function of the logits, whatever the progress.
	Moving() bool
	// Gradient returns the weighted mean loss over the batch and writes its gradient with respect to the logits, in
	// the layout of b.Logits. Targets taken from the student's own predictions are constants. It must write every
	// element of grad, must not keep b, and may be called from several goroutines for different batches.
	Gradient(b *Batch, grad []float64) float64
}

// A Preparer is a Loss with settings that come from the labels of the whole training set. Fit asks once a job, before
// the first step, with all training labels in the batch and no logits.
type Preparer interface {
	Prepare(labels *Batch) Loss
}

// A Checker is a Loss that does not suit all data. Check returns an error that says why, before any training;
// classes is 0 when the examples are groups of candidates.
type Checker interface {
	Check(classes int) error
}

// A Batch is what a loss sees: examples, each with one logit and one label probability a class or candidate. Example
// i has the elements Start[i]:Start[i+1] of Logits, Probs and Labels.
type Batch struct {
	Start    []int     // len examples+1
	Classes  int       // the number of classes, or 0 where the elements are candidates that differ from example to example
	Labels   []float64 // a distribution an example
	Weights  []float64 // one an example, not negative; an example of weight 0 counts as absent. nil: all 1
	Logits   []float64
	Probs    []float64 // softmax of the logits
	Progress float64   // share of the training steps that are done: step / steps, step counted from 0

	total           float64   // sum of weights
	gradientOnly    bool      // nobody looks at the value of the loss
	logProbs        []float64 // see LogProbs
	logged          bool      // logProbs belong to the logits
	targets, values []float64 // scratch
}

// newBatch returns a batch without logits. start, labels and weights are kept, not copied.
func newBatch(classes int, start []int, labels, weights []float64) *Batch {
	n := start[len(start)-1]
	b := &Batch{Start: start, Classes: classes, Labels: labels, Weights: weights,
		Logits: make([]float64, n), Probs: make([]float64, n)}
	b.total = float64(b.Len())
	if weights != nil {
		b.total = 0
		for _, w := range weights {
			b.total += w
		}
	}
	return b
}

// Len is the number of examples.
func (b *Batch) Len() int { return len(b.Start) - 1 }

// Weight is the weight of example i.
func (b *Batch) Weight(i int) float64 {
	if b.Weights == nil {
		return 1
	}
	return b.Weights[i]
}

// Mean is the weighted mean of f over the examples.
func (b *Batch) Mean(f func(i int) float64) float64 {
	sum := 0.0
	for i := range b.Len() {
		if w := b.Weight(i); w > 0 {
			sum += w * f(i)
		}
	}
	return sum / b.total
}

// LogProbs is the log softmax of the logits, in their layout. It is computed when it is first asked for.
func (b *Batch) LogProbs() []float64 {
	if b.logged {
		return b.logProbs
	}
	if b.logProbs == nil {
		b.logProbs = make([]float64, len(b.Logits))
	}
	for i := range b.Len() {
		from, to := b.Start[i], b.Start[i+1]
		most := from + argmax(b.Logits[from:to])
		log := math.Log(b.Probs[most]) // near 1 it is as exact as the probability, 1e-16
		for k := from; k < to; k++ {
			b.logProbs[k] = b.Logits[k] - b.Logits[most] + log
		}
	}
	b.logged = true
	return b.logProbs
}

// Targets returns a slice of zeros in the layout of the logits, to be filled for CrossEntropy. The next call gives the
// same slice again.
func (b *Batch) Targets() []float64 {
	if b.targets == nil {
		b.targets = make([]float64, len(b.Labels))
	}
	clear(b.targets)
	return b.targets
}

// CrossEntropy returns the weighted mean of the cross-entropy of the logits against targets, which have the layout of
// the logits and count as constants, and writes its gradient. An example whose targets are all 0 adds nothing. Where
// an optimiser needs the gradient alone, the value is left out and 0.
func (b *Batch) CrossEntropy(targets, grad []float64) float64 {
	for i := range b.Len() {
		from, to := b.Start[i], b.Start[i+1]
		share, sum := b.Weight(i)/b.total, 0.0
		for _, t := range targets[from:to] {
			sum += t
		}
		for k := from; k < to; k++ {
			grad[k] = share * (b.Probs[k]*sum - targets[k])
		}
	}
	if b.gradientOnly {
		return 0
	}
	logProbs := b.LogProbs()
	return b.Mean(func(i int) float64 {
		loss := 0.0
		for k := b.Start[i]; k < b.Start[i+1]; k++ {
			// A target of 0 takes no part, so that 0 times an infinite log is 0.
			if t := targets[k]; t != 0 {
				loss -= t * logProbs[k]
			}
		}
		return loss
	})
}

// softmax fills Probs from Logits.
func (b *Batch) softmax() {
	b.logged = false
	for i := range b.Len() {
		from, to := b.Start[i], b.Start[i+1]
		softmax(b.Logits[from:to], b.Probs[from:to])
	}
}

// softmax writes the softmax of logits, which may be the same slice. They are shifted by their maximum first, so that
// no finite logits overflow.
func softmax(logits, probs []float64) {
	if len(logits) == 2 { // nearly all tasks are binary, and one exponential is enough for them
		d := logits[1] - logits[0]
		e := math.Exp(-math.Abs(d))
		p, q := 1/(1+e), e/(1+e)
		if d > 0 {
			p, q = q, p
		}
		probs[0], probs[1] = p, q
		return
	}
	most := math.Inf(-1)
	for _, z := range logits {
		most = max(most, z)
	}
	sum := 0.0
	for k, z := range logits {
		probs[k] = math.Exp(z - most)
		sum += probs[k]
	}
	for k := range probs {
		probs[k] /= sum
	}
}

// Evaluate returns the mean loss of one batch and its gradient with respect to the logits. Each row of logits and
// labels is an example. classes is the number of classes, which every row then has, or 0 for candidate groups of any
// size. Labels must be distributions. It is for looking at a loss; Fit trains with it.
func Evaluate(loss Loss, classes int, logits, labels [][]float64, progress float64) (float64, [][]float64, error) {
	if len(logits) == 0 || len(logits) != len(labels) {
		return 0, nil, fmt.Errorf("head: %d rows of logits and %d rows of labels: want the same number, at least one", len(logits), len(labels))
	}
	start := make([]int, 1, len(logits)+1)
	var flatLogits, flatLabels []float64
	for i, row := range logits {
		if err := checkLabel(labels[i], classes, len(row)); err != nil {
			return 0, nil, fmt.Errorf("head: row %d: %w", i, err)
		}
		for _, z := range row {
			if math.IsNaN(z) || math.IsInf(z, 0) {
				return 0, nil, fmt.Errorf("head: row %d: logit %v is not finite", i, z)
			}
		}
		flatLogits, flatLabels = append(flatLogits, row...), append(flatLabels, labels[i]...)
		start = append(start, len(flatLogits))
	}
	if err := checkLoss(loss, classes); err != nil {
		return 0, nil, err
	}
	b := newBatch(classes, start, flatLabels, nil)
	if p, ok := loss.(Preparer); ok {
		loss = p.Prepare(b)
	}
	b.Progress = progress
	copy(b.Logits, flatLogits)
	b.softmax()
	flat := make([]float64, len(flatLogits))
	value := loss.Gradient(b, flat)
	grad := make([][]float64, len(logits))
	for i := range grad {
		grad[i] = flat[start[i]:start[i+1]:start[i+1]]
	}
	return value, grad, nil
}

func checkLoss(loss Loss, classes int) error {
	if loss == nil {
		return fmt.Errorf("head: no loss given (Parse knows them by name)")
	}
	if c, ok := loss.(Checker); ok {
		if err := c.Check(classes); err != nil {
			return fmt.Errorf("head: loss %s: %w", loss, err)
		}
	}
	return nil
}

// checkLabel reports what keeps label from being a distribution over the given number of elements. classes is 0 for
// candidates.
func checkLabel(label []float64, classes, elements int) error {
	if len(label) != elements || classes > 0 && len(label) != classes || len(label) == 0 {
		return fmt.Errorf("label has %d probabilities, want %d", len(label), max(classes, elements))
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
