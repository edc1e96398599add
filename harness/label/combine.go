package label

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/internal/suggest"
	"w2s/internal/visible"
)

// A Combiner makes one label of the labels that several supervisors give to an example. It sees no gold labels.
type Combiner struct {
	Name  string
	About string // completes "the labels are", in docs and notes
	// Agree leaves out the training examples to which the supervisors give different answers.
	Agree bool

	// Apart gives the student the label of every supervisor for each training example, as examples of their own.
	Apart bool

	classes bool // it has no meaning for rankings
	fit     func(ctx context.Context, said [][][]float64, e Evidence) (combination, error)
}

// A combination is a fitted Combiner.
type combination struct {
	combine func(labels [][]float64) []float64 // of the supervisors, in their order
	notes   func(names []string) []string      // what was fitted; nil: nothing
	keep    []bool                             // the training examples to learn from; nil: all
}

// Combined is a Combiner that is fitted to the labels of training examples.
type Combined struct {
	combination
	agree bool
}

// Combiners returns the table of ways to combine supervisors. A new one needs a line here.
func Combiners() []Combiner {
	return []Combiner{
		{Name: "mean", About: "the mean of the supervisors' probabilities", fit: fixed(meanOf)},
		{Name: "vote", About: "the share of supervisors that give each answer", fit: fixed(voteOf)},
		{Name: "logit", About: "the softmax of the mean of the supervisors' log-probabilities",
			fit: fixed(func(labels [][]float64) []float64 { return logitMean(labels, uniform(len(labels))) })},
		{Name: "dawid-skene", About: "the posterior of Dawid and Skene (1979), with a confusion matrix of each supervisor that is fitted without gold",
			classes: true, fit: fitDawidSkene},
		{Name: "raven", About: "the softmax of a weighted mean of log-probabilities, with weights that are fitted together with a student (after RAVEN, by w2s's own alternation)",
			fit: fitRaven},
		{Name: "csl", About: "those of the last one, of the training examples that students of those before it find plausible (co-supervised learning over levels of supervisors)",
			fit: fitLevels},
		{Name: "evidential", About: "those of all supervisors, each as a training example of its own; on test examples, their mean", Apart: true, fit: fixed(meanOf)},
	}
}

// agreeSuffix asks for Combiner.Agree.
const agreeSuffix = "+agree"

// ParseCombiner reads the name of a Combiner, with "+agree" after it or not.
func ParseCombiner(text string) (Combiner, error) {
	name, agree := strings.CutSuffix(text, agreeSuffix)
	all := Combiners()
	at := slices.IndexFunc(all, func(c Combiner) bool { return c.Name == name })
	if at < 0 {
		return Combiner{}, fmt.Errorf("label: unknown way to combine supervisors %q (%s; %s after it keeps the examples on which all agree)", name,
			suggest.Hint(name, "have", list.Map(all, func(c Combiner) string { return c.Name })), agreeSuffix)
	}
	all[at].Agree = agree
	return all[at], nil
}

// String returns the combiner as ParseCombiner reads it.
func (c Combiner) String() string {
	if c.Agree {
		return c.Name + agreeSuffix
	}
	return c.Name
}

// Fits returns an error if the combiner has no meaning for rankings and ranking is true.
func (c Combiner) Fits(ranking bool) error {
	if ranking && c.classes {
		return fmt.Errorf("%s needs classes, and the candidates of a ranking have none", c.Name)
	}
	return nil
}

// Fit fits the combiner to the labels of training examples: said[m][i] is what supervisor m says of example i. Only raven
// and csl look at the evidence: the student's features.
func (c Combiner) Fit(ctx context.Context, said [][][]float64, e Evidence) (Combined, error) {
	if len(said) < 2 {
		return Combined{}, fmt.Errorf("label: %s: %s, want two or more", c, visible.Count(len(said), "supervisor"))
	}
	for _, s := range said {
		if len(s) != len(said[0]) || len(s) == 0 {
			return Combined{}, fmt.Errorf("label: %s: supervisors with labels of %d and %d examples", c, len(said[0]), len(s))
		}
	}
	fitted, err := c.fit(ctx, said, e)
	if err != nil {
		return Combined{}, fmt.Errorf("label: %s: %w", c, err)
	}
	return Combined{fitted, c.Agree}, nil
}

// Label returns the label of an example from those of the supervisors, in the order of Fit.
func (c Combined) Label(labels [][]float64) []float64 { return c.combine(labels) }

// Keeps reports whether training example i of Fit, which has these labels, is one to train on.
func (c Combined) Keeps(i int, labels [][]float64) bool {
	return (c.keep == nil || c.keep[i]) && (!c.agree || agree(labels))
}

// agree reports whether all labels give the same answer.
func agree(labels [][]float64) bool {
	return !slices.ContainsFunc(labels, func(p []float64) bool { return prob.Argmax(p) != prob.Argmax(labels[0]) })
}

// Notes says what was fitted, for supervisors with the given names.
func (c Combined) Notes(names []string) []string {
	if c.notes == nil {
		return nil
	}
	return c.notes(names)
}

