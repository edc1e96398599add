package summary

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/prob"
	"w2s/tasks"
)

// Questions returns the questions that stored predictions answer. docs/methods.md has their formulas and sources.
func Questions() []Question {
	return []Question{misfit(), errorStructure(), similarity(), coverage(), blindSpots(), geometry(), budget(), impossible()}
}

// misfit compares what the student gains with how far it moved from its supervisor (Charikar et al. 2024, Mulgund and Pabbaraju 2025).
func misfit() Question {
	divergence := func(a, b func(*result.Task, Trio) result.Distributions) func(*result.Task, Trio) ([]float64, error) {
		return func(t *result.Task, h Trio) ([]float64, error) { return stats.Divergences(a(t, h), b(t, h)) }
	}
	square := func(a, b func(*result.Task, Trio) result.Distributions) func(*result.Task, Trio) ([]float64, error) {
		return func(t *result.Task, h Trio) ([]float64, error) { return stats.SquaredDistances(a(t, h), b(t, h)) }
	}
	moved, towards, away := divergence(ofStudent, ofWeak), divergence(ofCeiling, ofWeak), divergence(ofCeiling, ofStudent)
	return Question{
		Name: "misfit", Caption: "misfit of student and supervisor, and what the student gains, in nats",
		Asked: []Asked{
			{Key: "misfit", Name: "misfit", Legend: "KL(student ‖ weak): how far the student moved from its supervisor. It needs no gold.", Unit: Plain, Positive: true, Score: meanOf(moved)},
			{Key: "gain", Name: "gain", Legend: "KL(ceiling ‖ weak) - KL(ceiling ‖ student): how much nearer the student is to the ceiling.", Unit: Signed, Score: meanOf(towards, away)},
			{Key: "gain_less_misfit", Name: "gain - misfit", Legend: "0 or more where the inequality gain ≥ misfit is true.", Unit: Signed, Score: meanOf(towards, away, moved)},
			{Key: "gold_gain", Name: "gain on gold", Legend: "log loss of weak - log loss of student, against gold.", Unit: Signed, Minor: 3,
				Score: meanOf(divergence(ofGold, ofWeak), divergence(ofGold, ofStudent))},
			{Key: "squared_misfit", Name: "squared misfit", Legend: "half of the mean squared distance of student and weak.", Unit: Plain, Positive: true, Minor: 4, Score: meanOf(square(ofStudent, ofWeak))},
			{Key: "squared_gain", Name: "squared gain", Legend: "Brier score of weak - Brier score of student, against gold.", Unit: Signed, Minor: 4,
				Score: meanOf(square(ofGold, ofWeak), square(ofGold, ofStudent))},
			{Key: "reverse_misfit", Name: "reverse misfit", Legend: "KL(weak ‖ student), the divergence that xent and kl minimise.", Unit: Plain, Positive: true, Minor: 5, Score: meanOf(divergence(ofWeak, ofStudent))},
		},
		Notes: []string{"The inequality is proved for students that minimise KL(student ‖ weak) over a convex class of predictions. Linear heads are no such class in probabilities, and xent minimises KL(weak ‖ student)."},
		Chart: Axes{X: "misfit", Y: "gain", Diagonal: "gain = misfit", Low: true},
		Ranks: []Rank{{"misfit", "gain"}, {"misfit", GainKey}},
	}
}

