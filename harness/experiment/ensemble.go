package experiment

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/internal/visible"
	"w2s/tasks"
)

// An Ensemble is a supervisor of several heads of one model, all trained on weak-train. It takes the place of the weak model of a pair.
type Ensemble struct {
	Name  string
	Key   string // digest of the kind, the number of heads and the model's key
	Kind  string // one of EnsembleKinds
	Model string // one of Config.Models
	Heads int
}

// MaxHeads is the largest number of heads of an Ensemble.
const MaxHeads = 1000

// An ensembleKind is a way to train several heads and to make one label of theirs.
type ensembleKind struct {
	name   string
	about  string // what its label is, with verbs for the heads and the model
	labels func(ctx context.Context, t ensembleTraining) (blend func(example int, p [][]float64) []float64, heads []*head.Head, notes []string, err error)
}

// ensembleKinds is the table of kinds of ensembles.
var ensembleKinds = []ensembleKind{
	{"bag", "the mean of %s of %s, each trained on a bootstrap sample of weak-train", bagHeads},
	{"boost", "the vote of %s of %s, each trained on weights of weak-train that the errors of those before it raise (AdaBoost)", boostHeads},
	{"experts", "for each example one of %s of %s, each trained on another cluster of weak-train", expertHeads},
}

// EnsembleKinds returns the names of the kinds of ensembles.
func EnsembleKinds() []string {
	return list.Map(ensembleKinds, func(k ensembleKind) string { return k.name })
}

// An ensembleTraining is what the heads of an ensemble are trained on.
type ensembleTraining struct {
	Ensemble
	whole trained // the one head of the model on all of weak-train
	own   part    // the features of weak-train
	all   head.Data
	half  halves
}

// job returns the job of head k, with the penalty of the model's one head.
func (t ensembleTraining) job(k int) head.Job {
	return head.Job{Name: fmt.Sprintf("%s, head %d", t.Name, k+1), Loss: loss.XEnt{}, L2: t.whole.L2, Seed: t.half.seed,
		Examples: t.own.numbers(t.half.weak), Labels: t.half.weakGold}
}

// fit trains heads.
func (t ensembleTraining) fit(ctx context.Context, jobs ...head.Job) ([]*head.Head, error) {
	fitted, err := head.Fit(ctx, t.own.data, jobs, head.Options{})
	return list.Map(fitted, func(f head.Fitted) *head.Head { return f.Head }), err
}

// bootstrap trains heads on bootstrap samples (Breiman 1996). A sample draws as many units as weak-train has, so that examples that stay
// together are drawn together. How often one is drawn is its weight.
func (t ensembleTraining) bootstrap(ctx context.Context) ([]*head.Head, error) {
	rng := rand.New(rand.NewPCG(t.half.seed, 0xba9))
	jobs := make([]head.Job, t.Heads)
	for k := range jobs {
		jobs[k] = t.job(k)
		jobs[k].Weights = bootstrapWeights(t.own.groups, rng)
	}
	return t.fit(ctx, jobs...)
}

// bootstrap trains heads of a supervisor's model on bootstrap samples of weak-train, with the supervisor's penalty, and returns their
// labels of examples, by head.
func (w *workbench) bootstrap(ctx context.Context, whole trained, h halves, heads int, wanted []int) ([][][]float64, error) {
	t := ensembleTraining{Ensemble: Ensemble{Name: whole.Model, Model: whole.Model, Heads: heads}, whole: whole,
		own: w.part(w.data[whole.Model], h.seed, h.weak), half: h}
	made, err := t.bootstrap(ctx)
	if err != nil {
		return nil, err
	}
	return w.predictWith(ctx, w.data[whole.Model].raw, made, wanted)
}

// isEnsemble reports whether a name is that of an ensemble.
func (c Config) isEnsemble(name string) bool {
	return slices.ContainsFunc(c.Ensembles, func(e Ensemble) bool { return e.Name == name })
}

