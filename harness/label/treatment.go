package label

import (
	"context"
	"errors"
	"fmt"

	"w2s/harness/head"
	"w2s/internal/prob"
)

// A Treatment makes the labels that a student learns from out of those that its supervisor gave.
type Treatment interface {
	// String is the treatment as [Parse] reads it.
	String() string
	// Apply does not change its input. It is deterministic and does not depend on the order of examples.
	Apply(ctx context.Context, labels Labels, evidence Evidence) (Treated, error)
}

// Evidence is what a treatment may look at beside the labels. Gold of the labelled examples is not among it.
type Evidence struct {
	Held *Held // for calibration; nil where there is none
	// Features are the student's. Example Examples[i] of it is the one that label i belongs to. For probes; X may be nil
	// where no treatment needs it.
	Features head.Data
	Examples []int
	Training head.Options // how probes are trained; the zero value is exact and slow
}

// Held is what the supervisor says of examples of its own half that it was not trained on, with their gold.
type Held struct {
	Soft, Gold [][]float64
}

// Treated is what a treatment made.
type Treated struct {
	Labels
	Keep     []int    // which of the labels that went in these are, ascending: Labels.IDs[k] was IDs[Keep[k]]
	Notes    []string // what was fitted or dropped: "temperature 1.73"
	Warnings []string // what a reader of the result must know
}

// all is what a treatment returns that keeps every example.
func all(l Labels) Treated {
	t := Treated{Labels: l, Keep: make([]int, len(l.IDs))}
	for i := range t.Keep {
		t.Keep[i] = i
	}
	return t
}

// Soft leaves the labels as the supervisor gave them.
type Soft struct{}

func (Soft) String() string { return "soft" }

// Apply returns the labels.
func (Soft) Apply(_ context.Context, l Labels, _ Evidence) (Treated, error) {
	if err := l.Check(); err != nil {
		return Treated{}, err
	}
	return all(l), nil
}

// Hard puts everything on the supervisor's answer, the first of the most probable ones.
type Hard struct{}

func (Hard) String() string { return "hard" }

// Apply hardens every label.
func (Hard) Apply(_ context.Context, l Labels, _ Evidence) (Treated, error) {
	if err := l.Check(); err != nil {
		return Treated{}, err
	}
	return all(l.each(func(p []float64) []float64 { return oneHot(prob.Argmax(p), len(p)) })), nil
}

// Smooth mixes the label with the uniform distribution: (1-Epsilon)·p + Epsilon/K (Szegedy et al. 2016). On hard labels
// (hard+smooth:0.1) it is label smoothing in the usual sense.
type Smooth struct{ Epsilon float64 }

func (s Smooth) String() string { return "smooth:" + number(s.Epsilon) }

func (s Smooth) check() error {
	if !(s.Epsilon >= 0 && s.Epsilon <= 1) {
		return fmt.Errorf("epsilon %v is not between 0 and 1", s.Epsilon)
	}
	return nil
}

// Apply smooths every label.
func (s Smooth) Apply(_ context.Context, l Labels, _ Evidence) (Treated, error) {
	if err := errors.Join(s.check(), l.Check()); err != nil {
		return Treated{}, fmt.Errorf("label: %s: %w", s, err)
	}
	return all(l.each(func(p []float64) []float64 {
		out := make([]float64, len(p))
		for k, v := range p {
			out[k] = (1-s.Epsilon)*v + s.Epsilon/float64(len(p))
		}
		return out
	})), nil
}
