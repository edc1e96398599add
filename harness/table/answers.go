package table

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/internal/visible"
)

// AllAnswers returns the tables of a question: its answers, and rank correlations if it asks for any.
func AllAnswers(all summary.Answers) []*Table {
	tables := []*Table{Answers(all)}
	if t := Ranks(all); t != nil {
		tables = append(tables, t)
	}
	return tables
}

// Answers lays out the answers to a question, one line for each row of a PGR table.
func Answers(all summary.Answers) *Table {
	q := all.Question
	row := func(a summary.Answer) summary.Row { return a.Row }
	columns := within(row, taskColumn, pairColumn, lossColumn.said("%s"), treatmentColumn, variantColumn)
	rows := make([]summary.Row, len(all.Rows))
	for i, a := range all.Rows {
		rows[i] = a.Row
	}
	for i, f := range q.Asked {
		legend := f.Legend
		if n := numbers(rows, func(row int) float64 { return all.Rows[row].Among(i) }); n != "" {
			legend = strings.TrimSuffix(legend, ".") + n + "."
		}
		columns = append(columns, number(f.Name, legend, func(a summary.Answer) string { return figure(a.Figures[i], f.Unit) }).ranked(f.Minor).
			shaded(func(a summary.Answer) shade {
				if v := a.Figures[i]; v != nil && f.Unit == summary.Signed && v.Interval.Lo > 0 {
					return good
				}
				return plain
			}))
	}
	columns = append(columns, within(row, pgrColumn, pgrInterval(rows), nColumn, seedsColumn)...)
	doubts := &letters{}
	doubtsOf := func(a summary.Answer) []string { return list.AppendNew(slices.Clone(a.Row.Doubts), a.Doubts...) }
	if slices.ContainsFunc(all.Rows, func(a summary.Answer) bool { return len(doubtsOf(a)) > 0 }) {
		columns = append(columns, text("notes", "", func(a summary.Answer) string { return doubts.of(doubtsOf(a)) }))
	}
	t := layOut(q.Name, []string{q.Caption}, all.Rows, columns...)
	t.values = answerData(all)
	t.Notes = slices.Concat([]string{intervalsNote(rows)}, q.Notes, doubts.lines(), keptLabels(rows))
	if all.LeftOut != "" {
		t.Notes = append(t.Notes, all.LeftOut)
	}
	return t
}

// numbers says how many examples shares are of, one share for each row: " (n 48 to 131)". It is "" for shares of all test examples.
func numbers(rows []summary.Row, n func(row int) float64) string {
	least, most := math.Inf(1), 0.0
	for i, r := range rows {
		if v := n(i); v > 0 && v < float64(r.N) {
			least, most = min(least, v), max(most, v)
		}
	}
	if most == 0 {
		return ""
	}
	return " (n " + span(least, most) + ")"
}

// span writes the least and the greatest of numbers, rounded, or one if they are the same: "48 to 131".
func span(numbers ...float64) string {
	low, high := math.Round(slices.Min(numbers)), math.Round(slices.Max(numbers))
	if low == high {
		return fmt.Sprintf("%.0f", low)
	}
	return fmt.Sprintf("%.0f to %.0f", low, high)
}

// figure writes a figure with half of its interval.
func figure(f *summary.Figure, unit summary.Unit) string {
	if f == nil {
		return "–"
	}
	format, times := "%.3f", 1.0
	switch unit {
	case summary.Percent:
		format, times = "%.1f", 100
	case summary.Points:
		format, times = "%+.1f", 100
	case summary.Signed:
		format = "%+.3f"
	case summary.Count:
		format = "%.1f"
	}
	text := fmt.Sprintf(format, times*f.Value)
	if f.Interval.Known() {
		text += fmt.Sprintf(" ±"+strings.Replace(format, "+", "", 1), times*(f.Interval.Hi-f.Interval.Lo)/2)
	}
	return text
}

// Ranks lays out how figures of a question go together over rows, or returns nil if it does not ask.
func Ranks(all summary.Answers) *Table {
	if len(all.Ranks) == 0 {
		return nil
	}
	title := func(key string) string { name, _ := all.Question.Title(key); return name }
	head := ciHead(all.Ranks[0].Interval.Level, "seeds, test")
	t := layOut(all.Question.Name+"-ranks", []string{"rank correlations over rows"}, all.Ranks,
		text("figures", "", func(c summary.RankCorrelation) string { return title(c.A) + ", " + title(c.B) }),
		text("loss", "", func(c summary.RankCorrelation) string { return loss.Short(c.Loss) }).said("%s"),
		text("treatment", "", func(c summary.RankCorrelation) string { return c.Treatment }).said("%s labels"),
		text("over", "all rows, or supervisors of the same task and student: mean of the correlations of such groups.", func(c summary.RankCorrelation) string {
			if c.Within {
				return fmt.Sprintf("supervisors, %s", visible.Count(c.Groups, "group"))
			}
			return "all rows"
		}),
		number("ρ", "Spearman's rank correlation.", func(c summary.RankCorrelation) string { return fmt.Sprintf("%.2f", c.Value) }).
			shaded(func(c summary.RankCorrelation) shade {
				if c.Interval.Lo > 0 {
					return good
				}
				return plain
			}),
		text(head, "percentile interval over the seeds and test examples of these rows.", func(c summary.RankCorrelation) string { return known(c.Interval) }),
		number("rows", "", func(c summary.RankCorrelation) string { return strconv.Itoa(c.N) }))
	t.Notes = []string{"Rows share supervisors, texts and ceilings, so they are fewer independent cases than their number. The interval does not cover other tasks or models, and noise in the figures pulls it towards 0."}
	return t
}