// errorStructure compares which errors student, ceiling and supervisor make.
func errorStructure() Question {
	pair := func(of func(a, b []float64) stats.Score, head func(Trio) *result.Head) func(*result.Task, Trio) (stats.Score, error) {
		return func(t *result.Task, h Trio) (stats.Score, error) {
			weak, errWeak := wrong(t, h.Weak)
			other, errOther := wrong(t, head(h))
			if err := errors.Join(errWeak, errOther); err != nil {
				return nil, err
			}
			return of(weak, other), nil
		}
	}
	student, ceiling := func(h Trio) *result.Head { return h.Student }, func(h Trio) *result.Head { return h.Ceiling }
	corrected := func(head func(Trio) *result.Head) func(*result.Task, Trio) (event, among []float64, err error) {
		return func(t *result.Task, h Trio) (event, among []float64, err error) {
			weak, errWeak := wrong(t, h.Weak)
			other, errOther := wrong(t, head(h))
			return not(other), weak, errors.Join(errWeak, errOther)
		}
	}
	broken := func(head func(Trio) *result.Head) func(*result.Task, Trio) (event, among []float64, err error) {
		return func(t *result.Task, h Trio) (event, among []float64, err error) {
			right, weak, err := corrected(head)(t, h)
			return not(right), not(weak), err
		}
	}
	asked := []Asked{
		{Key: "phi", Name: "φ", Legend: "correlation of the errors of student and weak.", Unit: Plain, Score: pair(stats.PhiScore, student)},
		{Key: "ceiling_phi", Name: "φ ceiling", Legend: "correlation of the errors of ceiling and weak.", Unit: Plain, Minor: 3, Score: pair(stats.PhiScore, ceiling)},
		{Key: "kappa", Name: "κ", Legend: "Cohen's κ of the errors of student and weak, their error consistency.", Unit: Plain, Minor: 4, Score: pair(stats.KappaScore, student)},
		{Key: "ceiling_kappa", Name: "κ ceiling", Legend: "Cohen's κ of the errors of ceiling and weak.", Unit: Plain, Minor: 5, Score: pair(stats.KappaScore, ceiling)},
		{Key: "new_errors", Name: "new errors", Legend: "share of the supervisor's right answers that the student gets wrong.", Unit: Percent, Share: broken(student)},
		{Key: "ceiling_new_errors", Name: "new errors, ceiling", Legend: "share of the supervisor's right answers that the ceiling gets wrong.", Unit: Percent, Minor: 3, Share: broken(ceiling)},
		{Key: "corrected", Name: "corrected", Legend: "share of the supervisor's errors that the student gets right; the rest is inherited.", Unit: Percent, Share: corrected(student)},
		{Key: "ceiling_corrected", Name: "corrected, ceiling", Legend: "share of the supervisor's errors that the ceiling gets right.", Unit: Percent, Minor: 3, Share: corrected(ceiling)},
	}
	for i, name := range []string{"unsure", "middle", "sure"} {
		asked = append(asked, Asked{Key: "corrected_" + name, Name: "corrected, " + name, Unit: Percent, Minor: 2,
			Legend: "corrected in " + []string{"the third of the test examples of which the supervisor is least sure (thirds are ours)",
				"the middle third by the supervisor's confidence", "the third of which the supervisor is surest"}[i] + ".",
			Share: func(t *result.Task, h Trio) (event, among []float64, err error) {
				if t.Form == tasks.Generate {
					return nil, nil, nil
				}
				right, weak, err := corrected(student)(t, h)
				return right, both(weak, inPart(confidence(h.Weak), i, 3)), err
			}})
	}
	return Question{
		Name: "errors", Caption: "which errors of the supervisor students repeat, correct and add", Free: true, Asked: asked,
		Notes: []string{"The ceiling never saw the supervisor's labels: what it shares with the supervisor comes from the examples."},
		Chart: Axes{X: "new_errors", Y: "corrected"},
	}
}

// similarity compares models by CAPA (Goel et al. 2025).
func similarity() Question {
	with := func(head func(Trio) *result.Head) func(*result.Task, Trio) (stats.Score, error) {
		return func(t *result.Task, h Trio) (stats.Score, error) {
			return stats.CAPAScore(h.Weak.Test, head(h).Test, t.TestGold)
		}
	}
	student, ceiling := with(func(h Trio) *result.Head { return h.Student }), with(func(h Trio) *result.Head { return h.Ceiling })
	return Question{
		Name: "capa", Caption: "how alike models answer beyond their accuracy (CAPA), and PGR",
		Asked: []Asked{
			{Key: "capa_ceiling", Name: "CAPA of models", Legend: "of the supervisor and the strong model trained on gold.", Unit: Plain, Score: ceiling},
			{Key: "capa_student", Name: "of student", Legend: "CAPA of supervisor and student.", Unit: Plain, Score: student},
			{Key: "capa_taught", Name: "taught", Legend: "CAPA of student - CAPA of models: what the weak labels added.", Unit: Signed, Score: less(student, ceiling)},
		},
		Notes: []string{"CAPA is 0 for models that are right equally often and otherwise independent, and 1 for models with the same sure answers."},
		Chart: Axes{X: "capa_ceiling", Y: PGRKey},
		Ranks: []Rank{{"capa_ceiling", PGRKey}, {"capa_ceiling", GainKey}},
	}
}

