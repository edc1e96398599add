package harness

import (
	"fmt"
	"slices"

	"w2s/harness/stats"
	"w2s/tasks"
)

// A CategoryRow pools the PGR of a category's tasks for one pair, loss and treatment.
type CategoryRow struct {
	Category  tasks.Category
	Weak      string
	Strong    string
	Loss      string
	Treatment string
	Variant   string
	PGR       stats.Pooled // median over tasks; tasks without a defined PGR are counted apart
	Published *Range       // nil where nothing was published
	Outside   bool         // the median is outside the published range
}

// A Range is what was published for a category.
type Range struct{ Low, High float64 }

// Published are the PGR ranges that are quoted from Burns et al. 2023 (arXiv 2312.09390) for naive finetuning: NLP 0.2
// to 0.7, chess about 0.5 (read here as 0.4 to 0.6), reward modeling 0.1 to 0.3. There is none for generative tasks.
func Published(c tasks.Category) *Range {
	switch c {
	case tasks.NLP:
		return &Range{0.2, 0.7}
	case tasks.Chess:
		return &Range{0.4, 0.6}
	case tasks.Reward:
		return &Range{0.1, 0.3}
	}
	return nil
}

// Categories pools rows by category, in order of first appearance.
func Categories(rows []Row) ([]CategoryRow, error) {
	var out []CategoryRow
	var values [][]stats.PGR
	for _, r := range rows {
		at := slices.IndexFunc(out, func(c CategoryRow) bool {
			return c.Category == r.Category && c.Weak == r.Weak && c.Strong == r.Strong && c.Loss == r.Loss && c.Treatment == r.Treatment && c.Variant == r.Variant
		})
		if at < 0 {
			at = len(out)
			out = append(out, CategoryRow{Category: r.Category, Weak: r.Weak, Strong: r.Strong, Loss: r.Loss, Treatment: r.Treatment,
				Variant: r.Variant, Published: Published(r.Category)})
			values = append(values, nil)
		}
		values[at] = append(values[at], r.PGR)
	}
	for i := range out {
		var err error
		if out[i].PGR, err = stats.Pool(values[i]); err != nil {
			return nil, fmt.Errorf("harness: category %s: %w", out[i].Category, err)
		}
		if p := out[i].Published; p != nil && out[i].PGR.N > 0 {
			out[i].Outside = out[i].PGR.Median < p.Low || out[i].PGR.Median > p.High
		}
	}
	return out, nil
}

// A LossRow compares a loss with the first one of the same task, pair and treatment, on the same test examples.
type LossRow struct {
	Task, Weak, Strong, Treatment, Variant string
	Loss, Against                          string
	stats.Difference
	Adjusted float64 // p-value, adjusted for all comparisons of the list (Holm 1979)
}

// Losses compares losses. Rows whose metric is no mean over examples are left out.
func Losses(rows []Row, resamples int) ([]LossRow, error) {
	var out []LossRow
	for i, r := range rows {
		first := slices.IndexFunc(rows, func(o Row) bool {
			return o.Task == r.Task && o.Weak == r.Weak && o.Strong == r.Strong && o.Treatment == r.Treatment && o.Variant == r.Variant
		})
		if first == i || r.correct == nil {
			continue
		}
		d, err := stats.Compare(r.correct, rows[first].correct, stats.Bootstrap{N: r.N, Resamples: resamples})
		if err != nil {
			return nil, fmt.Errorf("harness: %s, %s against %s: %w", r.Task, r.Loss, rows[first].Loss, err)
		}
		out = append(out, LossRow{Task: r.Task, Weak: r.Weak, Strong: r.Strong, Treatment: r.Treatment, Variant: r.Variant,
			Loss: r.Loss, Against: rows[first].Loss, Difference: d})
	}
	adjusted, err := stats.Holm(each(out, func(l LossRow) float64 { return l.P }))
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Adjusted = adjusted[i]
	}
	return out, nil
}
