package head

import (
	"math"
	"testing"

	"w2s/internal/simd"
)

// minimise runs a stepper on f and returns the number of evaluations.
func minimise(s stepper, theta []float64, f func(x, grad []float64) float64) (calls int) {
	grad := make([]float64, len(theta))
	for {
		calls++
		if !s.next(theta, f(theta, grad), grad) {
			return calls
		}
	}
}

// The functions are difficult for the line search. want is the minimum, and the search starts at 0.
func TestLBFGSFindsMinimaOfHardFunctions(t *testing.T) {
	tests := map[string]struct {
		f    func(x, g []float64) float64
		want []float64
	}{
		"Rosenbrock": {func(x, g []float64) float64 {
			a, b := 1-x[0], x[1]-x[0]*x[0]
			g[0], g[1] = -2*a-400*b*x[0], 200*b
			return a*a + 100*b*b
		}, []float64{1, 1}},
		"ill-conditioned": {func(x, g []float64) float64 {
			sum := 0.0
			for i := range x {
				scale := math.Pow(10, float64(i))
				d := x[i] - 1
				sum += scale * d * d / 2
				g[i] = scale * d
			}
			return sum
		}, []float64{1, 1, 1, 1, 1, 1}},
		"far away": {func(x, g []float64) float64 {
			d := x[0] - 1e4
			g[0] = d / math.Sqrt(1+d*d)
			return math.Sqrt(1 + d*d)
		}, []float64{1e4}},
		"wall": {func(x, g []float64) float64 { // infinite beyond 1
			if x[0] >= 1 {
				g[0] = math.NaN()
				return math.Inf(1)
			}
			g[0] = -4 + 1/(1-x[0])
			return -4*x[0] - math.Log(1-x[0])
		}, []float64{0.75}},
		"at the start": {func(x, g []float64) float64 { g[0] = x[0]; return x[0] * x[0] / 2 }, []float64{0}},
	}
	for name, test := range tests {
		s := LBFGS{Tolerance: 1e-8}.start(1, 1e-14)
		theta := make([]float64, len(test.want))
		calls := minimise(s, theta, test.f)
		if d := furthest(theta, test.want); d > 1e-6*max(1, simd.MaxAbs(test.want)) || s.outcome().status != Converged || calls > 200 {
			t.Errorf("%s: distance %v from the minimum, %s after %d evaluations", name, d, s.outcome().status, calls)
		}
	}
}

// The objective and its gradient are rounded as float32 products round them.
func TestLBFGSStopsAtPrecisionOfRoundedObjective(t *testing.T) {
	s := LBFGS{Tolerance: 1e-30}.start(1, 1e-8)
	theta := make([]float64, 3)
	calls := minimise(s, theta, func(x, g []float64) float64 {
		sum := 1.0
		for i := range x {
			d := x[i] - float64(i+1)
			g[i] = float64(float32(d*float64(i+1)) + float32(1e-7*math.Sin(1e9*x[i])))
			sum += d * d * float64(i+1) / 2
		}
		return float64(float32(sum))
	})
	o := s.outcome()
	if d := furthest(theta, []float64{1, 2, 3}); d > 1e-5 || o.status != Precision || calls > 300 {
		t.Errorf("distance %v from the minimum, %s with gradient %v after %d evaluations", d, o.status, o.gradientNorm, calls)
	}
}

func TestLBFGSStopsAtStepLimit(t *testing.T) {
	s := LBFGS{MaxSteps: 3}.start(1, 1e-14)
	theta := make([]float64, 1)
	minimise(s, theta, func(x, g []float64) float64 { g[0] = -math.Exp(-x[0]); return math.Exp(-x[0]) })
	if o := s.outcome(); o.status != StepLimit || o.steps != 3 || !(math.Abs(o.value-math.Exp(-theta[0])) <= 1e-15) {
		t.Errorf("%+v at %v", o, theta)
	}
}

func TestOptimiserStrings(t *testing.T) {
	for want, o := range map[string]Optimiser{
		"lbfgs(max 500 steps)":                            LBFGS{},
		"lbfgs(max 20 steps, tolerance 1e-06)":            LBFGS{MaxSteps: 20, Tolerance: 1e-6},
		"adam(300 steps, rate 0.01 constant, full batch)": Adam{},
		"adam(5 epochs, rate 0.1 cosine, batch 32)":       Adam{Epochs: 5, LearningRate: 0.1, Cosine: true, Batch: 32},
	} {
		if got := o.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
