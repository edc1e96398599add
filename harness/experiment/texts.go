package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"w2s/tasks"
)

// TaskTexts returns the distinct texts of a task that [Run] encodes under every model: those of the training pool and of the
// test part, with controls. It uses Train, Test, Balance, Sizes and Seeds of cfg. Run encodes nothing if the cache holds these. A
// task with free answers has none, because its texts are written during the run.
func TaskTexts(ctx context.Context, cfg Config, src tasks.Source, task tasks.Task) ([]string, error) {
	if len(cfg.Seeds) == 0 {
		return nil, errors.New("no seed")
	}
	w, err := open(ctx, cfg.withDefaults(), Env{Source: src}.withDefaults(), task)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", task.Info().Name, err)
	}
	if w.info.Form == tasks.Generate {
		return nil, nil
	}
	return distinctTexts(w.examples), nil
}

// AllTexts returns the distinct texts of all of a task's examples, which include those of every experiment with the task. A
// task with free answers has none.
func AllTexts(ctx context.Context, src tasks.Source, task tasks.Task) ([]string, error) {
	data, err := task.Load(ctx, Env{Source: src}.withDefaults().Source)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", task.Info().Name, err)
	}
	if task.Info().Form == tasks.Generate {
		return nil, nil
	}
	return distinctTexts(slices.Concat(data.Pool, data.Test)), nil
}

// distinctTexts returns the texts and controls of examples, each once, in their order.
func distinctTexts(examples []tasks.Example) []string {
	seen := map[string]bool{}
	var texts []string
	for _, e := range examples {
		for _, t := range slices.Concat(ownTexts(e), controlTexts(e)) {
			if !seen[t] {
				seen[t] = true
				texts = append(texts, t)
			}
		}
	}
	return texts
}
