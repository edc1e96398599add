package label

import (
	"context"
	"errors"
	"fmt"

	"w2s/internal/prob"
)

// Top keeps a share of the examples, those that the supervisor is most confident of, and at least one. Of equally confident
// examples it keeps those with the smaller id.
type Top struct {
	Share float64 // above 0, at most 1
	// Balanced keeps the same number of examples for each of the supervisor's answers, or all if there are fewer. Without
	// it, the easiest class may displace the others.
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

func (t Top) checkRankings() error {
	if t.Balanced {
		return errors.New("rankings have no classes to balance (leave balanced out)")
	}
	return nil
}

// Apply drops the examples that the supervisor is less confident of.
func (t Top) Apply(_ context.Context, l Labels, _ Evidence) (Treated, error) {
	if err := errors.Join(t.check(), l.Check()); err != nil {
		return Treated{}, fmt.Errorf("label: %s: %w", t, err)
	}
	if t.Balanced && l.Classes == 0 {
		return Treated{}, fmt.Errorf("label: %w", CheckRankings(t))
	}
	confidence := make([]float64, len(l.Soft))
	for i, p := range l.Soft {
		confidence[i] = p[prob.Argmax(p)]
	}
	order := descending(confidence, l.IDs)
	n := nearestShare(t.Share, len(order))
	if !t.Balanced {
		return keepSome(l, order[:n]), nil
	}
	byClass := make([][]int, l.Classes)
	for _, i := range order {
		k := prob.Argmax(l.Soft[i])
		byClass[k] = append(byClass[k], i)
	}
	var keep []int
	for _, members := range byClass {
		keep = append(keep, members[:min(len(members), max(1, n/l.Classes))]...)
	}
	return keepSome(l, keep), nil
}

// nearestShare returns a share of n examples, rounded to the nearest whole number and at least 1.
func nearestShare(share float64, n int) int { return max(1, int(share*float64(n)+0.5)) }
