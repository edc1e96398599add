package label

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"w2s/internal/prob"
)

// Channel replaces the labels by the posterior of a noisy channel: q(y|x,ỹ) ∝ p0(y|x)·P(ỹ|y), where p0 is a probe on the student's
// features, and ỹ is the supervisor's answer together with the third of confidences that it belongs to. Probe and confusion
// probabilities are fitted to the posterior by turns, as Dawid and Skene (1979) do for raters, starting from the labels. No gold takes
// part. Thirds, rounds and the prior of one half of a count for each cell are ours.
type Channel struct{ Probe LogReg }

func (c Channel) String() string { return withProbeSettings("channel", c.Probe) }

const (
	channelBins   = 3
	channelRounds = 5
	channelPrior  = 0.5 // counts that each confusion probability starts with
)

func (Channel) checkRankings() error {
	return errors.New("the candidates of a ranking have no classes to confuse (use relabel:logreg)")
}

// Apply fits the channel and replaces all labels.
func (c Channel) Apply(ctx context.Context, l Labels, e Evidence) (Treated, error) {
	fail := func(err error) (Treated, error) { return Treated{}, fmt.Errorf("label: %s: %w", c, err) }
	if err := e.checkFeatures(l); err != nil {
		return fail(err)
	}
	if l.Classes == 0 {
		return Treated{}, fmt.Errorf("label: %w", CheckRankings(c))
	}
	said := symbols(l)
	order := byID(l.IDs)
	posterior := Labels{Classes: l.Classes, IDs: l.IDs, Soft: l.Soft}
	var confusion [][]float64 // of class and symbol
	for range channelRounds {
		student, err := c.Probe.Predict(ctx, posterior, e)
		if err != nil {
			return fail(err)
		}
		confusion = make([][]float64, l.Classes)
		for k := range confusion {
			confusion[k] = make([]float64, l.Classes*channelBins)
			total := 0.0
			for s := range confusion[k] {
				confusion[k][s] = channelPrior
				total += channelPrior
			}
			for _, i := range order {
				confusion[k][said[i]] += posterior.Soft[i][k]
				total += posterior.Soft[i][k]
			}
			for s := range confusion[k] {
				confusion[k][s] /= total
			}
		}
		next := make([][]float64, len(l.Soft))
		for i, p := range student {
			z := make([]float64, l.Classes)
			for k := range z {
				z[k] = math.Log(max(p[k], logFloor)) + math.Log(confusion[k][said[i]])
			}
			prob.Softmax(z, z)
			next[i] = z
		}
		posterior.Soft = next
	}
	t := keepAll(posterior)
	changed := 0
	for i, p := range posterior.Soft {
		if prob.Argmax(p) != prob.Argmax(l.Soft[i]) {
			changed++
		}
	}
	t.Notes = append(t.Notes, fmt.Sprintf("the channel changes %d of %d answers", changed, len(l.Soft)))
	return t, nil
}

// symbols returns, for each label, a number for its answer and for the third of the labels' confidences that it belongs to.
func symbols(l Labels) []int {
	confidence := make([]float64, len(l.Soft))
	for i, p := range l.Soft {
		confidence[i] = p[prob.Argmax(p)]
	}
	sorted := slices.Sorted(slices.Values(confidence))
	out := make([]int, len(l.Soft))
	for i, p := range l.Soft {
		bin := 0
		for b := 1; b < channelBins; b++ {
			if confidence[i] > sorted[b*len(sorted)/channelBins] {
				bin = b
			}
		}
		out[i] = prob.Argmax(p)*channelBins + bin
	}
	return out
}
