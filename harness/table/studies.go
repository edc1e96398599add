package table

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/tasks"
)

// study lays out the rows of a study. Rows of several metrics get a column with the metric after the first. A column of notes refers to
// doubts about rows; other warnings are notes about tasks. about are notes of the study.
func study(name, caption string, rows []summary.Row, columns []column[summary.Row], about ...string) *Table {
	columns = slices.Insert(columns, 1, metricColumn(rows, metricOf)...)
	doubts := &letters{}
	if slices.ContainsFunc(rows, func(r summary.Row) bool { return len(r.Doubts) > 0 }) {
		columns = append(columns, text("notes", "", func(r summary.Row) string { return doubts.of(r.Doubts) }))
	}
	t := layOut(name, []string{caption + "; " + inPerCent(rows)}, rows, columns...)
	t.values = rowData(rows)
	t.Notes = slices.Concat([]string{intervalsNote(rows)}, about, doubts.lines(), remarks(rows), keptLabels(rows))
	return t
}

// remarks returns a line with the warnings of each task. Doubts, and why a PGR is undefined, differ from row to row, so they are not
// among them.
func remarks(rows []summary.Row) (lines []string) {
	w := &rowWarnings{common: map[string][]string{}}
	for _, r := range rows {
		w.tasks = list.AppendNew(w.tasks, r.Task)
		for _, note := range r.Warnings {
			if note != r.PGR.Reason && !slices.Contains(r.Doubts, note) {
				w.common[r.Task] = list.AppendNew(w.common[r.Task], note)
			}
		}
	}
	return w.lines()
}

// byTask compares rows by task, then by pair of models.
func byTask(a, b summary.Row) int {
	return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Weak, b.Weak), cmp.Compare(a.Strong, b.Strong))
}

// Gap lays out rows by loss and capability gap.
func Gap(rows []summary.Row) *Table {
	sorted := slices.SortedStableFunc(slices.Values(rows), func(a, b summary.Row) int {
		return cmp.Or(cmp.Compare(a.Loss, b.Loss), cmp.Compare(a.PGR.Gap, b.PGR.Gap))
	})
	return study("gap", "PGR by capability gap", sorted, []column[summary.Row]{
		lossColumn, gapColumn, pgrColumn, pgrInterval(sorted), taskColumn, pairColumn, nColumn, seedsColumn})
}

// Raters lays out rows by how often the supervisor is right.
func Raters(rows []summary.Row) *Table {
	sorted := slices.SortedStableFunc(slices.Values(rows), func(a, b summary.Row) int {
		return cmp.Or(cmp.Compare(a.Loss, b.Loss), cmp.Compare(a.Strong, b.Strong), cmp.Compare(a.Floor.Value, b.Floor.Value))
	})
	return study("raters", "PGR by the score of the supervisor", sorted, []column[summary.Row]{
		taskColumn, pairColumn, lossColumn, nColumn, seedsColumn, weakColumn, studentColumn, ceilingColumn, gapColumn, pgrColumn, pgrInterval(sorted)})
}

// Alpha lays out rows by the alpha of their loss. Losses without an alpha come first.
func Alpha(rows []summary.Row) *Table {
	sorted := slices.SortedStableFunc(slices.Values(rows), func(a, b summary.Row) int {
		aName, aAlpha := cutAlpha(a)
		bName, bAlpha := cutAlpha(b)
		return cmp.Or(byTask(a, b), cmp.Compare(aName, bName), cmp.Compare(aAlpha, bAlpha))
	})
	return study("alpha", "PGR by the weight of the confidence term", sorted, []column[summary.Row]{taskColumn, pairColumn,
		text("loss", "loss without its alpha.", func(r summary.Row) string { name, _ := cutAlpha(r); return name }),
		number("alpha", "weight of the confidence term.", func(r summary.Row) string {
			_, alpha := cutAlpha(r)
			if alpha == noAlpha {
				return "–"
			}
			return strconv.FormatFloat(alpha, 'g', -1, 64)
		}),
		weakColumn.ranked(3), studentColumn, ceilingColumn.ranked(3), pgrColumn, pgrInterval(sorted), nColumn, seedsColumn})
}

// noAlpha is what cutAlpha returns for a loss without an alpha. It sorts before every alpha.
const noAlpha = -1

