package experiment

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/progress"
)

// A trainSpec asks for one head. It holds the labels to learn from and nothing else about the examples. A student's labels
// are weak ones, so neither its training nor the choice of its penalty can reach gold.
type trainSpec struct {
	head     result.Head // role, model, supervisor, treatment, size, share, seed, labels and warnings
	examples []int
	labels   [][]float64
	weights  []float64 // of the labels; nil: all 1
	sure     []bool    // labels that are gold among weak ones, of a student that sees some; nil: none
	loss     loss.Loss
}

// A trained is a head and its record.
type trained struct {
	result.Head
	head *head.Head // nil for a baseline, and for a supervisor that is not trained
	// labels are those that a supervisor that is not trained gives all examples; nil for other heads.
	labels [][]float64
	// apart are the labels that a combination keeps apart, of each member for examples of strong-train; nil for other supervisors.
	apart []map[int][]float64
}

// records returns the records of heads.
func records(heads []trained) []result.Head {
	return list.Map(heads, func(t trained) result.Head { return t.Head })
}

// train trains heads on one model's features. Heads of the same half are trained together, those of few gold labels on these
// alone. The penalty of each head is chosen on held-out parts of its own labels, then the head is trained on all of them and
// predicts the test examples.
func (w *workbench) train(ctx context.Context, data features, specs []trainSpec) ([]trained, error) {
	out, err := w.trainUnsaved(ctx, data, specs)
	if err != nil {
		return nil, err
	}
	return out, w.reportTrained(out)
}

