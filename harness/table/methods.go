package table

import (
	"fmt"
	"slices"
	"strconv"

	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/harness/summary"
)

// methodName names a method by what it has beyond cross-entropy on the supervisor's own labels.
func methodName(m summary.Method) string {
	switch l := loss.Short(m.Loss); {
	case m.Treatment == "soft":
		return l
	case l == "xent":
		return m.Treatment
	default:
		return l + ", " + m.Treatment
	}
}

// Methods lays out the league table of methods, or returns nil if there is none. of are the rows that the methods were compared by.
func Methods(rows []summary.MethodRow, of []summary.Row) *Table {
	if len(rows) == 0 {
		return nil
	}
	level, corpora, cells := stats.Level, 0, 0
	for _, r := range rows {
		corpora, cells = max(corpora, r.Corpora), max(cells, r.Cells)
		if r.Interval.Known() {
			level = r.Interval.Level
		}
	}
	head := ciHead(level, "corpora")
	columns := []column[summary.MethodRow]{
		text("method", "loss on the supervisor's own labels, or treatment of the labels for xent.", func(r summary.MethodRow) string { return methodName(r.Method) }),
		number("rank", "mean rank of the student's score, 1 for the best of all methods.", func(r summary.MethodRow) string { return fmt.Sprintf("%.1f", r.Rank) }),
		text(head, "", func(r summary.MethodRow) string {
			if !r.RankInterval.Known() {
				return ""
			}
			return fmt.Sprintf("[%.1f, %.1f]", r.RankInterval.Lo, r.RankInterval.Hi)
		}),
		text("win/tie/loss", "cells in which the student is better than with xent, not distinguished, or worse, after Holm's correction for the methods of the cell.",
			func(r summary.MethodRow) string { return fmt.Sprintf("%d/%d/%d", r.Wins, r.Ties, r.Less) }),
		number("difference", "mean difference from xent, in points.", func(r summary.MethodRow) string { return fmt.Sprintf("%+.2f", 100*r.Diff) }),
		text(head, "", func(r summary.MethodRow) string {
			if !r.Interval.Known() {
				return ""
			}
			return fmt.Sprintf("[%+.2f, %+.2f]", 100*r.Interval.Lo, 100*r.Interval.Hi)
		}).shaded(func(r summary.MethodRow) shade {
			if r.Interval.Known() && r.Interval.Lo > 0 {
				return good
			}
			return plain
		}),
		number("p adjusted", fmt.Sprintf("p-value of the difference over corpora, with Holm's correction for the %d methods.", len(rows)-1),
			func(r summary.MethodRow) string {
				if r.Corpora == 1 {
					return "–"
				}
				return pValue(r.Adjusted)
			}),
		number("PGR", "mean difference / mean gap: what the method adds to the PGR.", func(r summary.MethodRow) string {
			if !r.PGR.Defined {
				return "–"
			}
			return fmt.Sprintf("%+.2f", r.PGR.Value)
		}),
		text(head, "", func(r summary.MethodRow) string {
			if !r.PGR.Defined || !r.PGR.Interval.Known() {
				return ""
			}
			return fmt.Sprintf("[%+.2f, %+.2f]", r.PGR.Interval.Lo, r.PGR.Interval.Hi)
		}).ranked(2),
		number("lowest", "least difference of a cell, in points.", func(r summary.MethodRow) string { return fmt.Sprintf("%+.1f", 100*r.Lowest) }),
		number("cells", "tasks with a pair of models.", func(r summary.MethodRow) string { return strconv.Itoa(r.Cells) }).said("%s cells").ranked(1),
	}
	t := layOut("methods", []string{fmt.Sprintf("methods on %d cells of %d corpora, against xent on soft labels", cells, corpora)}, rows, columns...)
	t.Notes = append(t.Notes, "intervals are about other corpora like these; tasks of one corpus and its pairs of models are averaged first")
	if corpora == 1 {
		t.Notes = append(t.Notes, "one corpus: there is no interval over corpora and no p-value; win/tie/loss is about the seeds and test examples of each cell")
	}
	t.Notes = append(t.Notes, keptLabels(of)...)
	if slices.ContainsFunc(rows, func(r summary.MethodRow) bool { return r.Cells < cells }) {
		t.Notes = append(t.Notes, "methods with fewer cells do not fit every task; ranks of cells with fewer methods are stretched to the number of all")
	}
	t.values = methodData(rows)
	return t
}

func methodData(rows []summary.MethodRow) *Data {
	return tidy(rows, slices.Concat([]field[summary.MethodRow]{
		{"loss", func(r summary.MethodRow) any { return loss.Short(r.Loss) }},
		{"treatment", func(r summary.MethodRow) any { return r.Treatment }},
		{"cells", func(r summary.MethodRow) any { return r.Cells }},
		{"corpora", func(r summary.MethodRow) any { return r.Corpora }},
	}, ranged("rank", func(r summary.MethodRow) (float64, stats.Interval, bool) { return r.Rank, r.RankInterval, true }),
		[]field[summary.MethodRow]{
			{"wins", func(r summary.MethodRow) any { return r.Wins }},
			{"ties", func(r summary.MethodRow) any { return r.Ties }},
			{"losses", func(r summary.MethodRow) any { return r.Less }},
		},
		ranged("difference", func(r summary.MethodRow) (float64, stats.Interval, bool) { return r.Diff, r.Interval, true }),
		[]field[summary.MethodRow]{
			{"p", func(r summary.MethodRow) any { return r.P }},
			{"p_adjusted", func(r summary.MethodRow) any { return r.Adjusted }},
		},
		pgrFields("pgr_difference", func(r summary.MethodRow) stats.PGR { return r.PGR }),
		[]field[summary.MethodRow]{
			{"lowest", func(r summary.MethodRow) any { return r.Lowest }},
			{"lowest_in", func(r summary.MethodRow) any { return r.LowestIn }},
		}))
}
