package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"w2s/internal/importer"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/tasks"
)

// views are what w2s table --by knows, in the order in which "all" prints them.
var views = []string{"task", "category", "pair", "loss"}

func newTableCommand(a *app) *cobra.Command {
	var format, metric, by string
	var imports []string
	var resamples int
	var level float64
	c := &cobra.Command{
		Use:   "table RESULT.json... [--import FOLDER]...",
		Short: "Tables from stored results: text, Markdown, CSV, LaTeX, HTML, JSON",
		Long: `Computes every figure anew from the predictions in result files. Several files
make one table.

--import adds the runs of openai/weak-to-strong (train_simple.py, sweep.py,
train_weak_to_strong.py) and of EleutherAI/w2s (run.py): give the results folder.
They store scores and, outside of pickles, no predictions: such rows have no
interval over test examples, and a note that says so.`,
		Example: `  w2s table w2s-results/run.json
  w2s table --by category --format latex w2s-results/sweep.json
  w2s table --import /tmp/results/default w2s-results/sweep.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && len(imports) == 0 {
				return errors.New("give a result file, or a folder with --import")
			}
			return nil
		},
		RunE: a.closing(func(ctx context.Context, paths []string) error {
			opt := summary.Options{Metric: tasks.Metric(metric), Resamples: resamples, Level: level}
			files, folders, err := sortPaths(paths, imports)
			if err := errors.Join(err, checkResults(files), checkSummary(opt), checkFormat(format), checkView(by)); err != nil {
				return err
			}
			rows, chains, err := readResults(files, opt)
			if err != nil {
				return err
			}
			var failed error // what cannot be imported does not cost the rest
			if len(folders) > 0 {
				var imported []summary.Row
				imported, failed = importer.Read(ctx, folders, importer.Options{Metric: opt.Metric, Level: level})
				if rows = append(rows, imported...); len(rows)+len(chains) == 0 {
					return failed
				}
			}
			tables, err := layOut(rows, chains, by, opt)
			if err != nil {
				return errors.Join(failed, err)
			}
			return errors.Join(failed, table.Write(a.out, format, tables...))
		}),
	}
	c.Flags().StringVar(&format, "format", "text", "text, markdown, csv, latex, html, json")
	registerMetric(c.Flags(), &metric)
	c.Flags().StringVar(&by, "by", "task", "task: a line each; category, pair: medians over tasks; loss: losses compared; all")
	c.Flags().StringArrayVar(&imports, "import", nil, "results `folder` of openai/weak-to-strong or EleutherAI/w2s (repeatable)")
	c.Flags().IntVar(&resamples, "resamples", stats.DefaultResamples, "bootstrap resamples")
	c.Flags().Float64Var(&level, "level", stats.Level, "confidence level of intervals")
	return c
}

// checkView reports a --by that there is not.
func checkView(by string) error {
	if by != "all" && !slices.Contains(views, by) {
		return usagef("--by %q: want %s or all", by, strings.Join(views, ", "))
	}
	return nil
}

// sortPaths tells result files from folders: after --import, a shell's pattern may leave more folders as arguments.
func sortPaths(paths, imports []string) (files, folders []string, err error) {
	folders = slices.Clone(imports)
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case err != nil || !info.IsDir():
			files = append(files, p)
		case len(imports) > 0:
			folders = append(folders, p)
		default:
			return nil, nil, usagef("%s is a folder: give a result file, or --import %s if openai/weak-to-strong or EleutherAI/w2s wrote it", p, p)
		}
	}
	return files, folders, nil
}

// checkResults names result files that are not there, are folders, or are given twice: their rows would count twice.
func checkResults(paths []string) error {
	var faults []error
	var seen []fs.FileInfo
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			faults = append(faults, usagef("result file %s: no such file", p))
		case err != nil: // its reader says so
		case info.IsDir():
			faults = append(faults, usagef("%s is a folder: give a result file", p))
		case slices.ContainsFunc(seen, func(s fs.FileInfo) bool { return os.SameFile(s, info) }):
			faults = append(faults, usagef("result file %s is given twice", p))
		default:
			seen = append(seen, info)
		}
	}
	return errors.Join(faults...)
}

// readResults makes rows of result files.
func readResults(paths []string, opt summary.Options) (rows []summary.Row, chains []summary.ChainRow, err error) {
	for _, path := range paths {
		r, err := result.Load(path)
		if err != nil {
			return nil, nil, err
		}
		more, err := summary.Rows(r, opt)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, more...)
		c, err := summary.Chains(r, opt)
		if err != nil {
			return nil, nil, err
		}
		chains = append(chains, c...)
	}
	return rows, chains, nil
}

// layOut makes the tables that --by asks for, and one of the chains where there are some.
func layOut(rows []summary.Row, chains []summary.ChainRow, by string, opt summary.Options) ([]*table.Table, error) {
	wanted := []string{by}
	if by == "all" {
		wanted = views
	}
	var tables []*table.Table
	for _, view := range wanted {
		if len(rows) == 0 && len(chains) > 0 {
			break
		}
		t, err := viewOf(rows, view, opt)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	if len(chains) > 0 {
		tables = append(tables, table.Chains(chains))
	}
	return tables, nil
}

func viewOf(rows []summary.Row, view string, opt summary.Options) (*table.Table, error) {
	switch view {
	case "category":
		c, err := summary.Categories(rows)
		return table.Categories(c), err
	case "pair":
		p, err := summary.Pairs(rows)
		return table.Pairs(p), err
	case "loss":
		l, err := summary.Losses(rows, opt)
		return table.Losses(l), err
	}
	return table.PGR(rows), nil
}
