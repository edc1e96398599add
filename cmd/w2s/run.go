package main

import (
	"context"

	"github.com/spf13/cobra"

	"w2s/harness/experiment"
	"w2s/harness/result"
)

func newRunCommand(a *app) *cobra.Command {
	var f experimentFlags
	var models pairFlags
	var noBaselines bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Run one pair of models: weak floor, a student for every loss, strong ceiling, PGR",
		Long: `Trains a weak supervisor on gold labels of one half of the training pool and
lets it label the other half. Trains the head of the strong model on these weak
labels with every loss, and compares it on test examples with the strong model
trained on gold labels.

Trains baselines as well, which tell what a student gets without its supervisor
and what gold labels would give it (docs/baselines.md).

Downloads what is missing (the ONNX Runtime library, checkpoints, data). Encodes
every text once for each checkpoint; a second run reads the feature cache.`,
		Example: `  w2s run
  w2s run --weak wordllama-64 --strong e5-small-v2 --task movies --task amazon
  w2s run --weak ./my-small --strong ./my-large --task reviews.jsonl --loss xent --loss logconf:alpha=0.75
  w2s run --task chess-mate1                      # the program contains models and positions
  w2s run --json --quiet > rows.json`,
	}
	c.RunE = a.runE(func(ctx context.Context, _ []string) error {
		cfg, err := f.pairConfig(ctx, a, models.pair(f.tasks))
		if err != nil {
			return err
		}
		cfg.Baselines = !noBaselines
		if _, err := f.previous(a, cfg); err != nil {
			return err
		}
		return a.experiment(ctx, &f, func(env experiment.Env) (*result.Result, error) { return experiment.Run(ctx, cfg, env) }, f.pgr)
	})
	models.register(c.Flags(), defaultWeak)
	registerNoBaselines(c.Flags(), &noBaselines)
	f.register(c.Flags(), "w2s-results/run.json")
	return c
}
