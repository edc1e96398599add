package head

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"w2s/harness/feature"
	"w2s/harness/loss"
	"w2s/internal/visible"
)

// Data is a feature matrix together with the meaning of its rows. Exactly one of Classes and Start is set.
type Data struct {
	X *feature.Matrix
	// Classes is the number of classes, 2 or more, if example e is row e.
	Classes int
	// Start is set if an example is a group of candidates, one of which is to be chosen. Example e has the rows
	// Start[e]:Start[e+1], two or more. The length of Start is the number of examples plus 1.
	Start []int
	// Scaling is applied to the rows of X and becomes part of every head. nil leaves the rows unchanged.
	Scaling *Scaling
	// Offset holds fixed logits that are added to the logits of every head in training and prediction: Classes values for
	// each row, or one for each row of candidates. They are not part of a head and have no penalty. nil: none.
	//
	// An offset fine-tunes an existing layer W0, b0. With the offset x·W0 + b0, training starts at W = W0, and the penalty
	// of a head becomes L2/2·‖W-W0‖². [Head.Logits] computes the offset, and [Head.Plus] adds a trained head to the layer.
	Offset []float64
	// NoBias trains weights only. The bias of a class that is in no label has no minimum, because a bias has no penalty. A
	// layer that is fine-tuned has its own bias in the offset.
	NoBias bool
}

// Examples returns the number of examples.
func (d Data) Examples() int {
	if d.Classes > 0 {
		return d.X.Rows
	}
	return len(d.Start) - 1
}

// checkExamples reports the first number that is no example's.
func (d Data) checkExamples(examples []int) error {
	for _, e := range examples {
		if e < 0 || e >= d.Examples() {
			return fmt.Errorf("head: example %d is not in 0..%d", e, d.Examples()-1)
		}
	}
	return nil
}

// Rows returns the range of rows of example e.
func (d Data) Rows(e int) (from, to int) {
	if d.Classes > 0 {
		return e, e + 1
	}
	return d.Start[e], d.Start[e+1]
}

// elements returns the number of classes or candidates of example e.
func (d Data) elements(e int) int {
	if d.Classes > 0 {
		return d.Classes
	}
	return d.Start[e+1] - d.Start[e]
}

// columns returns the number of columns that training has for one head. A binary head needs only one: most losses depend on
// the logits through their softmax alone, so the two columns of W, which start at 0, stay each other's negative.
func (d Data) columns() int {
	if d.Classes > 2 {
		return d.Classes
	}
	return 1
}

func (d Data) check() error {
	if d.X == nil || d.X.Rows < 1 || d.X.Dims < 1 || d.X.Data != nil && len(d.X.Data) != d.X.Rows*d.X.Dims {
		return errors.New("head: features: want a matrix of at least one row and one dimension, with rows·dims values")
	}
	buffer := make([]float32, d.X.Dims)
	for r := range d.X.Rows {
		if j := firstInfinite(d.X.ReadRow(r, buffer)); j >= 0 {
			return fmt.Errorf("head: features: row %d, dimension %d is %v (encode the text again)", r, j, d.X.Row(r)[j])
		}
	}
	if s := d.Scaling; s != nil && (len(s.Mean) != d.X.Dims || len(s.SD) != d.X.Dims) {
		return fmt.Errorf("head: scaling is for %s, the features have %d", visible.Count(len(s.Mean), "dimension"), d.X.Dims)
	}
	if err := d.checkOffset(); err != nil {
		return err
	}
	switch {
	case d.Classes > 0 && d.Start != nil:
		return errors.New("head: data has both classes and candidate groups (set Classes or Start)")
	case d.Classes == 0 && len(d.Start) < 2:
		return errors.New("head: data has neither classes nor candidate groups (set Classes or Start)")
	case d.Start == nil && d.Classes < 2:
		return fmt.Errorf("head: %s, want 2 or more", visible.Count(d.Classes, "class"))
	case d.Start == nil:
		return nil
	}
	if d.Start[0] < 0 || d.Start[len(d.Start)-1] > d.X.Rows {
		return fmt.Errorf("head: candidate groups span rows %d:%d of %d", d.Start[0], d.Start[len(d.Start)-1], d.X.Rows)
	}
	for e := range d.Examples() {
		if d.Start[e+1]-d.Start[e] < 2 {
			return fmt.Errorf("head: example %d has %s, want 2 or more", e, visible.Count(d.Start[e+1]-d.Start[e], "candidate"))
		}
	}
	return nil
}

