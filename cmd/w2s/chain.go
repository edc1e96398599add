package main

import (
	"context"

	"github.com/spf13/cobra"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/list"
)

func newChainCommand(a *app) *cobra.Command {
	var f experimentFlags
	var models ladderFlags
	var disjoint bool
	c := &cobra.Command{
		Use:   "chain",
		Short: "Bootstrap: each model teaches the next one, compared with a single jump",
		Long: `Trains the first model on gold labels of its half of the training pool. Each
further model learns from the labels of the model before it. The jump trains the
last model directly on the labels of the first one. The last step, the jump and
the ceiling learn from the same examples. A model that is named twice in a row
learns from its own labels, which is a strong-to-strong iteration.

Stores the result after every task, as sweep does. The same command continues a
result that is not complete. With --heads it trains every task again.`,
		Example: `  w2s chain --models wordllama-64,all-MiniLM-L6-v2,e5-small-v2
  w2s chain --models ./a,./b,./c,./d --disjoint --task my.jsonl
  w2s chain --models wordllama-64,e5-small-v2,e5-small-v2,e5-small-v2   # strong to strong`,
	}
	models.register(c.Flags(), "three or more `checkpoints`, weakest first, separated by commas")
	c.Flags().BoolVar(&disjoint, "disjoint", false, "give every step its own examples instead of the same ones")
	f.register(c.Flags(), "w2s-results/chain.json")
	c.RunE = a.runE(func(ctx context.Context, _ []string) error {
		ladder := models.ladder(f.tasks)
		if len(ladder) < 3 {
			return usagef("--models: %d given, a chain needs three or more (w2s run takes two)", len(ladder))
		}
		distinct := list.AppendNew(nil, ladder...)
		cfg, err := f.config(ctx, a, distinct, []result.Pair{{Weak: ladder[0], Strong: ladder[len(ladder)-1]}})
		if err != nil {
			return err
		}
		chain := experiment.ChainConfig{Config: cfg, Disjoint: disjoint}
		for _, m := range ladder {
			chain.Chain = append(chain.Chain, f.short[m])
		}
		if err := f.previous(a, chain); err != nil {
			return err
		}
		run := func(env experiment.Env) (*result.Result, error) {
			f.resume(a, &env)
			return experiment.RunChain(ctx, chain, env)
		}
		return a.experiment(ctx, &f, run, func(r *result.Result) (any, []*table.Table, error) {
			rows, err := summary.Chains(r, f.options())
			return rows, []*table.Table{table.Chains(rows)}, err
		})
	})
	return c
}
