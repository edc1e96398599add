package head

import (
	"errors"
	"fmt"
	"math"

	"w2s/harness/loss"
	"w2s/internal/simd"
)

// An Optimiser finds the weights of a head. It is an LBFGS or an Adam.
type Optimiser interface {
	fmt.Stringer
	check(loss.Loss) error
	// start returns a stepper for one head with n training examples. noise is the relative error of an objective.
	start(n int, noise float64) stepper
}

// A stepper is an optimiser at work on the parameters of one head, which start at 0.
type stepper interface {
	// next takes the objective and its gradient at theta and changes theta to the next point to evaluate. It returns false
	// if there is none, and theta is then the result.
	next(theta []float64, value float64, grad []float64) (more bool)
	// wantsValue reports whether next will use the objective. If not, any value may be passed.
	wantsValue() bool
	// progress returns the share of the steps that are done.
	progress() float64
	// outcome reports on the training after next has returned false.
	outcome() outcome
}

// An outcome is the report of a stepper.
type outcome struct {
	status       Status
	steps        int
	value        float64 // objective at the result
	gradientNorm float64 // largest absolute component of its gradient
}

// A Status says how a training ended.
type Status string

// The ways in which a training can end.
const (
	// Converged means that the gradient is within the tolerance.
	Converged Status = "converged"
	// Precision means that rounding hides any further descent of the objective. The gradient tells how near the minimum is.
	Precision Status = "at the limit of precision"
	// StepLimit means that the optimiser ran out of steps before it converged.
	StepLimit Status = "step limit"
	// Finished means that Adam took all its steps.
	Finished Status = "all steps done"
	// Diverged means that the objective is no longer finite. The head must not be used.
	Diverged Status = "diverged"
)

// LBFGS is the limited-memory BFGS method. It minimises an objective with fixed targets, is deterministic and needs no
// learning rate.
type LBFGS struct {
	MaxSteps int // 0: 500
	// Tolerance ends the search once no component of the gradient is larger in absolute value. 0: 1e-9 in float64, and
	// 1e-5 with a float32 product.
	Tolerance float64
	Memory    int // number of corrections to keep; 0: 10
}

func (o LBFGS) String() string {
	if o.Tolerance == 0 {
		return fmt.Sprintf("lbfgs(max %d steps)", o.maxSteps())
	}
	return fmt.Sprintf("lbfgs(max %d steps, tolerance %v)", o.maxSteps(), o.Tolerance)
}

func (o LBFGS) maxSteps() int {
	if o.MaxSteps == 0 {
		return 500
	}
	return o.MaxSteps
}

func (o LBFGS) check(l loss.Loss) error {
	var faults []error
	if l != nil && l.Moving() {
		faults = append(faults, fmt.Errorf("loss %s follows the student's own predictions and has no fixed minimum for L-BFGS (use Adam)", l))
	}
	if o.MaxSteps < 0 || o.Memory < 0 || !(o.Tolerance >= 0) {
		faults = append(faults, errors.New("lbfgs: steps, memory and tolerance must not be negative"))
	}
	return errors.Join(faults...)
}

// Adam takes a fixed number of bias-corrected steps (Kingma & Ba 2015, with beta 0.9 and 0.999 and epsilon 1e-8).
type Adam struct {
	LearningRate float64 // 0: 0.01
	Cosine       bool    // the rate falls to 0 along half a cosine; otherwise it is constant
	// Steps is the number of steps. Epochs states it as passes over the training set instead. Both 0: 300 steps.
	Steps, Epochs int
	// Stop ends the training after so many of its steps. Rate and targets are those of the whole training. 0: it is not stopped.
	Stop int
	// Batch is the number of examples in each step. The job's seed determines their order, a new one for each epoch. 0: all
	// examples.
	Batch int
}

func (o Adam) String() string {
	rate := "constant"
	if o.Cosine {
		rate = "cosine"
	}
	length := fmt.Sprintf("%d steps", o.steps(0))
	if o.Epochs > 0 {
		length = fmt.Sprintf("%d epochs", o.Epochs)
	}
	batch := "full batch"
	if o.Batch > 0 {
		batch = fmt.Sprintf("batch %d", o.Batch)
	}
	return fmt.Sprintf("adam(%s, rate %v %s, %s)", length, o.rate(), rate, batch)
}

func (o Adam) check(loss.Loss) error {
	var faults []error
	if !(o.LearningRate >= 0) || math.IsInf(o.LearningRate, 0) {
		faults = append(faults, fmt.Errorf("adam: learning rate %v is not a positive number", o.LearningRate))
	}
	if o.Steps < 0 || o.Epochs < 0 || o.Batch < 0 || o.Stop < 0 {
		faults = append(faults, errors.New("adam: steps, epochs, batch and stop must not be negative"))
	}
	if o.Steps > 0 && o.Epochs > 0 {
		faults = append(faults, errors.New("adam: steps and epochs are both given (set one)"))
	}
	return errors.Join(faults...)
}

func (o Adam) rate() float64 {
	if o.LearningRate == 0 {
		return 0.01
	}
	return o.LearningRate
}

// steps returns the number of steps for n training examples.
func (o Adam) steps(n int) int {
	switch {
	case o.Epochs > 0 && o.Batch > 0:
		return o.Epochs * ((n + o.Batch - 1) / o.Batch)
	case o.Epochs > 0:
		return o.Epochs
	case o.Steps > 0:
		return o.Steps
	}
	return 300
}

func (o Adam) start(n int, _ float64) stepper {
	a := &adam{settings: o, total: o.steps(n)}
	if a.last = a.total; o.Stop > 0 {
		a.last = min(o.Stop, a.total)
	}
	return a
}

// adam is the stepper of Adam. It takes one call more than it has steps, to evaluate the result.
type adam struct {
	settings    Adam
	step, total int
	last        int // step after which it ends
	m, v        []float64
	end         outcome
}

func (a *adam) progress() float64 { return float64(a.step) / float64(a.total) }
func (a *adam) wantsValue() bool  { return a.step == a.last } // only the value at the result is reported
func (a *adam) outcome() outcome  { return a.end }

func (a *adam) next(theta []float64, value float64, grad []float64) bool {
	const beta1, beta2, eps = 0.9, 0.999, 1e-8
	a.end = outcome{Finished, a.step, value, simd.MaxAbs(grad)}
	if !finite(a.end.gradientNorm) || a.wantsValue() && !finite(value) {
		a.end.status = Diverged
		return false
	}
	if a.step == a.last {
		return false
	}
	if a.m == nil {
		a.m, a.v = make([]float64, len(theta)), make([]float64, len(theta))
	}
	rate := a.settings.rate()
	if a.settings.Cosine {
		rate *= (1 + math.Cos(math.Pi*a.progress())) / 2
	}
	a.step++
	c1 := 1 - math.Pow(beta1, float64(a.step))
	c2 := math.Sqrt(1 - math.Pow(beta2, float64(a.step)))
	simd.Adam(grad, rate/c1, c2, eps, a.m, a.v, theta)
	return true
}

func finite(v float64) bool { return v-v == 0 }
