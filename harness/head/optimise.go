package head

import (
	"errors"
	"fmt"
	"math"

	"w2s/harness/loss"
)

// An Optimiser finds the weights of a head: LBFGS or Adam.
type Optimiser interface {
	fmt.Stringer
	check(loss.Loss) error
	// start returns the state for one head of n training examples; noise is the relative error of an objective.
	start(n int, noise float64) stepper
}

// A stepper moves one head's parameters. Parameters start at 0.
type stepper interface {
	// next is told the objective and its gradient at theta and moves theta to the next point to look at. It returns
	// false when there is none; theta is then the result.
	next(theta []float64, value float64, grad []float64) (more bool)
	// wantsValue reports whether next will look at the objective; where not, it may be given anything.
	wantsValue() bool
	// progress is the share of the steps that are done.
	progress() float64
	outcome() outcome
}

type outcome struct {
	status       Status
	steps        int
	value        float64 // at the result
	gradientNorm float64 // largest absolute component
}

// Status says how a training ended.
type Status string

const (
	// Converged: the gradient is within the tolerance.
	Converged Status = "converged"
	// Precision: no step lowers the objective any more in the arithmetic used. The gradient says how near it is.
	Precision Status = "at the limit of precision"
	// StepLimit: the optimiser ran out of steps before it converged.
	StepLimit Status = "step limit"
	// Finished: Adam took all its steps.
	Finished Status = "all steps done"
	// Diverged: the objective is not finite any more. The head is not to be used.
	Diverged Status = "diverged"
)

// LBFGS minimises an objective with fixed targets. It is deterministic and has no learning rate.
type LBFGS struct {
	MaxSteps int // 0: 500
	// Tolerance ends the search when no component of the gradient is larger in absolute value. 0: 1e-9 where the
	// arithmetic is float64, 1e-5 where it is float32.
	Tolerance float64
	Memory    int // corrections kept, 0: 10
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

// Adam takes a fixed number of steps (Kingma & Ba 2015: beta 0.9 and 0.999, epsilon 1e-8, bias-corrected).
type Adam struct {
	LearningRate float64 // 0: 0.01
	Cosine       bool    // the rate falls to 0 along half a cosine; otherwise it is constant
	// Steps is the number of steps; Epochs, where it is set, gives it as passes over the training set. Both 0: 300 steps.
	Steps, Epochs int
	// Batch is the number of examples a step, in an order drawn anew each epoch from the job's seed. 0: all of them.
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
	if o.Steps < 0 || o.Epochs < 0 || o.Batch < 0 {
		faults = append(faults, errors.New("adam: steps, epochs and batch must not be negative"))
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

// steps is the number of steps for n training examples.
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

func (o Adam) start(n int, _ float64) stepper { return &adam{settings: o, total: o.steps(n)} }

type adam struct {
	settings    Adam
	step, total int
	m, v        []float64
	end         outcome
}

func (a *adam) progress() float64 { return float64(a.step) / float64(a.total) }
func (a *adam) wantsValue() bool  { return a.step == a.total } // for the report on the result
func (a *adam) outcome() outcome  { return a.end }

func (a *adam) next(theta []float64, value float64, grad []float64) bool {
	const beta1, beta2, eps = 0.9, 0.999, 1e-8
	a.end = outcome{Finished, a.step, value, maxAbs(grad)}
	if !finite(a.end.gradientNorm) || a.wantsValue() && !finite(value) {
		a.end.status = Diverged
		return false
	}
	if a.step == a.total { // this was the look at the result
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
	for i, g := range grad {
		a.m[i] = beta1*a.m[i] + (1-beta1)*g
		a.v[i] = beta2*a.v[i] + (1-beta2)*g*g
		theta[i] -= rate / c1 * a.m[i] / (math.Sqrt(a.v[i])/c2 + eps)
	}
	return true
}

func finite(v float64) bool { return v-v == 0 }

func maxAbs(v []float64) float64 {
	most := 0.0
	for _, x := range v {
		if a := math.Abs(x); a > most || a != a {
			most = a
		}
	}
	return most
}