// coverage looks at students where the supervisor is sure and where it is not (after Lang et al. 2024).
func coverage() Question {
	part := func(covered int, a, b func(Trio) *result.Head) func(*result.Task, Trio) (event, among []float64, err error) {
		return func(t *result.Task, h Trio) (event, among []float64, err error) {
			better, err := wrong(t, a(h))
			if err != nil {
				return nil, nil, err
			}
			better = not(better)
			if b != nil {
				than, err := wrong(t, b(h))
				if err != nil {
					return nil, nil, err
				}
				for i, v := range than {
					better[i] -= 1 - v
				}
			}
			return better, inPart(confidence(h.Weak), covered, 2), nil
		}
	}
	weak, student, ceiling := func(h Trio) *result.Head { return h.Weak }, func(h Trio) *result.Head { return h.Student }, func(h Trio) *result.Head { return h.Ceiling }
	return Question{
		Name: "coverage", Caption: "students where the supervisor is sure (the covered half of the test examples) and where it is not: accuracy in per cent",
		Asked: []Asked{
			{Key: "covered_weak", Name: "weak, covered", Legend: "accuracy of the supervisor on the half of the test examples that it is surest of.", Unit: Percent, Minor: 3, Share: part(1, weak, nil)},
			{Key: "correction", Name: "correction", Legend: "student - weak on the covered half, in points (pseudolabel correction).", Unit: Points, Share: part(1, student, weak)},
			{Key: "least_correction", Name: "least of classes", Legend: "correction of the class of weak answers that has the least.", Unit: Points, Minor: 4, Score: leastCorrection},
			{Key: "uncovered_weak", Name: "weak, uncovered", Legend: "accuracy of the supervisor on the half of which it is least sure.", Unit: Percent, Minor: 3, Share: part(0, weak, nil)},
			{Key: "uncovered_student", Name: "student, uncovered", Legend: "accuracy of the student on the uncovered half.", Unit: Percent, Share: part(0, student, nil)},
			{Key: "expansion", Name: "expansion", Legend: "student - weak on the uncovered half, in points (coverage expansion).", Unit: Points, Share: part(0, student, weak)},
			{Key: "ceiling_expansion", Name: "of ceiling", Legend: "ceiling - weak on the uncovered half, in points.", Unit: Points, Minor: 3, Share: part(0, ceiling, weak)},
		},
		Notes: []string{"The halves of the test examples by the supervisor's confidence, and the difference as the measure of expansion, are ours. A student has never seen labels of the uncovered half only with the treatment top:0.5."},
		Chart: Axes{X: "correction", Y: "expansion", Diagonal: "as much where the supervisor is unsure", Low: true},
	}
}

// leastCorrection returns the least of the corrections of the classes that the supervisor answers with. A class has at least twenty covered
// test examples.
func leastCorrection(t *result.Task, h Trio) (stats.Score, error) {
	if t.Form != tasks.Classify {
		return nil, nil
	}
	weak, errWeak := wrong(t, h.Weak)
	student, errStudent := wrong(t, h.Student)
	if err := errors.Join(errWeak, errStudent); err != nil {
		return nil, err
	}
	covered := inPart(confidence(h.Weak), 1, 2)
	var classes []stats.Score
	for k := range h.Weak.Test[0] {
		member, n := make([]float64, len(weak)), 0.0
		better := make([]float64, len(weak))
		for i, p := range h.Weak.Test {
			if prob.Argmax(p) == k {
				member[i] = covered[i]
				n += covered[i]
			}
			better[i] = weak[i] - student[i]
		}
		if n >= 20 {
			classes = append(classes, shareAmong(better, member))
		}
	}
	if len(classes) == 0 {
		return nil, nil
	}
	return func(weight []float64) float64 {
		least := classes[0](weight)
		for _, of := range classes[1:] {
			least = min(least, of(weight)) // NaN stays
		}
		return least
	}, nil
}

