package label

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"w2s/internal/prob"
)

// Top keeps the share of the examples that the supervisor is most confident of, at least one. Balanced keeps the same
// number for each of the supervisor's answers as far as there are so many; without it the easiest class may crowd out
// the others. Of equally confident examples those with the smaller id are kept.
type Top struct {
	Share    float64 // above 0, at most 1
	Balanced bool
}

func (t Top) String() string {
	s := "top:" + number(t.Share)
	if t.Balanced {
		s += ":balanced"
	}
	return s
}

func (t Top) check() error {
	if !(t.Share > 0 && t.Share <= 1) {
		return fmt.Errorf("share %v is not above 0 and at most 1", t.Share)
	}
	return nil
}

// Apply drops what the supervisor is less sure of.
func (t Top) Apply(_ context.Context, l Labels, _ Evidence) (Treated, error) {
	if err := errors.Join(t.check(), l.Check()); err != nil {
		return Treated{}, fmt.Errorf("label: %s: %w", t, err)
	}
	if t.Balanced && l.Classes == 0 {
		return Treated{}, errors.New("label: top: candidates of a ranking are no classes to balance")
	}
	confidence := make([]float64, len(l.Soft))
	for i, p := range l.Soft {
		confidence[i] = p[prob.Argmax(p)]
	}
	order := byValue(confidence, l.IDs)
	n := count(t.Share, len(order))
	var keep []int
	if !t.Balanced {
		keep = order[:n]
	} else {
		byClass := make([][]int, l.Classes)
		for _, i := range order {
			k := prob.Argmax(l.Soft[i])
			byClass[k] = append(byClass[k], i)
		}
		for _, members := range byClass {
			keep = append(keep, members[:min(len(members), max(1, n/l.Classes))]...)
		}
	}
	return kept(l, keep), nil
}

// kept is what a treatment returns that drops examples.
func kept(l Labels, keep []int) Treated {
	keep = slices.Clone(keep)
	slices.Sort(keep)
	t := Treated{Labels: l.choose(keep), Keep: keep}
	t.Notes = append(t.Notes, fmt.Sprintf("%d of %d examples kept", len(keep), len(l.IDs)))
	if l.Classes > 0 && len(keep) < len(l.IDs) {
		t.Notes[0] += fmt.Sprintf(", by the supervisor's answer %v", answers(t.Labels))
		if slices.Contains(answers(t.Labels), 0) {
			t.Warnings = append(t.Warnings, fmt.Sprintf("only some classes are left among %d of %d examples", len(keep), len(l.IDs)))
		}
	}
	return t
}

// answers counts the supervisor's answers.
func answers(l Labels) []int {
	n := make([]int, l.Classes)
	for _, p := range l.Soft {
		n[prob.Argmax(p)]++
	}
	return n
}

// byValue orders examples by descending value, then by id, so that it does not matter how they came.
func byValue(value []float64, ids []string) []int {
	order := make([]int, len(value))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case value[a] > value[b]:
			return -1
		case value[a] < value[b]:
			return 1
		}
		return strings.Compare(ids[a], ids[b])
	})
	return order
}

// count is a share of n examples, to the nearest whole and at least one.
func count(share float64, n int) int { return max(1, int(share*float64(n)+0.5)) }
