package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/harness/experiment"
	"w2s/harness/plot"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/list"
	"w2s/internal/study"
	"w2s/internal/visible"
	"w2s/tasks"
)

func newStudyCommand(a *app) *cobra.Command {
	names := list.Map(study.All(), func(s study.Study) string { return s.Name })
	c := &cobra.Command{
		Use:   "study",
		Short: "Answer one question with a table and charts: " + strings.Join(names, ", "),
		Long: `Answers one question with a table and charts.

Questions of stored predictions can be asked of any result file as well
(docs/methods.md): w2s table --by misfit RESULT.json.`,
		Example: `  w2s study gap --models wordllama-64,all-MiniLM-L6-v2,e5-small-v2
  w2s study alpha --task movies
  w2s study calibration --weak wordllama-64`,
	}
	for _, s := range study.All() {
		c.AddCommand(newStudy(a, s))
	}
	return c
}

func newStudy(a *app, s study.Study) *cobra.Command {
	var f experimentFlags
	var pair pairFlags
	var ladder ladderFlags
	var simulated []string
	var sizes, steps []int
	var minority []float64
	var impossible float64
	var layers layersFlags
	example := "  w2s study " + s.Name + "\n  w2s study " + s.Name + " --task tweets --seeds 5"
	if s.Draws() {
		example += " --plots figures"
	}
	c := &cobra.Command{Use: s.Name, Short: "Study " + s.About, Example: example}
	fs := c.Flags()
	if s.Ladder {
		ladder.register(fs, "`checkpoints` of the ladder, weakest first, separated by commas")
	} else {
		pair.register(fs, defaultWeak)
	}
	if s.Layers {
		layers.register(fs)
		c.Long = layersHelp
	}
	fs.StringSliceVar(&simulated, "simulate", nil, "simulated `supervisors`, separated by commas: "+strings.Join(experiment.SimulatedForms(), ", "))
	fs.IntSliceVar(&sizes, "sizes", nil, "`sizes` of smaller training pools to try as well, separated by commas")
	if s.Steps {
		fs.IntSliceVar(&steps, "steps", []int{1, 2, 5, 10, 20, 50, 100, 200}, "`steps` of Adam after which students are stopped, separated by commas")
	}
	if s.Imbalance {
		fs.Float64SliceVar(&minority, "minority", []float64{0.5, 0.2, 0.1, 0.05, 0.02, 0.01}, "`shares` of the second class in training, separated by commas")
	}
	if s.Impossible {
		fs.Float64Var(&impossible, "impossible", 0.2, "`share` of the examples that nobody can answer")
	}
	if s.Draws() {
		registerPlots(fs, &f.plots)
	}
	f.register(fs, "w2s-results/study-"+s.Name+".json")
	setDefaults(fs, s.Defaults)
	c.RunE = a.runE(func(ctx context.Context, _ []string) error {
		if fs.Changed("simulate") && len(simulated) == 0 {
			return usagef("--simulate: name a supervisor (%s), or leave the flag out", strings.Join(experiment.SimulatedForms(), ", "))
		}
		if err := checkMinority(minority, f.train); err != nil {
			return err
		}
		var cfg experiment.Config
		var err error
		switch {
		case s.Ladder:
			cfg, err = f.ladderConfig(ctx, a, ladder.ladder(f.tasks), nil)
		case s.Layers:
			var one result.Pair
			if one, err = pair.pair(f.tasks); err == nil {
				cfg, err = f.layersConfig(ctx, a, one, layers)
			}
		default:
			cfg, err = f.pairConfig(ctx, a, pair.pairs(f.tasks))
		}
		if err != nil {
			return err
		}
		cfg.Geometry, cfg.Steps = s.Geometry, steps
		if s.Impossible {
			for i, t := range cfg.Tasks {
				if cfg.Tasks[i], err = tasks.Impossible(t, impossible); err != nil {
					return usagef("--impossible: %w", err)
				}
			}
		}
		if s.Imbalance {
			if err := imbalance(&cfg, minority); err != nil {
				return err
			}
		}
		if cfg.Baselines = s.Baselines; s.Baselines {
			for _, t := range cfg.Tasks {
				if i := t.Info(); i.Form == tasks.Generate {
					return usagef("--task %s: tasks with free answers have no baselines, which this study is about", i.Name)
				}
			}
		}
		if cfg.Sizes, err = a.sizes(sizes, f.train, fs.Changed("sizes")); err != nil {
			return err
		}
		for _, text := range simulated {
			sim, err := experiment.ParseSimulated(text)
			if err != nil {
				return usageError{err}
			}
			cfg.Simulated = append(cfg.Simulated, sim)
		}
		return a.study(ctx, &f, cfg, s)
	})
	return c
}

