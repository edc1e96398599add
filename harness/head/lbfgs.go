package head

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"w2s/internal/simd"
)

func (o LBFGS) start(_ int, noise float64) stepper {
	s := &lbfgs{maxSteps: o.maxSteps(), tolerance: o.Tolerance, memory: o.Memory, noise: noise}
	if s.memory == 0 {
		s.memory = 10
	}
	if s.tolerance == 0 {
		s.tolerance = 1e-9
		if noise > 1e-12 {
			s.tolerance = 1e-5
		}
	}
	return s
}

// lbfgs is the stepper of LBFGS (Nocedal & Wright, Numerical Optimization, algorithm 7.4). The caller evaluates the
// objective where next says, so many heads can be evaluated together. The line search brackets a point that satisfies the
// Wolfe conditions. Within the noise of the objective it uses the approximate Wolfe conditions of Hager & Zhang 2005, which
// compare slopes instead of values, because rounding affects differences of values first.
type lbfgs struct {
	maxSteps, memory int
	tolerance, noise float64

	// precondition, if set, multiplies a direction by an approximation of the inverse Hessian, in place.
	precondition func(v []float64)

	steps     int
	x, g      []float64   // the last accepted point and its gradient
	f         float64     // the objective at x
	dir       []float64   // the search direction from x
	s, y      [][]float64 // corrections: differences of points and of gradients, oldest first
	rho       []float64   // 1/(s·y) of each correction
	slope     float64     // along dir at x
	length    float64     // the step length on trial
	low, high trial       // the bracket; high.length is +Inf while there is no upper end
	trials    int         // trials in this direction

	bestF, bestNorm float64 // objective and gradient norm when either last improved
	improved        int     // the step when that was
	result          outcome
}

// A trial is a step length of a line search with the objective and the slope there.
type trial struct{ length, f, slope float64 }

const (
	armijo    = 1e-4 // constants of the Wolfe conditions
	curvature = 0.9
	maxTrials = 30 // in one direction
	maxIdle   = 15 // steps without improvement
)

func (o *lbfgs) progress() float64 { return 0 }
func (o *lbfgs) wantsValue() bool  { return true }
func (o *lbfgs) outcome() outcome  { return o.result }

func (o *lbfgs) next(theta []float64, value float64, grad []float64) bool {
	if o.x == nil {
		if !finite(value) {
			o.result = outcome{Diverged, 0, value, simd.MaxAbs(grad)}
			return false
		}
		o.dir = make([]float64, len(theta))
		o.x, o.g = make([]float64, len(theta)), make([]float64, len(theta))
		o.accept(theta, value, grad)
		return o.newDirection(theta)
	}
	t := trial{o.length, value, floats.Dot(grad, o.dir)}
	o.trials++
	band := o.noise * math.Abs(o.f)
	switch {
	case !finite(value) || value > o.f+armijo*t.length*o.slope && !(value <= o.f+band && t.slope <= (2*armijo-1)*o.slope):
		o.high = t // too far
	case t.slope < curvature*o.slope:
		o.low = t // not far enough
	default:
		o.addCorrection(theta, grad)
		o.accept(theta, value, grad)
		o.steps++
		return o.newDirection(theta)
	}
	if o.trials == maxTrials {
		return o.restart(theta)
	}
	o.length = o.nextLength()
	floats.AddScaledTo(theta, o.x, o.length, o.dir)
	return true
}

// accept makes theta the point from which the search continues.
func (o *lbfgs) accept(theta []float64, value float64, grad []float64) {
	copy(o.x, theta)
	copy(o.g, grad)
	o.f = value
}

// addCorrection keeps the step from x to theta as a correction.
func (o *lbfgs) addCorrection(theta, grad []float64) {
	var s, y []float64
	if len(o.s) == o.memory { // reuse the memory of the oldest
		s, y = o.s[0], o.y[0]
		o.s, o.y, o.rho = append(o.s[:0], o.s[1:]...), append(o.y[:0], o.y[1:]...), append(o.rho[:0], o.rho[1:]...)
	} else {
		s, y = make([]float64, len(theta)), make([]float64, len(theta))
	}
	floats.SubTo(s, theta, o.x)
	floats.SubTo(y, grad, o.g)
	sy := floats.Dot(s, y)
	if sy <= 1e-10*floats.Dot(y, y)*o.noise { // rounding hides the curvature
		return
	}
	o.s, o.y, o.rho = append(o.s, s), append(o.y, y), append(o.rho, 1/sy)
}

