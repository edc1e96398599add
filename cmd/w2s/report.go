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
)

func newReportCommand(a *app) *cobra.Command {
	var s summaryFlags
	var out, plots, title string
	var examples int
	c := &cobra.Command{
		Use:   "report RESULT.json...",
		Short: "Make one HTML page from stored results: tables, charts, an example browser",
		Long: `Writes results as one HTML file. It opens from disk, prints well, and loads
nothing from a network. Computes every figure from the predictions in the result
files. Several files make one page; rows that are in two files are taken from
the first one.

The example browser shows the texts in the result files (w2s run --texts).`,
		Example: `  w2s report w2s-results/sweep.json
  w2s report w2s-results/sweep.json w2s-results/chain.json -o report.html --plots figures`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("give a result file")
			}
			return nil
		},
		RunE: a.runE(func(_ context.Context, paths []string) error {
			opt := report.Options{Title: title, Examples: examples, Summary: s.options()}
			if examples == 0 {
				opt.Examples = -1
			}
			if err := errors.Join(s.checkSummary(), checkResults(paths), checkPage(out, paths)); err != nil {
				return err
			}
			return a.report(paths, out, plots, opt)
		}),
	}
	c.Flags().StringVarP(&out, "out", "o", "w2s-results/report.html", "HTML `file` to write")
	c.Flags().StringVar(&plots, "plots", "", "write the charts to this `folder` as well, as SVG and PNG")
	c.Flags().StringVar(&title, "title", "", "`title` of the page")
	c.Flags().IntVar(&examples, "examples", report.DefaultExamples, "largest `number` of test examples in the browser, 0 for none")
	s.register(c.Flags())
	s.registerLevel(c.Flags())
	return c
}

// checkPage reports why the page cannot be written, and keeps it from taking the place of a result.
func checkPage(out string, paths []string) error {
	if filepath.Ext(out) == ".json" {
		return usagef("--out %s: want the name of an HTML page (.json is for results)", out)
	}
	info, err := os.Stat(out)
	for _, p := range paths {
		if result, e := os.Stat(p); err == nil && e == nil && os.SameFile(info, result) {
			return usagef("--out %s: this is one of the results (name another file)", out)
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

// savePlots writes charts to a folder and prints their paths.
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
