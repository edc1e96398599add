package table

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"w2s/harness/loss"
	"w2s/harness/summary"
)

var (
	taskColumn    = column{"task", false, func(r summary.Row) string { return r.Task }}
	pairColumn    = column{"pair", false, summary.Row.Pair}
	lossColumn    = column{"loss", false, func(r summary.Row) string { return loss.Short(r.Loss) }}
	nColumn       = column{"n", true, func(r summary.Row) string { return count(r.N) }}
	seedsColumn   = column{"seeds", true, func(r summary.Row) string { return fmt.Sprint(r.Seeds) }}
	weakColumn    = column{"weak", true, func(r summary.Row) string { return points(r.Floor) }}
	studentColumn = column{"student", true, func(r summary.Row) string { return points(r.Transfer) }}
	ceilingColumn = column{"ceiling", true, func(r summary.Row) string { return points(r.Ceiling) }}
	gapColumn     = column{"gap", true, func(r summary.Row) string {
		return points(summary.Figure{Value: r.PGR.Gap, Interval: r.PGR.GapInterval})
	}}
	pgrColumn      = column{"PGR", true, func(r summary.Row) string { return r.PGR.String() }}
	intervalColumn = column{"interval", false, func(r summary.Row) string { return known(r.PGR.Interval) }}
	labelsColumn   = column{"labels", true, func(r summary.Row) string { return fmt.Sprintf("%.1f", 100*r.Labels.Accuracy) }}
)

// count writes a number of examples, which an imported result may not state.
func count(n int) string {
	if n == 0 {
		return "?"
	}
	return strconv.Itoa(n)
}

const pgrNote = "weak, student, ceiling and gap in per cent. ±: half of the interval over test examples (paired bootstrap). interval: the interval of PGR."

// view lays out rows with the given columns.
func view(name, caption string, rows []summary.Row, columns ...column) *Table {
	t := &Table{Name: name, Caption: caption, Notes: []string{pgrNote}}
	fill(t, columns, rows)
	return t
}

// Gap lays out rows by loss and capability gap.
func Gap(rows []summary.Row) *Table {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b summary.Row) int {
		return cmp.Or(cmp.Compare(a.Loss, b.Loss), cmp.Compare(a.PGR.Gap, b.PGR.Gap))
	})
	return view("gap", "PGR by capability gap", sorted, lossColumn, gapColumn, pgrColumn, intervalColumn, taskColumn, pairColumn, nColumn, seedsColumn)
}

// Alpha lays out rows by the alpha of their loss.
func Alpha(rows []summary.Row) *Table {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b summary.Row) int {
		an, av := alphaOf(a)
		bn, bv := alphaOf(b)
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Weak+a.Strong, b.Weak+b.Strong), cmp.Compare(an, bn), cmp.Compare(av, bv))
	})
	name := column{"loss", false, func(r summary.Row) string { n, _ := alphaOf(r); return n }}
	alpha := column{"alpha", true, func(r summary.Row) string {
		if _, v := alphaOf(r); v >= 0 {
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
		return "–"
	}}
	return view("alpha", "PGR by the weight of the confidence term", sorted, taskColumn, pairColumn, name, alpha, nColumn, seedsColumn,
		weakColumn, studentColumn, ceilingColumn, pgrColumn, intervalColumn)
}

// alphaOf returns the loss of a row without its alpha, and the alpha, or -1 for a loss without one.
func alphaOf(r summary.Row) (name string, alpha float64) {
	name, alpha, ok := loss.CutAlpha(r.Loss)
	if !ok {
		alpha = -1
	}
	return name, alpha
}

