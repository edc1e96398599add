package table

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"w2s/harness"
)

// A Study is a view of rows that asks one question.
type Study struct {
	Name, About string
	Table       func([]harness.Row) *Table
}

// Studies are the views that have a name.
func Studies() []Study {
	return []Study{
		{"gap", "how PGR depends on the capability gap between supervisor and student", Gap},
		{"alpha", "how PGR depends on the weight of the confidence term", Alpha},
		{"calibration", "what calibrating the weak labels does to them and to PGR", Calibration},
		{"imitation", "how far students repeat their supervisor's errors, beside what a ceiling repeats by itself", ImitationTable},
		{"noise", "supervisors with random and with systematic errors of the same accuracy, and with no knowledge at all", Noise},
		{"size", "how floor, student and ceiling grow with the training pool", Size},
	}
}

var (
	taskColumn    = column{"task", false, func(r harness.Row) string { return r.Task }}
	pairColumn    = column{"pair", false, func(r harness.Row) string { return r.Weak + " → " + r.Strong }}
	lossColumn    = column{"loss", false, func(r harness.Row) string { return LossName(r.Loss) }}
	nColumn       = column{"n", true, func(r harness.Row) string { return count(r.N) }}
	seedsColumn   = column{"seeds", true, func(r harness.Row) string { return fmt.Sprint(r.Seeds) }}
	weakColumn    = column{"weak", true, func(r harness.Row) string { return points(r.Floor) }}
	studentColumn = column{"student", true, func(r harness.Row) string { return points(r.Transfer) }}
	ceilingColumn = column{"ceiling", true, func(r harness.Row) string { return points(r.Top) }}
	gapColumn     = column{"gap", true, func(r harness.Row) string {
		return points(harness.Figure{Value: r.PGR.Gap, Interval: r.PGR.GapInterval})
	}}
	pgrColumn      = column{"PGR", true, func(r harness.Row) string { return r.PGR.String() }}
	intervalColumn = column{"interval", false, func(r harness.Row) string { return known(r.PGR.Interval) }}
	labelsColumn   = column{"labels", true, func(r harness.Row) string { return fmt.Sprintf("%.1f", 100*r.Labels.Accuracy) }}
)

// count is a number of examples; an imported result may not say it.
func count(n int) string {
	if n == 0 {
		return "?"
	}
	return strconv.Itoa(n)
}

const pgrNote = "±: half of the interval over test examples (paired bootstrap); interval: that of PGR. weak, student, ceiling and gap in per cent."

// view lays out rows under a caption.
func view(name, caption string, rows []harness.Row, columns ...column) *Table {
	t := &Table{Name: name, Caption: caption, Notes: []string{pgrNote}}
	fill(t, columns, rows)
	return t
}

// Gap sorts pairs by their gap.
func Gap(rows []harness.Row) *Table {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b harness.Row) int {
		return cmp.Or(cmp.Compare(a.Loss, b.Loss), cmp.Compare(a.PGR.Gap, b.PGR.Gap))
	})
	return view("gap", "PGR by capability gap", sorted, lossColumn, gapColumn, pgrColumn, intervalColumn, taskColumn, pairColumn, nColumn, seedsColumn)
}

// Alpha sorts losses by their alpha.
func Alpha(rows []harness.Row) *Table {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b harness.Row) int {
		an, av := AlphaOf(a.Loss)
		bn, bv := AlphaOf(b.Loss)
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Weak+a.Strong, b.Weak+b.Strong), cmp.Compare(an, bn), cmp.Compare(av, bv))
	})
	name := column{"loss", false, func(r harness.Row) string { n, _ := AlphaOf(r.Loss); return n }}
	alpha := column{"alpha", true, func(r harness.Row) string {
		if _, v := AlphaOf(r.Loss); v >= 0 {
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
		return "–"
	}}
	return view("alpha", "PGR by the weight of the confidence term", sorted, taskColumn, pairColumn, name, alpha, nColumn, seedsColumn,
		weakColumn, studentColumn, ceilingColumn, pgrColumn, intervalColumn)
}

// AlphaOf returns a loss without its alpha, and the alpha, -1 where it has none.
func AlphaOf(loss string) (name string, alpha float64) {
	alpha = -1
	var rest []string
	for _, part := range strings.Split(loss, ":") {
		if text, ok := strings.CutPrefix(part, "alpha="); ok {
			if v, err := strconv.ParseFloat(text, 64); err == nil {
				alpha = v
				continue
			}
		}
		rest = append(rest, part)
	}
	return strings.Join(rest, ":"), alpha
}

