package table

import (
	"fmt"
	"slices"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/summary"
)

// Transfer lays out transfer matrices. Every figure has a line for each task that heads were trained on and a column for
// each task that they were tested on. Weak floor and ceiling do not depend on the loss and appear once for each pair.
func Transfer(matrices []summary.TransferMatrix) *Table {
	t := &Table{Name: "transfer", Caption: "transfer: each line is a training task, each column a test task", Columns: []Column{{"figure", false}, {"trained on", false}}}
	if len(matrices) == 0 {
		t.Caption = "no students in this result"
		return t
	}
	first := matrices[0]
	var sizes []string
	for j, name := range first.Tasks {
		t.Columns = append(t.Columns, Column{name, true})
		sizes = append(sizes, fmt.Sprintf("%s %d", name, first.Cells[0][j].N))
	}
	notes := &notes{}
	t.Columns = append(t.Columns, Column{"notes", false})
	block := func(m summary.TransferMatrix, figure string, cell func(summary.Row) string) {
		for i, name := range m.Tasks {
			line := []string{figure, name}
			var warnings []string
			for _, c := range m.Cells[i] {
				line = append(line, cell(c))
				for _, w := range c.Warnings {
					if !slices.Contains(warnings, w) {
						warnings = append(warnings, w)
					}
				}
			}
			t.Add(append(line, notes.marks(warnings))...)
		}
	}
	pair := func(m summary.TransferMatrix) string { return m.Weak + " → " + m.Strong }
	labels := func(m summary.TransferMatrix) string { return m.Treatment + " labels" }
	caption := []string{fmt.Sprintf("%s in per cent", first.Cells[0][0].Metric)}
	differ := func(of func(summary.TransferMatrix) string) bool {
		if slices.ContainsFunc(matrices, func(m summary.TransferMatrix) bool { return of(m) != of(first) }) {
			return true
		}
		caption = append(caption, of(first))
		return false
	}
	pairs, treatments := differ(pair), differ(labels)
	done := map[string]bool{}
	for _, m := range matrices {
		if !done[pair(m)] {
			block(m, "weak floor, "+m.Weak, func(r summary.Row) string { return points(r.Floor) })
			block(m, "strong ceiling, "+m.Strong, func(r summary.Row) string { return points(r.Ceiling) })
			done[pair(m)] = true
		}
		what := loss.Short(m.Loss)
		if treatments {
			what += ", " + labels(m)
		}
		if pairs {
			what += ", " + pair(m)
		}
		block(m, "student, "+what, func(r summary.Row) string { return points(r.Transfer) })
		block(m, "PGR, "+what, func(r summary.Row) string {
			if !r.PGR.Defined {
				return "undefined"
			}
			return strings.TrimSpace(fmt.Sprintf("%s %s", r.PGR, known(r.PGR.Interval)))
		})
	}
	caption = append(caption, seedCount(first.Cells[0][0].Seeds), "test examples: "+strings.Join(sizes, ", "))
	t.Caption += "; " + strings.Join(caption, ", ")
	t.Notes = append([]string{
		"PGR = (student - weak) / (ceiling - weak), all three trained on the task of the line and tested on the task of the column, with its 95 % interval over test examples.",
		"±: half of the 95 % interval over test examples (paired bootstrap).",
	}, notes.lines()...)
	return t
}
