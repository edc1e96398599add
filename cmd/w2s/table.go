package main

import (
	"context"

	"github.com/spf13/cobra"

	"w2s/harness"
	"w2s/harness/stats"
	"w2s/harness/table"
	"w2s/tasks"
)

func newTableCommand(a *app) *cobra.Command {
	var format, metric, by string
	var resamples int
	var level float64
	c := &cobra.Command{
		Use:   "table RESULT.json...",
		Short: "Tables from stored results: text, Markdown, CSV, LaTeX, HTML, JSON",
		Long: `Computes every figure anew from the predictions in result files. Several files
make one table.`,
		Example: `  w2s table w2s-results/run.json
  w2s table --by category --format latex w2s-results/sweep.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: a.closing(func(_ context.Context, paths []string) error {
			tables, err := readTables(paths, by, harness.SummaryOptions{Metric: tasks.Metric(metric), Resamples: resamples, Level: level})
			if err != nil {
				return err
			}
			return table.Write(a.out, format, tables...)
		}),
	}
	c.Flags().StringVar(&format, "format", "text", "text, markdown, csv, latex, html, json")
	c.Flags().StringVar(&metric, "metric", string(tasks.Accuracy), "accuracy or auroc")
	c.Flags().StringVar(&by, "by", "task", "task: a line each; category: medians over tasks; loss: losses compared; all")
	c.Flags().IntVar(&resamples, "resamples", stats.DefaultResamples, "bootstrap resamples")
	c.Flags().Float64Var(&level, "level", stats.Level, "confidence level of intervals")
	return c
}

// readTables reads results and lays them out.
func readTables(paths []string, by string, opt harness.SummaryOptions) ([]*table.Table, error) {
	var rows []harness.Row
	var chains []harness.ChainRow
	for _, path := range paths {
		r, err := harness.LoadResult(path)
		if err != nil {
			return nil, err
		}
		more, err := harness.Summarize(r, opt)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
		c, err := harness.Chains(r, opt)
		if err != nil {
			return nil, err
		}
		chains = append(chains, c...)
	}
	var tables []*table.Table
	if by == "task" || by == "all" {
		tables = append(tables, table.PGR(rows))
	}
	if by == "category" || by == "all" {
		c, err := harness.Categories(rows)
		if err != nil {
			return nil, err
		}
		tables = append(tables, table.Categories(c))
	}
	if by == "loss" || by == "all" {
		l, err := harness.Losses(rows, opt.Resamples)
		if err != nil {
			return nil, err
		}
		tables = append(tables, table.Losses(l))
	}
	if len(tables) == 0 {
		return nil, usagef("--by %q: want task, category, loss or all", by)
	}
	if len(chains) == 0 {
		return tables, nil
	}
	if len(rows) == 0 {
		tables = nil
	}
	return append(tables, table.Chains(chains)), nil
}
