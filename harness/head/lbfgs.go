package head

import (
	"math"

	"gonum.org/v1/gonum/floats"
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

// lbfgs is the limited-memory BFGS method (Nocedal & Wright, Numerical Optimization, algorithm 7.4) turned inside out,
// so that many heads can be evaluated together: the caller evaluates, next says where. The line search brackets a
// point that satisfies the Wolfe conditions; within the noise of the objective it trusts slopes instead (the approximate Wolfe
// conditions of Hager & Zhang 2005), since rounding ruins differences of values first.
type lbfgs struct {
	maxSteps, memory int
	tolerance, noise float64

	steps     int
	x, g      []float64 // the last accepted point and its gradient
	f         float64
	dir       []float64
	s, y      [][]float64 // differences of points and of gradients, oldest first
	rho       []float64
	slope     float64 // along dir at x
	a         float64 // the step length on trial
	low, high point   // the bracket; high.a is +Inf while there is no upper end
	trials    int

	bestF, bestNorm float64 // value and gradient when either last came down
	since           int     // the step when that was
	result          outcome
}

// A point of the bracket of a line search: step length, value and slope there.
type point struct{ a, f, slope float64 }

const (
	armijo    = 1e-4
	curvature = 0.9
	maxTrials = 30
	maxIdle   = 15
)

func (o *lbfgs) progress() float64 { return 0 }
func (o *lbfgs) wantsValue() bool  { return true }
func (o *lbfgs) outcome() outcome  { return o.result }

func (o *lbfgs) next(theta []float64, value float64, grad []float64) bool {
	if o.x == nil {
		if !finite(value) {
			o.result = outcome{Diverged, 0, value, maxAbs(grad)}
			return false
		}
		o.dir = make([]float64, len(theta))
		o.x, o.g = make([]float64, len(theta)), make([]float64, len(theta))
		o.accept(theta, value, grad)
		return o.turn(theta)
	}
	t := point{o.a, value, floats.Dot(grad, o.dir)}
	o.trials++
	band := o.noise * math.Abs(o.f)
	switch {
	case !finite(value) || value > o.f+armijo*t.a*o.slope && !(value <= o.f+band && t.slope <= (2*armijo-1)*o.slope):
		o.high = t // too far
	case t.slope < curvature*o.slope:
		o.low = t // not far enough
	default:
		o.remember(theta, grad)
		o.accept(theta, value, grad)
		o.steps++
		return o.turn(theta)
	}
	if o.trials == maxTrials {
		return o.stuck(theta)
	}
	o.a = o.trial()
	floats.AddScaledTo(theta, o.x, o.a, o.dir)
	return true
}

// accept makes theta the point that the search goes on from.
func (o *lbfgs) accept(theta []float64, value float64, grad []float64) {
	copy(o.x, theta)
	copy(o.g, grad)
	o.f = value
}

// remember keeps the step from x to theta as a correction.
func (o *lbfgs) remember(theta, grad []float64) {
	var s, y []float64
	if len(o.s) == o.memory { // take the place of the oldest
		s, y = o.s[0], o.y[0]
		o.s, o.y, o.rho = append(o.s[:0], o.s[1:]...), append(o.y[:0], o.y[1:]...), append(o.rho[:0], o.rho[1:]...)
	} else {
		s, y = make([]float64, len(theta)), make([]float64, len(theta))
	}
	floats.SubTo(s, theta, o.x)
	floats.SubTo(y, grad, o.g)
	sy := floats.Dot(s, y)
	if sy <= 1e-10*floats.Dot(y, y)*o.noise { // no curvature to learn from
		return
	}
	o.s, o.y, o.rho = append(o.s, s), append(o.y, y), append(o.rho, 1/sy)
}

// turn chooses a new direction at x and the first point along it, or ends the search.
func (o *lbfgs) turn(theta []float64) bool {
	norm := maxAbs(o.g)
	o.result = outcome{StepLimit, o.steps, o.f, norm}
	if norm <= o.tolerance {
		o.result.status = Converged
		return false
	}
	if o.steps >= o.maxSteps {
		return false
	}
	if o.idle(norm) {
		o.result.status = Precision
		return false
	}
	o.direct()
	o.slope = floats.Dot(o.g, o.dir)
	if !(o.slope < 0) {
		return o.stuck(theta)
	}
	o.a = 1
	if len(o.s) == 0 {
		o.a = min(1, 1/floats.Norm(o.g, 2))
	}
	o.low, o.high, o.trials = point{0, o.f, o.slope}, point{a: math.Inf(1)}, 0
	floats.AddScaledTo(theta, o.x, o.a, o.dir)
	return true
}

// idle reports whether steps have long changed nothing but noise: neither value nor gradient came down.
func (o *lbfgs) idle(norm float64) bool {
	if o.steps == 0 || o.f < o.bestF-o.noise*math.Abs(o.f) || norm < 0.9*o.bestNorm {
		o.bestF, o.bestNorm, o.since = o.f, norm, o.steps
	}
	return o.steps-o.since >= maxIdle
}

// stuck starts again from the steepest descent where corrections may be to blame, and otherwise ends at x.
func (o *lbfgs) stuck(theta []float64) bool {
	if len(o.s) > 0 {
		o.s, o.y, o.rho = o.s[:0], o.y[:0], o.rho[:0]
		return o.turn(theta)
	}
	copy(theta, o.x)
	o.result = outcome{Precision, o.steps, o.f, maxAbs(o.g)}
	return false
}

// direct sets dir to minus the approximate inverse Hessian times the gradient: the two-loop recursion.
func (o *lbfgs) direct() {
	d := o.dir
	for i, g := range o.g {
		d[i] = -g
	}
	n := len(o.s)
	if n == 0 {
		return
	}
	alpha := make([]float64, n)
	for i := n - 1; i >= 0; i-- {
		alpha[i] = o.rho[i] * floats.Dot(o.s[i], d)
		floats.AddScaled(d, -alpha[i], o.y[i])
	}
	floats.Scale(1/(o.rho[n-1]*floats.Dot(o.y[n-1], o.y[n-1])), d)
	for i := range n {
		beta := o.rho[i] * floats.Dot(o.y[i], d)
		floats.AddScaled(d, alpha[i]-beta, o.s[i])
	}
}

// trial is the next step length inside the bracket: the minimum of the cubic through both ends, kept away from them.
func (o *lbfgs) trial() float64 {
	l, h := o.low, o.high
	if math.IsInf(h.a, 1) {
		return 2 * l.a
	}
	width := h.a - l.a
	a := l.a + width/2
	if finite(h.f) {
		d1 := l.slope + h.slope - 3*(h.f-l.f)/width
		if r := d1*d1 - l.slope*h.slope; r >= 0 {
			d2 := math.Sqrt(r)
			if c := h.a - width*(h.slope+d2-d1)/(h.slope-l.slope+2*d2); finite(c) {
				a = c
			}
		}
	}
	return min(max(a, l.a+0.1*width), h.a-0.1*width)
}
