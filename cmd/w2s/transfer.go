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
	var weak, strong string
	c := &cobra.Command{
		Use:   "transfer",
		Short: "Train on one task, test on all: weak, student, ceiling and PGR as a matrix",
		Long: `Trains supervisor, students and ceiling on every task, as run does, and tests each
of these heads on the test examples of all tasks. The tasks must be alike: all
rank candidates, or all classify into the same number of classes. Test examples
that share a text with what another task trains on are left out, with a warning.`,
		Example: `  w2s transfer
  w2s transfer --task movies --task tweets --weak wordllama-64 --strong e5-small-v2
  w2s transfer --task ours.jsonl --task theirs.jsonl --loss xent --format markdown`,
	}
	c.RunE = a.closing(func(ctx context.Context, _ []string) error {
		fitCheckpoints(c.Flags(), f.tasks, &weak, &strong, nil)
		plain, err := f.config(ctx, a, distinct(weak, strong), []result.Pair{{Weak: weak, Strong: strong}})
		if err != nil {
			return err
		}
		cfg := experiment.TransferConfig{Config: plain}
		if _, err := f.keepEarlier(cfg); err != nil {
			return err
		}
		env, err := f.env(ctx, a)
		if err != nil {
			return err
		}
		result, failed := experiment.RunTransfer(ctx, cfg, env)
		return a.conclude(ctx, &f, result, failed, func() (any, *table.Table, error) {
			matrices, err := summary.Transfers(result, f.summary())
			return matrices, table.Transfer(matrices), err
		})
	})
	c.Flags().StringVar(&weak, "weak", "wordllama-64", "weak supervisor's `checkpoint`: "+checkpointForms)
	c.Flags().StringVar(&strong, "strong", defaultStrong, "strong student's `checkpoint`")
	f.register(c.Flags(), "w2s-results/transfer.json")
	setDefaults(c.Flags(), map[string]string{"task": "movies-pairs,tweets-pairs,amazon-pairs,editorials-pairs", "loss": "xent,logconf"})
	return c
}
