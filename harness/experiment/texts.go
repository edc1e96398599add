package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"w2s/tasks"
)

// Texts returns an example's texts as the model reads them.
func (m Model) Texts(e tasks.Example) ([]string, error) {
	if m.Lookup != nil {
		return m.Lookup.Texts(e)
	}
	if m.Chat == nil {
		return e.Texts, nil
	}
	return m.conversations(e.Conversations())
}

// controls returns an example's control texts as the model reads them.
func (m Model) controls(e tasks.Example) ([]string, error) {
	if m.Lookup != nil {
		return m.Lookup.Controls(e), nil
	}
	if m.Chat == nil {
		return e.Control, nil
	}
	return m.conversations(e.ControlConversations())
}

func (m Model) conversations(list [][]tasks.Turn) ([]string, error) {
	texts := make([]string, len(list))
	for i, turns := range list {
		var err error
		if texts[i], err = m.Chat(turns); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// TaskTexts returns the distinct texts of a task that [Run] encodes under each model: those of the training pool and of the
// test part, with controls. They are the same for all models without Chat. It uses Train, Test, Balance, Sizes and Seeds of cfg. Run encodes nothing if the cache holds these. A
// task with free answers has none, because its texts are written during the run.
func TaskTexts(ctx context.Context, cfg Config, src tasks.Source, task tasks.Task, models []Model) ([][]string, error) {
	if len(cfg.Seeds) == 0 {
		return nil, errors.New("no seed")
	}
	w, err := open(ctx, cfg.withDefaults(), Env{Source: src}.withDefaults(), task)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", task.Info().Name, err)
	}
	if w.info.Form == tasks.Generate {
		return make([][]string, len(models)), nil
	}
	return textsByModel(w.examples, models)
}

// AllTexts returns the distinct texts of all of a task's examples under each model, which include those of every experiment with the task. A
// task with free answers has none.
func AllTexts(ctx context.Context, src tasks.Source, task tasks.Task, models []Model) ([][]string, error) {
	examples, err := AllExamples(ctx, src, task)
	if err != nil {
		return nil, err
	}
	if task.Info().Form == tasks.Generate {
		return make([][]string, len(models)), nil
	}
	return textsByModel(examples, models)
}

// TaskExamples returns the examples of a task that [Run] uses, with gold: those of the training pools of all seeds, sorted by id, and
// then the test examples, in the order of the result. It uses Train, Test, Balance, Sizes and Seeds of cfg. A task with free
// answers is an error.
func TaskExamples(ctx context.Context, cfg Config, src tasks.Source, task tasks.Task) ([]tasks.Example, error) {
	if len(cfg.Seeds) == 0 {
		return nil, errors.New("no seed")
	}
	if task.Info().Form == tasks.Generate {
		return nil, fmt.Errorf("task %s: it has free answers", task.Info().Name)
	}
	w, err := open(ctx, cfg.withDefaults(), Env{Source: src}.withDefaults(), task)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", task.Info().Name, err)
	}
	examples := slices.Clone(w.examples)
	for _, h := range w.halves {
		for i, e := range h.weak {
			examples[e].Gold = h.weakGold[i]
		}
		for i, e := range h.strong {
			examples[e].Gold = h.strongGold[i]
		}
	}
	for i, e := range w.test {
		examples[e].Gold = w.record.TestGold[i]
	}
	return examples, nil
}

// AllExamples returns all of a task's examples: those to train on and then its own test part, each sorted by id.
func AllExamples(ctx context.Context, src tasks.Source, task tasks.Task) ([]tasks.Example, error) {
	data, err := task.Load(ctx, Env{Source: src}.withDefaults().Source)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", task.Info().Name, err)
	}
	return slices.Concat(data.Pool, data.Test), nil
}

// textsByModel returns the distinct texts of examples under each model.
func textsByModel(examples []tasks.Example, models []Model) ([][]string, error) {
	out := make([][]string, len(models))
	var plain []string // under the models that read texts as they are
	for i, m := range models {
		asIs := m.Chat == nil && m.Lookup == nil
		if asIs && plain != nil {
			out[i] = plain
			continue
		}
		var err error
		if out[i], err = distinctTexts(examples, m.allTexts); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		if asIs {
			plain = out[i]
		}
	}
	return out, nil
}

// EachTexts is AllTexts in parts, for tasks on large files: it calls do with the texts of some thousand examples under each model, again
// and again, and keeps none. A text comes again if its example has copies far away in the files. It reports false, without calling do, if the
// task must be loaded whole.
func EachTexts(ctx context.Context, src tasks.Source, task tasks.Task, models []Model, do func([][]string) error) (bool, error) {
	const part = 1 << 12
	var examples []tasks.Example
	var failed error // of do
	flush := func() error {
		texts, err := textsByModel(examples, models)
		examples = examples[:0]
		if err != nil {
			return err
		}
		failed = do(texts)
		return failed
	}
	ok, err := tasks.Each(ctx, task, Env{Source: src}.withDefaults().Source, func(e tasks.Example) error {
		if examples = append(examples, e); len(examples) < part {
			return nil
		}
		return flush()
	})
	if ok && err == nil && len(examples) > 0 {
		err = flush()
	}
	if err != nil && failed == nil {
		err = fmt.Errorf("task %s: %w", task.Info().Name, err)
	}
	return ok, err
}

// allTexts returns an example's texts and controls as the model reads them.
func (m Model) allTexts(e tasks.Example) ([]string, error) {
	texts, err := m.Texts(e)
	if err != nil {
		return nil, err
	}
	controls, err := m.controls(e)
	return slices.Concat(texts, controls), err
}

// distinctTexts returns the texts of examples, each once, in their order.
func distinctTexts(examples []tasks.Example, textsOf func(tasks.Example) ([]string, error)) ([]string, error) {
	seen := map[string]bool{}
	var texts []string
	for _, e := range examples {
		own, err := textsOf(e)
		if err != nil {
			return nil, fmt.Errorf("example %s: %w", e.ID, err)
		}
		for _, t := range own {
			if !seen[t] {
				seen[t] = true
				texts = append(texts, t)
			}
		}
	}
	return texts, nil
}
