package head

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"gonum.org/v1/gonum/floats"

	"w2s/harness/loss"
	"w2s/internal/prob"
	"w2s/internal/simd"
)

// Options are settings of Fit that change its speed and its arithmetic.
type Options struct {
	// Float64 makes Fit compute everything in float64, which is exact and slower. Otherwise it multiplies in float32 if
	// there are more than 131,072 products for a head (rows·dims·columns), except for mini-batches.
	Float64 bool
	// Done, if set, is called after each head with the number of heads trained so far. Calls do not overlap.
	Done func(heads int)
}

// A Fitted is a trained head with a report of its training.
type Fitted struct {
	Head         *Head
	Status       Status
	Steps        int     // steps of the optimiser
	Evaluations  int     // evaluations of the objective and its gradient
	Objective    float64 // mean loss + L2/2·‖W‖² at the result; moving targets are taken at Progress 1
	GradientNorm float64 // largest absolute component of the objective's gradient at the result
}

// Warnings returns what a user of the head must know about its training.
func (f Fitted) Warnings() []string {
	switch f.Status {
	case StepLimit:
		return []string{fmt.Sprintf("training ran into the step limit (gradient %.1g)", f.GradientNorm)}
	case Diverged:
		return []string{"training diverged"}
	}
	return nil
}

// Fit trains all jobs in lock-step, so that one product multiplies the features with the columns of many heads. When a head
// is finished, the next job takes its place. The results are in the order of the jobs.
//
// Every head starts at zero, where the head of another loss ends ([loss.Starter]), or, in a mixture, at weights that the job's seed draws. It is bit for bit the same whether it is trained alone or beside others, for any number of
// threads and any order of its examples. Rows of data.X that the head is not trained on do not change it either, unless
// their number decides whether the product is in float32.
//
// In float64 (see Options) LBFGS reaches a gradient of 1e-9. With a float32 product it reaches about 1e-5 for features of
// unit size. That moves predictions by about 1e-4 at most if L2 is 0.01 or more.
//
// Fit reports the faults of all jobs together, before it trains any. After ctx is done, it begins no further product and
// returns the context's error.
func Fit(ctx context.Context, data Data, jobs []Job, options Options) ([]Fitted, error) {
	if err := data.check(); err != nil {
		return nil, err
	}
	return fitChecked(ctx, data, newEngine(data, options.Float64), jobs, options)
}

// fitChecked is Fit for data that was checked, with an engine for it. A check reads all features, which may be in files.
func fitChecked(ctx context.Context, data Data, eng engine, jobs []Job, options Options) ([]Fitted, error) {
	if err := checkJobs(data, jobs); err != nil {
		return nil, err
	}
	f := &fitter{data: data, engine: eng, jobs: jobs, results: make([]Fitted, len(jobs)), options: options}
	f.scratch.New = func() any { return new(scratch) }
	if err := f.lockStep(ctx); err != nil {
		return nil, err
	}
	if err := f.miniBatches(ctx); err != nil {
		return nil, err
	}
	return f.results, nil
}

// checkJobs reports the faults of all jobs together.
func checkJobs(data Data, jobs []Job) error {
	var faults []error
	for i, job := range jobs {
		if err := job.check(data); err != nil {
			faults = append(faults, fmt.Errorf("head: job %d (%s): %w", i, job.Name, err))
		}
	}
	return errors.Join(faults...)
}

// A fitter carries out one Fit.
type fitter struct {
	data    Data
	engine  engine
	jobs    []Job
	results []Fitted
	options Options
	done    int       // number of trained heads
	scratch sync.Pool // of *scratch
}

// maxBytes bounds the memory of the heads that are trained at the same time. A column takes columnBytes or less for each row: products,
// which become gradients.
const (
	maxBytes    = 1 << 28
	columnBytes = 8
	minColumns  = 32 // are trained at the same time, however many rows there are
)

