package head

import (
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
	L2      []float64 // penalties to try
	HeldOut float64   // share of a job's examples to hold out while penalties are compared; 0: 0.2
	// Group names the group of each example of the data. All examples of a group are held out or none. "" puts an example
	// in a group of its own. nil: all examples are.
	Group []string
}

// A Selection is a head that was trained on all examples of its job, with the penalty that did best on held-out labels.
type Selection struct {
	Fitted
	L2      float64
	HeldOut int     // number of held-out examples
	Scores  []Score // one for each penalty, in the order of the grid; of its fallback if the job's loss is guarded
	Guard   *Guard  // nil unless the job's loss is guarded
}

// A Score tells how a head with one penalty did on the held-out examples, whose labels are of the same kind as its
// training labels.
type Score struct {
	L2      float64
	LogLoss float64 // weighted mean cross-entropy against the held-out labels
	Status  Status  // of the training
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
// It sees the labels of the job and no others, so with weak labels no gold can reach the choice. All jobs and penalties are
// trained together, and a head that several jobs need is trained once. What is held out depends on the job's seed and on its
// examples, but not on their order. Of two penalties with the same score, the larger one wins.
//
// For a [loss.Guarded], Select chooses a penalty for its fallback, and one for its reference. It compares the head of the reference
// with the main axis of the features on the held-out examples. If the two correlate enough, and the axis does not
// tell the labels better than the class could, it trains the guarded loss with the next
// larger penalty of the grid after the one of the reference, and otherwise the fallback.
func Select(ctx context.Context, data Data, jobs []Job, grid Grid, options Options) ([]Selection, error) {
	if err := grid.check(data); err != nil {
		return nil, err
	}
	if err := checkJobs(data, jobs); err != nil {
		return nil, err
	}
	var trials []Job // for each job len(grid.L2), and as many more for the reference of a guarded loss
	held := make([]Job, len(jobs))
	for i, job := range jobs {
		train, out, err := grid.Cut(job)
		if err != nil {
			return nil, fmt.Errorf("head: job %d (%s): %w", i, job.Name, err)
		}
		held[i] = out
		for _, l := range tried(job.Loss) {
			for _, l2 := range grid.L2 {
				train.Loss, train.L2 = l, l2
				trials = append(trials, train)
			}
		}
	}
	fitted, err := fitDistinct(ctx, data, trials, options)
	if err != nil {
		return nil, err
	}
	out := make([]Selection, len(jobs))
	final := slices.Clone(jobs)
	for i, job := range jobs {
		var best []int // of each loss that was tried, counted from the first trial that is left
		for k := range tried(job.Loss) {
			from := k * len(grid.L2)
			scores, err := heldOutScores(ctx, data, grid.L2, fitted[from:from+len(grid.L2)], held[i])
			if err != nil {
				return nil, err
			}
			at := bestScore(scores)
			if at < 0 {
				return nil, fmt.Errorf("head: job %d (%s): no penalty of the grid gives a finite head", i, job.Name)
			}
			best = append(best, from+at)
			if k == 0 {
				out[i] = Selection{L2: grid.L2[at], HeldOut: len(held[i].Examples), Scores: scores}
			}
		}
		final[i].Loss, final[i].L2 = trials[best[0]].Loss, out[i].L2
		if g, ok := job.Loss.(loss.Guarded); ok {
			reference := best[1]
			if out[i].Guard, err = guard(ctx, data, g, trials[reference], fitted[reference].Head, held[i]); err != nil {
				return nil, err
			}
			if out[i].Guard.Kept {
				final[i].Loss, final[i].L2 = g, grid.next(trials[reference].L2)
				out[i].L2 = final[i].L2
			}
		}
		n := len(best) * len(grid.L2)
		trials, fitted = trials[n:], fitted[n:]
	}
	if fitted, err = fitDistinct(ctx, data, final, options); err != nil {
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

// Trainings returns the number of heads for which Select reports progress, for a job of loss l and a number of penalties.
func Trainings(l loss.Loss, penalties int) int { return len(tried(l))*penalties + 1 }

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

// fitDistinct is Fit for jobs of which some are the same. It trains each of them once.
func fitDistinct(ctx context.Context, data Data, jobs []Job, options Options) ([]Fitted, error) {
	var distinct []Job
	at := make([]int, len(jobs))
	for i, job := range jobs {
		if at[i] = slices.IndexFunc(distinct, job.same); at[i] < 0 {
			at[i] = len(distinct)
			distinct = append(distinct, job)
		}
	}
	fitted, err := Fit(ctx, data, distinct, options)
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
	if !(g.HeldOut >= 0 && g.HeldOut < 1) {
		faults = append(faults, fmt.Errorf("head: grid: held-out share %v is not in 0..1", g.HeldOut))
	}
	if g.Group != nil && len(g.Group) != d.Examples() {
		faults = append(faults, fmt.Errorf("head: grid: %s for %s", visible.Count(len(g.Group), "group"), visible.Count(d.Examples(), "example")))
	}
	return errors.Join(faults...)
}

// Cut divides a job's examples of positive weight into those to train on and those to hold out, whole groups at a time.
func (g Grid) Cut(job Job) (train, held Job, err error) {
	share := g.HeldOut
	if share == 0 {
		share = 0.2
	}
	group := func(i int) string {
		if g.Group != nil && g.Group[job.Examples[i]] != "" {
			return "g" + g.Group[job.Examples[i]]
		}
		return fmt.Sprint(job.Examples[i])
	}
	positions := job.weighted()
	var names []string
	members := map[string][]int{}
	for _, i := range positions {
		name := group(i)
		if members[name] == nil {
			names = append(names, name)
		}
		members[name] = append(members[name], i)
	}
	rand.New(rand.NewPCG(job.Seed, 0x5e1ec7)).Shuffle(len(names), func(a, b int) { names[a], names[b] = names[b], names[a] })
	want := int(math.Round(share * float64(len(positions))))
	var kept, out []int
	for _, name := range names {
		if len(out) < max(1, want) {
			out = append(out, members[name]...)
		} else {
			kept = append(kept, members[name]...)
		}
	}
	if len(kept) == 0 || len(out) == 0 {
		return Job{}, Job{}, fmt.Errorf("too few to train on some and hold out others: %s in %s", visible.Count(len(positions), "example"), visible.Count(len(names), "group"))
	}
	return job.subset(kept), job.subset(out), nil
}

// heldOutScores returns the score of each head on the examples of held. Head k was trained with penalty l2[k].
func heldOutScores(ctx context.Context, data Data, l2 []float64, fitted []Fitted, held Job) ([]Score, error) {
	probs, err := Predict(ctx, data, list.Map(fitted, func(f Fitted) *Head { return f.Head }), held.Examples)
	if err != nil {
		return nil, err
	}
	scores := make([]Score, len(fitted))
	total := 0.0
	for i := range held.Examples {
		w := 1.0
		if held.Weights != nil {
			w = held.Weights[i]
		}
		total += w
		for k := range scores {
			for c, label := range held.Labels[i] {
				if label > 0 {
					// A probability that underflows to 0 costs as much as the smallest positive one.
					scores[k].LogLoss -= w * label * math.Log(max(probs[k][i][c], math.SmallestNonzeroFloat64))
				}
			}
		}
	}
	for k := range scores {
		scores[k].L2, scores[k].Status = l2[k], fitted[k].Status
		scores[k].LogLoss /= total
	}
	return scores, nil
}

// bestScore returns the position of the score with the smallest log loss, or -1 if no head is usable.
func bestScore(scores []Score) int {
	best := -1
	for k, s := range scores {
		if s.Status == Diverged || !finite(s.LogLoss) {
			continue
		}
		if best < 0 || s.LogLoss < scores[best].LogLoss || s.LogLoss == scores[best].LogLoss && s.L2 > scores[best].L2 {
			best = k
		}
	}
	return best
}