// newDirection chooses a direction at x and sets theta to the first trial in it, or ends the search.
func (o *lbfgs) newDirection(theta []float64) bool {
	norm := simd.MaxAbs(o.g)
	o.result = outcome{StepLimit, o.steps, o.f, norm}
	if norm <= o.tolerance {
		o.result.status = Converged
		return false
	}
	if o.steps >= o.maxSteps {
		return false
	}
	if o.stalled(norm) {
		o.result.status = Precision
		return false
	}
	o.setDirection()
	o.slope = floats.Dot(o.g, o.dir)
	if !(o.slope < 0) {
		return o.restart(theta)
	}
	o.length = 1
	if len(o.s) == 0 && o.precondition == nil {
		o.length = min(1, 1/floats.Norm(o.g, 2))
	}
	o.low, o.high, o.trials = trial{0, o.f, o.slope}, trial{length: math.Inf(1)}, 0
	floats.AddScaledTo(theta, o.x, o.length, o.dir)
	return true
}

// stalled reports whether neither the objective nor the gradient has improved by more than noise for maxIdle steps.
func (o *lbfgs) stalled(norm float64) bool {
	if o.steps == 0 || o.f < o.bestF-o.noise*math.Abs(o.f) || norm < 0.9*o.bestNorm {
		o.bestF, o.bestNorm, o.improved = o.f, norm, o.steps
	}
	return o.steps-o.improved >= maxIdle
}

// restart drops all corrections and tries the steepest descent. If there are none, it ends the search at x.
func (o *lbfgs) restart(theta []float64) bool {
	if len(o.s) > 0 {
		o.s, o.y, o.rho = o.s[:0], o.y[:0], o.rho[:0]
		return o.newDirection(theta)
	}
	copy(theta, o.x)
	o.result = outcome{Precision, o.steps, o.f, simd.MaxAbs(o.g)}
	return false
}

// setDirection sets dir to minus the approximate inverse Hessian times the gradient, by the two-loop recursion.
func (o *lbfgs) setDirection() {
	d := o.dir
	for i, g := range o.g {
		d[i] = -g
	}
	n := len(o.s)
	if n == 0 {
		if o.precondition != nil {
			o.precondition(d)
		}
		return
	}
	alpha := make([]float64, n)
	along := floats.Dot(o.s[n-1], d) // the next product with d is computed while d is changed
	for i := n - 1; i > 0; i-- {
		alpha[i] = o.rho[i] * along
		along = simd.ScaledDot(-alpha[i], o.y[i], o.s[i-1], d)
	}
	alpha[0] = o.rho[0] * along
	floats.AddScaled(d, -alpha[0], o.y[0])
	// The first guess of the inverse Hessian is the identity or the preconditioner, scaled to the last correction.
	y := o.y[n-1]
	if o.precondition != nil {
		o.precondition(d)
		y = slices.Clone(y)
		o.precondition(y)
	}
	floats.Scale(1/(o.rho[n-1]*floats.Dot(o.y[n-1], y)), d)
	along = floats.Dot(o.y[0], d)
	for i := range n - 1 {
		beta := o.rho[i] * along
		along = simd.ScaledDot(alpha[i]-beta, o.s[i], o.y[i+1], d)
	}
	beta := o.rho[n-1] * along
	floats.AddScaled(d, alpha[n-1]-beta, o.s[n-1])
}

// nextLength returns the next step length to try. It is the minimum of the cubic that matches the objective and the slope at
// both ends of the bracket, kept away from the ends. Without an upper end it is twice the lower one.
func (o *lbfgs) nextLength() float64 {
	l, h := o.low, o.high
	if math.IsInf(h.length, 1) {
		return 2 * l.length
	}
	width := h.length - l.length
	length := l.length + width/2
	if finite(h.f) {
		d1 := l.slope + h.slope - 3*(h.f-l.f)/width
		if r := d1*d1 - l.slope*h.slope; r >= 0 {
			d2 := math.Sqrt(r)
			if c := h.length - width*(h.slope+d2-d1)/(h.slope-l.slope+2*d2); finite(c) {
				length = c
			}
		}
	}
	return min(max(length, l.length+0.1*width), h.length-0.1*width)
}