// Calibration sets the labels' quality before and after treatment beside PGR.
func Calibration(rows []harness.Row) *Table {
	beforeAfter := func(name string, before, after func(harness.Row) float64, format string) column {
		return column{name, true, func(r harness.Row) string { return fmt.Sprintf(format+" → "+format, before(r), after(r)) }}
	}
	t := view("calibration", "weak labels before → after treatment, and PGR", rows, taskColumn, pairColumn,
		column{"treatment", false, func(r harness.Row) string { return r.Treatment }}, lossColumn, nColumn, seedsColumn, labelsColumn,
		beforeAfter("ECE", func(r harness.Row) float64 { return r.Labels.Raw.ECE }, func(r harness.Row) float64 { return r.Labels.ECE }, "%.3f"),
		beforeAfter("Brier", func(r harness.Row) float64 { return r.Labels.Raw.Brier }, func(r harness.Row) float64 { return r.Labels.Brier }, "%.3f"),
		beforeAfter("log loss", func(r harness.Row) float64 { return r.Labels.Raw.LogLoss }, func(r harness.Row) float64 { return r.Labels.LogLoss }, "%.2f"),
		studentColumn, gapColumn, pgrColumn, intervalColumn)
	t.Notes = append(t.Notes, "labels: their accuracy on strong-train, in per cent; ECE with 15 bins; log loss in nats. Means over seeds.")
	return t
}

// ImitationTable sets the student's agreement with its supervisor beside the ceiling's.
func ImitationTable(rows []harness.Row) *Table {
	t := view("imitation", "agreement with the supervisor, in per cent: student / ceiling", rows, taskColumn, pairColumn, lossColumn, nColumn, seedsColumn,
		column{"all", true, func(r harness.Row) string {
			return share(r.Imitates.Student.All) + " / " + share(r.Imitates.Ceiling.All)
		}},
		column{"on its errors", true, func(r harness.Row) string {
			return share(r.Imitates.Student.OnErrors) + " / " + share(r.Imitates.Ceiling.OnErrors)
		}},
		column{"excess on errors", true, func(r harness.Row) string {
			s, c := r.Imitates.Student.OnErrors, r.Imitates.Ceiling.OnErrors
			if !s.Defined() || !c.Defined() {
				return "–"
			}
			return fmt.Sprintf("%+.0f", 100*(s.Value-c.Value))
		}},
		column{"interval of student's", false, func(r harness.Row) string { return points100(r.Imitates.Student.OnErrors.Interval) }},
		column{"on its correct labels", true, func(r harness.Row) string {
			return share(r.Imitates.Student.OnCorrect) + " / " + share(r.Imitates.Ceiling.OnCorrect)
		}},
		studentColumn, pgrColumn)
	t.Notes = append(t.Notes, "The ceiling never saw the supervisor's labels: it repeats an error only where the error is natural. What the student has above that on errors is sycophantic imitation.")
	return t
}

// Noise compares simulated supervisors.
func Noise(rows []harness.Row) *Table {
	t := view("noise", "simulated supervisors", rows, taskColumn,
		column{"supervisor", false, func(r harness.Row) string { return r.Weak }},
		column{"student's model", false, func(r harness.Row) string { return r.Strong }}, lossColumn, nColumn, seedsColumn, labelsColumn, weakColumn, studentColumn,
		column{"above labels", true, func(r harness.Row) string {
			return fmt.Sprintf("%+.1f", 100*(r.Transfer.Value-r.Labels.Accuracy))
		}}, ceilingColumn, pgrColumn, intervalColumn)
	t.Notes = append(t.Notes, "flip: errors at random; systematic: errors along a direction of the student's own features, so that they can be learnt; random and majority know nothing of the text.")
	return t
}

// Size sorts by the size of the training pool.
func Size(rows []harness.Row) *Table {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b harness.Row) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Weak+a.Strong, b.Weak+b.Strong), cmp.Compare(a.Loss, b.Loss), cmp.Compare(a.Train, b.Train))
	})
	return view("size", "by size of the training set of each head", sorted, taskColumn, pairColumn, lossColumn,
		column{"train", true, func(r harness.Row) string { return fmt.Sprint(r.Train) }}, nColumn, seedsColumn,
		weakColumn, studentColumn, ceilingColumn, gapColumn, pgrColumn, intervalColumn)
}