// checkEnsembles reports what is wrong with ensembles, and adds their names to the known ones.
func (c Config) checkEnsembles(known map[string]bool, faults *faultList) {
	for _, e := range c.Ensembles {
		if !slices.Contains(EnsembleKinds(), e.Kind) {
			faults.add("%s: unknown kind of ensemble %q", e.Name, e.Kind)
		}
		if !slices.ContainsFunc(c.Models, func(m Model) bool { return m.Name == e.Model }) {
			faults.add("%s: no model is named %q", e.Name, e.Model)
		}
		if e.Heads < 2 || e.Heads > MaxHeads {
			faults.add("%s: %d heads are not in 2..%d", e.Name, e.Heads, MaxHeads)
		}
		if known[e.Name] {
			faults.add("supervisor %q is given twice", e.Name)
		}
		known[e.Name] = true
		for _, t := range c.Tasks {
			if info := t.Info(); info.Form == tasks.Generate {
				faults.add("task %s: %s writes no answers", info.Name, e.Name)
			}
		}
	}
	if len(c.Ensembles) > 0 && c.needsHeldOut() {
		faults.add("%s: several heads have no held-out labels for the treatments temperature and platt (leave them out)", c.Ensembles[0].Name)
	}
}

// ensembles trains the heads of every ensemble for every seed and size, and returns a supervisor for each. supervisors must have the one
// head of each model.
func (w *workbench) ensembles(ctx context.Context, supervisors []trained) ([]trained, error) {
	var out []trained
	for _, e := range w.cfg.Ensembles {
		kind := ensembleKinds[slices.Index(EnsembleKinds(), e.Kind)]
		for _, h := range w.halves {
			t := ensembleTraining{Ensemble: e, whole: h.supervisor(supervisors, e.Model), own: w.part(w.data[e.Model], h.seed, h.weak),
				all: w.data[e.Model].of(h.seed), half: h}
			blend, heads, notes, err := kind.labels(ctx, t)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name, err)
			}
			wanted := slices.Concat(h.strong, w.test)
			soft, err := w.predictWith(ctx, w.data[e.Model].raw, heads, wanted)
			if err != nil {
				return nil, err
			}
			labels := make([][]float64, len(w.examples))
			for i, example := range wanted {
				labels[example] = blend(example, across(soft, i))
			}
			r := result.Head{Task: w.info.Name, Role: result.Supervisor, Model: e.Name, Seed: h.seed, Size: h.size, Status: "ensemble", L2: t.whole.L2,
				Train: len(h.weak), Test: ofExamples(labels, w.test),
				Warnings: append([]string{e.Name + ": " + fmt.Sprintf(kind.about, visible.Count(e.Heads, "head"), e.Model)}, notes...)}
			r.ID = result.HeadID(r)
			out = append(out, trained{Head: r, labels: labels})
		}
	}
	return out, nil
}

// bagHeads returns the mean of heads on bootstrap samples.
func bagHeads(ctx context.Context, t ensembleTraining) (func(int, [][]float64) []float64, []*head.Head, []string, error) {
	heads, err := t.bootstrap(ctx)
	mean := func(_ int, p [][]float64) []float64 {
		out := make([]float64, len(p[0]))
		for _, of := range p {
			for c, v := range of {
				out[c] += v / float64(len(p))
			}
		}
		return out
	}
	return mean, heads, nil, err
}

// bootstrapWeights draws as many groups as there are, with replacement, and returns how often each example is drawn.
func bootstrapWeights(groups []string, rng *rand.Rand) []float64 {
	distinct := list.AppendNew(nil, groups...)
	drawn := make(map[string]float64, len(distinct))
	for range distinct {
		drawn[distinct[rng.IntN(len(distinct))]]++
	}
	return list.Map(groups, func(g string) float64 { return drawn[g] })
}

