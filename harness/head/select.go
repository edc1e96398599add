package head

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/internal/visible"
)

// A Grid is what Select chooses from, and how.
type Grid struct {
	L2 []float64 // penalties to try
	// Folds is the number of parts for cross-validation: each part is held out once, while a head is trained on the others. A job
	// of fewer groups has one part for each. 0 or 1: one part is held out, whose size HeldOut says.
	Folds   int
	HeldOut float64 // share of a job's examples to hold out without cross-validation; 0: 0.2
	// Group names the group of each example of the data. All examples of a group are held out or none. "" puts an example
	// in a group of its own. nil: all examples are.
	Group []string
}

// A Selection is a head that was trained on all examples of its job, with the penalty that did best on held-out labels.
type Selection struct {
	Fitted
	L2      float64
	HeldOut int     // number of examples that were held out: all of them with cross-validation
	Scores  []Score // one for each penalty, in the order of the grid; of its fallback if the job's loss is guarded
	Guard   *Guard  // nil unless the job's loss is guarded
}

// A Score tells how a head with one penalty did on the held-out examples, whose labels are of the same kind as its
// training labels.
type Score struct {
	L2      float64
	LogLoss float64 // weighted mean cross-entropy against the held-out labels of all folds
	Status  Status  // of the training; Diverged if that of any fold diverged
}

// A Guard tells what became of a [loss.Guarded].
type Guard struct {
	// Correlation is the correlation of the main axis of the features ([MainAxis], [Along]) with the logits of the reference's head,
	// on the held-out examples. It is 0 if there is no such axis, as with more than two classes.
	Correlation float64
	// Excess is the correlation of the main axis with the labels, as a multiple of what the labels' own sureness ([stats.Sureness])
	// lets expect if the axis were the class.
	Excess float64
	Kept   bool // false: the selection is the head of the fallback
}

// Select chooses a penalty for each job by labels that the job holds out, and then trains the job on all of its examples.
// It sees the labels of the job and no others, so with weak labels no gold can reach the choice. All jobs, folds and penalties
// are trained together. What is held out depends on the job's seed and on its examples, but not on their order. Of two
// penalties with the same score, the larger one wins. A head that several jobs need is trained once.
//
// For a [loss.Guarded], Select chooses a penalty for its fallback, and one for its reference. It compares the head of the reference
// with the main axis of the features on the examples that the first fold holds out. If the two correlate enough, and the axis does not
// tell the labels better than the class could, it trains the guarded loss with the next larger penalty of the grid after the one of the
// reference, and otherwise the fallback.
func Select(ctx context.Context, data Data, jobs []Job, grid Grid, options Options) ([]Selection, error) {
	if err := grid.check(data); err != nil {
		return nil, err
	}
	if err := checkJobs(data, jobs); err != nil {
		return nil, err
	}
	var trials []Job // for each job, and each loss that is tried, len(grid.L2) for each cut
	cuts := make([][]Cut, len(jobs))
	for i, job := range jobs {
		var err error
		if cuts[i], err = grid.Cuts(job); err != nil {
			return nil, fmt.Errorf("head: job %d (%s): %w", i, job.Name, err)
		}
		for _, l := range tried(job.Loss) {
			for _, c := range cuts[i] {
				for _, l2 := range grid.L2 {
					c.Train.Loss, c.Train.L2 = l, l2
					trials = append(trials, c.Train)
				}
			}
		}
	}
	eng := newEngine(data, options.Float64)
	fitted, err := fitDistinct(ctx, data, eng, trials, options)
	if err != nil {
		return nil, err
	}
	out := make([]Selection, len(jobs))
	final := slices.Clone(jobs)
	for i, job := range jobs {
		n := len(cuts[i]) * len(grid.L2)
		for k, l := range tried(job.Loss) {
			scores, err := heldOutScores(ctx, data, grid.L2, fitted[:n], cuts[i])
			if err != nil {
				return nil, err
			}
			best, ok := bestScore(scores)
			if !ok {
				return nil, fmt.Errorf("head: job %d (%s): no penalty of the grid gives a finite head", i, job.Name)
			}
			if k == 0 {
				final[i].Loss, final[i].L2 = l, best.L2
				out[i] = Selection{L2: best.L2, Scores: scores}
			} else {
				g := job.Loss.(loss.Guarded)
				reference := fitted[slices.Index(grid.L2, best.L2)].Head
				if out[i].Guard, err = guard(ctx, data, g, cuts[i][0].Train, reference, cuts[i][0].Held); err != nil {
					return nil, err
				}
				if out[i].Guard.Kept {
					final[i].Loss, final[i].L2 = g, grid.next(best.L2)
					out[i].L2 = final[i].L2
				}
			}
			fitted = fitted[n:]
		}
		for _, c := range cuts[i] {
			out[i].HeldOut += len(c.Held.Examples)
		}
	}
	if fitted, err = fitDistinct(ctx, data, eng, final, options); err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Fitted = fitted[i]
	}
	return out, nil
}