// Sure is the confidence from which the question about blind spots calls an answer sure. The choice is ours; the repositories of Yang et
// al. 2024 and of automated-w2s-research keep labels with this confidence.
const Sure = 0.75

// blindSpots asks where students fail without their supervisor's warning (Yang et al. 2024, and 2604.25077).
func blindSpots() Question {
	among := func(event, condition func(weak, student, ceiling judged) []float64) func(*result.Task, Trio) (event, among []float64, err error) {
		return func(t *result.Task, h Trio) ([]float64, []float64, error) {
			weak, errWeak := judgedOf(t, h.Weak)
			student, errStudent := judgedOf(t, h.Student)
			ceiling, errCeiling := judgedOf(t, h.InTask.Ceiling)
			own, errOwn := judgedOf(t, h.InTask.Weak)
			if err := cmp.Or(errWeak, errStudent, errCeiling, errOwn); err != nil {
				return nil, nil, err
			}
			weak.wrong = own.wrong // what the supervisor knows of this task; how sure it is stays
			return event(weak, student, ceiling), condition(weak, student, ceiling), nil
		}
	}
	all := func(weak, _, _ judged) []float64 { return slices.Repeat([]float64{1}, len(weak.wrong)) }
	surelyWrong := func(_, student, _ judged) []float64 { return both(student.wrong, student.sure) }
	failed := func(_, student, _ judged) []float64 { return student.wrong }
	unknown := func(weak, _, ceiling judged) []float64 { return both(weak.wrong, not(ceiling.wrong)) }
	known := func(weak, _, ceiling judged) []float64 { return both(not(weak.wrong), not(ceiling.wrong)) }
	unsure := func(weak, _, _ judged) []float64 { return not(weak.sure) }
	return Question{
		Name: "blindspots", Caption: "students that are surely wrong where the supervisor is unsure, and what they lose of what the strong model knows, in per cent",
		Asked: []Asked{
			{Key: "blind_spots", Name: "blind spots", Legend: fmt.Sprintf("share of the test examples on which the supervisor is unsure (confidence below %g) and the student wrong and sure.", Sure), Unit: Percent,
				Share: among(func(w, s, c judged) []float64 { return both(surelyWrong(w, s, c), unsure(w, s, c)) }, all)},
			{Key: "unsure", Name: "weak unsure", Legend: "share of the test examples on which the supervisor is unsure.", Unit: Percent, Minor: 4, Share: among(unsure, all)},
			{Key: "blind_of_unsure", Name: "of unsure", Legend: "share of the test examples on which the supervisor is unsure that are blind spots.", Unit: Percent, Minor: 3, Share: among(surelyWrong, unsure)},
			{Key: "blind_of_sure", Name: "of sure", Legend: "share of the test examples on which the supervisor is sure that the student gets wrong and is sure of.", Unit: Percent, Minor: 3,
				Share: among(surelyWrong, func(w, _, _ judged) []float64 { return w.sure })},
			{Key: "lost_unknown", Name: "lost, unknown to weak", Legend: "share of what the ceiling gets right and the supervisor wrong that the student gets wrong.", Unit: Percent, Share: among(failed, unknown)},
			{Key: "lost_known", Name: "lost, known", Legend: "share of what both get right that the student gets wrong.", Unit: Percent, Minor: 2, Share: among(failed, known)},
			{Key: "deception", Name: "excess", Legend: "share lost of what the supervisor does not know - share lost of what it knows, in points.", Unit: Points, Score: less(shareOf(among(failed, unknown)), shareOf(among(failed, known)))},
		},
		Notes: []string{"Weak and ceiling are those trained on the task that is tested. The threshold, and the excess as the score, are ours. A student that errs more where its supervisor cannot tell deceives nobody by intent: labels of the supervisor's errors teach the same."},
		Chart: Axes{X: "lost_known", Y: "lost_unknown", Diagonal: "as much where the supervisor knows"},
	}
}

