package plot

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

// A group holds the items that share a key.
type group[T any] struct {
	key   string
	items []T
}

// groups splits items by key, in order of first appearance.
func groups[T any](items []T, key func(T) string) []group[T] {
	var out []group[T]
	at := map[string]int{}
	for _, item := range items {
		k := key(item)
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, group[T]{key: k})
		}
		out[i].items = append(out[i].items, item)
	}
	return out
}

// where returns the rows that keep accepts.
func where(rows []summary.Row, keep func(summary.Row) bool) []summary.Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r summary.Row) bool { return !keep(r) })
}

// agree returns an error if items of one chart differ in what the chart states once.
func agree[T any](items []T, what func(T) string) error {
	for _, item := range items {
		if a, b := what(items[0]), what(item); a != b {
			return fmt.Errorf("plot: %s and %s cannot share a chart", a, b)
		}
	}
	return nil
}

// scoreOf returns the metric of the rows, or "score" if they have several or do not say.
func scoreOf[R any](rows []R, metric func(R) tasks.Metric) string {
	m := metric(rows[0])
	if m == "" || slices.ContainsFunc(rows, func(r R) bool { return metric(r) != m }) {
		return "score"
	}
	return string(m)
}

func metricOf(r summary.Row) tasks.Metric { return r.Metric }

// Parts of a row by which rows are grouped and series named.
func taskOf(r summary.Row) string      { return r.Task }
func treatmentOf(r summary.Row) string { return r.Treatment }
func lossOf(r summary.Row) string      { return loss.Short(r.Loss) }

// lossWithoutAlpha returns the loss of a row without its alpha.
func lossWithoutAlpha(r summary.Row) string {
	name, _, _ := loss.CutAlpha(r.Loss)
	return loss.Short(name)
}

// setupOf returns the setup of the experiment of a row, which is the same for its smaller training pools.
func setupOf(r summary.Row) string {
	if rest, ok := strings.CutPrefix(r.Setup, "pool="); ok {
		return "train=" + rest
	}
	return r.Setup
}

// titled appends the setup of a row to a title.
func titled(title string, r summary.Row) string {
	return strings.TrimSuffix(title+", "+setupOf(r), ", ")
}

// setting joins the treatment and the variant of a row.
func setting(r summary.Row) string { return strings.TrimSpace(r.Treatment + " " + r.Variant()) }

// joined returns a function that joins parts of a row to a key.
func joined(parts ...func(summary.Row) string) func(summary.Row) string {
	return func(r summary.Row) string {
		var key []string
		for _, of := range parts {
			key = append(key, of(r))
		}
		return strings.Join(key, "\x00")
	}
}

// distinguishing returns a function that names the series of a row by the parts in which rows differ, or by the first part
// if they do not.
func distinguishing(rows []summary.Row, parts ...func(summary.Row) string) func(summary.Row) string {
	var kept []func(summary.Row) string
	for _, of := range parts {
		if slices.ContainsFunc(rows, func(r summary.Row) bool { return of(r) != of(rows[0]) }) {
			kept = append(kept, of)
		}
	}
	if len(kept) == 0 {
		kept = parts[:1]
	}
	return func(r summary.Row) string {
		var names []string
		for _, of := range kept {
			if text := of(r); text != "" {
				names = append(names, text)
			}
		}
		return strings.Join(names, ", ")
	}
}

// byLoss groups rows by loss or, if a chart cannot tell that many apart, by loss without its alpha.
func byLoss(rows []summary.Row) []group[summary.Row] {
	all := groups(rows, lossOf)
	if len(all) <= MaxSeries {
		return all
	}
	return groups(rows, lossWithoutAlpha)
}

// keys returns the keys of groups.
func keys[T any](gs []group[T]) []string {
	return list.Map(gs, func(g group[T]) string { return g.key })
}

// studentSeries returns a series without points for each group of students that share a loss.
func studentSeries(gs []group[summary.Row]) []*marks {
	all := lossSeries(list.Map(gs, func(g group[summary.Row]) string { return lossOf(g.items[0]) }))
	for i, m := range all {
		m.name = "student, " + gs[i].key
	}
	return all
}

// listed writes the keys of groups as "a, b and c".
func listed[T any](gs []group[T]) string {
	out := ""
	for i, g := range gs {
		switch {
		case i > 0 && i == len(gs)-1:
			out += " and "
		case i > 0:
			out += ", "
		}
		out += clean(g.key)
	}
	return out
}

// span writes the range of values: "800" or "240 to 800".
func span(values []int) string {
	lo, hi := slices.Min(values), slices.Max(values)
	if lo == hi {
		return strconv.Itoa(lo)
	}
	return fmt.Sprintf("%d to %d", lo, hi)
}
