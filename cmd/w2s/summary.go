package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"w2s/harness/metric"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/suggest"
	"w2s/tasks"
)

// A summaryFlags holds the flags that say how figures are computed.
type summaryFlags struct {
	metric    string
	resamples int
	level     float64

	flags *pflag.FlagSet
}

// --resamples is bounded above so that a typing error does not compute for days, and below since an interval goes from the 2.5th
// to the 97.5th percentile.
const (
	minResamples = 100
	maxResamples = 10_000_000
)

func (s *summaryFlags) register(fs *pflag.FlagSet) {
	s.flags, s.level = fs, stats.Level
	fs.StringVar(&s.metric, "metric", "", "`metric` of scores: "+strings.Join(metric.Names(), ", ")+
		"; see w2s help metrics (default: the task's own, which is accuracy if its file names none)")
	countVar(fs, count{value: &s.resamples, least: minResamples, most: maxResamples}, "resamples", stats.DefaultResamples, "`number` of bootstrap resamples")
}

// registerLevel registers --level, which only commands that read result files have.
func (s *summaryFlags) registerLevel(fs *pflag.FlagSet) {
	fs.Float64Var(&s.level, "level", stats.Level, "confidence `level` of intervals")
}

func (s *summaryFlags) options() summary.Options {
	return summary.Options{Metric: tasks.Metric(s.metric), Resamples: s.resamples, Level: s.level}
}

// checkSummary reports what is wrong with --metric, --level and the counts of the command.
func (s *summaryFlags) checkSummary() error {
	faults := []error{checkCounts(s.flags)}
	if _, err := metric.Lookup(tasks.Metric(s.metric)); err != nil {
		faults = append(faults, usagef("--metric: %w", err))
	}
	if !(s.level > 0 && s.level < 1) {
		faults = append(faults, usagef("--level %v: want a share between 0 and 1, such as 0.95", s.level))
	}
	return errors.Join(faults...)
}

// A tableFlags holds the flags that say how a table looks.
type tableFlags struct {
	format       string
	wide, noSelf bool
}

func (t *tableFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&t.format, "format", table.Formats[0], "`format` of the table: "+strings.Join(table.Formats, ", "))
	fs.BoolVar(&t.wide, "wide", false, fmt.Sprintf("show all columns and all baselines, even if the table is wider than the terminal (or than %d columns where there is none)",
		table.DefaultWidth))
	fs.BoolVar(&t.noSelf, "no-self", false, "leave out the rows of models that teach themselves; without this flag, those rows come last")
}

// check reports an unknown --format.
func (t *tableFlags) check() error {
	if !slices.Contains(table.Formats, t.format) {
		return usagef("--format: unknown format %q (%s)", t.format, suggest.Hint(t.format, "formats", table.Formats))
	}
	return nil
}

// arranged returns the rows in the order of the table: those of models that teach themselves come last, or not at all.
func (t *tableFlags) arranged(rows []summary.Row) []summary.Row {
	var others, selves []summary.Row
	for _, r := range rows {
		if r.Weak == r.Strong {
			selves = append(selves, r)
		} else {
			others = append(others, r)
		}
	}
	if t.noSelf {
		return others
	}
	return append(others, selves...)
}

// writeTables writes tables to standard output. They fit a terminal, to which no parquet is written.
func (a *app) writeTables(t tableFlags, tables ...*table.Table) error {
	s := table.Style{Format: t.format, Width: table.DefaultWidth, Wide: t.wide}
	if f, ok := a.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if t.format == "parquet" {
			return usagef("--format parquet: standard output is a terminal (write to a file: w2s table ... > rows.parquet)")
		}
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			s.Width = width
		}
		s.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return table.Write(a.out, s, tables...)
}