// geometry asks how the features of student and supervisor lie to each other (Li et al. 2025, Xue et al. 2025, Shin et al. 2025).
func geometry() Question {
	of := func(figure func(result.Geometry) float64) func(Trio) (float64, bool) {
		return func(t Trio) (float64, bool) { return figure(*t.Student.Geometry), true }
	}
	return Question{
		Name: "geometry", Caption: "features of supervisor and student on strong-train, without gold labels, and PGR",
		Has: func(_ *result.Task, t Trio) bool { return t.Student.Geometry != nil }, Lacks: "geometry, which w2s study geometry computes where supervisor and student have features",
		Asked: []Asked{
			{Key: "overlap", Name: "overlap", Legend: "overlap density: share of the examples that are easy for the supervisor and near hard ones in the student's features.", Unit: Percent,
				Value: func(t Trio) (float64, bool) {
					if o := t.Student.Geometry.Overlap; o != nil {
						return *o, true
					}
					return 0, false
				}},
			{Key: "weak_dims", Name: "dims weak", Legend: fmt.Sprintf("dimensions with %g %% of the squared size of the supervisor's features.", 100*stats.Energy), Unit: Count, Minor: 3,
				Value: of(func(g result.Geometry) float64 { return float64(g.WeakDims) })},
			{Key: "strong_dims", Name: "dims strong", Legend: fmt.Sprintf("dimensions with %g %% of the squared size of the student's features.", 100*stats.Energy), Unit: Count, Minor: 3, Value: of(func(g result.Geometry) float64 { return float64(g.StrongDims) })},
			{Key: "shared", Name: "shared", Legend: "sum of the squared cosines of the angles between the two spaces, the correlation dimension.", Unit: Count, Value: of(func(g result.Geometry) float64 { return g.Shared })},
			{Key: "chance", Name: "by chance", Legend: "what two random spaces with as many dimensions share.", Unit: Count, Minor: 3,
				Value: of(func(g result.Geometry) float64 { return float64(g.WeakDims) * float64(g.StrongDims) / float64(g.Rows) })},
			{Key: "inherited", Name: "inherited", Legend: "share of the noise of the supervisor that a ridgeless student inherits.", Unit: Percent,
				Value: of(func(g result.Geometry) float64 {
					return (g.Shared + float64(g.StrongDims)/float64(g.Rows)*(float64(g.WeakDims)-g.Shared)) / float64(g.WeakDims)
				})},
			{Key: "beyond", Name: "beyond", Legend: "share of what the student's features can express that the supervisor's cannot.", Unit: Percent, Value: of(func(g result.Geometry) float64 { return g.Beyond })},
		},
		Notes: []string{"These figures do not depend on the test examples: their intervals are over seeds. The normalisation of beyond is ours."},
		Chart: Axes{X: "beyond", Y: GainKey},
		Ranks: []Rank{{"overlap", GainKey}, {"shared", GainKey}, {"inherited", GainKey}, {"beyond", GainKey}},
	}
}