// cutAlpha splits the loss of a row into the loss without its alpha and the alpha.
func cutAlpha(r summary.Row) (name string, alpha float64) {
	name, alpha, found := loss.CutAlpha(r.Loss)
	if !found {
		alpha = noAlpha
	}
	return name, alpha
}

// Calibration lays out the quality of the weak labels before and after treatment, with PGR.
func Calibration(rows []summary.Row) *Table {
	quality := func(name, legend, format string, of func(stats.Quality) float64) column[summary.Row] {
		return number(name, legend, func(r summary.Row) string {
			return fmt.Sprintf(format+" → "+format, of(r.Labels.Raw), of(r.Labels.Quality))
		})
	}
	return study("calibration", "weak labels before → after treatment, and PGR", rows, []column[summary.Row]{
		taskColumn, pairColumn, treatmentColumn, lossColumn.said("%s"), labelsColumn.ranked(4),
		quality("ECE", fmt.Sprintf("expected calibration error of the labels, with %d bins.", stats.DefaultBins), "%.3f",
			func(q stats.Quality) float64 { return q.ECE }),
		quality("Brier", "Brier score of the labels.", "%.3f", func(q stats.Quality) float64 { return q.Brier }).ranked(4),
		quality("log loss", "log loss of the labels, in nats.", "%.2f", func(q stats.Quality) float64 { return q.LogLoss }),
		studentColumn, gapColumn.ranked(3), pgrColumn, pgrInterval(rows), nColumn, seedsColumn},
		"Labels are compared with gold on strong-train. Their figures are means over seeds.")
}

// onErrors says how many wrong answers of the supervisor there are.
func onErrors(rows []summary.Row) string {
	return numbers(rows, func(row int) float64 { return rows[row].Imitation.Student.OnErrors.N })
}

// Imitation lays out the agreement of student and ceiling with the supervisor.
func Imitation(rows []summary.Row) *Table {
	return study("imitation", "agreement of student / ceiling with the supervisor, in per cent", rows, []column[summary.Row]{
		taskColumn, pairColumn, lossColumn,
		number("all", "share of test examples that student / ceiling answer as the supervisor does.",
			func(r summary.Row) string { return shares(r.Imitation.Student.All, r.Imitation.Ceiling.All) }).shortened(),
		number("on errors", "the same share among the supervisor's wrong answers"+onErrors(rows)+".",
			func(r summary.Row) string { return shares(r.Imitation.Student.OnErrors, r.Imitation.Ceiling.OnErrors) }).shortened(),
		number("excess on errors", "the student's share on its errors - the ceiling's, in points.", func(r summary.Row) string {
			if !r.Imitation.Excess.Defined() {
				return "–"
			}
			return fmt.Sprintf("%+.0f", 100*r.Imitation.Excess.Value)
		}),
		text(ciHead(levelOf(rows), "test"), "interval of the excess over test examples.", func(r summary.Row) string {
			v := r.Imitation.Excess.Interval
			if !v.Known() {
				return ""
			}
			return fmt.Sprintf("[%+.0f, %+.0f]", 100*v.Lo, 100*v.Hi)
		}),
		number("on its correct labels", "the same share among the supervisor's right answers"+
			numbers(rows, func(row int) float64 { return rows[row].Imitation.Student.OnCorrect.N })+".",
			func(r summary.Row) string {
				return shares(r.Imitation.Student.OnCorrect, r.Imitation.Ceiling.OnCorrect)
			}).ranked(4),
		studentColumn, pgrColumn, nColumn, seedsColumn},
		"The ceiling never saw the supervisor's labels, so it repeats an error only if the error comes naturally. "+
			"What the student repeats above that is sycophantic imitation. The ± of agreement is over test examples alone.")
}

// Noise lays out the students of simulated supervisors.
func Noise(rows []summary.Row) *Table {
	columns := []column[summary.Row]{taskColumn,
		text("student's model", "", func(r summary.Row) string { return r.Strong }).said("student %s"),
		text("supervisor", "", func(r summary.Row) string { return r.Weak }),
		lossColumn.said("%s"), labelsColumn, weakColumn.ranked(3), studentColumn}
	// Another metric of the student cannot be compared with the accuracy of its labels.
	accurate := func(r summary.Row) bool { return r.Metric == tasks.Accuracy }
	if len(rows) == 0 || slices.ContainsFunc(rows, accurate) {
		columns = append(columns, number("above labels", "student - labels, in points.", func(r summary.Row) string {
			if !accurate(r) {
				return "–"
			}
			return fmt.Sprintf("%+.1f", 100*(r.Transfer.Value-r.Labels.Accuracy))
		}))
	}
	columns = append(columns, ceilingColumn.ranked(4), pgrColumn, pgrInterval(rows), nColumn, seedsColumn)
	return study("noise", "simulated supervisors", rows, columns,
		"flip: random errors. systematic: errors along a direction of the student's own features, which it can learn. "+
			"random, majority: labels that do not depend on the text.")
}

