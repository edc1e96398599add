package table

import (
	"fmt"
	"slices"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/internal/visible"
)

// Transfer lays out transfer matrices. Every figure has a row for each task that heads were trained on and a column for
// each task that they were tested on. Weak floor and ceiling do not depend on the loss and appear once for each pair.
func Transfer(matrices []summary.TransferMatrix) *Table {
	if len(matrices) == 0 {
		return &Table{Name: "transfer", Caption: "no students in this result", Columns: []Column{{Name: "figure"}, {Name: "trained on"}}}
	}
	t := &Table{Name: "transfer", Columns: []Column{{Name: "figure", phrase: "%s", fold: true}, {Name: "trained on"}}}
	first := matrices[0]
	var sizes []string
	for j, name := range first.Tasks {
		t.Columns = append(t.Columns, Column{Name: name, Numeric: true})
		sizes = append(sizes, fmt.Sprintf("%s %d", name, first.Cells[0][j].N))
		if severalMetrics(first.Cells[0], metricOf) {
			sizes[j] += fmt.Sprintf(" (%s)", first.Cells[0][j].Metric)
		}
	}
	t.Columns = append(t.Columns, Column{Name: "notes"})

	warnings := &letters{}
	block := func(m summary.TransferMatrix, figure string, cell func(summary.Row) string) {
		for i, name := range m.Tasks {
			line := []string{figure, name}
			var own []string
			for _, r := range m.Cells[i] {
				line = append(line, cell(r))
				own = list.AppendNew(own, r.Warnings...)
			}
			t.Add(append(line, warnings.of(own))...)
		}
	}
	pair := func(m summary.TransferMatrix) string { return m.Weak + " → " + m.Strong }
	labels := func(m summary.TransferMatrix) string { return m.Treatment + " labels" }
	differ := func(of func(summary.TransferMatrix) string) bool {
		return slices.ContainsFunc(matrices, func(m summary.TransferMatrix) bool { return of(m) != of(first) })
	}
	pairs, treatments := differ(pair), differ(labels)
	done := map[string]bool{} // pairs whose floor and ceiling are laid out
	for _, m := range matrices {
		if !done[pair(m)] {
			block(m, "weak floor, "+m.Weak, func(r summary.Row) string { return points(r.Floor) })
			block(m, "strong ceiling, "+m.Strong, func(r summary.Row) string { return points(r.Ceiling) })
			done[pair(m)] = true
		}
		name := loss.Short(m.Loss)
		if treatments {
			name += ", " + labels(m)
		}
		if pairs {
			name += ", " + pair(m)
		}
		block(m, "student, "+name, func(r summary.Row) string { return points(r.Transfer) })
		block(m, "PGR, "+name, func(r summary.Row) string {
			if !r.PGR.Defined {
				return "undefined"
			}
			return strings.TrimSpace(fmt.Sprintf("%s %s", r.PGR, known(r.PGR.Interval)))
		})
	}

	caption := []string{inPerCent(first.Cells[0])}
	if !pairs {
		caption = append(caption, pair(first))
	}
	if !treatments {
		caption = append(caption, labels(first))
	}
	caption = append(caption, visible.Count(first.Cells[0][0].Seeds, "seed"), "test examples: "+strings.Join(sizes, ", "))
	t.Caption = "transfer: each line is a training task, each column a test task; " + strings.Join(caption, ", ")
	var rows []summary.Row
	for _, m := range matrices {
		rows = append(rows, slices.Concat(m.Cells...)...)
	}
	t.values = rowData(rows)
	t.Notes = append([]string{
		"PGR: (student - weak) / (ceiling - weak), with its interval over seeds and test examples.",
		"All three heads are trained on the task of the line and tested on the task of the column.",
		intervalsNote(slices.Concat(first.Cells...)),
	}, warnings.lines()...)
	return t
}
