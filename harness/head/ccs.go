package head

import (
	"context"
	"errors"
	"fmt"
	"math"

	"w2s/internal/visible"
)

// CCS is contrast-consistent search (Burns et al. 2022, arXiv 2212.03827): it looks for a direction of features along which a statement
// and its contrary have opposite truth, without labels. An example has two rows, the statements that either answer is right. With
// p = σ(x·w + b) for each of them, it minimises
//
//	mean (p1 - (1 - p0))² + mean min(p0, p1)²
//
// which are consistency and confidence. Each restart begins at a random direction of length 1 and takes steps of AdamW over all
// examples, and the one with the lowest value wins.
type CCS struct {
	Restarts int // 0: 10
	Epochs   int // 0: 1000
	Seed     uint64
}

// The rate and the decay of AdamW in CCS.
const (
	ccsRate  = 0.01
	ccsDecay = 0.01
)

// Fit returns the best direction as a head that scores the two statements of an example, and its value of the objective. Nothing says
// which of the two directions along its line means true; see [Head.Signed]. The rows of either statement should have mean 0 and the
// same spread, because otherwise the head tells the answers apart by how they are written. data.Scaling is ignored.
func (c CCS) Fit(ctx context.Context, data Data, examples []int) (*Head, float64, error) {
	data.Scaling = nil
	if err := data.check(); err != nil {
		return nil, 0, err
	}
	if len(examples) == 0 {
		return nil, 0, errors.New("head: no examples")
	}
	if err := data.checkExamples(examples); err != nil {
		return nil, 0, err
	}
	var rows []int
	for _, e := range examples {
		if n := data.elements(e); data.Classes > 0 || n != 2 {
			return nil, 0, fmt.Errorf("head: contrast-consistent search: example %d has %s, want 2", e, visible.Count(n, "statement"))
		}
		from, _ := data.Rows(e)
		rows = append(rows, from, from+1)
	}
	restarts, epochs, dims := c.Restarts, c.Epochs, data.X.Dims
	if restarts == 0 {
		restarts = 10
	}
	if epochs == 0 {
		epochs = 1000
	}
	probes := make([]ccsProbe, restarts)
	columns := make([]*column, restarts)
	for k, w := range RandomDirections(dims, restarts, c.Seed) {
		p := &probes[k]
		p.theta, p.grad, p.z = append(w, 0), make([]float64, dims+1), make([]float64, len(rows))
		p.stepper = Adam{LearningRate: ccsRate, Steps: epochs}.start(len(examples), 0)
		columns[k] = &column{rows: rows, w: p.theta[:dims], d: p.grad[:dims]}
	}
	eng := newEngine(data, false)
	for range epochs + 1 { // the last one evaluates the result
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		eng.forward(columns)
		parallel(restarts, func(k int) {
			columns[k].z.read(0, probes[k].z)
			probes[k].evaluate()
			columns[k].z.write(0, probes[k].z)
		})
		eng.backward(columns)
		parallel(restarts, func(k int) { probes[k].update() })
	}
	best := -1
	for k, p := range probes {
		if finite(p.value) && (best < 0 || p.value < probes[best].value) {
			best = k
		}
	}
	if best < 0 {
		return nil, 0, errors.New("head: contrast-consistent search diverged")
	}
	return &Head{Dims: dims, W: probes[best].theta[:dims], B: []float64{0}}, probes[best].value, nil
}

// A ccsProbe is one restart.
type ccsProbe struct {
	theta, grad []float64 // weights, then the bias
	z           []float64 // of the rows: products, then gradients
	value       float64
	stepper     stepper
	done        bool
}

// evaluate computes the objective from the products of the rows and replaces them with its gradient.
func (p *ccsProbe) evaluate() {
	z := p.z
	bias, n := p.theta[len(p.theta)-1], float64(len(z)/2)
	p.value = 0
	sum := 0.0
	for i := 0; i < len(z); i += 2 {
		a, b := sigmoid(z[i]+bias), sigmoid(z[i+1]+bias)
		off := a + b - 1
		da, db := 2*off, 2*off
		if a < b {
			p.value += off*off + a*a
			da += 2 * a
		} else {
			p.value += off*off + b*b
			db += 2 * b
		}
		z[i], z[i+1] = da*a*(1-a)/n, db*b*(1-b)/n
		sum += z[i] + z[i+1]
	}
	p.value /= n
	p.grad[len(p.grad)-1] = sum
}

// update takes a step of AdamW, whose decay is apart from the gradient.
func (p *ccsProbe) update() {
	a := p.stepper.(*adam)
	if p.done {
		return
	}
	if a.step < a.total {
		for j := range p.theta {
			p.theta[j] *= 1 - ccsRate*ccsDecay
		}
	}
	p.done = !a.next(p.theta, p.value, p.grad)
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