// Layers lays out rows by the layer of the strong model whose states are the features.
func Layers(rows []summary.Row) *Table {
	sorted := slices.SortedStableFunc(slices.Values(rows), func(a, b summary.Row) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(modelOf(a.Weak, a.WeakLayer), modelOf(b.Weak, b.WeakLayer)),
			cmp.Compare(layerNumber(a.WeakLayer), layerNumber(b.WeakLayer)), cmp.Compare(modelOf(a.Strong, a.StrongLayer), modelOf(b.Strong, b.StrongLayer)),
			cmp.Compare(a.Loss, b.Loss), cmp.Compare(layerNumber(a.StrongLayer), layerNumber(b.StrongLayer)))
	})
	return study("layers", "scores and PGR by layer of the strong model", sorted, []column[summary.Row]{taskColumn,
		text("pair", "weak supervisor → strong student.", func(r summary.Row) string { return r.Weak + " → " + modelOf(r.Strong, r.StrongLayer) }).said("%s"),
		lossColumn.said("%s"),
		number("layer", "layer of the strong model whose states are the features; 0 is the embedding.", func(r summary.Row) string {
			if r.StrongLayer == nil {
				return "–"
			}
			return strconv.Itoa(r.StrongLayer.Number)
		}),
		weakColumn, studentColumn, ceilingColumn, gapColumn.ranked(3), pgrColumn, pgrInterval(sorted), nColumn, seedsColumn})
}

// modelOf returns the name of a model without its layer.
func modelOf(name string, layer *result.Layer) string {
	if layer == nil {
		return name
	}
	return layer.Of
}

// layerNumber returns the number of a layer, or -1 for a model's own output.
func layerNumber(layer *result.Layer) int {
	if layer == nil {
		return -1
	}
	return layer.Number
}

// Size lays out rows by the size of the training set.
func Size(rows []summary.Row) *Table {
	sorted := slices.SortedStableFunc(slices.Values(rows), func(a, b summary.Row) int {
		return cmp.Or(byTask(a, b), cmp.Compare(a.Loss, b.Loss), cmp.Compare(a.Train, b.Train))
	})
	return study("size", "scores and PGR by size of the training set", sorted, []column[summary.Row]{taskColumn, pairColumn, lossColumn.said("%s"),
		number("train", "number of training examples of each head.", func(r summary.Row) string { return strconv.Itoa(r.Train) }),
		weakColumn, studentColumn, ceilingColumn, gapColumn.ranked(3), pgrColumn, pgrInterval(sorted), nColumn, seedsColumn})
}

// Curves lays out rows by the step after which the training of the student was stopped.
func Curves(rows []summary.Row) *Table {
	last := func(r summary.Row) int { return cmp.Or(r.Stopped, math.MaxInt) }
	sorted := slices.SortedStableFunc(slices.Values(rows), func(a, b summary.Row) int {
		return cmp.Or(byTask(a, b), cmp.Compare(a.Loss, b.Loss), cmp.Compare(a.Treatment, b.Treatment), cmp.Compare(last(a), last(b)))
	})
	return study("curves", "scores and agreement by step of training", sorted, []column[summary.Row]{taskColumn, pairColumn, lossColumn.said("%s"),
		treatmentColumn,
		number("steps", "steps of Adam after which training was stopped; all is the student of other tables.", func(r summary.Row) string {
			if r.Stopped == 0 {
				return "all"
			}
			return strconv.Itoa(r.Stopped)
		}),
		weakColumn.ranked(3), studentColumn, ceilingColumn.ranked(3),
		number("agreement", "share of test examples that the student answers as the supervisor does, in per cent.", func(r summary.Row) string { return ranging(r.Imitation.Student.All) }),
		number("on errors", "the same share among the supervisor's wrong answers"+onErrors(rows)+".", func(r summary.Row) string { return ranging(r.Imitation.Student.OnErrors) }),
		pgrColumn, pgrInterval(sorted), nColumn, seedsColumn},
		"Agreement: ± is half of the interval over test examples. The penalty is the one of the whole training. No step is chosen here: the one that is best on test examples is not known to a student.")
}

