package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"w2s/tasks"
)

// TaskTexts lists the distinct texts of a task that [Run] has encoded under every model: those of the training pool and
// of the test part, controls included. Of cfg only Train, Test, Sizes and Seeds count; all seeds cut the same pool.
// Where the cache holds these, Run encodes nothing. A task with free answers has none: models write there.
func TaskTexts(ctx context.Context, cfg Config, src tasks.Source, task tasks.Task) ([]string, error) {
	if len(cfg.Seeds) == 0 {
		return nil, errors.New("harness: no seed")
	}
	b, err := open(ctx, cfg, Env{Source: src}.withDefaults(), task)
	if err != nil {
		return nil, fmt.Errorf("harness: task %s: %w", task.Info().Name, err)
	}
	if b.info.Form == tasks.Generate {
		return nil, nil
	}
	return distinctTexts(b.examples), nil
}

// AllTexts lists the distinct texts of all of a task's examples, whatever sizes an experiment may take of them; none
// for a task with free answers.
func AllTexts(ctx context.Context, src tasks.Source, task tasks.Task) ([]string, error) {
	data, err := task.Load(ctx, Env{Source: src}.withDefaults().Source)
	if err != nil {
		return nil, fmt.Errorf("harness: task %s: %w", task.Info().Name, err)
	}
	if task.Info().Form == tasks.Generate {
		return nil, nil
	}
	return distinctTexts(slices.Concat(data.Pool, data.Test)), nil
}

// distinctTexts lists the texts and controls of examples, each once, in their order.
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