// firstInfinite returns the index of the first value that is NaN or infinite, or -1.
func firstInfinite(values []float32) int {
	const block = 256
	for from := 0; from < len(values); from += block {
		part := values[from:min(from+block, len(values))]
		var a, b, c, d float32 // sums of zeros, unless a value is not finite; four, so that additions do not wait for each other
		i := 0
		for ; i+4 <= len(part); i += 4 {
			a += part[i] - part[i]
			b += part[i+1] - part[i+1]
			c += part[i+2] - part[i+2]
			d += part[i+3] - part[i+3]
		}
		for ; i < len(part); i++ {
			a += part[i] - part[i]
		}
		if a+b+c+d == 0 {
			continue
		}
		for i, v := range part {
			if v-v != 0 {
				return from + i
			}
		}
	}
	return -1
}

// A Job asks for one head.
type Job struct {
	Name     string      // for error messages
	Examples []int       // training examples, each once, in any order
	Labels   [][]float64 // one distribution over the classes or candidates for each of Examples
	Weights  []float64   // one weight of 0 or more for each of Examples; weight 0 leaves the example out. nil: all 1
	// Sure marks the Examples whose labels are gold among weak ones; see [loss.Batch]. nil: none.
	Sure []bool
	Loss loss.Loss
	// L2 is the penalty. The objective is the weighted mean loss plus L2/2 times the sum of squares of W, which has one column
	// for each class (one in all for candidates). The bias has no penalty. [Select] sets L2 to each of those that it tries.
	L2 float64
	// Optimiser is an LBFGS or an Adam. nil is LBFGS{}, or Adam{} for a loss whose targets move.
	Optimiser Optimiser
	Seed      uint64 // determines the order of mini-batches, and what Select holds out
}

// check reports all faults of a job together.
func (j Job) check(d Data) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if err := loss.Check(j.Loss, d.Classes); err != nil {
		faults = append(faults, err)
	}
	if !(j.L2 >= 0) || math.IsInf(j.L2, 0) {
		fault("l2 %v is not a number of 0 or more", j.L2)
	}
	if j.Optimiser != nil {
		if err := j.Optimiser.check(j.Loss); err != nil {
			faults = append(faults, err)
		}
	}
	if _, ok := j.Loss.(loss.Starter); ok && miniBatched(j) {
		fault("loss %s starts from the head of another loss, which is not trained in mini-batches (train on all examples)", j.Loss)
	}
	if loss.HeadsOf(j.Loss) > 1 && miniBatched(j) {
		fault("loss %s mixes heads, which are not trained in mini-batches (train on all examples)", j.Loss)
	}
	if (loss.TakesEvidence(j.Loss) || loss.HeadsOf(j.Loss) > 1) && d.Offset != nil {
		fault("loss %s is not of one linear head, to which fixed logits could be added (choose another loss)", j.Loss)
	}
	if len(j.Examples) == 0 {
		fault("no training examples")
	}
	if len(j.Labels) != len(j.Examples) {
		fault("%s for %s", visible.Count(len(j.Labels), "label"), visible.Count(len(j.Examples), "training example"))
		return errors.Join(faults...)
	}
	if j.Weights != nil && len(j.Weights) != len(j.Examples) {
		fault("%d weights for %s", len(j.Weights), visible.Count(len(j.Examples), "training example"))
		return errors.Join(faults...)
	}
	if j.Sure != nil && len(j.Sure) != len(j.Examples) {
		fault("%d marks of sure labels for %s", len(j.Sure), visible.Count(len(j.Examples), "training example"))
		return errors.Join(faults...)
	}
	seen := make([]bool, d.Examples())
	total := 0.0
	for i, e := range j.Examples {
		if e < 0 || e >= len(seen) {
			fault("example %d is not in 0..%d", e, len(seen)-1)
			break
		}
		if seen[e] {
			fault("example %d is given twice (give it a weight of 2)", e)
			break
		}
		seen[e] = true
		if err := loss.CheckLabel(j.Labels[i], d.Classes, d.elements(e)); err != nil {
			fault("example %d: %w", e, err)
			break
		}
		if j.Weights != nil {
			if w := j.Weights[i]; !(w >= 0) || math.IsInf(w, 0) {
				fault("example %d: weight %v is not a number of 0 or more", e, w)
				break
			}
			total += j.Weights[i]
		}
	}
	if j.Weights != nil && len(faults) == 0 && !(total > 0) {
		fault("all weights are 0")
	}
	return errors.Join(faults...)
}

