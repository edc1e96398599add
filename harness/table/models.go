package table

import (
	"slices"

	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/tasks"
)

// A modelLine is a model trained on the gold labels of a task.
type modelLine struct {
	model                     string
	row                       summary.Row     // of the task
	gold, supervisor, control *summary.Figure // nil if it is never the strong model, the weak model, or has no control
}

// Models lays out what each model scores on each task if it is trained on gold: the strong ceilings and weak floors of rows. It
// returns nil if there are no rows. Scores of different data or settings have different lines.
func Models(rows []summary.Row) *Table {
	if len(rows) == 0 {
		return nil
	}
	type key struct {
		task, model, variant string
		metric               tasks.Metric
	}
	var lines []*modelLine
	have := map[key]*modelLine{}
	line := func(r summary.Row, model string) *modelLine {
		k := key{r.Task, model, r.Variant(), r.Metric}
		if have[k] == nil {
			have[k] = &modelLine{model: model, row: r}
			lines = append(lines, have[k])
		}
		return have[k]
	}
	for _, r := range rows {
		line(r, r.Weak).supervisor = &r.Floor
		strong := line(r, r.Strong)
		strong.gold, strong.control = &r.Ceiling, r.Control
	}
	order := map[string]int{}
	for _, l := range lines {
		if _, ok := order[l.row.Task]; !ok {
			order[l.row.Task] = len(order)
		}
	}
	slices.SortStableFunc(lines, func(a, b *modelLine) int { return order[a.row.Task] - order[b.row.Task] })
	rowOf := func(l *modelLine) summary.Row { return l.row }
	columns := within(rowOf, taskColumn, variantColumn)
	columns = append(columns, within(rowOf, metricColumn(rows, metricOf)...)...)
	columns = append(columns,
		text("model", "", func(l *modelLine) string { return l.model }),
		number("gold", "score of the model trained on gold of strong-train, the strong ceiling.", func(l *modelLine) string { return figureOr(l.gold) }),
		number("as supervisor", "score of the model trained on gold of weak-train, the weak floor.", func(l *modelLine) string { return figureOr(l.supervisor) }))
	if slices.ContainsFunc(lines, func(l *modelLine) bool { return l.control != nil }) {
		columns = append(columns, number("control", "score on texts that lack what the task is about.", func(l *modelLine) string { return figureOr(l.control) }))
	}
	columns = append(columns, within(rowOf, seedsColumn, nColumn)...)
	t := layOut("models", []string{"models trained on gold, " + inPerCent(rows)}, lines, columns...)
	t.values = modelData(lines)
	t.Notes = []string{intervalsNote(rows)}
	return t
}

func figureOr(f *summary.Figure) string {
	if f == nil {
		return ""
	}
	return points(*f)
}

func modelData(lines []*modelLine) *Data {
	return tidy(lines, slices.Concat([]field[*modelLine]{
		{"task", func(l *modelLine) any { return l.row.Task }},
		{"category", func(l *modelLine) any { return l.row.Category }},
		{"metric", func(l *modelLine) any { return l.row.Metric }},
		{"model", func(l *modelLine) any { return l.model }},
		{"variant", func(l *modelLine) any { return l.row.Variant() }},
		{"n", func(l *modelLine) any { return orNil(l.row.N) }},
		{"seeds", func(l *modelLine) any { return l.row.Seeds }},
	}, ranged("gold", func(l *modelLine) (float64, stats.Interval, bool) { return parts(l.gold) }),
		ranged("supervisor", func(l *modelLine) (float64, stats.Interval, bool) { return parts(l.supervisor) }),
		ranged("control", func(l *modelLine) (float64, stats.Interval, bool) { return parts(l.control) })))
}

// parts returns the parts of a figure, and whether there is one.
func parts(f *summary.Figure) (float64, stats.Interval, bool) {
	if f == nil {
		return 0, stats.Interval{}, false
	}
	return f.Value, f.Interval, true
}
