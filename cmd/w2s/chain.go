package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/harness/table"
)

func newChainCommand(a *app) *cobra.Command {
	var f experimentFlags
	var models []string
	var disjoint bool
	c := &cobra.Command{
		Use:   "chain",
		Short: "Bootstrapping: Model_1 teaches Model_2 teaches ... Model_n, beside the single jump",
		Long: `Trains the first model on gold of weak-train. Each further model learns from the
labels of the one before it. The jump trains the last model on the first one's
labels directly; jump, last step and ceiling learn from the same examples. A model
that is named again right away learns from its own labels: an iteration from
strong to strong.`,
		Example: `  w2s chain --models wordllama-64,all-MiniLM-L6-v2,e5-small-v2
  w2s chain --models ./a,./b,./c,./d --disjoint --task my.jsonl
  w2s chain --models wordllama-64,e5-small-v2,e5-small-v2,e5-small-v2   (strong to strong)`,
	}
	c.Flags().StringSliceVar(&models, "models", defaultLadder, "three or more `checkpoints`, weakest first, separated by commas")
	c.Flags().BoolVar(&disjoint, "disjoint", false, "give every step examples of its own instead of the same ones")
	f.register(c.Flags(), "w2s-results/chain.json")
	c.RunE = a.closing(func(ctx context.Context, _ []string) error {
		fitCheckpoints(c.Flags(), f.tasks, nil, nil, &models)
		trim(models)
		if len(models) < 3 {
			return usagef("--models: %d given, a chain needs three or more (a pair is what w2s run is for)", len(models))
		}
		opened := distinct(models...)
		cfg, err := f.config(ctx, a, opened, []result.Pair{{Weak: models[0], Strong: models[len(models)-1]}})
		if err != nil {
			return err
		}
		chain := experiment.ChainConfig{Config: cfg, Disjoint: disjoint}
		for _, m := range models {
			chain.Chain = append(chain.Chain, cfg.Models[slices.Index(opened, m)].Name)
		}
		previous, err := f.keepEarlier(chain)
		if err != nil {
			return err
		}
		env, err := f.env(ctx, a)
		if err != nil {
			return err
		}
		f.resume(a, &env, previous)
		result, failed := experiment.RunChain(ctx, chain, env)
		return a.conclude(ctx, &f, result, failed, func() (any, *table.Table, error) {
			rows, err := summary.Chains(result, f.summary())
			return rows, table.Chains(rows), err
		})
	})
	return c
}
