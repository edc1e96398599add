package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"w2s/harness/metric"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/harness/table"
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
	format string
	wide   bool
}

func (t *tableFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&t.format, "format", table.Formats[0], "`format` of the table: "+strings.Join(table.Formats, ", "))
	fs.BoolVar(&t.wide, "wide", false, "show the parts of the interval of PGR as well: over test examples alone and over seeds alone")
}

// check reports an unknown --format.
func (t *tableFlags) check() error {
	if !slices.Contains(table.Formats, t.format) {
		return usagef("--format %q: want one of %s", t.format, strings.Join(table.Formats, ", "))
	}
	return nil
}
