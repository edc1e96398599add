package head

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

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
	Scores  []Score // one for each penalty, in the order of the grid
}

// A Score tells how a head with one penalty did on the held-out examples, whose labels are of the same kind as its
// training labels.
type Score struct {
	L2      float64
	LogLoss float64 // weighted mean cross-entropy against the held-out labels of all folds
	Status  Status  // of the training; Diverged if that of any fold diverged
}

// Select chooses a penalty for each job by labels that the job holds out, and then trains the job on all of its examples.
// It sees the labels of the job and no others, so with weak labels no gold can reach the choice. All jobs, folds and penalties
// are trained together. What is held out depends on the job's seed and on its examples, but not on their order. Of two
// penalties with the same score, the larger one wins.
func Select(ctx context.Context, data Data, jobs []Job, grid Grid, options Options) ([]Selection, error) {
	if err := grid.check(data); err != nil {
		return nil, err
	}
	if err := checkJobs(data, jobs); err != nil {
		return nil, err
	}
	var trials []Job // len(grid.L2) for each cut of each job
	cuts := make([][]Cut, len(jobs))
	for i, job := range jobs {
		var err error
		if cuts[i], err = grid.Cuts(job); err != nil {
			return nil, fmt.Errorf("head: job %d (%s): %w", i, job.Name, err)
		}
		for _, c := range cuts[i] {
			for _, l2 := range grid.L2 {
				c.Train.L2 = l2
				trials = append(trials, c.Train)
			}
		}
	}
	fitted, err := Fit(ctx, data, trials, options)
	if err != nil {
		return nil, err
	}
	out := make([]Selection, len(jobs))
	final := slices.Clone(jobs)
	for i, job := range jobs {
		n := len(cuts[i]) * len(grid.L2)
		scores, err := heldOutScores(ctx, data, grid.L2, fitted[:n], cuts[i])
		if err != nil {
			return nil, err
		}
		fitted = fitted[n:]
		best, ok := bestScore(scores)
		if !ok {
			return nil, fmt.Errorf("head: job %d (%s): no penalty of the grid gives a finite head", i, job.Name)
		}
		final[i].L2 = best.L2
		out[i] = Selection{L2: best.L2, Scores: scores}
		for _, c := range cuts[i] {
			out[i].HeldOut += len(c.Held.Examples)
		}
	}
	if fitted, err = Fit(ctx, data, final, options); err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Fitted = fitted[i]
	}
	return out, nil
}

// Trainings returns the number of heads that Select trains for one job.
func (g Grid) Trainings() int { return max(1, g.Folds)*len(g.L2) + 1 }

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