// lockStep trains all jobs that use their whole training set in each step.
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
	eng := f.engine
	maxColumns := max(minColumns, maxBytes/columnBytes/f.data.X.Rows)
	var active []*trainee
	var hessians hessianCache
	var sets labelledCache
	var cols []*column
	for len(pending) > 0 || len(active) > 0 {
		for len(pending) > 0 && (len(active) == 0 || len(cols)+f.data.columns() <= maxColumns) {
			t := newTrainee(f.data, pending[0], f.jobs[pending[0]], sets.of(f.data, f.jobs[pending[0]]), eng.noise())
			pending = pending[1:]
			t.precondition(&hessians, f.data)
			active, cols = append(active, t), append(cols, t.cols...)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		eng.forward(cols)
		f.evaluate(active)
		if err := ctx.Err(); err != nil {
			return err
		}
		eng.backward(cols)
		parallel(len(active), func(i int) { active[i].update() })
		unfinished := active[:0]
		cols = cols[:0]
		for _, t := range active {
			if t.finished {
				if t.goOn(eng.noise()) {
					t.precondition(&hessians, f.data)
				} else {
					f.finish(t)
					continue
				}
			}
			unfinished, cols = append(unfinished, t), append(cols, t.cols...)
		}
		clear(active[len(unfinished):]) // so that the memory of finished heads can be freed
		active = unfinished
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

// evaluate computes the losses of all parts of some heads, and their gradients.
func (f *fitter) evaluate(active []*trainee) {
	type task struct {
		t    *trainee
		part *part
	}
	var tasks []task
	for _, t := range active {
		for k := range t.parts {
			tasks = append(tasks, task{t, &t.parts[k]})
		}
	}
	parallel(len(tasks), func(i int) {
		s := f.scratch.Get().(*scratch)
		tasks[i].t.evaluatePart(tasks[i].part, s)
		f.scratch.Put(s)
	})
	for _, t := range active {
		t.gather()
	}
}

// A trainee is a head during its training.
type trainee struct {
	index int // of the job
	job   Job
	loss  loss.Loss
	*labelled
	parts []part
	// outputsPerColumn is the number of columns of W that a trained column determines. It is 2 for a binary head, which
	// trains u and has W = [-u, u], and 1 for others. Objective and gradient are divided by it, so the gradient is the one
	// of a single column of W.
	outputsPerColumn int
	hasBias          bool
	theta, grad      []float64 // all columns, one after the other, then a bias for each, then the weights of a mixture
	mixture          *mixture  // nil: one head
	cols             []*column // their weights and gradients are parts of theta and grad
	value            float64   // mean loss
	stepper          stepper
	then             loss.Loss // the job's loss, while the head learns from the one that it starts with; else nil
	stepsBefore      int       // steps with the loss that the head started with
	evaluations      int
	finished         bool
}

// A part is a range of a head's examples whose loss is computed at a time.
type part struct {
	from, to int
	value    float64
	bias     []float64 // gradient
}

// scratch is the memory for one part.
type scratch struct {
	batch        loss.Batch
	grad, column []float64
}

// partLogits is the number of logits of a part. They and what is computed from them stay in the second-level cache.
const partLogits = 2048

// cut returns the parts of a batch: the whole batch if the loss cannot be computed in parts. They depend on nothing else.
func cut(l loss.Loss, b *loss.Batch) (parts []part) {
	s, ok := l.(loss.Separable)
	if !ok || !s.Separable(b.Classes) {
		return []part{{from: 0, to: b.Len()}}
	}
	for from := 0; from < b.Len(); {
		to := from + 1
		for to < b.Len() && b.Start[to+1]-b.Start[from] <= partLogits {
			to++
		}
		parts = append(parts, part{from: from, to: to})
		from = to
	}
	return parts
}

func newTrainee(d Data, index int, job Job, examples *labelled, noise float64) *trainee {
	t := &trainee{index: index, job: job, loss: job.Loss, labelled: examples, outputsPerColumn: 1, hasBias: d.Classes > 0 && !d.NoBias}
	if p, ok := t.loss.(loss.Preparer); ok {
		t.loss = p.Prepare(t.batch)
	}
	if s, ok := t.loss.(loss.Starter); ok {
		t.loss, t.then = s.Start(), t.loss
	}
	n, dims := d.columns(), d.X.Dims
	switch {
	case d.Classes == 2 && loss.TakesEvidence(job.Loss): // the size of both outputs counts
		n = 2
	case d.Classes == 2:
		t.outputsPerColumn = 2
	}
	heads := loss.HeadsOf(job.Loss)
	n *= heads
	size := n * dims
	if t.hasBias {
		size += n
	}
	if t.mixture = newMixture(job.Loss, len(t.batch.Labels)); t.mixture != nil {
		size += heads
	}
	t.theta, t.grad = make([]float64, size), make([]float64, size)
	if t.mixture != nil {
		t.mixture.start(t.theta[:size-heads], dims, job.Seed)
	}
	for k := range n {
		t.cols = append(t.cols, &column{rows: t.rows, w: t.theta[k*dims : (k+1)*dims], d: t.grad[k*dims : (k+1)*dims]})
	}
	t.optimise(noise)
	return t
}

// optimise starts the optimiser for the head's loss: the job's own, L-BFGS, or Adam for a loss whose targets move. The loss that a head
// starts with has fixed targets.
func (t *trainee) optimise(noise float64) {
	o := t.job.Optimiser
	switch {
	case t.then != nil || o == nil && !t.loss.Moving():
		o = LBFGS{}
	case o == nil:
		o = Adam{}
	}
	t.stepper, t.parts = o.start(t.batch.Len(), noise), cut(t.loss, t.batch)
}

// goOn goes on with the head's own loss where training with the loss that it starts with has ended. It returns false if the head is
// done.
func (t *trainee) goOn(noise float64) bool {
	o := t.stepper.outcome()
	if t.then == nil || o.status == Diverged {
		return false
	}
	t.loss, t.then, t.finished = t.then, nil, false
	t.stepsBefore = o.steps
	t.optimise(noise)
	return true
}

// precondition sets the preconditioner of L-BFGS, if the head is worth one.
func (t *trainee) precondition(cache *hessianCache, d Data) {
	o, ok := t.stepper.(*lbfgs)
	if !ok {
		return
	}
	c := cache.of(d, t.loss, t.examples, len(t.rows))
	if c == nil {
		return
	}
	o.precondition = func(v []float64) {
		if p := c.with(t.job.L2); p != nil {
			p.apply(v, len(t.cols))
		}
	}
}

// biases returns the biases among the parameters or their gradients, one for each column, or nil if the head has none.
func (t *trainee) biases(params []float64) []float64 {
	if !t.hasBias {
		return nil
	}
	end := len(params) - len(t.mixing(params))
	return params[end-len(t.cols) : end]
}

// mixing returns the parameters of a mixture's weights among the parameters or their gradients, or nil if there are none.
func (t *trainee) mixing(params []float64) []float64 {
	if t.mixture == nil {
		return nil
	}
	return params[len(params)-len(t.mixture.weights):]
}

// evaluatePart computes the loss of a part from the columns' products and replaces the products with the gradient with respect
// to them.
func (t *trainee) evaluatePart(p *part, s *scratch) {
	b := &s.batch
	b.Part(t.batch, p.from, p.to)
	b.Progress = min(1, t.stepper.progress())
	b.GradientOnly = !t.stepper.wantsValue()
	first, end := t.batch.Start[p.from], t.batch.Start[p.to]
	width := t.logitsPerRow()
	row := first / width
	s.grad, s.column = grown(s.grad, end-first), grown(s.column, (end-first)/width)
	if m := t.mixture; m != nil { // its loss has one part
		for j := range m.probs {
			t.readLogits(j, row, m.probs[j], s.column)
		}
		m.predict(b, t.mixing(t.theta))
	} else {
		t.readLogits(0, row, b.Logits, s.column)
	}
	if t.offset != nil {
		floats.Add(b.Logits, t.offset[first:end])
	}
	b.UpdateProbs()
	p.value = t.loss.Gradient(b, s.grad)
	if t.hasBias {
		p.bias = grown(p.bias, len(t.cols))
	}
	if t.mixture == nil {
		t.writeGradient(0, row, s.grad, s.column, p.bias)
		return
	}
	for j := range t.mixture.probs {
		own, weight := t.mixture.ofHead(j, b, s.grad)
		t.writeGradient(j, row, own, s.column, p.bias)
		t.mixing(t.grad)[j] = weight / float64(t.outputsPerColumn)
	}
}

// ofHead returns the columns of one head, and the position of the first one.
func (t *trainee) ofHead(head int) (cols []*column, first int) {
	n := len(t.cols)
	if t.mixture != nil {
		n /= len(t.mixture.weights)
	}
	return t.cols[head*n : (head+1)*n], head * n
}

// logitsPerRow returns the number of logits that one head has for a row of the features.
func (t *trainee) logitsPerRow() int {
	cols, _ := t.ofHead(0)
	return len(cols) * t.outputsPerColumn
}

// readLogits writes the products of a head's columns, from a row on, plus biases to logits.
func (t *trainee) readLogits(head, row int, logits, column []float64) {
	biases, width := t.biases(t.theta), t.logitsPerRow()
	cols, first := t.ofHead(head)
	for k, c := range cols {
		bias := 0.0
		if biases != nil {
			bias = biases[first+k]
		}
		switch {
		case width == 1:
			c.z.read(row, logits)
			floats.AddConst(bias, logits)
		case t.outputsPerColumn == 2:
			c.z.readPairs(row, bias, logits)
		default:
			c.z.read(row, column)
			for i, z := range column {
				logits[i*width+k] = z + bias
			}
		}
	}
}

// writeGradient replaces the products of a head's columns, from a row on, with the gradient with respect to them, of the one with
// respect to the head's logits, and sets those of the biases, if there are any.
func (t *trainee) writeGradient(head, row int, logitGrad, column, bias []float64) {
	width := t.logitsPerRow()
	cols, first := t.ofHead(head)
	for k, c := range cols {
		own := column
		switch {
		case width == 1:
			own = logitGrad
		case t.outputsPerColumn == 2:
			simd.Seconds(logitGrad, own)
		default:
			for i := range own {
				own[i] = logitGrad[i*width+k]
			}
		}
		c.z.write(row, own)
		if t.hasBias {
			bias[first+k] = floats.Sum(own)
		}
	}
}

// gather sums the losses of the parts, and the gradients of the biases, in the order of the parts.
func (t *trainee) gather() {
	t.evaluations++
	t.value = 0
	bias := t.biases(t.grad)
	clear(bias)
	for _, p := range t.parts {
		t.value += p.value
		floats.Add(bias, p.bias)
	}
}

// update adds the penalty and lets the optimiser choose the next parameters.
func (t *trainee) update() {
	squares := 0.0
	for _, c := range t.cols {
		if t.stepper.wantsValue() {
			squares += floats.Dot(c.w, c.w)
		}
		floats.AddScaled(c.d, t.job.L2, c.w)
	}
	t.finished = !t.stepper.next(t.theta, t.value/float64(t.outputsPerColumn)+t.job.L2/2*squares, t.grad)
}

func (t *trainee) fitted(d Data) Fitted {
	o := t.stepper.outcome()
	return Fitted{
		Head: t.head(d), Status: o.status, Steps: t.stepsBefore + o.steps, Evaluations: t.evaluations,
		Objective: o.value * float64(t.outputsPerColumn), GradientNorm: o.gradientNorm,
	}
}

// head returns the head that the parameters describe.
func (t *trainee) head(d Data) *Head {
	h := &Head{Dims: d.X.Dims, Classes: d.Classes, Scaling: d.Scaling, Evidence: loss.TakesEvidence(t.job.Loss)}
	outputs := len(t.cols) * t.outputsPerColumn
	h.W, h.B = make([]float64, h.Dims*outputs), make([]float64, outputs)
	if t.mixture != nil {
		h.Mix = make([]float64, len(t.mixture.weights))
		prob.Softmax(t.mixing(t.theta), h.Mix)
	}
	bias := t.biases(t.theta)
	for k, c := range t.cols {
		for j, w := range c.w {
			if t.outputsPerColumn == 2 {
				h.W[j*outputs+2*k], h.W[j*outputs+2*k+1] = -w, w
			} else {
				h.W[j*outputs+k] = w
			}
		}
		if bias != nil && t.outputsPerColumn == 2 {
			h.B[2*k], h.B[2*k+1] = -bias[k], bias[k]
		} else if bias != nil {
			h.B[k] = bias[k]
		}
	}
	return h
}