// boostHeads trains heads by AdaBoost, in the form for several classes (SAMME, Zhu et al. 2009), which has the weights of ADaM-BJTU/W2SG
// (Sang et al. 2024) for two: those of examples that a head has right are divided by 2(1-e), and the others by 2e. The label is the
// softmax of the votes, each counted as boostVote says (Friedman, Hastie and Tibshirani 2000). Boosting ends at a head without errors,
// and before one that is no better than guessing.
func boostHeads(ctx context.Context, t ensembleTraining) (func(int, [][]float64) []float64, []*head.Head, []string, error) {
	n := len(t.half.weak)
	weights, guess := make([]float64, n), 0.0
	for i, gold := range t.half.weakGold {
		weights[i] = 1
		guess += 1 / float64(len(gold)) / float64(n)
	}
	var heads []*head.Head
	var votes []float64
	var notes []string
	for k := range t.Heads {
		job := t.job(k)
		job.Weights = weights
		made, err := t.fit(ctx, job)
		if err != nil {
			return nil, nil, nil, err
		}
		p, err := head.Predict(ctx, t.own.data, made, job.Examples)
		if err != nil {
			return nil, nil, nil, err
		}
		wrong := make([]bool, n)
		for i, gold := range job.Labels {
			wrong[i] = prob.Argmax(p[0][i]) != prob.Argmax(gold)
		}
		vote, e := boostVote(weights, wrong, guess)
		if vote <= 0 && k > 0 {
			notes = append(notes, fmt.Sprintf("%s: boosting ends after %s, since the next one is no better than guessing", t.Name, visible.Count(k, "head")))
			break
		}
		heads, votes = append(heads, made[0]), append(votes, max(vote, 0))
		if e == 0 && k+1 < t.Heads {
			notes = append(notes, fmt.Sprintf("%s: boosting ends after %s, which has no errors on weak-train", t.Name, visible.Count(k+1, "head")))
			break
		}
		weights = reweighted(weights, wrong, vote)
	}
	blend := func(_ int, p [][]float64) []float64 {
		z := make([]float64, len(p[0]))
		for m, of := range p {
			z[prob.Argmax(of)] += votes[m]
		}
		prob.Softmax(z, z)
		return z
	}
	return blend, heads, notes, nil
}

// boostVote returns the vote of a head and its weighted error e: log((1-e)/e) + log((1-guess)/guess), where guess is the share of right
// guesses, such as 1/2. An error of 0 counts as half an example, so that the vote is finite.
func boostVote(weights []float64, wrong []bool, guess float64) (vote, e float64) {
	sum := 0.0
	for i, w := range weights {
		sum += w
		if wrong[i] {
			e += w
		}
	}
	e /= sum
	bounded := min(max(e, 0.5/float64(len(weights))), 1-0.5/float64(len(weights)))
	return math.Log((1-bounded)/bounded) + math.Log((1-guess)/guess), e
}

// reweighted returns the weights for the next head, whose mean is 1. Of its error under them, the head before has 1 - 1/K.
func reweighted(weights []float64, wrong []bool, vote float64) []float64 {
	out, sum := make([]float64, len(weights)), 0.0
	for i, w := range weights {
		if out[i] = w; wrong[i] {
			out[i] *= math.Exp(vote)
		}
		sum += out[i]
	}
	for i := range out {
		out[i] *= float64(len(out)) / sum
	}
	return out
}

// expertHeads trains a head on each cluster of weak-train. An example gets its label from the head of the cluster that its features are in.
func expertHeads(ctx context.Context, t ensembleTraining) (func(int, [][]float64) []float64, []*head.Head, []string, error) {
	tree, blocks, err := cluster(t.all, t.half.weak, t.Heads)
	if err != nil {
		return nil, nil, nil, err
	}
	jobs := make([]head.Job, len(blocks))
	for k, block := range blocks {
		jobs[k] = t.job(k)
		jobs[k].Examples = list.Map(block, func(i int) int { return jobs[k].Examples[i] })
		jobs[k].Labels = list.Map(block, func(i int) []float64 { return t.half.weakGold[i] })
	}
	heads, err := t.fit(ctx, jobs...)
	return func(example int, p [][]float64) []float64 { return p[tree.find(t.all, example)] }, heads, nil, err
}

