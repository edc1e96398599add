package label

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/internal/visible"
)

// logFloor is the least probability of which a logarithm is taken. A softmax in float32 gives exact zeros.
const logFloor = 1e-12

// Temperature divides the supervisor's logits by one number, which is fitted by log loss on held-out gold (Guo et al. 2017).
// It changes no answer, and works for classes and for rankings.
type Temperature struct{}

func (Temperature) String() string { return "temperature" }

// Bounds of the fitted temperature. A temperature at a bound causes a warning.
const (
	minTemperature = 0.01
	maxTemperature = 100.0
)

// Apply fits the temperature and scales every label.
func (Temperature) Apply(_ context.Context, l Labels, e Evidence) (Treated, error) {
	if err := checkHeld(l, e.Held); err != nil {
		return Treated{}, fmt.Errorf("label: temperature: %w", err)
	}
	sharpness := fitSharpness(list.Map(e.Held.Soft, logits), e.Held.Gold)
	scale := func(p []float64) []float64 {
		z := logits(p)
		for k := range z {
			z[k] *= sharpness
		}
		prob.Softmax(z, z)
		return z
	}
	t := keepAll(l.mapSoft(scale))
	note, err := calibrationNote(fmt.Sprintf("temperature %.4g", 1/sharpness), e.Held, scale)
	if err != nil {
		return Treated{}, err
	}
	t.Notes = append(t.Notes, note)
	if sharpness <= 1/maxTemperature || sharpness >= 1/minTemperature {
		t.Warnings = append(t.Warnings, fmt.Sprintf("temperature %.4g is at its bound: %s do not determine it",
			1/sharpness, visible.Count(len(e.Held.Soft), "held-out example")))
	}
	return t, nil
}

// fitSharpness returns the s = 1/temperature that minimises the mean log loss of softmax(s·z). The loss is convex in s, so
// its derivative, the mean of E_p[z] - E_gold[z], increases. Newton steps inside a shrinking bracket find its zero.
func fitSharpness(z, gold [][]float64) float64 {
	lo, hi := 1/maxTemperature, 1/minTemperature
	derivatives := func(s float64) (first, second float64) {
		scaled := []float64{}
		for i, row := range z {
			scaled = scaled[:0]
			for _, v := range row {
				scaled = append(scaled, s*v)
			}
			p := scaled
			prob.Softmax(p, p)
			var ep, ep2, eg float64
			for k, v := range row {
				ep += p[k] * v
				ep2 += p[k] * v * v
				eg += gold[i][k] * v
			}
			first += ep - eg
			second += ep2 - ep*ep
		}
		return first, second
	}
	if d, _ := derivatives(lo); d >= 0 {
		return lo
	}
	if d, _ := derivatives(hi); d <= 0 {
		return hi
	}
	s := 1.0
	for range 200 {
		first, second := derivatives(s)
		if first > 0 {
			hi = s
		} else {
			lo = s
		}
		next := s - first/second
		if !(next > lo && next < hi) { // also if second is 0
			next = (lo + hi) / 2
		}
		if math.Abs(next-s) <= 1e-14*s {
			return next
		}
		s = next
	}
	return s
}

// Platt maps the supervisor's logits with a slope and an offset for each class, which are fitted on held-out gold (Platt
// 1999). So that a small held-out set does not make it overconfident, the targets are (N+1)/(N+2) and 1/(N+2) instead of 1
// and 0, where N counts the examples of the class. For K classes they are (N+1)/(N+K) and 1/(N+K). Unlike Temperature,
// Platt can correct a supervisor that prefers one class. It does not work for rankings, which have no classes.
type Platt struct{}

func (Platt) String() string { return "platt" }

func (Platt) checkRankings() error { return errors.New("rankings have no classes (use temperature)") }

// Apply fits the slope and the offsets and maps every label.
func (Platt) Apply(_ context.Context, l Labels, e Evidence) (Treated, error) {
	if err := checkHeld(l, e.Held); err != nil {
		return Treated{}, fmt.Errorf("label: platt: %w", err)
	}
	if l.Classes == 0 {
		return Treated{}, fmt.Errorf("label: %w", CheckRankings(Platt{}))
	}
	theta, err := fitPlatt(list.Map(e.Held.Soft, logits), plattTargets(e.Held.Gold))
	if err != nil {
		return Treated{}, fmt.Errorf("label: platt: %w", err)
	}
	scale := func(p []float64) []float64 { return plattMap(theta, logits(p)) }
	t := keepAll(l.mapSoft(scale))
	note, err := calibrationNote(fmt.Sprintf("slope %.4g, offsets %.4g", theta[0], theta[1:]), e.Held, scale)
	if err != nil {
		return Treated{}, err
	}
	t.Notes = append(t.Notes, note)
	if theta[0] <= 0 {
		t.Warnings = append(t.Warnings, "the fitted slope is not positive: on held-out gold, the supervisor's confidence is uninformative or misleading")
	}
	return t, nil
}

// plattMap returns softmax(slope·z + offsets). theta holds the slope and the offsets of classes 1, 2, …; class 0 has offset 0.
func plattMap(theta, z []float64) []float64 {
	out := make([]float64, len(z))
	for k, v := range z {
		out[k] = theta[0] * v
		if k > 0 {
			out[k] += theta[k]
		}
	}
	prob.Softmax(out, out)
	return out
}

