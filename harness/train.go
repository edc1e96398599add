package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/internal/progress"
)

// An order asks for one head. It holds the labels to learn from and nothing else about the examples: the order of a
// student has weak labels, and so neither its training nor the choice of its penalty can reach gold.
type order struct {
	record   HeadRecord // role, model, supervisor, treatment, variant, seed
	examples []int      // positions
	labels   [][]float64
	loss     loss.Loss
}

// A trained head and its record.
type trained struct {
	HeadRecord
	head *head.Head
}

// train carries out orders on one model's features, all together: for each the penalty is chosen on a part of its own
// labels that is held out, then it is trained on all of them and asked about the test examples.
func (b *workbench) train(ctx context.Context, data head.Data, orders []order) ([]trained, error) {
	if len(orders) == 0 {
		return nil, nil
	}
	jobs := make([]head.Job, len(orders))
	for i, o := range orders {
		jobs[i] = head.Job{Name: headID(b.info.Name, o), Examples: o.examples, Labels: o.labels, Loss: o.loss, Seed: o.record.Seed}
	}
	bar := b.env.Progress.Start(fmt.Sprintf("train %s, %s", b.info.Name, orders[0].record.Model),
		int64(len(jobs)*(len(b.cfg.L2)+1)), progress.Items)
	defer bar.Done()
	grid := head.Grid{L2: b.cfg.L2, HeldOut: b.cfg.Held, Group: b.groups}
	chosen, err := head.Select(ctx, data, jobs, grid, head.Options{Multiplier: b.env.Multiplier, Done: func(int) { bar.Add(1) }})
	if err != nil {
		return nil, err
	}
	heads := make([]*head.Head, len(chosen))
	for i, c := range chosen {
		heads[i] = c.Head
	}
	test, err := head.Predict(ctx, data, heads, b.test)
	if err != nil {
		return nil, err
	}
	out := make([]trained, len(orders))
	for i, o := range orders {
		r := o.record
		r.ID, r.Task, r.Loss, r.Train = jobs[i].Name, b.info.Name, o.loss.String(), len(o.examples)
		r.L2, r.Status, r.Steps, r.Test = chosen[i].L2, string(chosen[i].Status), chosen[i].Steps, test[i]
		r.Warnings = append(slices.Clone(r.Warnings), warnings(chosen[i].Fitted)...)
		out[i] = trained{HeadRecord: r, head: chosen[i].Head}
		if b.env.Trained != nil {
			if err := b.env.Trained(r, chosen[i].Head); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// trainAll is train for several models, each with its own orders.
func (b *workbench) trainAll(ctx context.Context, data map[string]head.Data, models []string, ordersOf func(model string) []order) ([]trained, error) {
	// Side by side: a training is a chain of products and of rules between them, and each leaves cores idle at times.
	byModel := make([][]trained, len(models))
	var g errgroup.Group
	for i, m := range models {
		g.Go(func() error {
			t, err := b.train(ctx, data[m], ordersOf(m))
			if err != nil {
				return fmt.Errorf("%s: %w", m, err)
			}
			byModel[i] = t
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(byModel...), nil
}

// headID names a head by what it is, so that the same head has the same name in every result.
func headID(task string, o order) string {
	r := o.record
	parts := []string{task, string(r.Role), r.Model}
	if r.Supervisor != "" {
		parts = append(parts, o.loss.String(), "from "+lessonName(r.Supervisor, task), r.Treatment)
	}
	if r.Variant != "" {
		parts = append(parts, r.Variant)
	}
	return strings.Join(append(parts, fmt.Sprintf("seed=%d", r.Seed)), "/")
}

// lessonName is the supervisor's id without what its student's id says anyway.
func lessonName(supervisor, task string) string {
	name := strings.TrimPrefix(supervisor, task+"/")
	if cut := strings.LastIndex(name, "/seed="); cut >= 0 {
		name = name[:cut]
	}
	return "(" + name + ")"
}

// warnings says what is wrong with how a training went.
func warnings(f head.Fitted) []string {
	switch f.Status {
	case head.StepLimit:
		return []string{fmt.Sprintf("training ran into the step limit (gradient %.1g)", f.GradientNorm)}
	case head.Diverged:
		return []string{"training diverged"}
	}
	return nil
}
