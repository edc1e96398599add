package loss

// Mixture trains K heads as one: the prediction is Σ π_j·softmax_j, a convex combination in the space of probabilities, with weights π
// that are trained too (Mulgund and Pabbaraju 2025, arXiv 2501.19105). It minimises KL(student ‖ labels) as they do, or the
// cross-entropy if Forward is set. Package head gives it logarithms of the mixed prediction as logits.
type Mixture struct {
	K       int
	Forward bool
}

func (l Mixture) String() string { return render("mixture", "k", l.K, "forward", l.Forward) }
func (Mixture) Moving() bool     { return false }

// Heads returns K.
func (l Mixture) Heads() int { return l.K }

func (l Mixture) Gradient(b *Batch, grad []float64) float64 {
	if l.Forward {
		return XEnt{}.Gradient(b, grad)
	}
	return RKL{}.Gradient(b, grad)
}
