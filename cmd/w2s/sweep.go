package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/harness/table"
	"w2s/internal/inputfile"
	"w2s/internal/visible"
	"w2s/tasks"
)

func newSweepCommand(a *app) *cobra.Command {
	var f experimentFlags
	var models ladderFlags
	var pairs []string
	var plan string
	var dryRun, noBaselines bool
	c := &cobra.Command{
		Use:   "sweep",
		Short: "Run a grid: pairs of a model ladder × tasks × losses × alphas × treatments × seeds",
		Long: `Runs every pair of a ladder (each model with itself and with every stronger one)
on every task, with every loss and every treatment of the weak labels. Encodes
each text once for each checkpoint, trains each floor and ceiling once, and
trains all heads on the same features together.

Stores the result after every task. The same command continues a result that is
not complete, and keeps tasks whose data has not changed. It does not overwrite
a result of other settings or models.`,
		Example: `  w2s sweep --models wordllama-64,all-MiniLM-L6-v2,e5-small-v2 --task movies --task tweets
  w2s sweep --plan grid.yaml --dry-run
  w2s sweep --models ./a,./b --loss logconf --alpha 0.25,0.5,0.75`,
	}
	fs := c.Flags()
	models.register(fs, "`checkpoints` of the ladder, weakest first, separated by commas")
	fs.StringArrayVar(&pairs, "pair", nil, "one `WEAK:STRONG` pair of the ladder instead of all (repeatable)")
	fs.StringVar(&plan, "plan", "", "read flags from a YAML `file` whose keys are names of flags")
	registerNoBaselines(fs, &noBaselines)
	fs.BoolVar(&dryRun, "dry-run", false, "print the plan, what is cached and what the rest would cost, and stop")
	f.register(fs, "w2s-results/sweep.json")
	c.RunE = a.runE(func(ctx context.Context, _ []string) error {
		if plan != "" {
			a.reads("--plan", plan)
			if err := readPlan(plan, fs); err != nil {
				return err
			}
		}
		cfg, err := f.ladderConfig(ctx, a, models.ladder(f.tasks), pairs)
		if err != nil {
			return err
		}
		cfg.Baselines = !noBaselines
		previous, differs, err := f.open(a, cfg, !dryRun)
		if err != nil {
			return err
		}
		if len(differs) > 0 {
			return f.refuse(differs)
		}
		f.file.earlier = previous
		if n := withoutBaselines(previous); cfg.Baselines && n > 0 && !dryRun {
			a.note("note: %s of %s kept without baselines (--again trains all again)", visible.Count(n, "finished task"), f.out)
		}
		if dryRun {
			return a.printPlan(ctx, &f, cfg, previous)
		}
		return a.experiment(ctx, &f, func(env experiment.Env) (*result.Result, error) {
			f.resume(a, &env, previous)
			return experiment.Run(ctx, cfg, env)
		}, f.pgr)
	})
	return c
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
	for i, weak := range ladder {
		for _, strong := range ladder[i:] {
			if kind, _ := cutSupervisor(strong); kind != nil {
				continue // it cannot be a student
			}
			pairs = append(pairs, result.Pair{Weak: weak, Strong: strong})
		}
	}
	return pairs, nil
}

// maxPlanBytes bounds the size of a plan.
const maxPlanBytes = 1 << 20

// planFile returns the content of a plan, which may come from standard input.
func planFile(path string) ([]byte, error) {
	f, err := inputfile.OpenStream(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := inputfile.ReadAll(f, 0, maxPlanBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// readPlan sets flags from a YAML file. Flags on the command line take precedence.
func readPlan(path string, flags *pflag.FlagSet) error {
	data, err := planFile(path)
	if err != nil {
		return usageError{fmt.Errorf("--plan: %w", err)}
	}
	var plan map[string]yaml.Node
	if err := yaml.Unmarshal(data, &plan); err != nil {
		return usageError{fmt.Errorf("--plan %s: %w", path, err)}
	}
	var faults []error
	set := map[string]string{} // the key that sets a flag, by the flag's name
	for _, key := range slices.Sorted(maps.Keys(plan)) {
		node, flag := plan[key], flags.Lookup(key)
		if flag == nil || key == "plan" {
			faults = append(faults, usagef("%s:%d: no flag is named %q (see w2s sweep --help)", path, node.Line, key))
			continue
		}
		if other, ok := set[flag.Name]; ok {
			faults = append(faults, usagef("%s:%d: %s and %s are the same flag", path, node.Line, key, other))
			continue
		}
		if flag.Changed {
			continue
		}
		set[flag.Name] = key
		if err := setFlag(flag, node); err != nil {
			faults = append(faults, usagef("%s:%d: %s: %w", path, node.Line, key, err))
		}
	}
	return errors.Join(faults...)
}

// setFlag sets a flag to the value or the list of values of a YAML node.
func setFlag(flag *pflag.Flag, node yaml.Node) error {
	list, isList := flag.Value.(pflag.SliceValue)
	var err error
	switch {
	case node.Kind == yaml.ScalarNode:
		err = flag.Value.Set(node.Value)
	case node.Kind == yaml.SequenceNode && isList:
		var values []string
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d is not a single value", item.Line)
			}
			values = append(values, item.Value)
		}
		err = list.Replace(values)
	default:
		return errors.New("want a single value")
	}
	flag.Changed = true
	if err != nil {
		return flagFault(flag, node.Value, err)
	}
	return nil
}

// printPlan prints what a sweep would do.
func (a *app) printPlan(ctx context.Context, f *experimentFlags, cfg experiment.Config, previous *result.Result) error {
	env, err := a.env(ctx)
	if err != nil {
		return err
	}
	f.resume(a, &env, previous)
	p, err := experiment.MakePlan(ctx, cfg, env)
	if err != nil {
		return err
	}
	if f.json {
		return a.printJSON(p)
	}
	return table.Write(a.out, f.table.format, planTable(p))
}

func planTable(p *experiment.Plan) *table.Table {
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
			if m.Missing > 0 {
				about = m.Estimate.Round(time.Second).String()
			}
			t.Add(task.Task, fmt.Sprint(task.Train), fmt.Sprint(task.Test), note, m.Model, fmt.Sprint(m.Texts), fmt.Sprint(m.Missing), about)
		}
	}
	t.Notes = []string{fmt.Sprintf("%d heads to train, including those that choose penalties. Encoding takes about %s, estimated from a sample "+
		"of each task's texts.", heads, sum.Round(time.Second))}
	return t
}
