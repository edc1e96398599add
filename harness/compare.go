package harness

import (
	"fmt"
	"slices"

	"w2s/harness/stats"
	"w2s/tasks"
)

// A Pool is the PGR of several tasks for one pair, loss and treatment.
type Pool struct {
	Weak      string
	Strong    string
	Loss      string
	Treatment string
	Variant   string
	PGR       stats.Pooled // median over tasks; tasks without a defined PGR are counted apart
}

// A CategoryRow pools the tasks of one category.
type CategoryRow struct {
	Category tasks.Category
	Pool
	Published *Range // nil where nothing was published
	Outside   bool   // the median is outside the published range
}

// A PairRow pools all tasks.
type PairRow struct {
	Pool
	Gap float64 // median over all tasks, those without a defined PGR included
}

// A Range is what is quoted for a category.
type Range struct{ Low, High float64 }

// Published are the PGR ranges that are commonly quoted from Burns et al. 2023 (arXiv 2312.09390) for naive finetuning:
// NLP 0.2 to 0.7, chess about 0.5 (read here as 0.4 to 0.6), reward modeling 0.1 to 0.3. The paper itself has curves over
// the models' compute and no such ranges: a median outside says that a setting is unlike theirs, not that it is wrong.
// There is none for generative tasks.
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
	err := pool(rows, func(r Row) tasks.Category { return r.Category }, func(c tasks.Category, p Pool, _ []Row) error {
		row := CategoryRow{Category: c, Pool: p, Published: Published(c)}
		if r := row.Published; r != nil && p.PGR.N > 0 {
			row.Outside = p.PGR.Median < r.Low || p.PGR.Median > r.High
		}
		out = append(out, row)
		return nil
	})
	return out, err
}

// Pairs pools rows by pair of models, in order of first appearance.
func Pairs(rows []Row) ([]PairRow, error) {
	var out []PairRow
	err := pool(rows, func(Row) tasks.Category { return "" }, func(_ tasks.Category, p Pool, members []Row) error {
		gap, _, err := stats.MedianInterval(each(members, func(r Row) float64 { return r.PGR.Gap }), stats.Level)
		out = append(out, PairRow{Pool: p, Gap: gap})
		return err
	})
	return out, err
}

// pool groups rows by category, pair, loss and treatment and hands on each group, in order of first appearance. A task
// that is in a group twice, because it is in two results, would count twice in a median over tasks, so it is an error.
func pool(rows []Row, categoryOf func(Row) tasks.Category, group func(tasks.Category, Pool, []Row) error) error {
	type key struct {
		category                               tasks.Category
		weak, strong, loss, treatment, variant string
	}
	members, order := map[key][]Row{}, []key(nil)
	for _, r := range rows {
		k := key{categoryOf(r), r.Weak, r.Strong, r.Loss, r.Treatment, r.Variant}
		if members[k] == nil {
			order = append(order, k)
		}
		if slices.ContainsFunc(members[k], func(o Row) bool { return o.Task == r.Task }) {
			return fmt.Errorf("harness: task %s, %s -> %s, %s is there twice (give one of the results that hold it)", r.Task, r.Weak, r.Strong, r.Loss)
		}
		members[k] = append(members[k], r)
	}
	for _, k := range order {
		p := Pool{Weak: k.weak, Strong: k.strong, Loss: k.loss, Treatment: k.treatment, Variant: k.variant}
		var err error
		if p.PGR, err = stats.Pool(each(members[k], func(r Row) stats.PGR { return r.PGR })); err == nil {
			err = group(k.category, p, members[k])
		}
		if err != nil {
			return fmt.Errorf("harness: %s -> %s, %s: %w", k.weak, k.strong, k.loss, err)
		}
	}
	return nil
}

// A LossRow compares a loss with the first one of the same task, pair and treatment, on the same test examples.
type LossRow struct {
	Task, Weak, Strong, Treatment, Variant string
	Loss, Against                          string
	stats.Difference
	Adjusted float64 // p-value, adjusted for all comparisons of the list (Holm 1979)
}

// Losses compares losses. Rows of different results are not compared, their test examples may be others. Rows without a
// value for every example are left out: imported ones, and those of a metric that is no mean over examples.
func Losses(rows []Row, opt SummaryOptions) ([]LossRow, error) {
	var out []LossRow
	for i, r := range rows {
		first := slices.IndexFunc(rows, func(o Row) bool {
			return o.result == r.result && o.Task == r.Task && o.Weak == r.Weak && o.Strong == r.Strong && o.Treatment == r.Treatment && o.Variant == r.Variant
		})
		if first == i || r.correct == nil {
			continue
		}
		d, err := stats.Compare(r.correct, rows[first].correct, opt.bootstrap(r.N))
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
