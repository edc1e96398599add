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
	"w2s/internal/prob"
)

// A Grid is what Select chooses from: every loss with every penalty.
type Grid struct {
	L2     []float64
	Losses []loss.Loss // nil: each job's own loss
	// HeldOut is the share of a job's examples that are kept from training while settings are compared. 0: 0.2.
	HeldOut float64
	// Group, one a data example, keeps examples that belong together on one side of the cut. nil: each is its own.
	Group []string
	// Agreement chooses by the share of held-out examples whose most probable class is that of their label, rather
	// than by log loss. It suits losses that make the student more confident than its labels, which log loss punishes.
	Agreement bool
}

// A Selection is a head trained on all examples of its job with the settings that held-out labels chose.
type Selection struct {
	Fitted
	L2      float64
	Loss    loss.Loss
	HeldOut int     // number of held-out examples
	Scores  []Score // of all settings, in the order of the grid: losses outside, penalties inside
}

// A Score is how one setting did on held-out examples, against labels of the same kind as it was trained on.
type Score struct {
	L2        float64
	Loss      loss.Loss
	LogLoss   float64 // weighted mean cross-entropy against the held-out labels
	Agreement float64 // weighted share of examples with the same most probable class or candidate as the label
	Status    Status  // of the training
}

// Select chooses the penalty, and the loss where the grid has several, for each job by labels that the job holds out,
// and then trains on all of its examples. It sees the labels of the job and no others: with weak labels, no gold can
// reach the choice. All jobs and settings train together. The cut depends on the job's seed and on the examples, not
// on their order. Of equal scores the larger penalty wins.
func Select(ctx context.Context, data Data, jobs []Job, grid Grid, options Options) ([]Selection, error) {
	if err := grid.check(data); err != nil {
		return nil, err
	}
	var faults []error
	for i, job := range jobs {
		if len(grid.Losses) > 0 {
			job.Loss = grid.Losses[0]
		}
		if err := job.check(data); err != nil {
			faults = append(faults, fmt.Errorf("head: job %d (%s): %w", i, job.Name, err))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	var trials []Job // job by job, in the order of the grid
	held := make([]Job, len(jobs))
	per := len(grid.L2) * max(1, len(grid.Losses))
	for i, job := range jobs {
		train, out, err := grid.Cut(job)
		if err != nil {
			return nil, fmt.Errorf("head: job %d (%s): %w", i, job.Name, err)
		}
		held[i] = out
		for _, s := range grid.settings(job) {
			trial := train
			trial.L2, trial.Loss = s.L2, s.Loss
			trials = append(trials, trial)
		}
	}
	fitted, err := Fit(ctx, data, trials, options)
	if err != nil {
		return nil, err
	}
	out := make([]Selection, len(jobs))
	final := slices.Clone(jobs)
	for i, job := range jobs {
		scores := grid.settings(job)
		heads := make([]*Head, per)
		for k := range heads {
			heads[k] = fitted[i*per+k].Head
			scores[k].Status = fitted[i*per+k].Status
		}
		if err := score(ctx, data, heads, held[i], scores); err != nil {
			return nil, err
		}
		best, ok := grid.best(scores)
		if !ok {
			return nil, fmt.Errorf("head: job %d (%s): no setting of the grid trained to a finite head", i, job.Name)
		}
		final[i].L2, final[i].Loss = best.L2, best.Loss
		out[i] = Selection{L2: best.L2, Loss: best.Loss, HeldOut: len(held[i].Examples), Scores: scores}
	}
	if fitted, err = Fit(ctx, data, final, options); err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Fitted = fitted[i]
	}
	return out, nil
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
		faults = append(faults, fmt.Errorf("head: grid: %d groups for %d examples", len(g.Group), d.Examples()))
	}
	return errors.Join(faults...)
}

// settings are the points of the grid for a job, without scores.
func (g Grid) settings(job Job) []Score {
	losses := g.Losses
	if losses == nil {
		losses = []loss.Loss{job.Loss}
	}
	var out []Score
	for _, l := range losses {
		for _, l2 := range g.L2 {
			out = append(out, Score{L2: l2, Loss: l})
		}
	}
	return out
}

// Cut divides a job's examples of positive weight into those to train on and those to hold out, whole groups at a time.
func (g Grid) Cut(job Job) (train, out Job, err error) {
	share := g.HeldOut
	if share == 0 {
		share = 0.2
	}
	var order []int
	for i := range job.Examples {
		if job.Weights == nil || job.Weights[i] > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(job.Examples[a], job.Examples[b]) })
	group := func(i int) string {
		if g.Group != nil && g.Group[job.Examples[i]] != "" {
			return "g" + g.Group[job.Examples[i]]
		}
		return fmt.Sprint(job.Examples[i])
	}
	var names []string
	members := map[string][]int{}
	for _, i := range order {
		name := group(i)
		if members[name] == nil {
			names = append(names, name)
		}
		members[name] = append(members[name], i)
	}
	rand.New(rand.NewPCG(job.Seed, 0x5e1ec7)).Shuffle(len(names), func(a, b int) { names[a], names[b] = names[b], names[a] })
	want := int(math.Round(share * float64(len(order))))
	var kept, held []int
	for _, name := range names {
		if len(held) < max(1, want) {
			held = append(held, members[name]...)
		} else {
			kept = append(kept, members[name]...)
		}
	}
	if len(kept) == 0 || len(held) == 0 {
		return Job{}, Job{}, fmt.Errorf("%d examples in %d groups cannot be cut into a part to train on and one to hold out", len(order), len(names))
	}
	return job.only(kept), job.only(held), nil
}

// only is the job with the examples at the given places.
func (j Job) only(places []int) Job {
	out := j
	out.Examples, out.Labels, out.Weights = nil, nil, nil
	for _, i := range places {
		out.Examples, out.Labels = append(out.Examples, j.Examples[i]), append(out.Labels, j.Labels[i])
		if j.Weights != nil {
			out.Weights = append(out.Weights, j.Weights[i])
		}
	}
	return out
}

// score fills the scores of heads on the examples of held.
func score(ctx context.Context, data Data, heads []*Head, held Job, scores []Score) error {
	probs, err := Predict(ctx, data, heads, held.Examples)
	if err != nil {
		return err
	}
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
					// A probability that rounds to 0 costs as much as the least one that does not.
					scores[k].LogLoss -= w * label * math.Log(max(probs[k][i][c], math.SmallestNonzeroFloat64))
				}
			}
			if prob.Argmax(probs[k][i]) == prob.Argmax(held.Labels[i]) {
				scores[k].Agreement += w
			}
		}
	}
	for k := range scores {
		scores[k].LogLoss /= total
		scores[k].Agreement /= total
	}
	return nil
}

// best is the best of the scores, and false if no training was sound.
func (g Grid) best(scores []Score) (best Score, ok bool) {
	for _, s := range scores {
		if s.Status == Diverged || !finite(s.LogLoss) {
			continue
		}
		better := s.LogLoss - best.LogLoss
		if g.Agreement {
			better = best.Agreement - s.Agreement
		}
		if !ok || better < 0 || better == 0 && s.L2 > best.L2 {
			best, ok = s, true
		}
	}
	return best, ok
}