// budget compares students with the same model trained on gold labels of weak-train.
func budget() Question {
	right := func(t *result.Task, h *result.Head) ([]float64, error) {
		if t.Form == tasks.Rank {
			return stats.CorrectOfTied(h.Test, t.TestGold)
		}
		return stats.Correct(h.Test, t.TestGold)
	}
	against := func(kind string) func(*result.Task, Trio) (stats.Score, error) {
		return func(t *result.Task, h Trio) (stats.Score, error) {
			gold := h.Gold[kind]
			if gold == nil {
				return nil, nil
			}
			student, errStudent := right(t, h.Student)
			other, errOther := right(t, gold)
			if err := errors.Join(errStudent, errOther); err != nil {
				return nil, err
			}
			for i, v := range other {
				student[i] -= v
			}
			return stats.MeanScore(student), nil
		}
	}
	q := Question{
		Name: "budget", Caption: "students less the same model trained on gold labels of weak-train, in points of accuracy",
		Has: func(_ *result.Task, t Trio) bool { return len(t.Gold) > 0 }, Lacks: "baselines of gold labels, which run and sweep train unless --no-baselines is given",
		Notes: []string{"Above 0, the weak labels are worth more than this many gold labels. The student learns the weak labels of all of strong-train, which has as many examples as weak-train."},
		Chart: Axes{XTitle: "gold labels"},
	}
	legend := "student - the strong model trained on this many gold labels."
	for _, n := range []int{8, 32, 128} {
		key := fmt.Sprintf("gold_%d", n)
		q.Asked = append(q.Asked, Asked{Key: key, Name: fmt.Sprintf("%d gold", n), Legend: legend, Unit: Points, Score: against(result.FewGold(n))})
		q.Chart.Along = append(q.Chart.Along, Place{float64(n), key})
		legend = ""
	}
	q.Asked = append(q.Asked, Asked{Key: "gold_all", Name: "all gold", Legend: "student - the strong model trained on gold labels of all of weak-train.", Unit: Points, Score: against(result.OfGold)})
	return q
}

// impossible asks how much heads make of test examples that nobody can answer (Canavan et al. 2026).
func impossible() Question {
	marked := func(t *result.Task) []float64 {
		out := make([]float64, len(t.TestIDs))
		for i, id := range t.TestIDs {
			if tasks.IsImpossible(id) {
				out[i] = 1
			}
		}
		return out
	}
	variance := func(head func(Trio) *result.Head) func(*result.Task, Trio) (stats.Score, error) {
		return func(t *result.Task, h Trio) (stats.Score, error) {
			scores := make([]float64, len(t.TestIDs))
			for i, p := range head(h).Test {
				if len(p) != 2 {
					return nil, nil
				}
				scores[i] = stats.Logit(p[1])
			}
			return stats.VarianceShareScore(scores, marked(t)), nil
		}
	}
	accuracy := func(head func(Trio) *result.Head) func(*result.Task, Trio) (event, among []float64, err error) {
		return func(t *result.Task, h Trio) (event, among []float64, err error) {
			w, err := wrong(t, head(h))
			return not(w), not(marked(t)), err
		}
	}
	weak, student, ceiling := func(h Trio) *result.Head { return h.Weak }, func(h Trio) *result.Head { return h.Student }, func(h Trio) *result.Head { return h.Ceiling }
	return Question{
		Name: "impossible", Caption: "heads on test examples that nobody can answer, in per cent",
		Has: func(t *result.Task, _ Trio) bool { return slices.ContainsFunc(t.TestIDs, tasks.IsImpossible) }, Lacks: "impossible test examples, which w2s study impossible adds",
		Asked: []Asked{
			{Key: "impossible", Name: "impossible", Legend: "share of the test examples that nobody can answer.", Unit: Percent,
				Score: func(t *result.Task, _ Trio) (stats.Score, error) { return stats.MeanScore(marked(t)), nil }},
			{Key: "weak_variance", Name: "variance weak", Legend: "share of the variance of a head's scores (logits) that comes from impossible examples.", Unit: Percent, Score: variance(weak)},
			{Key: "student_variance", Name: "student", Unit: Percent, Score: variance(student)},
			{Key: "ceiling_variance", Name: "ceiling", Unit: Percent, Score: variance(ceiling)},
			{Key: "weak_possible", Name: "accuracy weak", Legend: "accuracy on the examples that can be answered.", Unit: Percent, Minor: 2, Share: accuracy(weak)},
			{Key: "student_possible", Name: "student", Unit: Percent, Minor: 2, Share: accuracy(student)},
			{Key: "ceiling_possible", Name: "ceiling", Unit: Percent, Minor: 2, Share: accuracy(ceiling)},
		},
		Notes: []string{"Which examples are impossible (random words of the task's texts, with random labels) is ours. PGR is of all test examples, also of these."},
		Chart: Axes{X: "weak_variance", Y: "student_variance", Diagonal: "as much as the supervisor's"},
	}
}

