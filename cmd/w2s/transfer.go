package main

import (
	"context"

	"github.com/spf13/cobra"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/harness/table"
)

func newTransferCommand(a *app) *cobra.Command {
	var f experimentFlags
	var models pairFlags
	c := &cobra.Command{
		Use:   "transfer",
		Short: "Train on each task and test on all: weak, student, ceiling and PGR as a matrix",
		Long: `Trains supervisor, students and ceiling on every task, as run does, and tests
each of these heads on the test examples of all tasks. The tasks must be alike:
they all rank candidates, or they all have the same number of classes. Leaves
out test examples that share a text with the training pool of another task, with
a warning.`,
		Example: `  w2s transfer
  w2s transfer --task movies --task tweets --weak wordllama-64 --strong e5-small-v2
  w2s transfer --task ours.jsonl --task theirs.jsonl --loss xent --format markdown`,
	}
	c.RunE = a.runE(func(ctx context.Context, _ []string) error {
		pair, err := f.pairConfig(ctx, a, models.pairs(f.tasks))
		if err != nil {
			return err
		}
		cfg := experiment.TransferConfig{Config: pair}
		if err := f.previous(a, cfg); err != nil {
			return err
		}
		run := func(env experiment.Env) (*result.Result, error) { return experiment.RunTransfer(ctx, cfg, env) }
		return a.experiment(ctx, &f, run, func(r *result.Result) (any, []*table.Table, error) {
			matrices, err := summary.Transfers(r, f.options())
			return matrices, []*table.Table{table.Transfer(matrices)}, err
		})
	})
	models.register(c.Flags(), "wordllama-64")
	f.register(c.Flags(), "w2s-results/transfer.json")
	setDefaults(c.Flags(), map[string]string{"task": "movies-pairs,tweets-pairs,amazon-pairs,editorials-pairs", "loss": "xent,logconf"})
	return c
}