// tried returns the losses for which Select tries every penalty: the loss itself, or the fallback and the reference of a guarded loss.
func tried(l loss.Loss) []loss.Loss {
	if g, ok := l.(loss.Guarded); ok {
		fallback, reference, _ := g.Guard()
		return []loss.Loss{fallback, reference}
	}
	return []loss.Loss{l}
}

// Trainings returns the number of heads for which Select reports progress, for a job of loss l.
func (g Grid) Trainings(l loss.Loss) int { return len(tried(l))*max(1, g.Folds)*len(g.L2) + 1 }

// next returns the next larger penalty of the grid, or l2 if there is none.
func (g Grid) next(l2 float64) float64 {
	for _, larger := range slices.Sorted(slices.Values(g.L2)) {
		if larger > l2 {
			return larger
		}
	}
	return l2
}

// maxExcess is the largest Excess that a guard lets pass. Labels that are less sure than they could be, and noise, take it above 1.
const maxExcess = 1.6

// guard compares the head of a reference, which is trained on the examples of train, with the main axis of their features.
func guard(ctx context.Context, data Data, l loss.Guarded, train Job, reference *Head, held Job) (*Guard, error) {
	out := &Guard{}
	if data.Classes > 2 {
		return out, nil
	}
	axis, err := MainAxis(data, train.Examples)
	if err != nil || axis == nil {
		return out, err
	}
	along, _, err := Along(axis, data, train.Examples, train.Labels)
	if err != nil {
		return nil, err
	}
	heldOut, err := Predict(ctx, data, []*Head{along, reference}, held.Examples)
	if err != nil {
		return nil, err
	}
	trained, err := Predict(ctx, data, []*Head{along}, train.Examples)
	if err != nil {
		return nil, err
	}
	classes := data.Classes > 0
	out.Correlation = stats.Correlation(logits(heldOut[0]), logits(heldOut[1]), classes)
	if sure := stats.Sureness(train.Labels, classes); sure > 0 {
		out.Excess = stats.Correlation(logits(trained[0]), train.Labels, classes) / sure
	}
	_, _, least := l.Guard()
	out.Kept = out.Correlation >= least && out.Excess <= maxExcess
	return out, nil
}

// logits returns the logarithms of probabilities, which are logits up to a constant for each example. A probability that
// underflows to 0 counts as the smallest positive one.
func logits(probs [][]float64) [][]float64 {
	return list.Map(probs, func(p []float64) []float64 {
		return list.Map(p, func(v float64) float64 { return math.Log(max(v, math.SmallestNonzeroFloat64)) })
	})
}

// fitDistinct is fitChecked for jobs of which some are the same. It trains each of them once.
func fitDistinct(ctx context.Context, data Data, eng engine, jobs []Job, options Options) ([]Fitted, error) {
	var distinct []Job
	at := make([]int, len(jobs))
	for i, job := range jobs {
		if at[i] = slices.IndexFunc(distinct, job.same); at[i] < 0 {
			at[i] = len(distinct)
			distinct = append(distinct, job)
		}
	}
	fitted, err := fitChecked(ctx, data, eng, distinct, options)
	if err != nil {
		return nil, err
	}
	for n := len(distinct); n < len(jobs) && options.Done != nil; n++ {
		options.Done(n + 1)
	}
	return list.Map(at, func(k int) Fitted { return fitted[k] }), nil
}

func (g Grid) check(d Data) error {
	if err := d.check(); err != nil {
		return err
	}
	var faults []error
	if len(g.L2) == 0 {
		faults = append(faults, errors.New("head: grid: no penalty to choose from"))
	}
	if g.Folds < 0 {
		faults = append(faults, fmt.Errorf("head: grid: %d folds", g.Folds))
	}
	if !(g.HeldOut >= 0 && g.HeldOut < 1) {
		faults = append(faults, fmt.Errorf("head: grid: held-out share %v is not in 0..1", g.HeldOut))
	}
	if g.Group != nil && len(g.Group) != d.Examples() {
		faults = append(faults, fmt.Errorf("head: grid: %s for %s", visible.Count(len(g.Group), "group"), visible.Count(d.Examples(), "example")))
	}
	return errors.Join(faults...)
}

