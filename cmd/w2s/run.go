package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/harness/experiment"
	"w2s/harness/label"
	"w2s/harness/result"
	"w2s/internal/list"
)

func newRunCommand(a *app) *cobra.Command {
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
every text once for each checkpoint; a second run reads the feature cache.

Stores the result after every task. The same command continues a result that is
not complete, and keeps tasks whose data has not changed (--again trains them
again).

Without --task, --weak, --strong and --plan, runs the default suite: tasks of
four categories, each with models that can do them (w2s tasks suites). Of the
ladder of each group, the first model is the supervisor and the last one the
student.`,
		Example: `  w2s run
  w2s run --suite chess
  w2s run --weak wordllama-64 --strong e5-small-v2 --task movies --task amazon
  w2s run --weak ./my-small --strong ./my-large --task reviews.jsonl --loss xent --loss logconf:alpha=0.75
  w2s run --task chess-mate1                      # the program contains models and positions
  w2s run --json --quiet > rows.json`,
	}
	r := &runPair{}
	r.register(c.Flags())
	source := registerPlan(c.Flags(), "run")
	c.RunE = a.runE(func(ctx context.Context, _ []string) error {
		if !slices.ContainsFunc([]string{"task", "weak", "strong", "plan", "suite"}, c.Flags().Changed) {
			source.suite = defaultSuite
		}
		return a.grid(ctx, r, source, c.Flags())
	})
	return c
}

// A runPair runs one pair of models.
type runPair struct {
	experimentFlags
	models    pairFlags
	baselines baselineFlags
	combine   []string // at most one
	ladder    []string // of a group of a plan; its ends are the pair
}

func (r *runPair) register(fs *pflag.FlagSet) {
	r.models.register(fs, defaultWeak)
	fs.StringArrayVar(&r.combine, "combine", nil, "`method` that combines the supervisors of --weak A,B,... into an additional supervisor with rows of its own: "+
		strings.Join(list.Map(label.Combiners(), func(c label.Combiner) string { return c.Name }), ", ")+
		"; append +agree to train only on examples on which all supervisors agree (docs/supervisors.md)")
	r.baselines.register(fs)
	registerPlots(fs, &r.plots)
	r.experimentFlags.register(fs, "w2s-results/run.json")
}

func (r *runPair) shared() *experimentFlags { return &r.experimentFlags }

func (r *runPair) copy(fs *pflag.FlagSet) gridCommand {
	c := &runPair{}
	c.register(fs)
	*c = *r
	fs.StringSliceVar(&c.ladder, "models", nil, "checkpoints of a ladder, whose ends are the pair")
	fs.StringArray("pair", nil, "for sweep")
	c.use(fs)
	c.models.flags = fs
	return c
}

func (r *runPair) config(ctx context.Context, a *app) (experiment.Config, error) {
	pairs := r.models.pairs(r.tasks)
	if len(r.ladder) > 0 {
		if !r.models.flags.Changed("weak") {
			pairs = []result.Pair{{Weak: strings.TrimSpace(r.ladder[0]), Strong: pairs[0].Strong}}
		}
		if !r.models.flags.Changed("strong") {
			for i := range pairs {
				pairs[i].Strong = strings.TrimSpace(r.ladder[len(r.ladder)-1])
			}
		}
	}
	cfg, err := r.pairConfig(ctx, a, pairs)
	err = errors.Join(err, r.baselines.apply(&cfg, r.prompt))
	if err != nil || len(r.combine) == 0 {
		return cfg, err
	}
	if len(r.combine) > 1 {
		return cfg, usagef("--combine is given %d times: a run has one combination (give the others to runs of their own, and put the results side by side with w2s table)",
			len(r.combine))
	}
	if cfg, err = combine(cfg, r.combine[0]); err == nil {
		r.untrained = append(r.untrained, cfg.Combined.Key)
	}
	return cfg, err
}

func (r *runPair) prepare(a *app, cfg experiment.Config) error {
	if err := r.previous(a, cfg); err != nil {
		return err
	}
	r.noteBaselines(a, cfg)
	return nil
}
