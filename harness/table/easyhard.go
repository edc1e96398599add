package table

import (
	"slices"
	"strconv"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
)

// EasyHard lays out how far training on easy examples carries to hard ones, or returns nil if no row tells. All scores are on hard test
// examples.
func EasyHard(rows []summary.Row) *Table {
	lines := summary.EasyHardRows(rows)
	if len(lines) == 0 {
		return nil
	}
	rowOf := func(l summary.EasyHardRow) summary.Row { return l.Row }
	have := list.Map(lines, rowOf)
	figure := func(name, about string, of func(summary.EasyHardRow) *summary.Figure) column[summary.EasyHardRow] {
		return number(name, about, func(l summary.EasyHardRow) string {
			return pointsOr(of(l), "–")
		})
	}
	over := "seeds, test"
	if !overManySeeds(have) {
		over = "test"
	}
	columns := within(rowOf, taskColumn, pairColumn, treatmentColumn, variantColumn)
	columns = append(columns, within(rowOf, metricColumn(have, metricOf)...)...)
	columns = append(columns,
		text("order", "by which a third of the examples is easy and a third is hard.", func(l summary.EasyHardRow) string { return l.Order }),
		text("loss", "", func(l summary.EasyHardRow) string { return loss.Short(l.Row.Loss) }),
		figure("weak", "score of the weak supervisor.", func(l summary.EasyHardRow) *summary.Figure { return &l.Floor }).shortened().ranked(2),
		figure("student", "score of the strong student.", func(l summary.EasyHardRow) *summary.Figure { return &l.Transfer }).ranked(1),
		figure("unsupervised", "the main axis of the strong model's features, signed by the weak labels.", func(l summary.EasyHardRow) *summary.Figure { return l.Unsupervised }),
		figure("easy", "the strong model, trained on GOLD of easy examples.", func(l summary.EasyHardRow) *summary.Figure { return &l.Easy }),
		figure("hard", "the strong model, trained on GOLD of hard examples.", func(l summary.EasyHardRow) *summary.Figure { return &l.Hard }),
		number("SGR", "(easy - unsupervised) / (hard - unsupervised).", func(l summary.EasyHardRow) string { return l.SGR.String() }).
			shaded(func(l summary.EasyHardRow) shade { return pgrShade(l.SGR) }),
		text(ciHead(levelOf(have), over), "interval of SGR over "+covered(have)+".", func(l summary.EasyHardRow) string { return known(l.SGR.Interval) }).
			shaded(func(l summary.EasyHardRow) shade { return pgrShade(l.SGR) }),
		number("train", "training examples of easy and hard.", func(l summary.EasyHardRow) string { return strconv.Itoa(l.Train) }).said("%s training examples each").ranked(3),
		number("n hard", "hard test examples.", func(l summary.EasyHardRow) string { return strconv.Itoa(l.N) }).said("%s hard test examples"))
	doubts := &letters{}
	notes := func(l summary.EasyHardRow) []string {
		if l.SGR.Reason == "" {
			return l.Warnings
		}
		return append([]string{strings.Replace(l.SGR.Reason, "gap ", "gap (hard - unsupervised) ", 1)}, l.Warnings...)
	}
	if slices.ContainsFunc(lines, func(l summary.EasyHardRow) bool { return len(notes(l)) > 0 }) {
		columns = append(columns, text("notes", "", func(l summary.EasyHardRow) string { return doubts.of(notes(l)) }))
	}
	t := layOut("easy-to-hard", []string{"easy to hard: the hardest third of the test, " + inPerCent(have)}, lines, columns...)
	t.values = easyHardData(lines)
	t.Notes = append([]string{intervalsNote(have), "easy and hard see gold: they are no students."}, doubts.lines()...)
	return t
}

func easyHardData(lines []summary.EasyHardRow) *Data {
	figure := func(name string, of func(summary.EasyHardRow) *summary.Figure) []field[summary.EasyHardRow] {
		return ranged(name, func(l summary.EasyHardRow) (float64, stats.Interval, bool) { return parts(of(l)) })
	}
	return tidy(lines, slices.Concat([]field[summary.EasyHardRow]{
		{"task", func(l summary.EasyHardRow) any { return l.Row.Task }},
		{"weak_model", func(l summary.EasyHardRow) any { return l.Row.Weak }},
		{"strong_model", func(l summary.EasyHardRow) any { return l.Row.Strong }},
		{"metric", func(l summary.EasyHardRow) any { return l.Row.Metric }},
		{"loss", func(l summary.EasyHardRow) any { return loss.Short(l.Row.Loss) }},
		{"treatment", func(l summary.EasyHardRow) any { return l.Row.Treatment }},
		{"variant", func(l summary.EasyHardRow) any { return l.Row.Variant() }},
		{"order", func(l summary.EasyHardRow) any { return l.Order }},
		{"n", func(l summary.EasyHardRow) any { return l.N }},
		{"train", func(l summary.EasyHardRow) any { return l.Train }},
		{"seeds", func(l summary.EasyHardRow) any { return l.Row.Seeds }},
	}, figure("weak", func(l summary.EasyHardRow) *summary.Figure { return &l.Floor }),
		figure("student", func(l summary.EasyHardRow) *summary.Figure { return &l.Transfer }),
		figure("unsupervised", func(l summary.EasyHardRow) *summary.Figure { return l.Unsupervised }),
		figure("easy", func(l summary.EasyHardRow) *summary.Figure { return &l.Easy }),
		figure("hard", func(l summary.EasyHardRow) *summary.Figure { return &l.Hard }),
		ranged("sgr", func(l summary.EasyHardRow) (float64, stats.Interval, bool) {
			return l.SGR.Value, l.SGR.Interval, l.SGR.Defined
		})))
}
