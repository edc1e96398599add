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
	Scores  []Score // one for each penalty, in the order of the grid; of the fallback if the loss is guarded
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
	// Correlation is the correlation of its logits with those of the head of its fallback, on the held-out examples
	// ([stats.Correlation]). It is 0 if its training diverged.
	Correlation float64
	Kept        bool // false: the selection is the head of the fallback
}

// Select chooses a penalty for each job by labels that the job holds out, and then trains the job on all of its examples.
// It sees the labels of the job and no others, so with weak labels no gold can reach the choice. All jobs and penalties are
// trained together, and a head that several jobs need is trained once. What is held out depends on the job's seed and on its
// examples, but not on their order. Of two penalties with the same score, the larger one wins.
//
// A [loss.Guarded] has no penalty of its own. Select chooses one for its fallback, takes the next larger one of the grid if there
// is one, and compares the heads of the two losses on the held-out examples. Then it trains the one that the guard keeps.
func Select(ctx context.Context, data Data, jobs []Job, grid Grid, options Options) ([]Selection, error) {
	if err := grid.check(data); err != nil {
		return nil, err
	}
	if err := checkJobs(data, jobs); err != nil {
		return nil, err
	}
	var trials []Job // len(grid.L2) for each job
	held := make([]Job, len(jobs))
	for i, job := range jobs {
		train, out, err := grid.Cut(job)
		if err != nil {
			return nil, fmt.Errorf("head: job %d (%s): %w", i, job.Name, err)
		}
		held[i] = out
		if g, ok := job.Loss.(loss.Guarded); ok {
			train.Loss, _ = g.Guard()
		}
		for _, l2 := range grid.L2 {
			train.L2 = l2
			trials = append(trials, train)
		}
	}
	fitted, err := fitDistinct(ctx, data, trials, options)
	if err != nil {
		return nil, err
	}
	out := make([]Selection, len(jobs))
	final := make([]Job, len(jobs))
	var guards []guarded
	for i, job := range jobs {
		n := len(grid.L2)
		scores, err := heldOutScores(ctx, data, grid.L2, fitted[i*n:(i+1)*n], held[i])
		if err != nil {
			return nil, err
		}
		best := bestScore(scores)
		if best < 0 {
			return nil, fmt.Errorf("head: job %d (%s): no penalty of the grid gives a finite head", i, job.Name)
		}
		out[i] = Selection{L2: grid.L2[best], HeldOut: len(held[i].Examples), Scores: scores}
		final[i] = job
		final[i].Loss, final[i].L2 = trials[i*n].Loss, grid.L2[best]
		if g, ok := job.Loss.(loss.Guarded); ok {
			guards = append(guards, newGuarded(i, g, trials[i*n+best], fitted[i*n+best], grid))
		}
	}
	if err := settle(ctx, data, guards, held, out, final, options); err != nil {
		return nil, err
	}
	if fitted, err = fitDistinct(ctx, data, final, options); err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Fitted = fitted[i]
	}
	return out, nil
}

// Trainings returns the number of heads for which Select reports progress, for a job of loss l and a number of penalties.
func Trainings(l loss.Loss, penalties int) int {
	if _, ok := l.(loss.Guarded); ok {
		return penalties + 2
	}
	return penalties + 1
}

// A guarded is a job with a guarded loss before its guard decides.
type guarded struct {
	job      int
	trial    Job // of the guarded loss, on the examples that are not held out
	fallback *Head
	least    float64
}

// newGuarded returns a guarded job. fallback is the best of its trials, fitted the head of that trial.
func newGuarded(job int, l loss.Guarded, fallback Job, fitted Fitted, grid Grid) guarded {
	g := guarded{job: job, trial: fallback, fallback: fitted.Head}
	g.trial.Loss = l
	_, g.least = l.Guard()
	for _, l2 := range slices.Sorted(slices.Values(grid.L2)) {
		if l2 > fallback.L2 {
			g.trial.L2 = l2
			break
		}
	}
	return g
}

// settle lets the guards decide. It changes the final jobs of those that keep the guarded loss.
func settle(ctx context.Context, data Data, guards []guarded, held []Job, out []Selection, final []Job, options Options) error {
	if len(guards) == 0 {
		return nil
	}
	fitted, err := fitDistinct(ctx, data, list.Map(guards, func(g guarded) Job { return g.trial }), options)
	if err != nil {
		return err
	}
	for k, g := range guards {
		verdict := &Guard{}
		if fitted[k].Status != Diverged {
			probs, err := Predict(ctx, data, []*Head{fitted[k].Head, g.fallback}, held[g.job].Examples)
			if err != nil {
				return err
			}
			verdict.Correlation = stats.Correlation(logits(probs[0]), logits(probs[1]), data.Classes > 0)
			verdict.Kept = verdict.Correlation >= g.least
		}
		out[g.job].Guard = verdict
		if verdict.Kept {
			final[g.job].Loss, final[g.job].L2 = g.trial.Loss, g.trial.L2
			out[g.job].L2 = g.trial.L2
		}
	}
	return nil
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