// weighted returns the positions in j.Examples of the examples with a positive weight, by ascending example.
func (j Job) weighted() []int {
	positions := make([]int, 0, len(j.Examples))
	for i := range j.Examples {
		if j.Weights == nil || j.Weights[i] > 0 {
			positions = append(positions, i)
		}
	}
	slices.SortFunc(positions, func(a, b int) int { return cmp.Compare(j.Examples[a], j.Examples[b]) })
	return positions
}

// same reports whether two jobs give the same head: they have the same labels in memory, and all else is equal.
func (j Job) same(other Job) bool {
	label := func(a, b []float64) bool { return len(a) == len(b) && &a[0] == &b[0] }
	return j.L2 == other.L2 && j.Seed == other.Seed && j.Optimiser == other.Optimiser && j.Loss.String() == other.Loss.String() &&
		slices.EqualFunc(j.Labels, other.Labels, label) && slices.Equal(j.Examples, other.Examples) && slices.Equal(j.Weights, other.Weights) && slices.Equal(j.Sure, other.Sure)
}

// A labelled is the training examples of a job with their labels.
type labelled struct {
	examples []int // those of positive weight, ascending
	rows     []int // of the examples, ascending
	batch    *loss.Batch
	offset   []float64 // in the layout of the batch's logits; nil: none
}

func (j Job) labelled(d Data) *labelled {
	l := &labelled{}
	start := make([]int, 1, len(j.Examples)+1)
	var labels, weights []float64
	var sure []bool
	for _, i := range j.weighted() {
		l.examples = append(l.examples, j.Examples[i])
		labels = append(labels, j.Labels[i]...)
		start = append(start, len(labels))
		if j.Weights != nil {
			weights = append(weights, j.Weights[i])
		}
		if j.Sure != nil {
			sure = append(sure, j.Sure[i])
		}
		from, to := d.Rows(j.Examples[i])
		for r := from; r < to; r++ {
			l.rows = append(l.rows, r)
		}
	}
	l.batch, l.offset = loss.NewBatch(d.Classes, start, labels, weights), d.gatherOffsets(l.examples)
	l.batch.Sure = sure
	return l
}

// A labelledCache holds the training examples of the last jobs. Jobs that share the memory of their examples, labels and weights, and
// differ in loss or penalty, share these as well.
type labelledCache struct {
	keys []labelledKey
	last []*labelled
}

type labelledKey struct {
	examples *int
	labels   *[]float64
	weights  *float64
	sure     *bool
	n        int
}

// keptLabelled bounds the memory of a labelledCache. Jobs with the same examples follow each other, fold by fold.
const keptLabelled = 8

func (c *labelledCache) of(d Data, j Job) *labelled {
	k := labelledKey{unsafe.SliceData(j.Examples), unsafe.SliceData(j.Labels), unsafe.SliceData(j.Weights), unsafe.SliceData(j.Sure), len(j.Examples)}
	if at := slices.Index(c.keys, k); at >= 0 {
		return c.last[at]
	}
	if len(c.keys) == keptLabelled {
		c.keys, c.last = slices.Delete(c.keys, 0, 1), slices.Delete(c.last, 0, 1)
	}
	c.keys, c.last = append(c.keys, k), append(c.last, j.labelled(d))
	return c.last[len(c.last)-1]
}

// subset returns the job with the examples at the given positions in j.Examples.
func (j Job) subset(positions []int) Job {
	out := j
	out.Examples, out.Labels, out.Weights, out.Sure = nil, nil, nil, nil
	for _, i := range positions {
		out.Examples, out.Labels = append(out.Examples, j.Examples[i]), append(out.Labels, j.Labels[i])
		if j.Weights != nil {
			out.Weights = append(out.Weights, j.Weights[i])
		}
		if j.Sure != nil {
			out.Sure = append(out.Sure, j.Sure[i])
		}
	}
	return out
}
