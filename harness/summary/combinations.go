package summary

import (
	"fmt"
	"slices"

	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/tasks"
)

// A CombinationRow compares a combination of supervisors with one of them alone, or several heads of a model with its one head, on the
// same test examples: their labels and the students that learned from them.
type CombinationRow struct {
	Task, Strong, Loss, Treatment, Variant string
	Combined, Alone                        string // names of the supervisors
	// Best says that Alone has the highest score of several supervisors that are compared. Only gold labels tell, so nobody can choose it
	// without them.
	Best     bool
	Metric   tasks.Metric
	Weak     stats.Difference // of the supervisors' scores
	Student  stats.Difference // of their students' scores
	Adjusted float64          // p-value of Student, adjusted for all comparisons of the list (Holm 1979)
}

// Combinations compares every row whose supervisor is a combination, or several heads of a model, with the rows of its members for the same
// student under the same conditions. Rows of metrics that are no mean over test examples are left out.
func Combinations(rows []Row, opt Options) ([]CombinationRow, error) {
	var out []CombinationRow
	for _, c := range rows {
		if c.members == nil || c.bySeed == nil {
			continue
		}
		var alone []Row
		best := 0
		for _, r := range rows {
			if r.Simulated || r.bySeed == nil || r.from != c.from || r.Task != c.Task || r.Strong != c.Strong || r.Loss != c.Loss ||
				r.Treatment != c.Treatment || r.Size != c.Size || r.Seeds != c.Seeds || !slices.Contains(c.members, r.Weak) {
				continue
			}
			if alone = append(alone, r); r.Floor.Value > alone[best].Floor.Value {
				best = len(alone) - 1
			}
		}
		for i, r := range alone {
			row := CombinationRow{Task: c.Task, Strong: c.Strong, Loss: c.Loss, Treatment: c.Treatment, Variant: c.Variant(), Combined: c.Weak, Alone: r.Weak,
				Best: i == best && len(alone) > 1, Metric: c.Metric}
			var err error
			if row.Weak, err = stats.Compare(c.floorBySeed, r.floorBySeed, opt.bootstrap(c.task)); err == nil {
				row.Student, err = stats.Compare(c.bySeed, r.bySeed, opt.bootstrap(c.task))
			}
			if err != nil {
				return nil, fmt.Errorf("summary: %s, %s against %s: %w", c.Task, c.Weak, r.Weak, err)
			}
			out = append(out, row)
		}
	}
	adjusted, err := stats.Holm(list.Map(out, func(r CombinationRow) float64 { return r.Student.P }))
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Adjusted = adjusted[i]
	}
	return out, nil
}