// minBlock is the smallest number of examples in a cluster.
const minBlock = minTrain / 2

// A clusterTree divides the space of features into clusters, by planes across the main axes of larger ones (principal direction divisive
// partitioning, Boley 1998, with medians as thresholds, so that clusters have equally many examples).
type clusterTree struct {
	number       int       // of the cluster, if it is not divided
	axis         []float64 // of scaled features; nil: it is not divided
	threshold    float64   // largest projection on the axis that is below
	below, above *clusterTree
}

// cluster divides examples into n clusters, and returns the positions of those of each. It divides the largest one, n-1 times. The
// features of a ranking are the mean of its candidates'.
func cluster(data head.Data, examples []int, n int) (*clusterTree, [][]int, error) {
	root := &clusterTree{}
	leaves, blocks := []*clusterTree{root}, [][]int{make([]int, len(examples))}
	for i := range examples {
		blocks[0][i] = i
	}
	means := meanRows(data, examples)
	for len(leaves) < n {
		at := 0
		for k, b := range blocks {
			if len(b) > len(blocks[at]) {
				at = k
			}
		}
		leaf, block := leaves[at], blocks[at]
		axis, err := head.MainAxis(means, block)
		if err != nil {
			return nil, nil, err
		}
		if axis == nil || len(block) < 2*minBlock {
			return nil, nil, fmt.Errorf("%s of weak-train make no %d clusters of %d or more", visible.Count(len(examples), "example"), n, minBlock)
		}
		projections := make([]float64, len(examples))
		for _, i := range block {
			projections[i] = means.Scaling.Dot(means.X.Row(i), axis)
		}
		sorted := slices.Clone(block)
		slices.SortFunc(sorted, func(a, b int) int { return cmp.Or(cmp.Compare(projections[a], projections[b]), cmp.Compare(a, b)) })
		leaf.axis, leaf.threshold = axis, projections[sorted[(len(sorted)-1)/2]]
		leaf.below, leaf.above = &clusterTree{number: leaf.number}, &clusterTree{number: len(leaves)}
		var below, above []int
		for _, i := range block {
			if projections[i] <= leaf.threshold {
				below = append(below, i)
			} else {
				above = append(above, i)
			}
		}
		if len(above) < minBlock {
			return nil, nil, fmt.Errorf("%s of weak-train make no %d clusters, since too many have equal features", visible.Count(len(examples), "example"), n)
		}
		leaves[at], blocks[at] = leaf.below, below
		leaves, blocks = append(leaves, leaf.above), append(blocks, above)
	}
	return root, blocks, nil
}

// find returns the number of the cluster of an example.
func (c *clusterTree) find(data head.Data, example int) int {
	mean := meanRows(data, []int{example})
	for c.axis != nil {
		if mean.Scaling.Dot(mean.X.Row(0), c.axis) <= c.threshold {
			c = c.below
		} else {
			c = c.above
		}
	}
	return c.number
}

// meanRows returns the features of examples with one row for each, which is the mean of its candidates' in rankings.
func meanRows(data head.Data, examples []int) head.Data {
	x := &feature.Matrix{Dims: data.X.Dims}
	for _, e := range examples {
		from, to := data.Rows(e)
		sums := make([]float64, x.Dims)
		for r := from; r < to; r++ {
			for j, v := range data.X.Row(r) {
				sums[j] += float64(v)
			}
		}
		x.Rows++
		x.Data = append(x.Data, list.Map(sums, func(v float64) float32 { return float32(v / float64(to-from)) })...)
	}
	return head.Data{X: x, Classes: 2, Scaling: data.Scaling}
}