// A Cut divides a job's examples into those to train on and those to hold out.
type Cut struct{ Train, Held Job }

// Cuts returns the cuts that penalties are compared on: one for each fold, or a single one. They divide the examples of
// positive weight, whole groups at a time.
func (g Grid) Cuts(job Job) ([]Cut, error) {
	groups, n := g.shuffled(job)
	var parts [][]int // positions of the examples to hold out
	if g.Folds > 1 {
		parts = folds(groups, g.Folds)
	} else {
		parts = [][]int{firstShare(groups, cmp.Or(g.HeldOut, 0.2), n)}
	}
	cuts := make([]Cut, len(parts))
	for k, held := range parts {
		out := map[int]bool{}
		for _, i := range held {
			out[i] = true
		}
		var kept []int
		for _, i := range slices.Concat(groups...) {
			if !out[i] {
				kept = append(kept, i)
			}
		}
		if len(kept) == 0 || len(held) == 0 {
			return nil, fmt.Errorf("too few to train on some and hold out others: %s in %s", visible.Count(n, "example"), visible.Count(len(groups), "group"))
		}
		cuts[k] = Cut{job.subset(kept), job.subset(held)}
	}
	return cuts, nil
}

// shuffled returns the groups of a job's examples of positive weight in an order that the job's seed determines, each as
// positions in job.Examples, and the number of these examples.
func (g Grid) shuffled(job Job) (groups [][]int, n int) {
	positions := job.weighted()
	number := map[string]int{}
	for _, i := range positions {
		name := fmt.Sprint(job.Examples[i])
		if g.Group != nil && g.Group[job.Examples[i]] != "" {
			name = "g" + g.Group[job.Examples[i]]
		}
		at, ok := number[name]
		if !ok {
			at = len(groups)
			number[name], groups = at, append(groups, nil)
		}
		groups[at] = append(groups[at], i)
	}
	rand.New(rand.NewPCG(job.Seed, 0x5e1ec7)).Shuffle(len(groups), func(a, b int) { groups[a], groups[b] = groups[b], groups[a] })
	return groups, len(positions)
}

// firstShare returns the examples of the first groups that have a share of n examples, and at least one.
func firstShare(groups [][]int, share float64, n int) (held []int) {
	want := max(1, int(math.Round(share*float64(n))))
	for _, members := range groups {
		if len(held) < want {
			held = append(held, members...)
		}
	}
	return held
}

// folds puts each group into the fold that has the fewest examples so far. There are no more folds than groups.
func folds(groups [][]int, n int) [][]int {
	out := make([][]int, min(n, len(groups)))
	for _, members := range groups {
		least := 0
		for k := range out {
			if len(out[k]) < len(out[least]) {
				least = k
			}
		}
		out[least] = append(out[least], members...)
	}
	return out
}

// heldOutScores returns the score of each penalty. Head c*len(l2)+k was trained with penalty l2[k] on the training part of cut c.
func heldOutScores(ctx context.Context, data Data, l2 []float64, fitted []Fitted, cuts []Cut) ([]Score, error) {
	scores := make([]Score, len(l2))
	total := 0.0
	for c, cut := range cuts {
		ofCut := fitted[c*len(l2) : (c+1)*len(l2)]
		heads := make([]*Head, len(ofCut))
		for k, f := range ofCut {
			heads[k] = f.Head
			if c == 0 || f.Status == Diverged {
				scores[k].L2, scores[k].Status = l2[k], f.Status
			}
		}
		held := cut.Held
		probs, err := Predict(ctx, data, heads, held.Examples)
		if err != nil {
			return nil, err
		}
		for i := range held.Examples {
			w := 1.0
			if held.Weights != nil {
				w = held.Weights[i]
			}
			total += w
			for k := range scores {
				for class, label := range held.Labels[i] {
					if label > 0 {
						// A probability that underflows to 0 costs as much as the smallest positive one.
						scores[k].LogLoss -= w * label * math.Log(max(probs[k][i][class], math.SmallestNonzeroFloat64))
					}
				}
			}
		}
	}
	for k := range scores {
		scores[k].LogLoss /= total
	}
	return scores, nil
}

// bestScore returns the score with the smallest log loss. ok is false if no head is usable.
func bestScore(scores []Score) (best Score, ok bool) {
	for _, s := range scores {
		if s.Status == Diverged || !finite(s.LogLoss) {
			continue
		}
		if !ok || s.LogLoss < best.LogLoss || s.LogLoss == best.LogLoss && s.L2 > best.L2 {
			best, ok = s, true
		}
	}
	return best, ok
}
