package experiment

import (
	"context"
	"fmt"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/progress"
	"w2s/tasks"
)

// An Env is what an experiment needs from the machine it runs on. The zero value works for tasks that need no files.
type Env struct {
	Source   tasks.Source      // nil: only tasks that are files or part of the program can be read
	Features *feature.Cache    // nil: features are not kept
	Progress progress.Reporter // nil: silent
	// Previous is an earlier result of the same configuration. Tasks are taken over from it if neither their data nor
	// the models have changed. nil: there is none.
	Previous *result.Result
	// Finished, if set, is called after each task with the result so far, which includes what Previous has of the remaining
	// tasks. Storing it in place of Previous thus loses nothing.
	Finished func(*result.Result) error
	// Trained, if set, is called with every head that is trained on features, from several goroutines.
	Trained func(result.Head, *head.Head) error
	// Untried tells MakePlan that models cannot run here, so it estimates no times.
	Untried bool

	stateBytes int // see freeform.Options
}

// withDefaults fills in what was left out.
func (e Env) withDefaults() Env {
	if e.Source == nil {
		e.Source = noSource{}
	}
	if e.Progress == nil {
		e.Progress = progress.Silent()
	}
	return e
}

// noSource has no data.
type noSource struct{}

// Path returns an error.
func (noSource) Path(_ context.Context, artifact string) (string, error) {
	return "", fmt.Errorf("there is no source of data for %s (set Env.Source)", artifact)
}

// features encodes texts under one model, or under several with the same Pass, or takes the vectors from the cache, under a progress bar.
func (e Env) features(ctx context.Context, models []Model, task string, texts []string) ([]*feature.Matrix, []feature.Summary, error) {
	report, end := progress.Late(e.Progress, fmt.Sprintf("encode %s, %s", task, together(models)))
	defer end()
	count := func(done, total, _ int) { report(done, total) }
	for _, m := range models {
		defer e.Features.Use(m.Encoder, m.Name, task)()
	}
	if len(models) > 1 {
		encoders := list.Map(models, func(m Model) feature.Encoder { return m.Encoder })
		return e.Features.FeaturesOfPass(ctx, models[0].Pass, encoders, texts, count)
	}
	x, sum, err := e.Features.Features(ctx, models[0].Encoder, texts, count)
	return []*feature.Matrix{x}, []feature.Summary{sum}, err
}

// together names models that are encoded together.
func together(models []Model) string {
	if n := len(models) - 1; n > 0 {
		return fmt.Sprintf("%s and %d more", models[0].Name, n)
	}
	return models[0].Name
}
