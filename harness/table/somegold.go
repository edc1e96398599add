package table

import (
	"slices"
	"strconv"
	"strings"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
)

// A goldLine is a student that sees some gold, or the student of the same pair that sees none, whose method is "".
type goldLine struct {
	row    summary.Row
	method string
	share  float64
	summary.Baseline
}

// seen writes the share of gold.
func (l goldLine) seen() string {
	if l.method == "" {
		return "none"
	}
	return strconv.FormatFloat(100*l.share, 'g', 4, 64) + " %"
}

// SomeGold lays out the students that see some gold, or returns nil if there are none. Above those of a pair is its student that sees none,
// of cross-entropy and soft labels, if there is one.
func SomeGold(rows []summary.Row) *Table {
	var lines []goldLine
	seen := map[[4]string]bool{}
	for _, r := range rows {
		key := [4]string{r.Task, r.Weak, r.Strong, r.Variant()}
		if len(r.SomeGold) == 0 || seen[key] {
			continue
		}
		seen[key] = true
		plain := slices.IndexFunc(rows, func(p summary.Row) bool {
			return [4]string{p.Task, p.Weak, p.Strong, p.Variant()} == key && p.Loss == "xent" && p.Treatment == "soft"
		})
		if plain >= 0 {
			p := rows[plain]
			lines = append(lines, goldLine{row: p, Baseline: summary.Baseline{Train: p.Train, Seeds: p.Seeds, Score: p.Transfer, PGR: p.PGR}})
		}
		for _, b := range r.SomeGold {
			method, share, _ := result.CutSomeGold(b.Kind)
			lines = append(lines, goldLine{r, method, share, b})
		}
	}
	if len(lines) == 0 {
		return nil
	}
	rowOf := func(l goldLine) summary.Row { return l.row }
	have := list.Map(lines, rowOf)
	columns := within(rowOf, taskColumn, pairColumn, variantColumn)
	columns = append(columns, within(rowOf, metricColumn(have, metricOf)...)...)
	columns = append(columns,
		text("GOLD SEEN", "share of strong-train whose gold labels the student sees.", goldLine.seen),
		text("method", "how it learns from them.", func(l goldLine) string {
			if l.method == "" {
				return "weak labels"
			}
			return l.method
		}),
		number("score", "", func(l goldLine) string { return points(l.Score) }),
		number("as PGR", "(score - weak) / (ceiling - weak).", func(l goldLine) string { return l.PGR.String() }).shaded(func(l goldLine) shade { return pgrShade(l.PGR) }),
		intervalColumn(lines, rowOf, func(l goldLine) stats.PGR { return l.PGR }),
		number("train", "training examples, of the first seed.", func(l goldLine) string { return strconv.Itoa(l.Train) }).ranked(2))
	columns = append(columns, within(rowOf, weakColumn.said("weak %s").ranked(2), ceilingColumn.said("ceiling %s").ranked(3), nColumn)...)
	t := layOut("sees-gold", []string{"students that SEE GOLD of strong-train, " + inPerCent(have)}, lines, columns...)
	t.values = goldData(lines)
	t.Notes = []string{"These students see gold labels, so their scores are no PGR of weak supervision. All learn by cross-entropy but anchored (logconf). " +
		"naive: gold in place of weak labels. oracle: gold of the supervisor's errors first, which takes the gold of all to choose. random, only: controls whose other " +
		"labels are guesses, or left out. soft, weighted, anchored: gold is less sure, counts more, or is not mixed with own predictions. " +
		"reliability: weak labels count as they prove right on gold. choice: gold chooses the penalty alone."}
	for _, l := range lines {
		for _, text := range l.Warnings {
			if !strings.HasPrefix(text, result.SeesGold) { // which the table says
				t.Notes = list.AppendNew(t.Notes, l.row.Task+": "+text)
			}
		}
	}
	return t
}

func goldData(lines []goldLine) *Data {
	return tidy(lines, slices.Concat([]field[goldLine]{
		{"task", func(l goldLine) any { return l.row.Task }},
		{"metric", func(l goldLine) any { return l.row.Metric }},
		{"weak_model", func(l goldLine) any { return l.row.Weak }},
		{"strong_model", func(l goldLine) any { return l.row.Strong }},
		{"variant", func(l goldLine) any { return l.row.Variant() }},
		{"gold_share", func(l goldLine) any { return l.share }},
		{"method", func(l goldLine) any { return l.method }},
		{"n", func(l goldLine) any { return l.row.N }},
		{"seeds", func(l goldLine) any { return l.Seeds }},
		{"train", func(l goldLine) any { return l.Train }},
	}, figureFields("score", func(l goldLine) summary.Figure { return l.Score }),
		pgrFields("pgr", func(l goldLine) stats.PGR { return l.PGR }),
		figureFields("weak", func(l goldLine) summary.Figure { return l.row.Floor }),
		figureFields("ceiling", func(l goldLine) summary.Figure { return l.row.Ceiling })))
}
