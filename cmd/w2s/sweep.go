package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/harness/table"
)

func newSweepCommand(a *app) *cobra.Command {
	var f experimentFlags
	var ladder, pairs []string
	var plan string
	var dryRun bool
	c := &cobra.Command{
		Use:   "sweep",
		Short: "A grid: all pairs of a model ladder, tasks, losses, alphas, treatments, seeds",
		Long: `Runs every pair of a ladder (weakest model first; each model with itself and with
every stronger one) on every task, with every loss and treatment of the weak
labels. Each text is encoded once for each checkpoint, each floor and ceiling is
trained once, and all heads on the same features are trained together.

The result file is written after every task. The same command goes on from there:
tasks whose data has not changed are taken over. With other settings or models it
refuses to write over the file.`,
		Example: `  w2s sweep --models wordllama-64,all-MiniLM-L6-v2,e5-small-v2 --task movies --task tweets
  w2s sweep --plan grid.yaml --dry-run
  w2s sweep --models ./a,./b --loss logconf --alpha 0.25,0.5,0.75`,
	}
	fs := c.Flags()
	fs.StringSliceVar(&ladder, "models", defaultLadder, "the ladder: `checkpoints`, weakest first, separated by commas")
	fs.StringArrayVar(&pairs, "pair", nil, "only this pair, as WEAK:STRONG (repeatable; default: all pairs of the ladder)")
	fs.StringVar(&plan, "plan", "", "read flags from a YAML `file`: keys are the names of flags")
	fs.BoolVar(&dryRun, "dry-run", false, "print the plan, what is cached and what it would cost, and stop")
	f.register(fs, "w2s-results/sweep.json")
	c.RunE = a.closing(func(ctx context.Context, _ []string) error {
		if plan != "" {
			if err := readPlan(plan, fs); err != nil {
				return err
			}
		}
		fitCheckpoints(fs, f.tasks, nil, nil, &ladder)
		trim(ladder)
		chosen, err := ladderPairs(ladder, pairs)
		if err != nil {
			return err
		}
		cfg, err := f.config(ctx, a, ladder, chosen)
		if err != nil {
			return err
		}
		previous, differs, err := f.earlier(cfg)
		if err != nil {
			return err
		}
		if len(differs) > 0 {
			return f.refuse(differs)
		}
		if dryRun {
			env, err := a.env(ctx)
			if err != nil {
				return err
			}
			env.Previous = previous
			p, err := experiment.MakePlan(ctx, cfg, env)
			if err != nil {
				return err
			}
			if f.json {
				return a.printJSON(p)
			}
			return table.Write(a.out, f.format, planTable(p))
		}
		return a.experiment(ctx, &f, func(env experiment.Env) (*result.Result, error) {
			f.resume(a, &env, previous)
			return experiment.Run(ctx, cfg, env)
		})
	})
	return c
}

// ladderPairs returns the named pairs of a ladder or, if none is named, every model with itself and all models after it.
func ladderPairs(ladder, named []string) ([]result.Pair, error) {
	var pairs []result.Pair
	for i, m := range ladder {
		if slices.Contains(ladder[:i], m) {
			return nil, usagef("--models: %s is given twice", m)
		}
	}
	for _, text := range named {
		// The name of a folder may contain a colon, so the pair is cut where both sides are in the ladder.
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
			pairs = append(pairs, result.Pair{Weak: weak, Strong: strong})
		}
	}
	return pairs, nil
}

// readPlan sets flags from a YAML file. Flags on the command line take precedence.
func readPlan(path string, flags *pflag.FlagSet) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return usageError{fmt.Errorf("--plan: %w", err)}
	}
	var plan map[string]yaml.Node
	if err := yaml.Unmarshal(data, &plan); err != nil {
		return usageError{fmt.Errorf("--plan %s: %w", path, err)}
	}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(plan)) {
		node, flag := plan[key], flags.Lookup(key)
		if flag == nil || key == "plan" {
			faults = append(faults, usagef("%s:%d: no flag is named %q (see w2s sweep --help)", path, node.Line, key))
			continue
		}
		if flag.Changed {
			continue
		}
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
				return fmt.Errorf("line %d is no single value", item.Line)
			}
			values = append(values, item.Value)
		}
		err = list.Replace(values)
	default:
		err = errors.New("want one value")
	}
	flag.Changed = true
	return err
}

func planTable(p *experiment.Plan) *table.Table {
	t := &table.Table{Name: "plan", Caption: "what would be done", Columns: []table.Column{{Name: "task"}, {Name: "train", Numeric: true},
		{Name: "test", Numeric: true}, {Name: "heads", Numeric: true}, {Name: "model"}, {Name: "texts", Numeric: true}, {Name: "to encode", Numeric: true}, {Name: "about", Numeric: true}}}
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
	t.Notes = []string{fmt.Sprintf("%d heads to train, including those that choose penalties. Encoding takes about %s (estimated from a sample of each task's texts).", heads, sum.Round(time.Second))}
	return t
}
