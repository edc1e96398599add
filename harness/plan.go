package harness

import (
	"context"
	"fmt"
	"time"

	"w2s/tasks"
)

// A Plan is what an experiment would do.
type Plan struct {
	Tasks []TaskPlan `json:"tasks"`
}

// A TaskPlan is what one task would cost.
type TaskPlan struct {
	Task     string `json:"task"`
	Train    int    `json:"train"` // examples in the training pool, both halves together
	Test     int    `json:"test"`
	Finished bool   `json:"finished"` // taken over from an earlier result
	Heads    int    `json:"heads"`    // to be trained, the trials for their penalties included
	// Models is empty for a finished task, and for one with free answers: its texts are yet to be written.
	Models []EncodePlan `json:"models,omitempty"`
}

// An EncodePlan is what one model has to encode for a task.
type EncodePlan struct {
	Model    string        `json:"model"`
	Texts    int           `json:"texts"`       // distinct texts
	Missing  int           `json:"missing"`     // of those, not in the cache
	Estimate time.Duration `json:"estimate_ns"` // for the missing ones, from a sample of all; 0 where none is missing
}

// probe is how many of a task's texts are encoded to estimate the time that the missing ones take.
const probe = 16

// MakePlan loads the tasks and says what Run would do, and how long encoding would take.
func MakePlan(ctx context.Context, cfg Config, env Env) (*Plan, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	env = env.withDefaults()
	plan := &Plan{}
	for _, task := range cfg.Tasks {
		b, err := open(ctx, cfg, env, task)
		if err != nil {
			return nil, fmt.Errorf("harness: task %s: %w", task.Info().Name, err)
		}
		t := TaskPlan{Task: b.info.Name, Train: b.record.Train, Test: len(b.test), Heads: b.heads()}
		_, _, t.Finished = env.Previous.finished(cfg, b.record)
		for _, m := range cfg.Models {
			if t.Finished || b.info.Form == tasks.Generate {
				break
			}
			e, err := b.encodePlan(ctx, m)
			if err != nil {
				return nil, fmt.Errorf("harness: task %s, %s: %w", b.info.Name, m.Name, err)
			}
			t.Models = append(t.Models, e)
		}
		plan.Tasks = append(plan.Tasks, t)
	}
	return plan, nil
}

// heads is how many heads Run trains for the task.
func (b *workbench) heads() int {
	parts := len(b.parts)
	students := (len(b.cfg.Pairs) + len(b.cfg.Simulated)*len(b.cfg.strongs())) * len(b.cfg.Losses) * len(b.cfg.Treatments)
	n := parts * (len(b.cfg.weaks()) + len(b.cfg.strongs()) + students)
	if b.hasControl() {
		n += parts * len(b.cfg.strongs())
	}
	return n * (len(b.cfg.L2) + 1)
}

func (b *workbench) encodePlan(ctx context.Context, m Model) (EncodePlan, error) {
	texts := distinctTexts(b.examples)
	plan := EncodePlan{Model: m.Name, Texts: len(texts)}
	var err error
	if plan.Missing, err = b.env.Features.Missing(m.Encoder, texts); err != nil || plan.Missing == 0 {
		return plan, err
	}
	// Every k-th text, so that short and long ones have their share.
	var sample []string
	for i := 0; i < len(texts) && len(sample) < probe; i += max(1, len(texts)/probe) {
		sample = append(sample, texts[i])
	}
	ignore := func(int, []float32, int, bool) error { return nil }
	if err := m.Encoder.Encode(ctx, sample[:1], ignore); err != nil { // opens the model
		return plan, err
	}
	start := time.Now()
	if err := m.Encoder.Encode(ctx, sample, ignore); err != nil {
		return plan, err
	}
	plan.Estimate = time.Since(start) * time.Duration(plan.Missing) / time.Duration(len(sample))
	return plan, nil
}