// plattTargets returns the distributions that Platt is fitted to, with his targets instead of 1 and 0.
func plattTargets(gold [][]float64) [][]float64 {
	k := len(gold[0])
	count := make([]float64, k)
	for _, g := range gold {
		count[prob.Argmax(g)]++
	}
	targets := make([][]float64, len(gold))
	for i, g := range gold {
		answer := prob.Argmax(g)
		targets[i] = make([]float64, k)
		for j := range targets[i] {
			targets[i][j] = 1 / (count[answer] + float64(k))
		}
		targets[i][answer] = (count[answer] + 1) / (count[answer] + float64(k))
	}
	return targets
}

// plattJacobian returns the derivative of the mapped logit k with respect to parameter j.
func plattJacobian(z []float64, k, j int) float64 {
	switch {
	case j == 0:
		return z[k]
	case j == k:
		return 1
	}
	return 0
}

// fitPlatt returns the parameters that minimise the mean cross-entropy to the targets, by Newton's method with backtracking.
// The loss is convex, and its minimum is finite because no target is 0 or 1.
func fitPlatt(z, targets [][]float64) ([]float64, error) {
	classes := len(z[0])
	theta := make([]float64, classes)
	theta[0] = 1
	loss := plattLoss(theta, z, targets)
	for range 200 {
		grad, hess := plattDerivatives(theta, z, targets)
		if mat.Norm(grad, math.Inf(1)) < 1e-12 {
			return theta, nil
		}
		var factor mat.Cholesky
		for ridge := 1e-14; !factor.Factorize(hess); ridge *= 10 { // the loss is flat if all logits are equal
			for j := range classes {
				hess.SetSym(j, j, hess.At(j, j)+ridge)
			}
		}
		var step mat.VecDense
		if err := factor.SolveVecTo(&step, grad); err != nil && !errors.As(err, new(mat.Condition)) {
			return nil, err
		}
		moved := false
		for size := 1.0; size > 1e-12; size /= 2 {
			next := make([]float64, classes)
			for j := range next {
				next[j] = theta[j] - size*step.AtVec(j)
			}
			if l := plattLoss(next, z, targets); l < loss {
				theta, loss, moved = next, l, true
				break
			}
		}
		if !moved { // rounding hides any further descent
			if g := mat.Norm(grad, math.Inf(1)); g > 1e-6 {
				return nil, fmt.Errorf("the fit stopped at a gradient of %.2g", g)
			}
			return theta, nil
		}
	}
	return nil, errors.New("the fit did not converge in 200 steps")
}

// plattLoss returns the mean cross-entropy of the mapped labels to the targets.
func plattLoss(theta []float64, z, targets [][]float64) float64 {
	loss := 0.0
	for i, row := range z {
		p := plattMap(theta, row)
		for k, t := range targets[i] {
			loss -= t * math.Log(max(p[k], math.SmallestNonzeroFloat64))
		}
	}
	return loss / float64(len(z))
}

// plattDerivatives returns the gradient and the Hessian of plattLoss.
func plattDerivatives(theta []float64, z, targets [][]float64) (*mat.VecDense, *mat.SymDense) {
	classes, n := len(theta), float64(len(z))
	grad, hess := mat.NewVecDense(classes, nil), mat.NewSymDense(classes, nil)
	for i, row := range z {
		p := plattMap(theta, row)
		for a := range classes {
			var slope, meanA float64
			for k := range p {
				slope += (p[k] - targets[i][k]) * plattJacobian(row, k, a)
				meanA += p[k] * plattJacobian(row, k, a)
			}
			grad.SetVec(a, grad.AtVec(a)+slope/n)
			for b := a; b < classes; b++ {
				var both, meanB float64
				for k := range p {
					both += p[k] * plattJacobian(row, k, a) * plattJacobian(row, k, b)
					meanB += p[k] * plattJacobian(row, k, b)
				}
				hess.SetSym(a, b, hess.At(a, b)+(both-meanA*meanB)/n)
			}
		}
	}
	return grad, hess
}

// checkHeld returns an error unless there is held-out gold over the classes of the labels.
func checkHeld(l Labels, h *Held) error {
	if err := l.Check(); err != nil {
		return err
	}
	if h == nil || len(h.Soft) == 0 {
		return errors.New("it needs held-out gold of the supervisor's half and there is none")
	}
	if err := stats.CheckPairs(h.Soft, h.Gold); err != nil {
		return fmt.Errorf("held-out gold: %w", err)
	}
	for i, p := range h.Soft {
		if l.Classes > 0 && len(p) != l.Classes {
			return fmt.Errorf("held-out gold: example %d has %s (want %d)", i, visible.Count(len(p), "class"), l.Classes)
		}
	}
	return nil
}

// calibrationNote describes the effect of a calibration on the held-out examples that it was fitted on.
func calibrationNote(what string, h *Held, scale func([]float64) []float64) (string, error) {
	before, err := stats.Measure(h.Soft, h.Gold)
	if err != nil {
		return "", err
	}
	after, err := stats.Measure(list.Map(h.Soft, scale), h.Gold)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, fitted on %s (log loss %.3f to %.3f, ECE %.3f to %.3f)",
		what, visible.Count(before.N, "held-out example"), before.LogLoss, after.LogLoss, before.ECE, after.ECE), nil
}

// logits returns the logits of a distribution, up to a constant.
func logits(p []float64) []float64 {
	z := make([]float64, len(p))
	for k, v := range p {
		z[k] = math.Log(max(v, logFloor))
	}
	return z
}
