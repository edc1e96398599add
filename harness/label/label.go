package label

import (
	"errors"
	"fmt"

	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/internal/visible"
)

// Labels are what a student learns from: a distribution for each example, by id.
type Labels struct {
	// Classes is the number of classes, or 0 if every example ranks candidates of its own.
	Classes int
	IDs     []string
	Soft    [][]float64 // Soft[i] is a distribution over the classes or candidates of example IDs[i]
}

// Check returns an error unless there is at least one id, ids are distinct, and each has a distribution of the right length.
func (l Labels) Check() error {
	if l.Classes < 0 || l.Classes == 1 {
		return fmt.Errorf("label: %s (want 2 or more, or 0 for rankings)", visible.Count(l.Classes, "class"))
	}
	if len(l.IDs) != len(l.Soft) {
		return fmt.Errorf("label: %s and %s", visible.Count(len(l.IDs), "id"), visible.Count(len(l.Soft), "label"))
	}
	if err := stats.Check(l.Soft); err != nil {
		return fmt.Errorf("label: %w", err)
	}
	seen := make(map[string]bool, len(l.IDs))
	for i, id := range l.IDs {
		switch {
		case id == "":
			return fmt.Errorf("label: label %d has no example id", i)
		case seen[id]:
			return fmt.Errorf("label: example %s has two labels", id)
		case l.Classes > 0 && len(l.Soft[i]) != l.Classes:
			return fmt.Errorf("label: example %s has a label over %s (want %d)", id, visible.Count(len(l.Soft[i]), "class"), l.Classes)
		}
		seen[id] = true
	}
	return nil
}

// Join returns the labels in the order of ids. It returns an error unless every id has a label and every label is asked for,
// so labels of other data or of another split never make a smaller training set unnoticed.
func (l Labels) Join(ids []string) (Labels, error) {
	if err := l.Check(); err != nil {
		return Labels{}, err
	}
	at := make(map[string]int, len(l.IDs))
	for i, id := range l.IDs {
		at[id] = i
	}
	out := Labels{Classes: l.Classes, IDs: ids, Soft: make([][]float64, len(ids))}
	var missing, repeated []string
	taken := make(map[string]bool, len(ids))
	for k, id := range ids {
		i, ok := at[id]
		if !ok {
			missing = append(missing, id)
			continue
		}
		if taken[id] {
			repeated = append(repeated, id)
		}
		taken[id] = true
		out.Soft[k] = l.Soft[i]
	}
	var extra []string
	for _, id := range l.IDs {
		if !taken[id] {
			extra = append(extra, id)
		}
	}
	var faults []error
	for _, f := range []struct {
		what, is string
		ids      []string
	}{{"example", "without a label", missing}, {"label", "without an example", extra}, {"example", "given twice", repeated}} {
		if len(f.ids) > 0 {
			faults = append(faults, fmt.Errorf("label: %s %s, the first is %s", visible.Count(len(f.ids), f.what), f.is, f.ids[0]))
		}
	}
	if len(faults) > 0 {
		return Labels{}, fmt.Errorf("%w (are these the labels of the same data and split?)", errors.Join(faults...))
	}
	return out, nil
}

// subset returns the labels at the given positions.
func (l Labels) subset(positions []int) Labels {
	out := Labels{Classes: l.Classes}
	for _, i := range positions {
		out.IDs = append(out.IDs, l.IDs[i])
		out.Soft = append(out.Soft, l.Soft[i])
	}
	return out
}

// mapSoft returns labels with f applied to every distribution. f must not change its argument.
func (l Labels) mapSoft(f func(p []float64) []float64) Labels {
	return Labels{Classes: l.Classes, IDs: l.IDs, Soft: list.Map(l.Soft, f)}
}

// oneHot returns the hard label that puts all probability on one of n answers.
func oneHot(answer, n int) []float64 {
	p := make([]float64, n)
	p[answer] = 1
	return p
}
