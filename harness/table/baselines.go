package table

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
)

// A baselineLine is a baseline of a row, which stands for all rows that have it.
type baselineLine struct {
	row      summary.Row
	baseline summary.Baseline
}

// baselineLines returns the baselines of rows, each once, in the order of the rows' tasks and pairs. Unless all is set, of the students
// of shuffled labels it returns the one whose loss and treatment the best student of the pair has.
func baselineLines(rows []summary.Row, all bool) []baselineLine {
	pair := func(r summary.Row) string {
		return strings.Join([]string{r.Task, r.Weak, r.Strong, r.Variant()}, "\x00")
	}
	pairs := list.AppendNew(nil, list.Map(rows, pair)...)
	best := map[string]int{} // row of the best student, by pair
	for i, r := range rows {
		if at, ok := best[pair(r)]; !ok || r.Transfer.Value > rows[at].Transfer.Value {
			best[pair(r)] = i
		}
	}
	var lines []baselineLine
	seen := map[string]bool{}
	for i, r := range rows {
		for _, b := range r.Baselines {
			key := pair(r) + "\x00" + b.Kind
			if b.Kind == result.OfShuffled {
				if !all && best[pair(r)] != i {
					continue
				}
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
// in both and are not repeated. It returns nil if the rows have no baselines. A loss has a student of shuffled labels of its own; all
// shows each of them, and not only that of the best student's loss.
func Baselines(rows []summary.Row, all bool) *Table {
	lines := baselineLines(rows, all)
	if len(lines) == 0 {
		return nil
	}
	rowOf := func(l baselineLine) summary.Row { return l.row }
	have := list.Map(lines, rowOf)
	treatments := slices.ContainsFunc(have, func(r summary.Row) bool { return r.Treatment != have[0].Treatment })
	name := func(l baselineLine) string {
		switch {
		case l.baseline.Kind != result.OfShuffled:
			return l.baseline.Name()
		case treatments:
			return fmt.Sprintf("%s (%s, %s)", l.baseline.Name(), loss.Short(l.row.Loss), l.row.Treatment)
		}
		return fmt.Sprintf("%s (%s)", l.baseline.Name(), loss.Short(l.row.Loss))
	}
	warnings := newWarnings(rows)
	above := len(warnings.warnings)
	columns := within(rowOf, taskColumn)
	columns = append(columns, within(rowOf, metricColumn(have, metricOf)...)...)
	columns = append(columns, within(rowOf, pairColumn, variantColumn)...)
	columns = append(columns,
		text("baseline", "", name),
		number("score", "", func(l baselineLine) string { return points(l.baseline.Score) }),
		number("as PGR", "(score - weak) / (ceiling - weak).", func(l baselineLine) string { return l.baseline.PGR.String() }).
			shaded(func(l baselineLine) shade { return pgrShade(l.baseline.PGR) }),
		intervalColumn(lines, rowOf, func(l baselineLine) stats.PGR { return l.baseline.PGR }))
	columns = append(columns, within(rowOf, weakColumn.said("weak %s").ranked(2), ceilingColumn.said("ceiling %s").ranked(3), nColumn)...)
	marks := list.Map(lines, func(l baselineLine) string { return warnings.markThese(l.row.Task, l.baseline.Warnings) })
	if strings.Join(marks, "") != "" {
		columns = append(columns, text("notes", "", func(l baselineLine) string { return warnings.markThese(l.row.Task, l.baseline.Warnings) }))
	}
	t := layOut("baselines", []string{"baselines, " + inPerCent(have)}, lines, columns...)
	t.values = baselineData(lines)
	shuffled := "shuffled labels: a student of permuted weak labels"
	if !all {
		shuffled += ", with the loss of the best student"
	}
	unlabelled := ""
	if slices.ContainsFunc(lines, func(l baselineLine) bool { return slices.Contains(result.Unlabelled(), l.baseline.Kind) }) {
		unlabelled = "consensus, CCS, main axis of statements: directions found without labels, signed by the weak labels. weak labels + CCS: half of either objective. "
	}
	t.Notes = append([]string{shuffled + ". main axis, random direction: of the features, signed by the weak labels. " + unlabelled +
		"gold: the strong model trained on gold labels of weak-train."}, warnings.letters.lines()[above:]...)
	return t
}

// cosine writes a mean cosine.
func cosine(c *summary.Cosine) string {
	if c == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f", c.Value)
}
