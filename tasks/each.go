package tasks

import (
	"context"
	"errors"
)

// Each calls do with every example of a task on the user's own files, in the order of the files, and keeps none. Unlike Load, it
// passes on copies, and examples whose copies have different labels. Faults of the files are returned at the end, after the
// examples without faults. If do returns an error, Each stops and returns it. It reports false if the task must be loaded whole.
func Each(ctx context.Context, t Task, src Source, do func(Example) error) (bool, error) {
	f, ok := t.(fileTask)
	if !ok || f.spec.Form == Generate {
		return false, nil
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c, err := f.collect(ctx, src, func(e Example) {
		if ctx.Err() == nil {
			if err := do(e); err != nil {
				stop(err)
			}
		}
	})
	if cause := context.Cause(ctx); cause != nil {
		return true, cause
	}
	return true, errors.Join(err, faultsOf(c))
}

func faultsOf(c *collector) error {
	if c == nil {
		return nil
	}
	return c.faults.err()
}
