package summary

import (
	"cmp"
	"fmt"
	"slices"

	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/tasks"
)

// A Pool is the PGR of several tasks for one pair, loss, treatment and variant.
type Pool struct {
	Weak      string
	Strong    string
	Loss      string
	Treatment string
	Variant   string       // see Row.Variant
	Metric    tasks.Metric // exact match of free answers counts as accuracy; "" if the rows do not say
	N         int          // number of test examples of all tasks together; 0 if that of a task is unknown
	Seeds     [2]int       // lowest and highest number of seeds of a task
	PGR       stats.Pooled
}

// A CategoryRow pools the tasks of one category.
type CategoryRow struct {
	Category tasks.Category
	Pool
	Published *Range // nil if no range was published
	Outside   bool   // the pooled PGR with its interval is outside the published range
}

// A PairRow pools all tasks.
type PairRow struct {
	Pool
	Gap float64 // median gap over all tasks, also those without a defined PGR
}

// A Range is a range of PGR.
type Range struct{ Low, High float64 }

// Published returns the range of the PGR of accuracy that is commonly quoted for a category from Burns et al. 2023 (arXiv 2312.09390), for
// naive finetuning: NLP 0.2 to 0.7, chess about 0.5 (taken as 0.4 to 0.6), reward modeling 0.1 to 0.3. It returns nil for
// generative tasks. The paper itself shows curves over the models' compute and states no such ranges, so a figure outside
// means that a setting differs from theirs, not that it is wrong.
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
		row := CategoryRow{Category: c, Pool: p}
		if p.Metric == tasks.Accuracy || p.Metric == "" { // what the ranges are of
			row.Published = Published(c)
		}
		if r, pooled := row.Published, p.PGR.PGR(); r != nil && pooled.Defined {
			within := cmp.Or(p.PGR.Over(), pooled.Interval)
			if !within.Known() {
				within.Lo, within.Hi = pooled.Value, pooled.Value
			}
			row.Outside = within.Hi < r.Low || within.Lo > r.High
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
		gap, _, err := stats.MedianInterval(list.Map(members, func(r Row) float64 { return r.PGR.Gap }), stats.Level)
		out = append(out, PairRow{Pool: p, Gap: gap})
		return err
	})
	return out, err
}

// pool groups rows by category, pair, loss, treatment, variant and metric and calls emit for each group, in order of first
// appearance. A task that is in a group twice would count twice in a median over tasks, so it is an error.
func pool(rows []Row, categoryOf func(Row) tasks.Category, emit func(tasks.Category, Pool, []Row) error) error {
	type key struct {
		category                               tasks.Category
		weak, strong, loss, treatment, variant string
		metric                                 tasks.Metric
	}
	members, order := map[key][]Row{}, []key(nil)
	for _, r := range rows {
		k := key{categoryOf(r), r.Weak, r.Strong, r.Loss, r.Treatment, r.Variant(), r.Metric}
		if k.metric == tasks.ExactMatch {
			k.metric = tasks.Accuracy
		}
		if members[k] == nil {
			order = append(order, k)
		}
		if slices.ContainsFunc(members[k], func(o Row) bool { return o.Task == r.Task }) {
			return fmt.Errorf("task %s, %s -> %s, %s appears twice (give one of the results that hold it)", r.Task, r.Weak, r.Strong, r.Loss)
		}
		members[k] = append(members[k], r)
	}
	for _, k := range order {
		p := Pool{Weak: k.weak, Strong: k.strong, Loss: k.loss, Treatment: k.treatment, Variant: k.variant, Metric: k.metric}
		p.Seeds = [2]int{members[k][0].Seeds, members[k][0].Seeds}
		unknown := slices.ContainsFunc(members[k], func(r Row) bool { return r.N == 0 })
		for _, r := range members[k] {
			if !unknown {
				p.N += r.N
			}
			p.Seeds = [2]int{min(p.Seeds[0], r.Seeds), max(p.Seeds[1], r.Seeds)}
		}
		var err error
		if p.PGR, err = stats.Pool(list.Map(members[k], func(r Row) stats.TaskPGR {
			return stats.TaskPGR{Corpus: cmp.Or(r.Corpus, r.Task), Gain: r.Transfer.Value - r.Floor.Value, PGR: r.PGR}
		})); err == nil {
			err = emit(k.category, p, members[k])
		}
		if err != nil {
			return fmt.Errorf("%s -> %s, %s: %w", k.weak, k.strong, k.loss, err)
		}
	}
	return nil
}