func registerPlots(fs *pflag.FlagSet, plots *string) {
	fs.StringVar(plots, "plots", "", "write charts of the result to this `folder`, as SVG and PNG")
}

// sizes returns the smaller training pools to try. Default sizes that are not smaller than the whole pool are left out. train is
// the size of the whole pool, or 0 for the default.
func (a *app) sizes(sizes []int, train int, named bool) ([]int, error) {
	if named || train == 0 || len(sizes) == 0 {
		return sizes, nil
	}
	var smaller, rest []int
	for _, n := range sizes {
		if n < train {
			smaller = append(smaller, n)
		} else {
			rest = append(rest, n)
		}
	}
	comma := func(sizes []int) string { return strings.Join(list.Map(sizes, strconv.Itoa), ",") }
	if len(smaller) == 0 {
		return nil, usagef("--train %d: no default size (%s) is smaller, so there is nothing to compare (name one, such as --sizes %d, or raise --train)",
			train, comma(sizes), max(20, train/2))
	}
	if len(rest) > 0 {
		a.note("note: the default sizes %s are left out, since the whole training pool is --train %d (--sizes names others)", comma(rest), train)
	}
	return smaller, nil
}

// imbalance replaces the tasks of an experiment by those with every share of the second class in training.
func imbalance(cfg *experiment.Config, shares []float64) error {
	if cfg.Balance != tasks.NeverBalance || cfg.Test == 0 {
		return usagef("a study of rare classes takes --balance=false and a number of test examples (--test)")
	}
	var all []tasks.Task
	var faults []error
	for _, t := range cfg.Tasks {
		for _, share := range shares {
			made, err := tasks.Imbalanced(t, share, cfg.Test)
			if err != nil {
				faults = append(faults, usagef("--minority: %w", err))
				continue
			}
			all = append(all, made)
		}
	}
	cfg.Tasks = all
	return errors.Join(faults...)
}

// checkMinority reports shares of the rare class that are less than one training example of a half.
func checkMinority(shares []float64, train int) error {
	var faults []error
	half := cmp.Or(train, experiment.DefaultTrain) / 2
	for _, share := range shares {
		if share > 0 && share*float64(half) < 1 {
			faults = append(faults, usagef("--minority %v: less than one of the %d training examples of a half would be of the rare class (a larger share, or --train %d)",
				share, half, 2*int(math.Ceil(1/share))))
		}
	}
	return errors.Join(faults...)
}

// setDefaults changes the defaults of flags, also in help.
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
			panic(fmt.Sprintf("default of --%s: %v", name, err)) // the tables of the program are wrong
		}
		flag.DefValue = value
	}
}

// study runs an experiment, prints the study's table, and writes the charts to the folder of --plots.
func (a *app) study(ctx context.Context, f *experimentFlags, cfg experiment.Config, s study.Study) error {
	if err := f.previous(a, cfg); err != nil {
		return err
	}
	var plotted error // does not keep the table from being printed
	run := func(env experiment.Env) (*result.Result, error) { return experiment.Run(ctx, cfg, env) }
	err := a.experiment(ctx, f, run, func(r *result.Result) (any, []*table.Table, error) {
		rows, err := summary.Rows(r, f.options())
		if err != nil {
			return nil, nil, err
		}
		if s.Asks != nil {
			all, err := summary.Ask(f.table.arranged(rows), *s.Asks, f.options())
			if err == nil && f.plots != "" {
				plotted = a.answerPlot(f.plots, all)
			}
			return all.Rows, table.AllAnswers(all), err
		}
		if f.plots != "" {
			plotted = a.studyPlots(f.plots, s, rows, r)
		}
		return rows, []*table.Table{s.Table(f.table.arranged(rows))}, nil
	})
	return errors.Join(err, plotted)
}

// studyPlots writes a study's charts, or a note if there is nothing to draw, for example because no PGR is defined.
func (a *app) studyPlots(dir string, s study.Study, rows []summary.Row, r *result.Result) error {
	set, err := s.Charts(plot.Material{Rows: rows, Results: []*result.Result{r}})
	return a.saveDrawn(dir, set.Charts, err)
}

// answerPlot writes the chart of the answers to a question, or a note if there is nothing to draw.
func (a *app) answerPlot(dir string, all summary.Answers) error {
	chart, err := plot.Answers(all)
	return a.saveDrawn(dir, []*plot.Chart{chart}, err)
}

// saveDrawn writes charts that were drawn with an error or nil.
func (a *app) saveDrawn(dir string, charts []*plot.Chart, err error) error {
	if errors.Is(err, plot.ErrNothing) {
		fmt.Fprintf(a.errOut, "w2s: no plot: %s\n", visible.Text(err.Error()))
		return nil
	}
	if err != nil {
		return err
	}
	return a.savePlots(dir, charts)
}
