package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"w2s/harness/plot"
	"w2s/harness/report"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/tasks"
)

func newReportCommand(a *app) *cobra.Command {
	var out, plots, metric, title string
	var resamples, examples int
	var level float64
	c := &cobra.Command{
		Use:   "report RESULT.json...",
		Short: "One HTML page from stored results: tables, charts, an example browser",
		Long: `Writes results as one HTML file that needs nothing else: it opens from disk,
prints, and loads nothing from a network. Every figure is computed anew from the
predictions in the result files. Several files make one page; rows that two files
share are taken from the first one.

The example browser shows the texts that the result files hold (w2s run --texts).`,
		Example: `  w2s report w2s-results/sweep.json
  w2s report w2s-results/sweep.json w2s-results/chain.json -o report.html --plots figures`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("give a result file")
			}
			return nil
		},
		RunE: a.closing(func(_ context.Context, paths []string) error {
			opt := report.Options{Title: title, Examples: examples,
				Summary: summary.Options{Metric: tasks.Metric(metric), Resamples: resamples, Level: level}}
			if examples == 0 {
				opt.Examples = -1
			}
			if err := errors.Join(checkSummary(opt.Summary), checkResults(paths), checkPage(out, paths)); err != nil {
				return err
			}
			return a.report(paths, out, plots, opt)
		}),
	}
	c.Flags().StringVarP(&out, "out", "o", "w2s-results/report.html", "HTML `file` to write")
	c.Flags().StringVar(&plots, "plots", "", "write the charts to this `folder` as well, as SVG and PNG")
	c.Flags().StringVar(&title, "title", "", "the page's `title`")
	registerMetric(c.Flags(), &metric)
	c.Flags().IntVar(&resamples, "resamples", stats.DefaultResamples, "bootstrap resamples")
	c.Flags().Float64Var(&level, "level", stats.Level, "confidence level of intervals")
	c.Flags().IntVar(&examples, "examples", report.DefaultExamples, "test examples in the browser at most, 0 for none")
	return c
}

// checkPage reports why the page cannot be written, and keeps it from taking the place of a result.
func checkPage(out string, paths []string) error {
	if filepath.Ext(out) == ".json" {
		return usagef("--out %s: want a name for an HTML page, and .json is a result's", out)
	}
	info, err := os.Stat(out)
	for _, p := range paths {
		if result, e := os.Stat(p); err == nil && e == nil && os.SameFile(info, result) {
			return usagef("--out %s: it is a result that goes into the page: name another file", out)
		}
	}
	return checkOutput(out)
}

// report reads results and writes the page and its charts.
func (a *app) report(paths []string, out, plots string, opt report.Options) error {
	var inputs []report.Input
	for _, path := range paths {
		in, err := report.Load(path)
		if err != nil {
			return err
		}
		inputs = append(inputs, in)
	}
	page, err := report.New(inputs, opt)
	if err != nil {
		return err
	}
	if err := page.Save(out); err != nil {
		return fmt.Errorf("%w (choose another file with --out)", err)
	}
	fmt.Fprintln(a.out, out)
	if plots == "" {
		return nil
	}
	for _, set := range page.Sets {
		if err := a.savePlots(plots, set.Charts); err != nil {
			return err
		}
	}
	return nil
}

// savePlots writes charts to a folder and says where they are.
func (a *app) savePlots(dir string, charts []*plot.Chart) error {
	for _, c := range charts {
		paths, err := c.Save(dir)
		if err != nil {
			return err
		}
		for _, p := range paths {
			a.note("%s", p)
		}
	}
	return nil
}