// Calibration lays out the quality of the weak labels before and after treatment, beside PGR.
func Calibration(rows []summary.Row) *Table {
	beforeAfter := func(name string, before, after func(summary.Row) float64, format string) column {
		return column{name, true, func(r summary.Row) string { return fmt.Sprintf(format+" → "+format, before(r), after(r)) }}
	}
	t := view("calibration", "weak labels before → after treatment, and PGR", rows, taskColumn, pairColumn,
		column{"treatment", false, func(r summary.Row) string { return r.Treatment }}, lossColumn, nColumn, seedsColumn, labelsColumn,
		beforeAfter("ECE", func(r summary.Row) float64 { return r.Labels.Raw.ECE }, func(r summary.Row) float64 { return r.Labels.ECE }, "%.3f"),
		beforeAfter("Brier", func(r summary.Row) float64 { return r.Labels.Raw.Brier }, func(r summary.Row) float64 { return r.Labels.Brier }, "%.3f"),
		beforeAfter("log loss", func(r summary.Row) float64 { return r.Labels.Raw.LogLoss }, func(r summary.Row) float64 { return r.Labels.LogLoss }, "%.2f"),
		studentColumn, gapColumn, pgrColumn, intervalColumn)
	t.Notes = append(t.Notes, "labels: accuracy of the treated labels on strong-train, in per cent. ECE: with 15 bins. log loss: in nats. Means over seeds.")
	return t
}

// Imitation lays out the student's agreement with its supervisor beside the ceiling's.
func Imitation(rows []summary.Row) *Table {
	t := view("imitation", "agreement with the supervisor, in per cent: student / ceiling", rows, taskColumn, pairColumn, lossColumn, nColumn, seedsColumn,
		column{"all", true, func(r summary.Row) string {
			return share(r.Imitation.Student.All) + " / " + share(r.Imitation.Ceiling.All)
		}},
		column{"on its errors", true, func(r summary.Row) string {
			return share(r.Imitation.Student.OnErrors) + " / " + share(r.Imitation.Ceiling.OnErrors)
		}},
		column{"excess on errors", true, func(r summary.Row) string {
			s, c := r.Imitation.Student.OnErrors, r.Imitation.Ceiling.OnErrors
			if !s.Defined() || !c.Defined() {
				return "–"
			}
			return fmt.Sprintf("%+.0f", 100*(s.Value-c.Value))
		}},
		column{"interval of student's", false, func(r summary.Row) string { return points100(r.Imitation.Student.OnErrors.Interval) }},
		column{"on its correct labels", true, func(r summary.Row) string {
			return share(r.Imitation.Student.OnCorrect) + " / " + share(r.Imitation.Ceiling.OnCorrect)
		}},
		studentColumn, pgrColumn)
	t.Notes = append(t.Notes, "The ceiling never saw the supervisor's labels, so it repeats an error only if the error comes naturally. What the student has above that on errors is sycophantic imitation.")
	return t
}

// Noise lays out simulated supervisors.
func Noise(rows []summary.Row) *Table {
	t := view("noise", "simulated supervisors", rows, taskColumn,
		column{"supervisor", false, func(r summary.Row) string { return r.Weak }},
		column{"student's model", false, func(r summary.Row) string { return r.Strong }}, lossColumn, nColumn, seedsColumn, labelsColumn, weakColumn, studentColumn,
		column{"above labels", true, func(r summary.Row) string {
			return fmt.Sprintf("%+.1f", 100*(r.Transfer.Value-r.Labels.Accuracy))
		}}, ceilingColumn, pgrColumn, intervalColumn)
	t.Notes = append(t.Notes, "flip: random errors. systematic: errors along a direction of the student's own features, which it can learn. random, majority: labels that do not depend on the text.")
	return t
}

// Size lays out rows by the size of the training pool.
func Size(rows []summary.Row) *Table {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b summary.Row) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Weak+a.Strong, b.Weak+b.Strong), cmp.Compare(a.Loss, b.Loss), cmp.Compare(a.Train, b.Train))
	})
	return view("size", "by size of the training set of each head", sorted, taskColumn, pairColumn, lossColumn,
		column{"train", true, func(r summary.Row) string { return fmt.Sprint(r.Train) }}, nColumn, seedsColumn,
		weakColumn, studentColumn, ceilingColumn, gapColumn, pgrColumn, intervalColumn)
}
