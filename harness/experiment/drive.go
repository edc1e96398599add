package experiment

import (
	"context"
	"errors"

	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/tasks"
)

// A TaskError says why a task could not be carried out. The other tasks were.
type TaskError struct {
	Task string
	Err  error
}

func (e *TaskError) Error() string { return "task " + e.Task + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TaskError) Unwrap() error { return e.Err }

// A driver carries out an experiment, one task after the other.
type driver struct {
	cfg      Config // valid, with defaults
	settings result.Settings
	env      Env // with defaults
	open     func(ctx context.Context, task tasks.Task) (*workbench, error)
	work     func(ctx context.Context, w *workbench) ([]result.Head, []result.Chain, error)
}

// run works on all tasks. A task that fails is named in the error, and the result holds the others. If ctx ends, the result
// holds what was done and what env.Previous has of the tasks that were not reached.
func (d driver) run(ctx context.Context) (*result.Result, error) {
	found := result.New(d.settings, d.cfg.models())
	rest := list.Map(d.cfg.Tasks, func(t tasks.Task) string { return t.Info().Name })
	var failed []error
	for _, task := range d.cfg.Tasks {
		work, err := d.task(ctx, task)
		if err != nil && ctx.Err() != nil {
			return found.With(d.env.Previous, rest), ctx.Err()
		}
		rest = rest[1:]
		if err != nil {
			failed = append(failed, &TaskError{Task: task.Info().Name, Err: err})
			continue
		}
		found.Add(work)
		if d.env.Finished == nil {
			continue
		}
		if err := d.env.Finished(found.With(d.env.Previous, rest)); err != nil {
			return found, errors.Join(append(failed, err)...)
		}
	}
	return found, errors.Join(failed...)
}

// task works on one task, or takes it over from an earlier result.
func (d driver) task(ctx context.Context, task tasks.Task) (result.Work, error) {
	if err := ctx.Err(); err != nil {
		return result.Work{}, err
	}
	w, err := d.open(ctx, task)
	if err != nil {
		return result.Work{}, err
	}
	if work, ok := d.env.Previous.Finished(d.settings, d.cfg.models(), w.record); ok {
		return work, nil
	}
	heads, chains, err := d.work(ctx, w)
	return result.Work{Task: w.record, Heads: heads, Chains: chains}, err
}