// fixed is the fit of a combiner that has nothing to fit.
func fixed(combine func(labels [][]float64) []float64) func(context.Context, [][][]float64, Evidence) (combination, error) {
	return func(context.Context, [][][]float64, Evidence) (combination, error) {
		return combination{combine: combine}, nil
	}
}

func uniform(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 / float64(n)
	}
	return w
}

func meanOf(labels [][]float64) []float64 {
	out := make([]float64, len(labels[0]))
	for _, p := range labels {
		for k, v := range p {
			out[k] += v / float64(len(labels))
		}
	}
	return out
}

// voteOf returns the share of each answer. It is the mean of one-hot labels of co-supervised learning (Liu and Alahi 2024).
func voteOf(labels [][]float64) []float64 {
	out := make([]float64, len(labels[0]))
	for _, p := range labels {
		out[prob.Argmax(p)] += 1 / float64(len(labels))
	}
	return out
}

// leastProbability bounds probabilities from below before their logarithm is taken. Hard labels have zeros.
const leastProbability = 1e-6

// logitMean returns softmax(Σ_m w_m log p_m), the label of RAVEN (2025).
func logitMean(labels [][]float64, w []float64) []float64 {
	z := make([]float64, len(labels[0]))
	for m, p := range labels {
		for k, v := range p {
			z[k] += w[m] * math.Log(max(v, leastProbability))
		}
	}
	prob.Softmax(z, z)
	return z
}

// Settings of the fit of Dawid and Skene.
const (
	confusionPrior = 0.01 // added to each cell of a confusion matrix, so that no answer is impossible
	emSteps        = 1000
	emTolerance    = 1e-9 // largest change of a posterior after which the fit ends
)

// fitDawidSkene fits the class shares and a confusion matrix of each supervisor by expectation-maximisation, from the supervisors'
// answers alone (Dawid and Skene 1979). The first posteriors are the shares of votes.
func fitDawidSkene(_ context.Context, said [][][]float64, _ Evidence) (combination, error) {
	supervisors, n, classes := len(said), len(said[0]), len(said[0][0])
	answers := make([][]int, n)
	posterior := make([][]float64, n)
	for i := range answers {
		of := make([][]float64, supervisors)
		for m := range said {
			of[m] = said[m][i]
			answers[i] = append(answers[i], prob.Argmax(of[m]))
		}
		posterior[i] = voteOf(of)
	}
	var shares []float64        // of classes
	var confusion [][][]float64 // confusion[m][k][l] is the probability that m answers l to an example of class k
	infer := func(answers []int) []float64 {
		z := make([]float64, classes)
		for k := range z {
			z[k] = math.Log(shares[k])
			for m, l := range answers {
				z[k] += math.Log(confusion[m][k][l])
			}
		}
		prob.Softmax(z, z)
		return z
	}
	for range emSteps {
		shares, confusion = make([]float64, classes), make([][][]float64, supervisors)
		for k := range shares {
			for i := range posterior {
				shares[k] += posterior[i][k] / float64(n)
			}
		}
		for m := range confusion {
			confusion[m] = make([][]float64, classes)
			for k := range confusion[m] {
				row, sum := make([]float64, classes), 0.0
				for l := range row {
					row[l] = confusionPrior
				}
				for i := range posterior {
					row[answers[i][m]] += posterior[i][k]
				}
				for _, v := range row {
					sum += v
				}
				for l := range row {
					row[l] /= sum
				}
				confusion[m][k] = row
			}
		}
		change := 0.0
		for i, old := range posterior {
			posterior[i] = infer(answers[i])
			for k, v := range posterior[i] {
				change = max(change, math.Abs(v-old[k]))
			}
		}
		if change < emTolerance {
			break
		}
	}
	notes := func(names []string) (notes []string) {
		for m, name := range names {
			right := 0.0
			for k, share := range shares {
				right += share * confusion[m][k][k]
			}
			notes = append(notes, fmt.Sprintf("dawid-skene takes %s to be right on %.0f %%", name, 100*right))
		}
		if len(names) == 2 {
			notes = append(notes, "dawid-skene of two supervisors cannot tell which of them errs where their answers differ (combine three or more)")
		}
		return notes
	}
	return combination{combine: func(labels [][]float64) []float64 { return infer(list.Map(labels, prob.Argmax)) }, notes: notes}, nil
}

// Settings of the fit of raven.
const (
	ravenRounds = 10
	ravenSteps  = 10   // of the weights, for each round
	ravenRate   = 0.01 // the learning rate of RAVEN's own program for classifications
	ravenL2     = 0.1  // penalty of the student's head
	ravenEasy   = 20   // with fewer examples on which all agree, the first round takes all examples
)

