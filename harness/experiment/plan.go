package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/tasks"
)

// A Plan says what an experiment would do.
type Plan struct {
	Tasks []TaskPlan `json:"tasks"`
}

// A TaskPlan says what one task would cost.
type TaskPlan struct {
	Task     string `json:"task"`
	Train    int    `json:"train"` // examples in the training pool, both halves together
	Test     int    `json:"test"`
	Finished bool   `json:"finished"` // an earlier result has it
	Heads    int    `json:"heads"`    // trainings, those that choose penalties included
	// Models is empty for a finished task, and for a task with free answers, whose texts are not written yet.
	Models []EncodePlan `json:"models,omitempty"`
}

// An EncodePlan says what one model has to encode for a task.
type EncodePlan struct {
	Model    string        `json:"model"`
	Texts    int           `json:"texts"`       // distinct texts
	Missing  int           `json:"missing"`     // those that are not in the cache
	Estimate time.Duration `json:"estimate_ns"` // time to encode the missing ones, from a sample of all; 0 if none is missing, or with Env.Untried
}

// sampleSize is how many texts of a task are encoded to estimate the time for the missing ones.
const sampleSize = 16

// MakePlan loads the tasks and returns what Run would do and how long encoding would take. A task that fails is named in the error by
// a [TaskError], and the plan has the others.
func MakePlan(ctx context.Context, cfg Config, env Env) (*Plan, error) {
	cfg, env = cfg.withDefaults(), env.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	plan := &Plan{}
	var failed []error
	for _, task := range cfg.Tasks {
		t, err := planTask(ctx, cfg, env, task)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			failed = append(failed, &TaskError{Task: task.Info().Name, Err: err})
		default:
			plan.Tasks = append(plan.Tasks, t)
		}
	}
	return plan, errors.Join(failed...)
}

// planTask returns what Run would do for one task.
func planTask(ctx context.Context, cfg Config, env Env, task tasks.Task) (TaskPlan, error) {
	w, err := open(ctx, cfg, env, task)
	if err != nil {
		return TaskPlan{}, err
	}
	t := TaskPlan{Task: w.info.Name, Train: w.record.Train, Test: len(w.test), Heads: trainings(w)}
	if _, t.Finished = w.finished(cfg.settings()); t.Finished {
		return t, nil
	}
	for _, m := range cfg.Models {
		if w.info.Form == tasks.Generate {
			break
		}
		texts, err := distinctTexts(w.examples, w.textsOf(m))
		var e EncodePlan
		if err == nil {
			e, err = planEncoding(ctx, env, m, texts)
		}
		if err != nil {
			return t, fmt.Errorf("%s: %w", m.Name, err)
		}
		t.Models = append(t.Models, e)
	}
	for _, s := range cfg.Supervisors {
		e, err := w.planLabels(ctx, s)
		if err != nil {
			return t, fmt.Errorf("%s: %w", s.Name, err)
		}
		if e.Texts > 0 {
			t.Models = append(t.Models, e)
		}
	}
	return t, nil
}

// trainings returns how many trainings Run does for a task.
func trainings(w *workbench) int {
	c := w.cfg
	offered, simulated := 0, 0
	for _, p := range c.Pairs {
		if !c.isSimulated(p.Weak) {
			offered++
		}
	}
	offers := offered
	for _, strong := range c.strongs() {
		simulated += len(c.simulatedFor(strong))
	}
	if w.hasBaselines() {
		offers *= 2 // shuffled
	}
	offers += simulated
	students, grid := 0, c.grid(nil)
	students += len(w.someGoldKinds()) / len(result.SomeGoldMethods()) * offered *
		((len(result.SomeGoldMethods())-1)*grid.Trainings(loss.XEnt{}) + len(c.L2)) // one of them chooses from single heads
	if w.hasOrders() {
		for _, o := range c.Orders {
			sources := len(c.strongs())
			if o == result.ByConfidence {
				sources = offered
			}
			students += 2 * sources * grid.Trainings(loss.XEnt{})
		}
	}
	if slices.Contains(w.unlabelled(), result.OfUE) {
		students += offered * grid.Trainings(loss.Elicited{})
	}
	for _, l := range c.Losses {
		students += offers * len(c.Treatments) * grid.Trainings(l)
	}
	heads := len(c.weaks()) + len(c.strongs())
	if w.hasControls() {
		heads += len(c.strongs())
	}
	heads *= len(w.halves)
	inEnsembles := 0
	for _, b := range c.Ensembles {
		inEnsembles += b.Heads * len(w.halves)
	}
	if len(c.strongs()) > 0 {
		heads += len(c.strongs()) * len(w.goldSpecs(c.strongs()[0]))
	}
	return inEnsembles + heads*grid.Trainings(loss.XEnt{}) + students*len(w.halves)
}

// textsOf returns what a model encodes of an example.
func (w *workbench) textsOf(m Model) func(tasks.Example) ([]string, error) {
	if !w.needsStatements() || !slices.Contains(w.cfg.strongs(), m.Name) {
		return m.allTexts
	}
	return func(e tasks.Example) ([]string, error) {
		texts, err := m.allTexts(e)
		if err != nil {
			return nil, err
		}
		statements, err := w.statementTexts(m, e)
		return append(texts, statements...), err
	}
}

// planLabels says what a supervisor that is not trained has to encode. The plan has no texts if it reads none.
func (w *workbench) planLabels(ctx context.Context, s Supervisor) (EncodePlan, error) {
	l := w.labellers[s.Name]
	if l == nil || l.Encoder() == nil {
		return EncodePlan{}, nil
	}
	texts, err := distinctTexts(w.examples, l.Texts)
	if err != nil {
		return EncodePlan{}, err
	}
	return planEncoding(ctx, w.env, Model{Name: s.Name, Encoder: l.Encoder()}, texts)
}

// discard takes a vector that nobody needs.
func discard(int, []float32, int, bool) error { return nil }

func planEncoding(ctx context.Context, env Env, m Model, texts []string) (EncodePlan, error) {
	plan := EncodePlan{Model: m.Name, Texts: len(texts)}
	var err error
	if plan.Missing, err = env.Features.Missing(m.Encoder, texts); err != nil || plan.Missing == 0 || env.Untried {
		return plan, err
	}
	// Taking every k-th text keeps the proportion of short and long ones.
	var sample []string
	for i := 0; i < len(texts) && len(sample) < sampleSize; i += max(1, len(texts)/sampleSize) {
		sample = append(sample, texts[i])
	}
	if err := m.Encoder.Encode(ctx, sample[:1], discard); err != nil { // opens the model
		return plan, err
	}
	start := time.Now()
	if err := m.Encoder.Encode(ctx, sample, discard); err != nil {
		return plan, err
	}
	plan.Estimate = time.Since(start) * time.Duration(plan.Missing) / time.Duration(len(sample))
	return plan, nil
}
