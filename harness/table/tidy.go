package table

import (
	"slices"
	"strconv"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/internal/visible"
)

// rowData returns the rows with all of their settings.
func rowData(rows []summary.Row) *Data {
	config := func(none any, of func(result.Settings) any) func(summary.Row) any {
		return func(r summary.Row) any {
			if r.Result() == nil { // imported
				return none
			}
			return of(r.Result().Config)
		}
	}
	share := func(name string, of func(summary.Imitation) stats.Share) []field[summary.Row] {
		return ranged(name, func(r summary.Row) (float64, stats.Interval, bool) {
			s := of(r.Imitation)
			return s.Value, s.Interval, s.Defined()
		})
	}
	return tidy(rows, slices.Concat(
		[]field[summary.Row]{
			{"task", func(r summary.Row) any { return r.Task }},
			{"category", func(r summary.Row) any { return r.Category }},
			{"metric", func(r summary.Row) any { return r.Metric }},
			{"weak_model", func(r summary.Row) any { return r.Weak }},
			{"strong_model", func(r summary.Row) any { return r.Strong }},
			{"loss", func(r summary.Row) any { return loss.Short(r.Loss) }},
			{"treatment", func(r summary.Row) any { return r.Treatment }},
			{"variant", func(r summary.Row) any { return r.Variant() }},
			{"trained_on", func(r summary.Row) any {
				if r.Trained == "" {
					return r.Task
				}
				return r.Trained
			}},
			{"n", func(r summary.Row) any { return orNil(r.N) }},
			{"seeds", func(r summary.Row) any { return r.Seeds }},
			{"train", func(r summary.Row) any { return orNil(r.Train) }},
		},
		figureFields("weak", func(r summary.Row) summary.Figure { return r.Floor }),
		figureFields("student", func(r summary.Row) summary.Figure { return r.Transfer }),
		figureFields("ceiling", func(r summary.Row) summary.Figure { return r.Ceiling }),
		ranged("gap", func(r summary.Row) (float64, stats.Interval, bool) { return r.PGR.Gap, r.PGR.GapInterval, true }),
		pgrFields("pgr", func(r summary.Row) stats.PGR { return r.PGR }),
		[]field[summary.Row]{{"pgr_undefined", func(r summary.Row) any { return textOrNil(r.PGR.Reason) }}},
		ranged("pgr_test", func(r summary.Row) (float64, stats.Interval, bool) { return r.PGR.Value, r.PGR.Examples, r.PGR.Defined }),
		ranged("pgr_seeds", func(r summary.Row) (float64, stats.Interval, bool) {
			return r.SeedPGR.Value, r.SeedPGR.Interval, r.SeedPGR.Defined && r.PGR.Defined
		}),
		share("agreement", func(i summary.Imitation) stats.Share { return i.Student.All }),
		share("student_on_errors", func(i summary.Imitation) stats.Share { return i.Student.OnErrors }),
		share("ceiling_on_errors", func(i summary.Imitation) stats.Share { return i.Ceiling.OnErrors }),
		share("excess_on_errors", func(i summary.Imitation) stats.Share { return i.Excess }),
		ranged("control", func(r summary.Row) (float64, stats.Interval, bool) { return parts(r.Control) }),
		[]field[summary.Row]{
			{"majority", func(r summary.Row) any {
				if r.Uneven == nil {
					return nil
				}
				return r.Uneven.Majority
			}},
			{"label_accuracy", func(r summary.Row) any {
				if r.Labels.N == 0 {
					return nil
				}
				return r.Labels.Accuracy
			}},
			{"level", func(r summary.Row) any {
				if !r.PGR.GapInterval.Known() {
					return nil
				}
				return r.PGR.GapInterval.Level
			}},
			{"loss_settings", func(r summary.Row) any { return r.Loss }},
			{"alpha", func(r summary.Row) any {
				if _, alpha, ok := loss.CutAlpha(r.Loss); ok {
					return alpha
				}
				return nil
			}},
			{"weak_layer", func(r summary.Row) any { return layerOrNil(r.WeakLayer) }},
			{"strong_layer", func(r summary.Row) any { return layerOrNil(r.StrongLayer) }},
			{"simulated", func(r summary.Row) any { return r.Simulated }},
			{"pools", config(noText, func(c result.Settings) any { return textOrNil(c.Pools) })},
			{"balance", config(noText, func(c result.Settings) any { return textOrNil(string(c.Balance)) })},
			{"folds", config(nil, func(c result.Settings) any { return max(1, c.Folds) })},
			{"held", config(nil, func(c result.Settings) any { return c.Held })},
			{"l2", config(noText, func(c result.Settings) any {
				return strings.Join(list.Map(c.L2, func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }), " ")
			})},
			{"program", func(r summary.Row) any {
				if r.Result() == nil {
					return noText
				}
				return r.Result().Program
			}},
			{"warnings", func(r summary.Row) any { return strings.Join(r.Warnings, "; ") }},
		}))
}

