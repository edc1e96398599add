package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/harness/table"
	"w2s/internal/visible"
	"w2s/tasks"
)

func newSweepCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "sweep",
		Short: "Run a grid: pairs of a model ladder × tasks × losses × alphas × treatments × seeds",
		Long: `Runs every pair of a ladder (each model with itself and with every stronger one)
on every task, with every loss and every treatment of the weak labels. Encodes
each text once for each checkpoint, trains each floor and ceiling once, and
trains all heads on the same features together.

Stores the result after every task. The same command continues a result that is
not complete, and keeps tasks whose data has not changed. It does not overwrite
a result of other settings or models.

A plan is a YAML file whose keys are names of flags. With the key groups, it is
a list of such groups, each with tasks and a ladder of its own, and each has a
result file of its own. A suite is a plan that has a name.`,
		Example: `  w2s sweep --models wordllama-64,all-MiniLM-L6-v2,e5-small-v2 --task movies --task tweets
  w2s sweep --plan grid.yaml --dry-run
  w2s sweep --suite default
  w2s sweep --models ./a,./b --loss logconf --alpha 0.25,0.5,0.75`,
	}
	s := &sweep{}
	s.register(c.Flags())
	source := registerPlan(c.Flags(), "sweep")
	c.RunE = a.runE(func(ctx context.Context, _ []string) error { return a.grid(ctx, s, source, c.Flags()) })
	return c
}

// A sweep runs all pairs of a ladder, or the ones that are named.
type sweep struct {
	experimentFlags
	ladder    ladderFlags
	pairs     []string
	baselines baselineFlags
}

func (s *sweep) register(fs *pflag.FlagSet) {
	s.ladder.register(fs, "`checkpoints` of the ladder, weakest first, separated by commas")
	fs.StringArrayVar(&s.pairs, "pair", nil, "one `WEAK:STRONG` pair of the ladder instead of all (repeatable)")
	s.baselines.register(fs)
	fs.BoolVar(&s.dryRun, "dry-run", false, "print the plan, what is cached and what the rest would cost, and stop")
	registerPlots(fs, &s.plots)
	s.experimentFlags.register(fs, "w2s-results/sweep.json")
}

func (s *sweep) shared() *experimentFlags { return &s.experimentFlags }

func (s *sweep) copy(fs *pflag.FlagSet) gridCommand {
	c := &sweep{}
	c.register(fs)
	*c = *s
	c.use(fs)
	c.ladder.flags = fs
	return c
}

func (s *sweep) config(ctx context.Context, a *app) (experiment.Config, error) {
	cfg, err := s.ladderConfig(ctx, a, s.ladder.ladder(s.tasks), s.pairs)
	return cfg, errors.Join(err, s.baselines.apply(&cfg, s.prompt))
}

func (s *sweep) prepare(a *app, cfg experiment.Config) error {
	previous, differs, err := s.open(a, cfg, !s.dryRun)
	if err != nil {
		return err
	}
	if len(differs) > 0 {
		return s.refuse(differs)
	}
	s.file.earlier = previous
	if !s.dryRun {
		s.noteBaselines(a, cfg)
	}
	return nil
}

// noteBaselines says how many tasks of an earlier result that is continued have no baselines, though they are wanted.
func (f *experimentFlags) noteBaselines(a *app, cfg experiment.Config) {
	if n := withoutBaselines(f.file.earlier); cfg.Baselines && n > 0 && !f.file.other {
		a.note("note: %s of %s kept without baselines (--again trains all again)", visible.Count(n, "finished task"), f.out)
	}
}

// withoutBaselines returns the number of tasks of a result, which may be nil, that could have baselines and have none.
func withoutBaselines(r *result.Result) int {
	if r == nil {
		return 0
	}
	n := 0
	for _, t := range r.Tasks {
		has := slices.ContainsFunc(r.Heads, func(h result.Head) bool { return h.Task == t.Name && h.Role == result.Comparison })
		if !has && t.Form != tasks.Generate {
			n++
		}
	}
	return n
}

// ladderConfig is config for the named pairs of a ladder, or for all of them.
func (f *experimentFlags) ladderConfig(ctx context.Context, a *app, ladder, named []string) (experiment.Config, error) {
	pairs, err := ladderPairs(ladder, named)
	if err != nil {
		return experiment.Config{}, err
	}
	return f.config(ctx, a, ladder, pairs)
}

// ladderPairs returns the named pairs of a ladder. If none is named, it pairs every model with itself and with all models
// after it.
func ladderPairs(ladder, named []string) ([]result.Pair, error) {
	var pairs []result.Pair
	for i, m := range ladder {
		if slices.Contains(ladder[:i], m) {
			return nil, usagef("--models: %s is given twice", m)
		}
	}
	for _, text := range named {
		// A folder's name may contain a colon, so the text is cut where both sides are in the ladder.
		at := slices.IndexFunc(ladder, func(m string) bool {
			rest, ok := strings.CutPrefix(text, m+":")
			return ok && slices.Contains(ladder, rest)
		})
		if at < 0 {
			return nil, usagef("--pair %q: want WEAK:STRONG, both of --models (%s)", text, strings.Join(ladder, ", "))
		}
		pairs = append(pairs, result.Pair{Weak: ladder[at], Strong: strings.TrimPrefix(text, ladder[at]+":")})
	}
	if len(named) > 0 {
		return pairs, nil
	}
	var faults []error
	for i, weak := range ladder {
		students := slices.DeleteFunc(slices.Clone(ladder[i:]), isSupervisor) // which cannot be students
		if len(students) == 0 {
			faults = append(faults, usagef("--models: %s is a supervisor that is not trained, and there is no model after it to supervise", weak))
		}
		for _, strong := range students {
			pairs = append(pairs, result.Pair{Weak: weak, Strong: strong})
		}
	}
	return pairs, errors.Join(faults...)
}

// planTable shows a plan. The times are not known if no model was tried.
func planTable(p *experiment.Plan, untried bool) *table.Table {
	t := &table.Table{Name: "plan", Caption: "work that this sweep would do", Columns: []table.Column{{Name: "task"},
		{Name: "train", Numeric: true}, {Name: "test", Numeric: true}, {Name: "heads", Numeric: true}, {Name: "model"},
		{Name: "texts", Numeric: true}, {Name: "to encode", Numeric: true}, {Name: "about", Numeric: true}}}
	var sum time.Duration
	heads := 0
	for _, task := range p.Tasks {
		note := fmt.Sprint(task.Heads)
		if task.Finished {
			note = "finished"
		} else {
			heads += task.Heads
		}
		if len(task.Models) == 0 {
			t.Add(task.Task, fmt.Sprint(task.Train), fmt.Sprint(task.Test), note, "–", "–", "–", "–")
		}
		for _, m := range task.Models {
			sum += m.Estimate
			about := "–"
			if m.Estimate > 0 {
				about = m.Estimate.Round(time.Second).String()
			}
			t.Add(task.Task, fmt.Sprint(task.Train), fmt.Sprint(task.Test), note, m.Model, fmt.Sprint(m.Texts), fmt.Sprint(m.Missing), about)
		}
	}
	if untried {
		t.Notes = []string{fmt.Sprintf("%d heads to train, including those that choose penalties. The time of encoding is not estimated, because "+
			"models cannot run here.", heads)}
		return t
	}
	t.Notes = []string{fmt.Sprintf("%d heads to train, including those that choose penalties. Encoding takes about %s, estimated from a sample "+
		"of each task's texts.", heads, sum.Round(time.Second))}
	return t
}