// Predictions of the heads of a trio, and gold.
func ofWeak(_ *result.Task, h Trio) result.Distributions    { return h.Weak.Test }
func ofStudent(_ *result.Task, h Trio) result.Distributions { return h.Student.Test }
func ofCeiling(_ *result.Task, h Trio) result.Distributions { return h.Ceiling.Test }
func ofGold(t *result.Task, _ Trio) result.Distributions    { return t.TestGold }

// meanOf returns the mean over test examples of the first of several values, less the others.
func meanOf(parts ...func(*result.Task, Trio) ([]float64, error)) func(*result.Task, Trio) (stats.Score, error) {
	return func(t *result.Task, h Trio) (stats.Score, error) {
		var sum []float64
		for _, of := range parts {
			values, err := of(t, h)
			if err != nil {
				return nil, err
			}
			if sum == nil {
				sum = slices.Clone(values)
				continue
			}
			for i, v := range values {
				sum[i] -= v
			}
		}
		return stats.MeanScore(sum), nil
	}
}

// less returns the difference of two figures.
func less(a, b func(*result.Task, Trio) (stats.Score, error)) func(*result.Task, Trio) (stats.Score, error) {
	return func(t *result.Task, h Trio) (stats.Score, error) {
		x, errX := a(t, h)
		y, errY := b(t, h)
		if err := errors.Join(errX, errY); err != nil {
			return nil, err
		}
		return func(weight []float64) float64 { return x(weight) - y(weight) }, nil
	}
}

// wrong returns 1 for each test example that a head answers wrong and 0 for the others.
func wrong(t *result.Task, h *result.Head) ([]float64, error) {
	right, err := stats.Correct(h.Test, t.TestGold)
	if err != nil {
		return nil, err
	}
	return not(right), nil
}

// judged says of each test example whether the answer is wrong and whether it is sure.
type judged struct{ wrong, sure []float64 }

func judgedOf(t *result.Task, h *result.Head) (judged, error) {
	w, err := wrong(t, h)
	sure := make([]float64, len(h.Test))
	for i, c := range confidence(h) {
		if c >= Sure {
			sure[i] = 1
		}
	}
	return judged{w, sure}, err
}

// confidence returns the probability of each answer.
func confidence(h *result.Head) []float64 {
	out := make([]float64, len(h.Test))
	for i, p := range h.Test {
		out[i] = p[prob.Argmax(p)]
	}
	return out
}

// inPart returns 1 for the examples in one of several parts of about the same size by value, the least values first, and 0 for the
// others. Equal values are in the same part, the one in which the first of them falls.
func inPart(values []float64, part, parts int) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	out := make([]float64, len(values))
	own := 0
	for at, i := range order {
		if at == 0 || values[i] != values[order[at-1]] {
			own = at * parts / len(order)
		}
		if own == part {
			out[i] = 1
		}
	}
	return out
}

// shareOf returns a share as the score that it is.
func shareOf(share func(*result.Task, Trio) (event, among []float64, err error)) func(*result.Task, Trio) (stats.Score, error) {
	return func(t *result.Task, h Trio) (stats.Score, error) {
		event, among, err := share(t, h)
		if err != nil || event == nil {
			return nil, err
		}
		return shareAmong(event, among), nil
	}
}

// shareAmong returns the share of the examples with the condition that have the event. Both are indicators of 0 and 1; the event may
// also be a difference of two.
func shareAmong(event, condition []float64) stats.Score {
	return stats.RatioScore(both(event, condition), condition)
}

func not(a []float64) []float64 {
	out := make([]float64, len(a))
	for i, v := range a {
		out[i] = 1 - v
	}
	return out
}

func both(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] * b[i]
	}
	return out
}
