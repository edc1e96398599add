package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/harness/experiment"
	"w2s/harness/plot"
	"w2s/harness/result"
	"w2s/internal/study"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/list"
)

func newStudyCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "study",
		Short: "Questions that have a table each: " + strings.Join(studyNames(), ", "),
		Example: `  w2s study gap --models wordllama-64,all-MiniLM-L6-v2,e5-small-v2
  w2s study alpha --task movies
  w2s study calibration --weak wordllama-64`,
	}
	for _, s := range study.All() {
		c.AddCommand(newStudy(a, s))
	}
	return c
}

func studyNames() []string {
	return list.Map(study.All(), func(s study.Study) string { return s.Name })
}

func newStudy(a *app, s study.Study) *cobra.Command {
	var f experimentFlags
	var weak, strong, plots string
	var ladder, simulated []string
	var sizes []int
	example := "  w2s study " + s.Name + "\n  w2s study " + s.Name + " --task tweets --seeds 5"
	if s.Charts != nil {
		example += " --plots figures"
	}
	c := &cobra.Command{Use: s.Name, Short: "Study " + s.About, Example: example}
	fs := c.Flags()
	if s.Ladder {
		fs.StringSliceVar(&ladder, "models", defaultLadder, "the ladder: `checkpoints`, weakest first, separated by commas")
	} else {
		fs.StringVar(&weak, "weak", defaultWeak, "weak supervisor's `checkpoint`")
		fs.StringVar(&strong, "strong", defaultStrong, "strong student's `checkpoint`")
	}
	fs.StringSliceVar(&simulated, "simulate", nil, "simulated `supervisors`: flip:ACCURACY, systematic:ACCURACY, random, majority")
	fs.IntSliceVar(&sizes, "sizes", nil, "smaller training pools to try as well")
	if s.Charts != nil {
		fs.StringVar(&plots, "plots", "", "write the study's charts to this `folder`, as SVG and PNG")
	}
	f.register(fs, "w2s-results/study-"+s.Name+".json")
	setDefaults(fs, s.Defaults)
	c.RunE = a.closing(func(ctx context.Context, _ []string) error {
		if s.Ladder {
			fitCheckpoints(fs, f.tasks, nil, nil, &ladder)
			trim(ladder)
		} else {
			fitCheckpoints(fs, f.tasks, &weak, &strong, nil)
		}
		models, pairs := distinct(weak, strong), []result.Pair{{Weak: weak, Strong: strong}}
		if len(ladder) > 0 {
			models = ladder
			var err error
			if pairs, err = ladderPairs(ladder, nil); err != nil {
				return err
			}
		}
		cfg, err := f.config(ctx, a, models, pairs)
		if err != nil {
			return err
		}
		cfg.Sizes = sizes
		for _, text := range simulated {
			sim, err := experiment.ParseSimulated(text)
			if err != nil {
				return usageError{err}
			}
			cfg.Simulated = append(cfg.Simulated, sim)
		}
		return a.study(ctx, &f, cfg, s, plots)
	})
	return c
}

// setDefaults changes the defaults of flags, as help shows them.
func setDefaults(fs *pflag.FlagSet, values map[string]string) {
	for name, value := range values {
		flag := fs.Lookup(name)
		var err error
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			err = list.Replace(strings.Split(value, ","))
		} else {
			err = flag.Value.Set(value)
		}
		if err != nil {
			panic(fmt.Sprintf("default of --%s: %v", name, err)) // a fault of package study
		}
		flag.DefValue = value
	}
}

// study runs an experiment and shows the study's table. If plots names a folder, it writes the charts there.
func (a *app) study(ctx context.Context, f *experimentFlags, cfg experiment.Config, s study.Study, plots string) error {
	if _, err := f.keepEarlier(cfg); err != nil {
		return err
	}
	env, err := f.env(ctx, a)
	if err != nil {
		return err
	}
	result, failed := experiment.Run(ctx, cfg, env)
	var plotted error // the table is printed anyway
	err = a.conclude(ctx, f, result, failed, func() (any, *table.Table, error) {
		rows, err := summary.Rows(result, f.summary())
		if err != nil {
			return nil, nil, err
		}
		if plots != "" {
			plotted = a.studyPlots(plots, s, rows, result)
		}
		return rows, s.Table(rows), nil
	})
	return errors.Join(err, plotted)
}

// studyPlots writes a study's charts. If there is nothing to draw, for example because no PGR is defined, it says so.
func (a *app) studyPlots(dir string, s study.Study, rows []summary.Row, r *result.Result) error {
	set, err := s.Charts(plot.Material{Rows: rows, Results: []*result.Result{r}})
	if errors.Is(err, plot.ErrNothing) {
		fmt.Fprintf(a.errOut, "w2s: no plot: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	return a.savePlots(dir, set.Charts)
}