// fitRaven fits one weight for each supervisor together with a head on the student's features, after RAVEN (2025). The first head
// learns the examples on which all supervisors agree. Then ten rounds change the weights by steps down the gradient of the
// student's cross-entropy, and fit the head again to the labels with the new weights. RAVEN itself takes steps of the weights and of the whole
// student by turns. Weights are at least 1e-6 and sum to 1.
func fitRaven(ctx context.Context, said [][][]float64, e Evidence) (combination, error) {
	if e.Features.X == nil || len(e.Examples) != len(said[0]) {
		return combination{}, errors.New("it needs the student's features")
	}
	w, n := uniform(len(said)), len(said[0])
	of := make([][][]float64, n) // by example and supervisor
	var easy []int
	for i := range of {
		for m := range said {
			of[i] = append(of[i], said[m][i])
		}
		if agree(of[i]) {
			easy = append(easy, i)
		}
	}
	if len(easy) < ravenEasy {
		easy = list.Range(n)
	}
	student := func(examples []int) ([][]float64, error) {
		job := head.Job{Name: "raven", Loss: loss.XEnt{}, L2: ravenL2}
		for _, i := range examples {
			job.Examples, job.Labels = append(job.Examples, e.Examples[i]), append(job.Labels, logitMean(of[i], w))
		}
		fitted, err := head.Fit(ctx, e.Features, []head.Job{job}, head.Options{})
		if err != nil {
			return nil, err
		}
		p, err := head.Predict(ctx, e.Features, []*head.Head{fitted[0].Head}, e.Examples)
		if err != nil {
			return nil, err
		}
		return p[0], nil
	}
	p, err := student(easy)
	if err != nil {
		return combination{}, err
	}
	for round := range ravenRounds {
		for range ravenSteps {
			descend(w, of, p)
		}
		if round == ravenRounds-1 {
			break
		}
		if p, err = student(list.Range(n)); err != nil {
			return combination{}, err
		}
	}
	notes := func(names []string) []string {
		return list.Map(list.Range(len(names)), func(m int) string { return fmt.Sprintf("raven gives %s %.0f %% of the weight", names[m], 100*w[m]) })
	}
	return combination{combine: func(labels [][]float64) []float64 { return logitMean(labels, w) }, notes: notes}, nil
}

// descend takes one step of the weights down the gradient of the mean cross-entropy of a student's predictions p on the labels that
// the weights give.
func descend(w []float64, of [][][]float64, p [][]float64) {
	gradient := make([]float64, len(w))
	for i, labels := range of {
		y := logitMean(labels, w)
		for m, q := range labels {
			mean := 0.0
			for k, v := range q {
				mean += y[k] * math.Log(max(v, leastProbability))
			}
			for k, v := range q { // dy_k/dw_m = y_k (z_mk - Σ_j y_j z_mj)
				gradient[m] -= y[k] * (math.Log(max(v, leastProbability)) - mean) * math.Log(max(p[i][k], leastProbability)) / float64(len(of))
			}
		}
	}
	sum := 0.0
	for m := range w {
		w[m] = max(w[m]-ravenRate*gradient[m], leastProbability)
		sum += w[m]
	}
	for m := range w {
		w[m] /= sum
	}
}

// leastKept is the smallest number of examples that a level of co-supervised learning learns from.
const leastKept = 20

// fitLevels is co-supervised learning (Liu and Alahi 2024) with the supervisors as levels, in their order. A student learns the labels of the
// first level. At each further level, r is the share of examples to which the level and the student before it give the same answer, and
// the r·n examples whose answers that student finds most probable are kept. Another student learns these labels from scratch. The
// labels of the last level are those of the combination.
//
// Students are logistic heads with penalties chosen on held-out labels. They predict examples that they have not learned, in five folds;
// a head that has learned an example would mostly repeat its label. The method's own program counts answers among the student's three
// most probable classes. Here only the most probable one counts, since most tasks have two.
func fitLevels(ctx context.Context, said [][][]float64, e Evidence) (combination, error) {
	if e.Features.X == nil || len(e.Examples) != len(said[0]) {
		return combination{}, errors.New("it needs the student's features")
	}
	n := len(said[0])
	ids := list.Map(list.Range(n), strconv.Itoa)
	keep := make([]bool, n)
	for i := range keep {
		keep[i] = true
	}
	shares := make([]float64, len(said)-1)
	for level, labels := range said[1:] {
		p, err := LogReg{}.predict(ctx, Labels{IDs: ids, Soft: said[level]}, e, keep)
		if err != nil {
			return combination{}, fmt.Errorf("level %d: %w", level+1, err)
		}
		same := 0
		plausible := make([]float64, n)
		for i, q := range labels {
			plausible[i] = p[i][prob.Argmax(q)]
			if prob.Argmax(q) == prob.Argmax(p[i]) {
				same++
			}
		}
		if same < leastKept {
			return combination{}, fmt.Errorf("level %d: its labels and the student of the level before agree on %d of %s, want %d or more", level+2, same,
				visible.Count(n, "example"), leastKept)
		}
		shares[level] = float64(same) / float64(n)
		clear(keep)
		for _, i := range descending(plausible, ids)[:same] {
			keep[i] = true
		}
	}
	notes := func(names []string) (notes []string) {
		for level, r := range shares {
			notes = append(notes, fmt.Sprintf("csl keeps %.0f %% of the training examples of %s, the share on which a student of %s agrees", 100*r, names[level+1], names[level]))
		}
		return notes
	}
	last := func(labels [][]float64) []float64 { return slices.Clone(labels[len(labels)-1]) }
	return combination{combine: last, notes: notes, keep: keep}, nil
}