func orNil(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// noText is the value of a field of text that has none.
var noText any = (*string)(nil)

func textOrNil(s string) any {
	if s == "" {
		return noText
	}
	return s
}

func layerOrNil(l *result.Layer) any {
	if l == nil {
		return nil
	}
	return l.Number
}

// chainData returns a line for each step of each chain.
func chainData(lines []chainLine) *Data {
	return tidy(lines, slices.Concat(
		[]field[chainLine]{
			{"task", func(l chainLine) any { return l.Task }},
			{"category", func(l chainLine) any { return l.Category }},
			{"metric", func(l chainLine) any { return l.Metric }},
			{"data", func(l chainLine) any { return l.Data }},
			{"variant", func(l chainLine) any { return l.Setup }},
			{"loss", func(l chainLine) any { return loss.Short(l.Loss) }},
			{"step", func(l chainLine) any { return l.step }},
			{"model", func(l chainLine) any { return l.model }},
			{"n", func(l chainLine) any { return l.N }},
			{"seeds", func(l chainLine) any { return l.Seeds }},
			{"label_accuracy", func(l chainLine) any { return l.labelAccuracy }},
		},
		figureFields("score", func(l chainLine) summary.Figure { return l.score }),
		pgrFields("pgr", chainLine.own),
		[]field[chainLine]{
			{"loss_settings", func(l chainLine) any { return l.Loss }},
			{"warnings", func(l chainLine) any { return strings.Join(l.Warnings, "; ") }},
		}))
}

// poolFields returns the fields of pools.
func poolFields[R any](pool func(R) summary.Pool) []field[R] {
	return slices.Concat(
		[]field[R]{
			{"weak_model", func(r R) any { return pool(r).Weak }},
			{"strong_model", func(r R) any { return pool(r).Strong }},
			{"metric", func(r R) any { return pool(r).Metric }},
			{"loss", func(r R) any { return loss.Short(pool(r).Loss) }},
			{"treatment", func(r R) any { return pool(r).Treatment }},
			{"variant", func(r R) any { return pool(r).Variant }},
			{"tasks", func(r R) any { return pool(r).PGR.N }},
			{"undefined", func(r R) any { return pool(r).PGR.Undefined }},
			{"n", func(r R) any { return pool(r).N }},
			{"seeds_min", func(r R) any { return pool(r).Seeds[0] }},
			{"seeds_max", func(r R) any { return pool(r).Seeds[1] }},
		},
		pgrFields("pgr", func(r R) stats.PGR { return pool(r).PGR.PGR() }),
		ranged("pgr_tasks", func(r R) (float64, stats.Interval, bool) {
			p := pool(r).PGR
			return p.PGR().Value, p.Over(), p.Over().Known()
		}),
		ranged("median", func(r R) (float64, stats.Interval, bool) {
			p := pool(r).PGR
			return p.Median, p.Interval, p.N > 0
		}),
		[]field[R]{{"median_level", func(r R) any {
			if v := pool(r).PGR.Interval; v.Known() {
				return v.Level
			}
			return nil
		}}, {"loss_settings", func(r R) any { return pool(r).Loss }}})
}

func categoryData(rows []summary.CategoryRow) *Data {
	published := func(of func(summary.Range) float64) func(summary.CategoryRow) any {
		return func(r summary.CategoryRow) any {
			if r.Published == nil {
				return nil
			}
			return of(*r.Published)
		}
	}
	return tidy(rows, slices.Concat(
		[]field[summary.CategoryRow]{{"category", func(r summary.CategoryRow) any { return r.Category }}},
		poolFields(func(r summary.CategoryRow) summary.Pool { return r.Pool }),
		[]field[summary.CategoryRow]{
			{"published_lo", published(func(r summary.Range) float64 { return r.Low })},
			{"published_hi", published(func(r summary.Range) float64 { return r.High })},
			{"outside", func(r summary.CategoryRow) any { return r.Outside }},
		}))
}

func pairData(rows []summary.PairRow) *Data {
	return tidy(rows, append(poolFields(func(r summary.PairRow) summary.Pool { return r.Pool }),
		field[summary.PairRow]{"median_gap", func(r summary.PairRow) any { return r.Gap }}))
}

func lossData(rows []summary.LossRow) *Data {
	return tidy(rows, slices.Concat(
		[]field[summary.LossRow]{
			{"task", func(r summary.LossRow) any { return r.Task }},
			{"weak_model", func(r summary.LossRow) any { return r.Weak }},
			{"strong_model", func(r summary.LossRow) any { return r.Strong }},
			{"metric", func(r summary.LossRow) any { return r.Metric }},
			{"treatment", func(r summary.LossRow) any { return r.Treatment }},
			{"variant", func(r summary.LossRow) any { return r.Variant }},
			{"loss", func(r summary.LossRow) any { return loss.Short(r.Loss) }},
			{"against", func(r summary.LossRow) any { return loss.Short(r.Against) }},
			{"n", func(r summary.LossRow) any { return r.N }},
			{"seeds", func(r summary.LossRow) any { return r.Seeds }},
		},
		ranged("difference", func(r summary.LossRow) (float64, stats.Interval, bool) { return r.Diff, r.Interval, true }),
		[]field[summary.LossRow]{
			{"p", func(r summary.LossRow) any { return r.P }},
			{"p_adjusted", func(r summary.LossRow) any { return r.Adjusted }},
			{"test", func(r summary.LossRow) any { return r.Test }},
		}))
}

func baselineData(lines []baselineLine) *Data {
	return tidy(lines, slices.Concat(
		[]field[baselineLine]{
			{"task", func(l baselineLine) any { return l.row.Task }},
			{"category", func(l baselineLine) any { return l.row.Category }},
			{"metric", func(l baselineLine) any { return l.row.Metric }},
			{"weak_model", func(l baselineLine) any { return l.row.Weak }},
			{"strong_model", func(l baselineLine) any { return l.row.Strong }},
			{"variant", func(l baselineLine) any { return l.row.Variant() }},
			{"baseline", func(l baselineLine) any { return l.baseline.Kind }},
			{"loss", func(l baselineLine) any {
				if l.baseline.Kind != result.OfShuffled {
					return noText
				}
				return loss.Short(l.row.Loss)
			}},
			{"treatment", func(l baselineLine) any {
				if l.baseline.Kind != result.OfShuffled {
					return noText
				}
				return l.row.Treatment
			}},
			{"n", func(l baselineLine) any { return l.row.N }},
			{"seeds", func(l baselineLine) any { return l.baseline.Seeds }},
			{"train", func(l baselineLine) any { return l.baseline.Train }},
		},
		figureFields("score", func(l baselineLine) summary.Figure { return l.baseline.Score }),
		pgrFields("pgr", func(l baselineLine) stats.PGR { return l.baseline.PGR }),
		figureFields("weak", func(l baselineLine) summary.Figure { return l.row.Floor }),
		figureFields("ceiling", func(l baselineLine) summary.Figure { return l.row.Ceiling }),
		[]field[baselineLine]{{"warnings", func(l baselineLine) any { return strings.Join(l.baseline.Warnings, "; ") }}}))
}

// Examples lays out test examples with the answers to them.
func Examples(examples []summary.Example) *Table {
	columns := []column[summary.Example]{
		text("task", "", func(e summary.Example) string { return e.Task }).said("%s").kept(),
		text("pair", "weak supervisor → strong student.", func(e summary.Example) string { return e.Weak + " → " + e.Strong }).said("%s"),
		text("treatment", "", func(e summary.Example) string { return e.Treatment }).said("%s labels"),
		text("loss", "", func(e summary.Example) string { return loss.Short(e.Loss) }).said("%s"),
		number("seed", "", func(e summary.Example) string { return strconv.FormatUint(e.Seed, 10) }).said("seed %s"),
		text("id", "", func(e summary.Example) string { return e.ID }),
		text("text", "", func(e summary.Example) string { return visible.Cut(e.Text, 40) }).ranked(1),
		text("gold", "", func(e summary.Example) string { return e.Gold }),
		text("weak", "answer of the weak supervisor.", func(e summary.Example) string { return e.Answers[0] }),
		text("student", "answer of the strong student.", func(e summary.Example) string { return e.Answers[1] }),
		text("ceiling", "answer of the strong model trained on gold.", func(e summary.Example) string { return e.Answers[2] }),
	}
	t := layOut("examples", []string{"test examples and answers"}, examples, columns...)
	answer := func(name string, of int) []field[summary.Example] {
		return []field[summary.Example]{
			{name, func(e summary.Example) any { return e.Answers[of] }},
			{name + "_right", func(e summary.Example) any { return e.Right[of] }},
			{name + "_p", func(e summary.Example) any { return e.Probability[of] }},
		}
	}
	t.values = tidy(examples, slices.Concat([]field[summary.Example]{
		{"task", func(e summary.Example) any { return e.Task }},
		{"trained_on", func(e summary.Example) any { return e.Trained }},
		{"weak_model", func(e summary.Example) any { return e.Weak }},
		{"strong_model", func(e summary.Example) any { return e.Strong }},
		{"loss", func(e summary.Example) any { return loss.Short(e.Loss) }},
		{"treatment", func(e summary.Example) any { return e.Treatment }},
		{"size", func(e summary.Example) any { return orNil(e.Size) }},
		{"seed", func(e summary.Example) any { return e.Seed }},
		{"id", func(e summary.Example) any { return e.ID }},
		{"text", func(e summary.Example) any { return textOrNil(e.Text) }},
		{"gold", func(e summary.Example) any { return e.Gold }},
	}, answer("weak", 0), answer("student", 1), answer("ceiling", 2)))
	return t
}
