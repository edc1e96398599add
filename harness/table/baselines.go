package table

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/internal/list"
)

// A baselineLine is a baseline of a row, which stands for all rows that have it.
type baselineLine struct {
	row      summary.Row
	baseline summary.Baseline
}

// baselineLines returns the baselines of rows, each once, in the order of the rows' tasks and pairs.
func baselineLines(rows []summary.Row) []baselineLine {
	pair := func(r summary.Row) string {
		return strings.Join([]string{r.Task, r.Weak, r.Strong, r.Variant()}, "\x00")
	}
	pairs := list.AppendNew(nil, list.Map(rows, pair)...)
	var lines []baselineLine
	seen := map[string]bool{}
	for _, r := range rows {
		for _, b := range r.Baselines {
			key := pair(r) + "\x00" + b.Kind
			if b.Kind == result.OfShuffled {
				key += "\x00" + r.Loss + "\x00" + r.Treatment
			}
			if !seen[key] {
				seen[key] = true
				lines = append(lines, baselineLine{r, b})
			}
		}
	}
	place := func(l baselineLine) int {
		return slices.IndexFunc(l.row.Baselines, func(b summary.Baseline) bool { return b.Kind == l.baseline.Kind })
	}
	slices.SortStableFunc(lines, func(a, b baselineLine) int {
		return cmp.Or(cmp.Compare(slices.Index(pairs, pair(a.row)), slices.Index(pairs, pair(b.row))), cmp.Compare(place(a), place(b)))
	})
	return lines
}

// Baselines lays out the baselines of rows, which stand below the table of [PGR]. Notes that this table has as well have the same letters
// in both and are not repeated. It returns nil if the rows have no baselines.
func Baselines(rows []summary.Row) *Table {
	lines := baselineLines(rows)
	if len(lines) == 0 {
		return nil
	}
	rowOf := func(l baselineLine) summary.Row { return l.row }
	columns := within(rowOf, taskColumn)
	caption := []string{"baselines, " + inPerCent(rows)}
	columns = append(columns, within(rowOf, metricColumn(rows, metricOf)...)...)
	for _, c := range []column[summary.Row]{pairColumn, text("variant", "", summary.Row.Variant)} {
		if slices.ContainsFunc(rows, func(r summary.Row) bool { return c.cell(r) != c.cell(rows[0]) }) {
			columns = append(columns, within(rowOf, c)...)
		} else if v := c.cell(rows[0]); v != "" {
			caption = append(caption, v)
		}
	}
	ofShuffled := func(of func(summary.Row) string) func(baselineLine) string {
		return func(l baselineLine) string {
			if l.baseline.Kind != result.OfShuffled {
				return ""
			}
			return of(l.row)
		}
	}
	columns = append(columns, within(rowOf, nColumn, weakColumn)...)
	columns = append(columns,
		text("baseline", "", func(l baselineLine) string { return l.baseline.Name() }),
		text("loss", "", ofShuffled(func(r summary.Row) string { return loss.Short(r.Loss) })))
	if slices.ContainsFunc(rows, func(r summary.Row) bool { return r.Treatment != rows[0].Treatment }) {
		columns = append(columns, text("treatment", "", ofShuffled(func(r summary.Row) string { return r.Treatment })))
	}
	notes := &letters{}
	for _, r := range rows {
		notes.of(r.Warnings)
	}
	above := len(notes.lines())
	columns = append(columns,
		number("score", "", func(l baselineLine) string { return points(l.baseline.Score) }))
	columns = append(columns, within(rowOf, ceilingColumn)...)
	columns = append(columns,
		number("as PGR", "(score - weak) / (ceiling - weak).", func(l baselineLine) string { return l.baseline.PGR.String() }),
		text("interval", "interval of it over seeds and test examples.", func(l baselineLine) string { return known(l.baseline.PGR.Interval) }),
		text("notes", "", func(l baselineLine) string { return notes.of(l.baseline.Warnings) }))
	t := layOut("baselines", strings.Join(caption, ", "), lines, columns...)
	t.Notes = slices.Concat(t.Notes, fillLines([]string{"shuffled labels: a student of permuted weak labels.",
		"main axis, random direction: of the features, signed by the weak labels.", "gold: the strong model trained on gold labels of weak-train."}),
		notes.lines()[above:])
	return t
}

// cosine writes a mean cosine.
func cosine(c *summary.Cosine) string {
	if c == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f", c.Value)
}
