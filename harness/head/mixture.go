package head

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"w2s/harness/loss"
	"w2s/internal/prob"
)

// leastMixed bounds mixed probabilities from below before their logarithm is taken.
const leastMixed = 1e-300

// mix replaces the first n outputs by the mixed prediction, and leaves that of each further head where its logits were.
func mix(weights, outputs []float64, n int) {
	mixed := make([]float64, n)
	for j, w := range weights {
		own := outputs[j*n : (j+1)*n]
		prob.Softmax(own, own)
		floats.AddScaled(mixed, w, own)
	}
	copy(outputs, mixed)
}

// A mixture is what a trainee of several heads has beyond those of one. The logits of its batch are logarithms of the mixed
// prediction.
type mixture struct {
	weights []float64   // softmax of the parameters
	probs   [][]float64 // prediction of each head, in the layout of the batch's logits
	grad    []float64   // of one head's logits
}

// start draws the weights of the heads, which must differ: equal heads stay equal. They are uniform in ±1/√dims, as those of a linear
// layer of PyTorch.
func (m *mixture) start(params []float64, dims int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x317))
	limit := 1 / math.Sqrt(float64(dims))
	for i := range params {
		params[i] = limit * (2*rng.Float64() - 1)
	}
}

// newMixture returns the mixture of a loss on a batch, or nil for a loss of one head.
func newMixture(l loss.Loss, logits int) *mixture {
	k := loss.HeadsOf(l)
	if k == 1 {
		return nil
	}
	m := &mixture{weights: make([]float64, k), probs: make([][]float64, k), grad: make([]float64, logits)}
	for j := range m.probs {
		m.probs[j] = make([]float64, logits)
	}
	return m
}

// predict makes the batch's logits of the parameters of the weights and of the logits of every head, which are in probs.
func (m *mixture) predict(b *loss.Batch, params []float64) {
	prob.Softmax(params, m.weights)
	clear(b.Logits)
	for j, p := range m.probs {
		for i := range b.Len() {
			own := p[b.Start[i]:b.Start[i+1]]
			prob.Softmax(own, own)
		}
		floats.AddScaled(b.Logits, m.weights[j], p)
	}
	for k, p := range b.Logits {
		b.Logits[k] = math.Log(max(p, leastMixed))
	}
}

// ofHead returns the gradient with respect to the logits of head j, and the one with respect to the parameter of its weight, from the
// gradient with respect to the batch's logits. With p = Σ π_j·q_j and logits log p, these are g·r - q·Σ g·r and Σ g·(r - π), where
// r = π·q/p.
func (m *mixture) ofHead(j int, b *loss.Batch, logitGrad []float64) (own []float64, weight float64) {
	q, share := m.probs[j], m.weights[j]
	for i := range b.Len() {
		sum := 0.0
		for k := b.Start[i]; k < b.Start[i+1]; k++ {
			m.grad[k] = logitGrad[k] * share * q[k] / max(math.Exp(b.Logits[k]), leastMixed)
			sum += m.grad[k]
			weight += m.grad[k] - share*logitGrad[k]
		}
		for k := b.Start[i]; k < b.Start[i+1]; k++ {
			m.grad[k] -= q[k] * sum
		}
	}
	return m.grad, weight
}
