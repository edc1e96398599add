package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/harness"
	"w2s/harness/plot"
	"w2s/harness/table"
)

// studyDefaults are what a study changes of an experiment's flags, where the user does not set them.
var studyDefaults = map[string]map[string]string{
	"gap":         {"loss": "xent"},
	"alpha":       {"loss": "confidence,logconf", "alpha": "0,0.125,0.25,0.5,0.75,1"},
	"calibration": {"labels": "soft,temperature,platt,hard", "loss": "xent"},
	"imitation":   {},
	"noise":       {"loss": "xent", "simulate": "flip:0.6,systematic:0.6,flip:0.7,systematic:0.7,flip:0.8,systematic:0.8,flip:0.9,systematic:0.9,random,majority"},
	"size":        {"loss": "xent", "sizes": "100,200,500,1000"},
}

func newStudyCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "study",
		Short: "Questions with a table each: gap, alpha, calibration, imitation, noise, size",
		Example: `  w2s study gap --models wordllama-64,all-MiniLM-L6-v2,e5-small-v2
  w2s study alpha --task movies
  w2s study calibration --weak wordllama-64`,
	}
	for _, s := range table.Studies() {
		c.AddCommand(newStudy(a, s))
	}
	return c
}

func newStudy(a *app, s table.Study) *cobra.Command {
	var f experimentFlags
	var weak, strong, plots string
	var ladder, simulated []string
	var sizes []int
	c := &cobra.Command{
		Use:     s.Name,
		Short:   "Study " + s.About,
		Example: "  w2s study " + s.Name + "\n  w2s study " + s.Name + " --task tweets --seeds 5 --plots figures",
	}
	fs := c.Flags()
	if s.Name == "gap" {
		fs.StringSliceVar(&ladder, "models", defaultLadder, "the ladder: `checkpoints`, weakest first, separated by commas")
	} else {
		fs.StringVar(&weak, "weak", defaultWeak, "weak supervisor's `checkpoint`")
		fs.StringVar(&strong, "strong", defaultStrong, "strong student's `checkpoint`")
	}
	fs.StringSliceVar(&simulated, "simulate", nil, "simulated `supervisors`: flip:ACCURACY, systematic:ACCURACY, random, majority")
	fs.IntSliceVar(&sizes, "sizes", nil, "smaller training pools to try as well")
	fs.StringVar(&plots, "plots", "", "write the study's plot to this `folder`, as SVG and PNG")
	f.register(fs, "w2s-results/study-"+s.Name+".json")
	setDefaults(fs, studyDefaults[s.Name])
	c.RunE = a.closing(func(ctx context.Context, _ []string) error {
		if s.Name == "gap" {
			fitCheckpoints(fs, f.tasks, nil, nil, &ladder)
			trim(ladder)
		} else {
			fitCheckpoints(fs, f.tasks, &weak, &strong, nil)
		}
		models, pairs := distinct(weak, strong), []harness.Pair{{Weak: weak, Strong: strong}}
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
			sim, err := harness.ParseSimulated(text)
			if err != nil {
				return usageError{err}
			}
			cfg.Simulated = append(cfg.Simulated, sim)
		}
		return a.study(ctx, &f, cfg, s, plots)
	})
	return c
}

// setDefaults gives flags other defaults, which help then shows.
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
			panic(fmt.Sprintf("default of --%s: %v", name, err)) // a fault of studyDefaults
		}
		flag.DefValue = value
	}
}

// study runs the experiment and shows the study's view of it, as a table and, where plots names a folder, as charts.
func (a *app) study(ctx context.Context, f *experimentFlags, cfg harness.Config, s table.Study, plots string) error {
	if err := f.keepEarlier(cfg); err != nil {
		return err
	}
	env, err := f.env(ctx, a)
	if err != nil {
		return err
	}
	result, failed := harness.Run(ctx, cfg, env)
	var plotted error // does not cost the table
	err = a.conclude(ctx, f, result, failed, func() (any, *table.Table, error) {
		rows, err := harness.Summarize(result, f.summary())
		if err != nil {
			return nil, nil, err
		}
		if plots != "" {
			plotted = a.studyPlots(plots, s.Name, rows, result)
		}
		return rows, s.Table(rows), nil
	})
	return errors.Join(err, plotted)
}

// studyPlots writes a study's charts. That there is nothing to draw, as where no PGR is defined, is said and no fault.
func (a *app) studyPlots(dir, study string, rows []harness.Row, result *harness.Result) error {
	charts, err := plot.Study(study, plot.Material{Rows: rows, Results: []*harness.Result{result}})
	if errors.Is(err, plot.ErrNothing) {
		fmt.Fprintf(a.errOut, "w2s: no plot: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	return a.savePlots(dir, charts)
}