// answerData returns the settings of the rows and all figures.
func answerData(all summary.Answers) *Data {
	rows := make([]summary.Row, len(all.Rows))
	for i, a := range all.Rows {
		rows[i] = a.Row
	}
	var fields []field[summary.Answer]
	for i, f := range all.Question.Asked {
		fields = append(fields, ranged(f.Key, func(a summary.Answer) (float64, stats.Interval, bool) {
			if a.Figures[i] == nil {
				return 0, stats.Interval{}, false
			}
			return a.Figures[i].Value, a.Figures[i].Interval, true
		})...)
		if f.Share != nil {
			fields = append(fields, field[summary.Answer]{f.Key + "_n", func(a summary.Answer) any {
				if n := a.Among(i); n > 0 {
					return n
				}
				return nil
			}})
		}
	}
	d, figures := rowData(rows), tidy(all.Rows, fields)
	at := slices.Index(d.Columns, "weak") // after the settings that tell rows apart
	d.Columns = slices.Insert(d.Columns, at, figures.Columns...)
	for i := range d.Rows {
		d.Rows[i] = slices.Insert(d.Rows[i], at, figures.Rows[i]...)
	}
	return d
}

// Transitions lays out how answers change along chains.
func Transitions(rows []summary.TransitionRow) *Table {
	t := layOut("transitions", []string{"answers that change along bootstrapping chains, in per cent of the test examples"}, rows,
		text("task", "", func(r summary.TransitionRow) string { return r.Chain.Task }).said("%s").kept(),
		text("data", "whether the steps share their training examples or have disjoint ones.", func(r summary.TransitionRow) string { return r.Chain.Data }).said("%s data"),
		text("variant", "", func(r summary.TransitionRow) string { return r.Chain.Setup }).said("%s"),
		text("loss", "", func(r summary.TransitionRow) string { return loss.Short(r.Chain.Loss) }).said("%s"),
		text("steps", "numbers of the earlier and the later step.", func(r summary.TransitionRow) string { return fmt.Sprintf("%d → %d", r.From, r.To) }),
		text("models", "", func(r summary.TransitionRow) string {
			return r.Chain.Models[r.From-1] + " → " + r.Chain.Models[r.To-1]
		}),
		number("right → wrong", "", func(r summary.TransitionRow) string { return points(r.Broken) }),
		number("wrong → right", "", func(r summary.TransitionRow) string { return points(r.Corrected) }),
		number("n", "number of test examples.", func(r summary.TransitionRow) string { return strconv.Itoa(r.Chain.N) }).said("%s test examples").ranked(1),
		number("seeds", "", func(r summary.TransitionRow) string { return strconv.Itoa(r.Chain.Seeds) }).said("%s seeds").ranked(2))
	t.values = tidy(rows, slices.Concat([]field[summary.TransitionRow]{
		{"task", func(r summary.TransitionRow) any { return r.Chain.Task }},
		{"data", func(r summary.TransitionRow) any { return r.Chain.Data }},
		{"variant", func(r summary.TransitionRow) any { return r.Chain.Setup }},
		{"loss", func(r summary.TransitionRow) any { return loss.Short(r.Chain.Loss) }},
		{"from", func(r summary.TransitionRow) any { return r.From }},
		{"to", func(r summary.TransitionRow) any { return r.To }},
		{"from_model", func(r summary.TransitionRow) any { return r.Chain.Models[r.From-1] }},
		{"to_model", func(r summary.TransitionRow) any { return r.Chain.Models[r.To-1] }},
		{"n", func(r summary.TransitionRow) any { return r.Chain.N }},
		{"seeds", func(r summary.TransitionRow) any { return r.Chain.Seeds }},
	}, figureFields("broken", func(r summary.TransitionRow) summary.Figure { return r.Broken }),
		figureFields("corrected", func(r summary.TransitionRow) summary.Figure { return r.Corrected })))
	return t
}
