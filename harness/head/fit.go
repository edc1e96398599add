package head

import (
	"context"
	"errors"
	"fmt"

	"gonum.org/v1/gonum/floats"

	"w2s/harness/loss"
)

// Options are the settings of a Fit that change how fast it is, and the arithmetic.
type Options struct {
	// Multiplier makes the fast product for large problems; nil computes everything in float64, which is exact and slow.
	// It is used for more than 131,072 features (rows·dims), and not for mini-batches.
	Multiplier NewMultiplier
	// Done, where set, is called from one goroutine each time a head is trained, with how many are.
	Done func(heads int)
}

// A Fitted is a trained head and how its training went.
type Fitted struct {
	Head         *Head
	Status       Status
	Steps        int     // of the optimiser
	Evaluations  int     // of the objective and its gradient
	Objective    float64 // mean loss + L2/2·‖W‖² at the result; for Adam with its targets and mixing weight at progress 1
	GradientNorm float64 // largest absolute component of the objective's gradient at the result
}

// Warnings says what is wrong with how the training went.
func (f Fitted) Warnings() []string {
	switch f.Status {
	case StepLimit:
		return []string{fmt.Sprintf("training ran into the step limit (gradient %.1g)", f.GradientNorm)}
	case Diverged:
		return []string{"training diverged"}
	}
	return nil
}