// ranging writes a share in per cent with half of its interval.
func ranging(s stats.Share) string {
	if !s.Defined() {
		return "–"
	}
	return points(summary.Figure{Value: s.Value, Interval: s.Interval})
}

// Imbalance lays out rows by the share of the rare class in training.
func Imbalance(rows []summary.Row) *Table {
	cut := func(r summary.Row) (string, float64) {
		if base, share, ok := tasks.CutMinority(r.Task); ok {
			return base, share
		}
		return r.Task, 1
	}
	sorted := slices.SortedStableFunc(slices.Values(rows), func(a, b summary.Row) int {
		aBase, aShare := cut(a)
		bBase, bShare := cut(b)
		return cmp.Or(cmp.Compare(aBase, bBase), cmp.Compare(a.Pair(), b.Pair()), cmp.Compare(a.Loss, b.Loss), cmp.Compare(bShare, aShare))
	})
	return study("imbalance", "scores and PGR by share of the rare class in training", sorted, []column[summary.Row]{
		text("task", "", func(r summary.Row) string { base, _ := cut(r); return base }).said("%s").kept(), pairColumn, lossColumn.said("%s"),
		number("rare", "share of the rare class among the training examples, in per cent.", func(r summary.Row) string {
			if _, share := cut(r); share < 1 {
				return strconv.FormatFloat(100*share, 'g', -1, 64)
			}
			return "–"
		}),
		weakColumn, studentColumn, ceilingColumn, gapColumn.ranked(3), pgrColumn, pgrInterval(sorted), nColumn, seedsColumn},
		"The test examples are balanced. Rare are examples of the second class; seeds share many of the few that there are.")
}

// Supervision lays out students beside what they get without a supervisor, and what a few gold labels would give.
func Supervision(rows []summary.Row) *Table {
	baseline := func(kind string) func(summary.Row) string {
		return func(r summary.Row) string {
			if b := r.Baseline(kind); b != nil {
				return points(b.Score)
			}
			return "–"
		}
	}
	columns := []column[summary.Row]{taskColumn, pairColumn, lossColumn, weakColumn.ranked(3), studentColumn,
		number("shuffled", "score of a student of permuted weak labels.", baseline(result.OfShuffled)),
		number("main axis", "score of the first principal component of the features, signed by the weak labels.", baseline(result.OfAxis)),
		number("random", "score of a random direction, signed by the weak labels.", baseline(result.OfRandom)).ranked(4)}
	var few []string // kinds
	for _, r := range rows {
		for _, b := range r.Baselines {
			if result.LearnsGold(b.Kind) && b.Kind != result.OfGold {
				few = list.AppendNew(few, b.Kind)
			}
		}
	}
	legend := "score of the strong model trained on this many gold labels of weak-train."
	for _, kind := range few {
		columns = append(columns, number(strings.TrimPrefix(kind, result.OfGold+":")+" gold", legend, baseline(kind)))
		legend = ""
	}
	along := func(c *summary.Cosines) *summary.Cosine {
		if c == nil {
			return nil
		}
		return &c.Axis
	}
	columns = append(columns, ceilingColumn.ranked(2),
		number("|cos| axis", "cosine, without its sign, of student / shuffled / ceiling and the main axis.", func(r summary.Row) string {
			var shuffled *summary.Cosines
			if b := r.Baseline(result.OfShuffled); b != nil {
				shuffled = b.Cosines
			}
			return cosine(along(r.Cosines)) + " / " + cosine(along(shuffled)) + " / " + cosine(r.CeilingAxis)
		}).ranked(4),
		number("cos ceiling", "cosine of student and ceiling.", func(r summary.Row) string {
			if r.Cosines == nil {
				return "–"
			}
			return cosine(r.Cosines.Ceiling)
		}).ranked(4), nColumn, seedsColumn)
	return study("supervision", "students and what they get without a supervisor", rows, columns,
		"Cosines are of weights over standardised features, means over seeds. Two directions drawn at random in d dimensions have about 0.8 / √d.")
}
