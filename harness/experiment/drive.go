package experiment

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	pace := pace{total: len(d.cfg.Tasks)}
	for _, task := range d.cfg.Tasks {
		start := time.Now()
		work, worked, err := d.task(ctx, task)
		if err != nil && ctx.Err() != nil {
			return found.With(d.env.Previous, rest), ctx.Err()
		}
		rest = rest[1:]
		if pace.add(time.Since(start), worked); len(rest) > 0 {
			d.env.Progress.Print(pace.String() + ", next " + rest[0])
		}
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

// A pace tells how far a list of tasks is.
type pace struct {
	done, worked, total int           // worked are the tasks that were not taken over from an earlier result
	spent               time.Duration // on those
}

func (p *pace) add(took time.Duration, worked bool) {
	p.done++
	if worked {
		p.worked++
		p.spent += took
	}
}

// String returns "2 of 6 tasks done, about 40s left". Tasks differ in size, so it estimates nothing before a task took a second, and
// nothing beyond a day.
func (p pace) String() string {
	text := fmt.Sprintf("%d of %d tasks done", p.done, p.total)
	if p.worked == 0 || p.spent < time.Second {
		return text
	}
	left := float64(p.spent) / float64(p.worked) * float64(p.total-p.done)
	if left > float64(24*time.Hour) {
		return text
	}
	return text + fmt.Sprintf(", about %s left", time.Duration(left).Round(time.Second))
}

// task works on one task, or takes it over from an earlier result. worked reports whether it did the former.
func (d driver) task(ctx context.Context, task tasks.Task) (work result.Work, worked bool, err error) {
	if err := ctx.Err(); err != nil {
		return result.Work{}, false, err
	}
	w, err := d.open(ctx, task)
	if err != nil {
		return result.Work{}, false, err
	}
	if work, ok := w.finished(d.settings); ok {
		return work, false, nil
	}
	heads, chains, err := d.work(ctx, w)
	return result.Work{Task: w.record, Heads: heads, Chains: chains}, true, err
}
