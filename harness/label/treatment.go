package label

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/floats"

	"w2s/harness/head"
	"w2s/internal/list"
	"w2s/internal/prob"
)

// A Treatment makes the labels that a student learns from out of the labels that its supervisor gave.
type Treatment interface {
	// String returns the treatment as [Parse] reads it.
	String() string
	// Apply returns the treated labels and does not change its input. It is deterministic, and the order of the examples
	// does not matter.
	Apply(ctx context.Context, labels Labels, evidence Evidence) (Treated, error)
}

// Evidence is what a treatment may look at besides the labels. It has no place for gold labels of the labelled examples.
type Evidence struct {
	Held *Held // what calibrations are fitted on; nil: there is nothing
	// Features are the student's features, for probes. Label i belongs to example Examples[i] of them. Features.X may be nil
	// if no treatment needs it.
	Features head.Data
	Examples []int
	// Repeats are the labels that heads of the supervisor's model give, each trained on a bootstrap sample of its half, by head and label.
	// nil: there are none; see [Repeats].
	Repeats [][][]float64
}

// Held holds a supervisor's labels of examples of its own half that it was not trained on, and their gold labels.
type Held struct {
	Soft, Gold [][]float64
}

// Treated is the result of a treatment.
type Treated struct {
	Labels
	// Weights say how much each label counts, 0 or more. nil: all the same.
	Weights  []float64
	Keep     []int    // ascending positions of these labels among the treatment's input: Labels.IDs[k] was IDs[Keep[k]]
	Notes    []string // what was fitted or dropped, such as "temperature 1.73"
	Warnings []string // what a reader of the result must know
}

// keepAll returns labels that a treatment made of all its input.
func keepAll(l Labels) Treated {
	t := Treated{Labels: l, Keep: make([]int, len(l.IDs))}
	for i := range t.Keep {
		t.Keep[i] = i
	}
	return t
}

// keepSome returns the labels at the given positions, with a note on how many those are.
func keepSome(l Labels, positions []int) Treated {
	keep := slices.Sorted(slices.Values(positions))
	t := Treated{Labels: l.subset(keep), Keep: keep}
	note := fmt.Sprintf("%d of %d examples kept", len(keep), len(l.IDs))
	if l.Classes > 0 && len(keep) < len(l.IDs) {
		count := answerCounts(t.Labels)
		note += fmt.Sprintf(", by the supervisor's answer %v", count)
		if slices.Contains(count, 0) {
			t.Warnings = append(t.Warnings, fmt.Sprintf("only some classes are left among %d of %d examples", len(keep), len(l.IDs)))
		}
	}
	t.Notes = append(t.Notes, note)
	return t
}

// answerCounts returns how often each class is the supervisor's answer.
func answerCounts(l Labels) []int {
	n := make([]int, l.Classes)
	for _, p := range l.Soft {
		n[prob.Argmax(p)]++
	}
	return n
}

// descending returns the positions of values from the largest to the smallest. Ties are ordered by id, so the order of the
// examples does not matter.
func descending(values []float64, ids []string) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case values[a] > values[b]:
			return -1
		case values[a] < values[b]:
			return 1
		}
		return strings.Compare(ids[a], ids[b])
	})
	return order
}

// number returns a setting in the shortest form that Parse reads back.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Steps are treatments that are applied one after the other.
type Steps []Treatment

// stepsOf returns the steps of a treatment, which is the only one unless it is Steps.
func stepsOf(t Treatment) Steps {
	if steps, ok := t.(Steps); ok {
		return steps
	}
	return Steps{t}
}

// classed is a treatment that may need classes.
type classed interface{ checkRankings() error }

// CheckRankings reports why a treatment cannot be applied to rankings, or nil.
func CheckRankings(t Treatment) error {
	for _, s := range stepsOf(t) {
		if c, ok := s.(classed); ok {
			if err := c.checkRankings(); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
	}
	return nil
}

func (s Steps) String() string {
	names := make([]string, len(s))
	for i, t := range s {
		names[i] = t.String()
	}
	return strings.Join(names, "+")
}

// Apply applies each treatment to the labels that the one before it made.
func (s Steps) Apply(ctx context.Context, l Labels, e Evidence) (Treated, error) {
	out := keepAll(l)
	for _, t := range s {
		next, err := t.Apply(ctx, out.Labels, e)
		if err != nil {
			return Treated{}, err
		}
		if len(e.Examples) == len(out.IDs) {
			e.Examples = pick(e.Examples, next.Keep)
		}
		e.Repeats = list.Map(e.Repeats, func(labels [][]float64) [][]float64 { return pick(labels, next.Keep) })
		next.Weights = product(next.Weights, pick(out.Weights, next.Keep))
		next.Keep = pick(out.Keep, next.Keep)
		next.Notes = append(out.Notes, next.Notes...)
		next.Warnings = append(out.Warnings, next.Warnings...)
		out = next
	}
	return out, nil
}

// pick returns the values at some positions, or nil for nil.
func pick[T any](values []T, positions []int) []T {
	if values == nil {
		return nil
	}
	return list.Map(positions, func(i int) T { return values[i] })
}

// product returns the products of weights, of which nil are all 1.
func product(a, b []float64) []float64 {
	if a == nil || b == nil {
		return append(a, b...)
	}
	out := make([]float64, len(a))
	return floats.MulTo(out, a, b)
}

// Soft leaves the labels unchanged.
type Soft struct{}

func (Soft) String() string { return "soft" }

// Apply returns the labels.
func (Soft) Apply(_ context.Context, l Labels, _ Evidence) (Treated, error) {
	if err := l.Check(); err != nil {
		return Treated{}, err
	}
	return keepAll(l), nil
}

// Hard puts all probability on the supervisor's answer, the first of the most probable ones.
type Hard struct{}

func (Hard) String() string { return "hard" }

// Apply hardens every label.
func (Hard) Apply(_ context.Context, l Labels, _ Evidence) (Treated, error) {
	if err := l.Check(); err != nil {
		return Treated{}, err
	}
	return keepAll(l.mapSoft(func(p []float64) []float64 { return oneHot(prob.Argmax(p), len(p)) })), nil
}

// Smooth mixes a label p over K answers with the uniform distribution: (1-Epsilon)·p + Epsilon/K (Szegedy et al. 2016). On
// hard labels (hard+smooth:0.1) it is label smoothing in the usual sense.
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
	return keepAll(l.mapSoft(func(p []float64) []float64 {
		out := make([]float64, len(p))
		for k, v := range p {
			out[k] = (1-s.Epsilon)*v + s.Epsilon/float64(len(p))
		}
		return out
	})), nil
}