// Fit trains all jobs, in lock-step, so that the features are multiplied with the columns of many heads at once; a
// head that is done leaves its place to the next job. The results are in the order of the jobs.
//
// A head starts at zero. It comes out bit for bit the same whether it is trained alone or beside others, whatever the
// number of threads and the order of its examples; it does depend on the rows of data.X, also on those it does not
// train on, by no more than the rounding of float32, and not at all where float64 is used.
//
// With float64 (see Options) LBFGS reaches a gradient of 1e-9. With a float32 product it reaches about 1e-5 at features of unit
// size, which moves predictions by about 1e-4 at most where L2 is 0.01 or more.
//
// Faults of the data and of all jobs are reported together, before any training. When ctx is done Fit returns its
// error after the product at hand.
func Fit(ctx context.Context, data Data, jobs []Job, options Options) ([]Fitted, error) {
	if err := data.check(); err != nil {
		return nil, err
	}
	var faults []error
	for i, job := range jobs {
		if err := job.check(data); err != nil {
			faults = append(faults, fmt.Errorf("head: job %d (%s): %w", i, job.Name, err))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	f := &fitter{data: data, jobs: jobs, results: make([]Fitted, len(jobs)), options: options}
	f.data.X = data.Scaling.apply(data.X)
	if err := f.lockStep(ctx); err != nil {
		return nil, err
	}
	if err := f.miniBatches(ctx); err != nil {
		return nil, err
	}
	return f.results, nil
}

type fitter struct {
	data    Data // with the scaled features
	jobs    []Job
	results []Fitted
	options Options
	done    int
}

// maxBytes bounds the memory of the heads that are trained at the same time; a column takes about columnBytes a row, for
// its products, labels, logits, probabilities, targets and gradients.
const (
	maxBytes    = 1 << 29
	columnBytes = 128
)

// lockStep trains all jobs that look at their whole training set each step.
func (f *fitter) lockStep(ctx context.Context) error {
	var pending []int
	for i, job := range f.jobs {
		if !miniBatched(job) {
			pending = append(pending, i)
		}
	}
	if len(pending) == 0 {
		return nil
	}
	eng, err := newEngine(f.data.X, f.options.Multiplier)
	if err != nil {
		return fmt.Errorf("head: matrix product: %w", err)
	}
	defer eng.close()
	places := max(Columns, maxBytes/columnBytes/f.data.X.Rows)
	var active []*trainee
	var cols []*column
	for len(pending) > 0 || len(active) > 0 {
		for len(pending) > 0 && (len(active) == 0 || len(cols)+f.data.columns() <= places) {
			t := newTrainee(f.data, pending[0], f.jobs[pending[0]], eng.noise())
			pending = pending[1:]
			active, cols = append(active, t), append(cols, t.cols...)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := eng.forward(cols); err != nil {
			return fmt.Errorf("head: matrix product: %w", err)
		}
		parallel(len(active), func(i int) { active[i].judge() })
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := eng.backward(cols); err != nil {
			return fmt.Errorf("head: matrix product: %w", err)
		}
		parallel(len(active), func(i int) { active[i].move() })
		still := active[:0]
		cols = cols[:0]
		for _, t := range active {
			if t.more {
				still, cols = append(still, t), append(cols, t.cols...)
				continue
			}
			f.finish(t)
		}
		clear(active[len(still):]) // let go of their memory
		active = still
	}
	return nil
}

func (f *fitter) finish(t *trainee) {
	f.results[t.index] = t.fitted(f.data)
	f.done++
	if f.options.Done != nil {
		f.options.Done(f.done)
	}
}

// A trainee is a head while it is trained.
type trainee struct {
	index int // of the job
	job   Job
	loss  loss.Loss
	batch *loss.Batch
	// fold is how many columns of W a trained column stands for: a binary head trains u and has W = [-u, u]. Objective
	// and gradient are divided by it, so that a gradient is that of one column of W.
	fold        int
	biased      bool
	theta, grad []float64 // the columns one after the other, then a bias each
	cols        []*column // into theta and grad
	offset      []float64 // in the layout of the batch's logits, or nil
	logitGrad   []float64
	value       float64
	step        stepper
	evaluations int
	more        bool
}

func newTrainee(d Data, index int, job Job, noise float64) *trainee {
	examples, batch := job.batch(d)
	t := &trainee{index: index, job: job, loss: job.Loss, batch: batch, fold: 1, biased: d.Classes > 0 && !d.NoBias, offset: d.gatherOffsets(examples)}
	if p, ok := t.loss.(loss.Preparer); ok {
		t.loss = p.Prepare(batch)
	}
	if d.Classes == 2 {
		t.fold = 2
	}
	n, dims := d.columns(), d.X.Dims
	size := n * dims
	if t.biased {
		size += n
	}
	t.theta, t.grad = make([]float64, size), make([]float64, size)
	t.logitGrad = make([]float64, len(batch.Logits))
	var rows []int
	for _, e := range examples {
		from, to := d.rows(e)
		for r := from; r < to; r++ {
			rows = append(rows, r)
		}
	}
	for k := range n {
		t.cols = append(t.cols, &column{rows: rows, z: make([]float64, len(rows)),
			w: t.theta[k*dims : (k+1)*dims], d: t.grad[k*dims : (k+1)*dims]})
	}
	t.step = optimiser(job).start(batch.Len(), noise)
	return t
}

// optimiser is the job's, or the default for its loss.
func optimiser(job Job) Optimiser {
	switch {
	case job.Optimiser != nil:
		return job.Optimiser
	case job.Loss.Moving():
		return Adam{}
	}
	return LBFGS{}
}

// biases are the last parameters, one a column, or none.
func (t *trainee) biases(params []float64) []float64 {
	if !t.biased {
		return nil
	}
	return params[len(params)-len(t.cols):]
}

// judge turns the columns' products into logits, and these into the loss and its gradient.
func (t *trainee) judge() {
	b := t.batch
	b.Progress = min(1, t.step.progress())
	b.GradientOnly = !t.step.wantsValue()
	setLogits(b.Logits, t.cols, t.biases(t.theta), t.fold)
	addTo(b.Logits, t.offset)
	b.UpdateProbs()
	t.value = t.loss.Gradient(b, t.logitGrad)
	t.evaluations++
	bias := t.biases(t.grad)
	for k, c := range t.cols {
		switch {
		case t.fold == 2:
			for i := range c.z {
				c.z[i] = t.logitGrad[2*i+1]
			}
		default:
			for i := range c.z {
				c.z[i] = t.logitGrad[i*len(t.cols)+k]
			}
		}
		if bias != nil {
			bias[k] = floats.Sum(c.z)
		}
	}
}

// setLogits writes the logits of all rows: the columns side by side, or [-z, z] where one column is folded from two.
func setLogits(logits []float64, cols []*column, bias []float64, fold int) {
	for k, c := range cols {
		b := 0.0
		if bias != nil {
			b = bias[k]
		}
		if fold == 2 {
			for i, z := range c.z {
				logits[2*i], logits[2*i+1] = -(z + b), z+b
			}
			continue
		}
		for i, z := range c.z {
			logits[i*len(cols)+k] = z + b
		}
	}
}

// move adds the penalty and lets the optimiser choose the next point.
func (t *trainee) move() {
	squares := 0.0
	for _, c := range t.cols {
		squares += floats.Dot(c.w, c.w)
		floats.AddScaled(c.d, t.job.L2, c.w)
	}
	t.more = t.step.next(t.theta, t.value/float64(t.fold)+t.job.L2/2*squares, t.grad)
}

func (t *trainee) fitted(d Data) Fitted {
	o := t.step.outcome()
	return Fitted{
		Head: t.head(d), Status: o.status, Steps: o.steps, Evaluations: t.evaluations,
		Objective: o.value * float64(t.fold), GradientNorm: o.gradientNorm,
	}
}

// head unfolds the parameters.
func (t *trainee) head(d Data) *Head {
	h := &Head{Dims: d.X.Dims, Classes: d.Classes, Scaling: d.Scaling}
	outputs := len(t.cols) * t.fold
	h.W, h.B = make([]float64, h.Dims*outputs), make([]float64, outputs)
	bias := t.biases(t.theta)
	for k, c := range t.cols {
		for j, w := range c.w {
			if t.fold == 2 {
				h.W[2*j], h.W[2*j+1] = -w, w
			} else {
				h.W[j*outputs+k] = w
			}
		}
		if bias != nil && t.fold == 2 {
			h.B[0], h.B[1] = -bias[0], bias[0]
		} else if bias != nil {
			h.B[k] = bias[k]
		}
	}
	return h
}