// trainUnsaved is train for heads that Env.Trained does not get, because their features are not those of a task's texts.
func (w *workbench) trainUnsaved(ctx context.Context, data features, specs []trainSpec) ([]trained, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	type half struct {
		seed uint64
		size int
		weak bool
		few  string // kind of comparison
		own  string // the supervisor, if students learn several labels of each example
	}
	out, members, order := make([]trained, len(specs)), map[half][]int{}, []half(nil)
	for i, s := range specs {
		r := s.head
		r.Task, r.Loss, r.Train = w.info.Name, s.loss.String(), len(s.examples)
		r.ID = result.HeadID(r)
		out[i].Head = r
		k := half{seed: r.Seed, size: r.Size, weak: r.Role == result.Supervisor || r.Baseline == result.OfGold}
		if !k.weak && result.LearnsGold(r.Baseline) {
			k.few = r.Baseline
		}
		if hasCopies(s.examples) {
			k.own = r.Supervisor
		}
		if members[k] == nil {
			order = append(order, k)
		}
		members[k] = append(members[k], i)
	}
	trainings, grid := 0, w.cfg.grid(nil)
	for _, s := range specs {
		if trainings += grid.Trainings(s.loss); s.head.Role == result.Student {
			trainings += len(w.cfg.Steps)
		}
	}
	bar := w.env.Progress.Start(fmt.Sprintf("train heads of %s, %s", w.info.Name, specs[0].head.Model), int64(trainings), progress.Items)
	defer bar.Done()
	options := head.Options{Done: func(int) { bar.Add(1) }}
	stopped := make([][]trained, len(order))
	g, ctx := errgroup.WithContext(ctx)
	for at, k := range order {
		h := w.halvesOf(out[members[k][0]].Head)
		examples := h.strong
		switch {
		case k.weak:
			examples = h.weak
		case k.few != "" || k.own != "": // a product with all of weak-train would take as long as for a head that learns all
			examples = specs[members[k][0]].examples
		}
		g.Go(func() (err error) {
			own := list.Map(members[k], func(i int) *trained { return &out[i] })
			stopped[at], err = w.trainHalf(ctx, data, examples, list.Map(members[k], func(i int) trainSpec { return specs[i] }), own, options)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return append(out, slices.Concat(stopped...)...), nil
}

// allowTrainings sets how many trainings may be under way at the same time.
func (w *workbench) allowTrainings(n int) {
	w.atOnce, w.training = int64(n), semaphore.NewWeighted(int64(n))
}

// trainHalf trains heads of one seed on the features of some examples, and completes their records. It returns those that are stopped
// early.
func (w *workbench) trainHalf(ctx context.Context, data features, examples []int, specs []trainSpec, out []*trained, options head.Options) ([]trained, error) {
	// A training leaves processors idle between its matrix products, above all if these are small. Large features take much memory, so at most
	// two trainings have them at the same time.
	const large = 1 << 24 // numbers
	share := int64(1)
	if x := data.raw.X; x.Rows*x.Dims > large {
		share = (w.atOnce + 1) / 2
	}
	if err := w.training.Acquire(ctx, share); err != nil {
		return nil, err
	}
	defer w.training.Release(share)
	seed := out[0].Seed
	own := w.part(data, seed, examples)
	jobs := make([]head.Job, len(specs))
	for i, s := range specs {
		jobs[i] = head.Job{Name: out[i].ID, Examples: own.numbers(s.examples), Labels: s.labels, Weights: s.weights, Sure: s.sure, Loss: s.loss, Seed: seed}
	}
	chosen, err := head.Select(ctx, own.data, jobs, w.cfg.grid(own.groups), options)
	if err != nil {
		return nil, err
	}
	test, err := w.predictWith(ctx, data.raw, list.Map(chosen, func(c head.Selection) *head.Head { return c.Head }), w.test)
	if err != nil {
		return nil, err
	}
	for i, c := range chosen {
		t := out[i]
		t.head = c.Head
		t.L2, t.Status, t.Steps, t.Test = c.L2, string(c.Status), c.Steps, test[i]
		if g := c.Guard; g != nil {
			t.Guard = &result.Guard{Correlation: g.Correlation, Excess: g.Excess, Kept: g.Kept}
		}
		t.Warnings = append(slices.Clone(t.Warnings), c.Warnings()...)
		jobs[i].Loss, jobs[i].L2 = lossOf(jobs[i].Loss, c.Guard), c.L2
	}
	return w.stopped(ctx, data, own.data, out, jobs, options)
}

// lossOf returns the loss that a head learned: the fallback of a guarded one, if its guard did not let it pass.
func lossOf(l loss.Loss, guard *head.Guard) loss.Loss {
	if guarded, ok := l.(loss.Guarded); ok && (guard == nil || !guard.Kept) {
		fallback, _, _ := guarded.Guard()
		return fallback
	}
	return l
}

// stopped trains the students among heads again, each with the penalty of its job, and stops them after every number of steps of
// Config.Steps. All losses take steps of Adam, also those that students otherwise learn by L-BFGS, whose few steps are no curve.
func (w *workbench) stopped(ctx context.Context, data features, own head.Data, heads []*trained, jobs []head.Job, options head.Options) ([]trained, error) {
	var out []trained
	var cut []head.Job
	for i, t := range heads {
		if t.Role != result.Student {
			continue
		}
		for _, n := range w.cfg.Steps {
			r := t.Head
			r.Stopped, r.Guard, r.Cosines = n, nil, nil
			r.ID = result.HeadID(r)
			job := jobs[i]
			job.Name, job.Optimiser = r.ID, head.Adam{Stop: n}
			out, cut = append(out, trained{Head: r}), append(cut, job)
		}
	}
	if len(cut) == 0 {
		return nil, nil
	}
	fitted, err := head.Fit(ctx, own, cut, options)
	if err != nil {
		return nil, err
	}
	test, err := w.predictWith(ctx, data.raw, list.Map(fitted, func(f head.Fitted) *head.Head { return f.Head }), w.test)
	if err != nil {
		return nil, err
	}
	for i, f := range fitted {
		out[i].head, out[i].Status, out[i].Steps, out[i].Test = f.Head, string(f.Status), f.Steps, test[i]
	}
	return out, nil
}

// hasCopies reports whether an example is there more than once.
func hasCopies(examples []int) bool {
	seen := make(map[int]bool, len(examples))
	for _, e := range examples {
		seen[e] = true
	}
	return len(seen) < len(examples)
}

// reportTrained calls Env.Trained with heads.
func (w *workbench) reportTrained(heads []trained) error {
	if w.env.Trained == nil {
		return nil
	}
	for _, t := range heads {
		if err := w.env.Trained(t.Head, t.head); err != nil {
			return err
		}
	}
	return nil
}

// trainAll calls train for several models side by side, each with its own specs. If one fails, it stops the others.
func (w *workbench) trainAll(ctx context.Context, data map[string]features, models []string, specsOf func(model string) []trainSpec) ([]trained, error) {
	// A single training leaves processors idle between its matrix products.
	byModel := make([][]trained, len(models))
	g, ctx := errgroup.WithContext(ctx)
	for i, m := range models {
		g.Go(func() (err error) {
			if byModel[i], err = w.train(ctx, data[m], specsOf(m)); err != nil {
				return fmt.Errorf("%s: %w", m, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(byModel...), nil
}

// predict returns the distributions of a trained head, or of a supervisor that is not trained, for examples.
func (w *workbench) predict(ctx context.Context, t trained, examples []int) ([][]float64, error) {
	if t.labels != nil {
		return ofExamples(t.labels, examples), nil
	}
	p, err := w.predictWith(ctx, w.data[t.Model].raw, []*head.Head{t.head}, examples)
	if err != nil {
		return nil, err
	}
	return p[0], nil
}
