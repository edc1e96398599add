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

// Models lays out what each model scores on each task if it is trained on gold, and what each supervisor scores: the strong ceilings
// and weak floors of rows. It returns nil if there are no rows. Scores of different data or settings have different lines, and so have
// imported rows that disagree.
func Models(rows []summary.Row) *Table {
	if len(rows) == 0 {
		return nil
	}
	type key struct {
		task, model, variant string
		metric               tasks.Metric
		more                 int // lines of the same that disagree
	}
	var lines []*modelLine
	have := map[key]*modelLine{}
	line := func(r summary.Row, model string, fits func(*modelLine) bool) *modelLine {
		k := key{task: r.Task, model: model, variant: r.Variant(), metric: r.Metric}
		for have[k] != nil && !fits(have[k]) {
			k.more++
		}
		if have[k] == nil {
			have[k] = &modelLine{model: model, row: r}
			lines = append(lines, have[k])
		}
		return have[k]
	}
	same := func(a *summary.Figure, b summary.Figure) bool { return a == nil || a.Value == b.Value }
	for _, r := range rows {
		line(r, r.Weak, func(l *modelLine) bool { return same(l.supervisor, r.Floor) }).supervisor = &r.Floor
		strong := line(r, r.Strong, func(l *modelLine) bool { return same(l.gold, r.Ceiling) })
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
		number("gold", "score of the model trained on gold of strong-train, the strong ceiling.", func(l *modelLine) string { return pointsOr(l.gold, "") }),
		number("as supervisor", "score of the weak supervisor: of the model trained on gold of weak-train, or of what its name says.", func(l *modelLine) string { return pointsOr(l.supervisor, "") }))
	if slices.ContainsFunc(lines, func(l *modelLine) bool { return l.control != nil }) {
		columns = append(columns, number("control", "score on texts that lack what the task is about.", func(l *modelLine) string { return pointsOr(l.control, "") }))
	}
	columns = append(columns, within(rowOf, seedsColumn, nColumn)...)
	t := layOut("models", []string{"models trained on gold and supervisors, " + inPerCent(rows)}, lines, columns...)
	t.values = modelData(lines)
	t.Notes = []string{intervalsNote(rows)}
	return t
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
