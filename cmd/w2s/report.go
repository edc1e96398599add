package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"w2s/harness/plot"
	"w2s/harness/report"
	"w2s/harness/summary"
	"w2s/internal/visible"
)

func newReportCommand(a *app) *cobra.Command {
	var s summaryFlags
	var out, plots, title string
	var examples int
	c := &cobra.Command{
		Use:   "report RESULT.json|FOLDER...",
		Short: "Make one HTML page from stored results: tables, charts, an example browser",
		Long: `Writes results as one HTML file. It opens from disk, prints well, and loads
nothing from a network. Computes every figure from the predictions in the result
files. Several files make one page, and a folder stands for the .json files in
it; a row is left out if an earlier file has it with the same predictions. A
file that cannot be read is named and left out, and the exit code is 1.

The example browser shows the texts in the result files (w2s run --texts).`,
		Example: `  w2s report w2s-results/default
  w2s report w2s-results/sweep.json
  w2s report w2s-results/sweep.json w2s-results/chain.json -o report.html --plots figures`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("give a result file")
			}
			return nil
		},
	}
	c.RunE = a.runE(func(_ context.Context, args []string) error {
		paths, _, folders := sortPaths(args, nil)
		opt := report.Options{Title: title, Examples: examples, Summary: s.options()}
		if examples == 0 {
			opt.Examples = -1
		}
		page := document{kind: "a page of w2s report", path: out, named: c.Flags().Changed("out"), own: report.IsPage}
		var negative error
		if examples < 0 {
			negative = usagef("--examples %d: want 0 or more", examples)
		}
		if err := errors.Join(negative, s.checkSummary(), folders, checkResults(paths), a.checkPage(page, paths), checkFolder("--plots", plots),
			a.checkClash(output{flag: "--out", path: out}, plotFolder(plots))); err != nil {
			return err
		}
		return a.report(paths, page, plots, opt)
	})
	c.Flags().StringVarP(&out, "out", "o", "w2s-results/report.html", "HTML `file` to write, or - for standard output")
	c.Flags().StringVar(&plots, "plots", "", "write the charts to this `folder` as well, as SVG and PNG")
	c.Flags().StringVar(&title, "title", "", "`title` of the page")
	c.Flags().IntVar(&examples, "examples", report.DefaultExamples, "largest `number` of test examples in the browser, 0 for none")
	s.register(c.Flags())
	s.registerLevel(c.Flags())
	return c
}

// checkPage reports why the page cannot be written, and keeps it from replacing a result or another file of the user.
func (a *app) checkPage(page document, paths []string) error {
	switch {
	case page.path == stdout:
		return nil
	case strings.EqualFold(filepath.Ext(page.path), ".json"):
		return usagef("--out %s: want the name of an HTML page (.json is for results)", page.path)
	}
	a.reads("result", paths...)
	if err := a.checkOutput("--out", page.path); err != nil {
		return err
	}
	return page.check("--out")
}

// report reads results and writes the page and its charts.
func (a *app) report(paths []string, file document, plots string, opt report.Options) error {
	var inputs []report.Input
	var faults []error
	for _, path := range paths {
		in, err := report.Load(path)
		if err != nil {
			faults = append(faults, err)
			opt.Absent = append(opt.Absent, visible.Name(filepath.Base(path)))
			continue
		}
		inputs = append(inputs, in)
	}
	failed := errors.Join(faults...) // does not keep the other results from being on the page
	if len(inputs) == 0 {
		return failed
	}
	page, err := report.New(inputs, opt)
	if err != nil {
		return errors.Join(failed, err)
	}
	if err := a.savePage(page, file); err != nil {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, a.pagePlots(plots, page))
}

// plotResults writes the charts that w2s report draws of results, unless dir is empty.
func (a *app) plotResults(dir string, inputs []report.Input, opt summary.Options) error {
	if dir == "" {
		return nil
	}
	page, err := report.New(inputs, report.Options{Summary: opt, Examples: -1})
	if err != nil {
		return err
	}
	return a.pagePlots(dir, page)
}

// pagePlots writes the charts of a page, unless dir is empty.
func (a *app) pagePlots(dir string, page *report.Report) error {
	if dir == "" {
		return nil
	}
	for _, set := range page.Sets {
		if err := a.savePlots(dir, set.Charts); err != nil {
			return err
		}
	}
	return nil
}

// savePage writes the page and prints its path.
func (a *app) savePage(page *report.Report, file document) error {
	if file.path == stdout {
		return page.Write(a.out)
	}
	if err := a.makeWay("--out", file); err != nil {
		return err
	}
	if _, err := a.makeFolder("--out", filepath.Dir(file.path)); err != nil {
		return err
	}
	if err := page.Save(file.path); err != nil {
		return fmt.Errorf("%w (choose another file with --out)", err)
	}
	fmt.Fprintln(a.out, file.path)
	return nil
}

// savePlots writes charts to a folder and prints their paths.
func (a *app) savePlots(dir string, charts []*plot.Chart) error {
	if len(charts) > 0 {
		if _, err := a.makeFolder("--plots", dir); err != nil {
			return err
		}
	}
	for _, c := range charts {
		for _, path := range c.Paths(dir) { // a link there may lead to a result
			if err := a.checkOutput("--plots", path); err != nil {
				return err
			}
			if err := a.makeWay("--plots", document{path: path, own: plot.IsChart}); err != nil {
				return err
			}
		}
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
