// Package importer reads the result folders of two earlier weak-to-strong programs, so that their runs appear in the same
// tables as ours:
//
//   - openai/weak-to-strong: train_simple.py and sweep.py write a folder for every training run, with config.json and
//     results_summary.json; train_weak_to_strong.py writes WEAK_STRONG.results_summary.json. EleutherAI's fork of the
//     program is read as well.
//   - EleutherAI/w2s: run.py writes RESULTS/RUN/DATASET/{weak,strong,w2s,s2s-0,...}, with config.json and results.json.
//
// Both store predictions only in pickles and Arrow folders. These are not opened, because loading a pickle runs whatever
// code it holds. So imported rows have scores and nothing for single examples: no bootstrap interval, no agreement with the
// supervisor, and no test of whether the gap is noise. Settings come from config.json, which is complete, and not from the
// names of folders.
//
// Two things differ from results of this program. A ceiling of openai/weak-to-strong is trained on the supervisor's half of
// the data, not on the student's, and EleutherAI/w2s lets the supervisor label the examples that it was trained on.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"w2s/harness/summary"
	"w2s/tasks"
)

// Options say how rows are made.
type Options struct {
	Metric tasks.Metric // "" is tasks.Accuracy; EleutherAI/w2s also stores tasks.AUROC
	Level  float64      // confidence level of the interval over seeds; 0 is stats.Level
}

// Read reads every run below the folders and returns one row for each task, pair, loss and treatment, over all seeds. If
// some runs cannot be used, the error names all of them, and the rows of the others are returned as well. A folder
// without a run in a known layout is an error.
func Read(ctx context.Context, dirs []string, opt Options) ([]summary.Row, error) {
	if opt.Metric == "" {
		opt.Metric = tasks.Accuracy
	}
	var found files
	var faults []error
	seen := map[string]bool{}
	for _, dir := range dirs {
		before := found.count()
		if err := found.walk(ctx, dir, seen); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			faults = append(faults, err)
			continue
		}
		if found.count() == before {
			faults = append(faults, found.noRun(dir))
		}
	}
	var cells []cell
	for _, read := range []func(files) ([]cell, []error){readRuns, readPairs, readW2S} {
		c, f := read(found)
		cells, faults = append(cells, c...), append(faults, f...)
	}
	rows, more := rows(cells, opt)
	return rows, errors.Join(append(faults, more...)...)
}

// files holds the paths of the files by which layouts are recognised.
type files struct {
	runs  []string // results_summary.json of openai/weak-to-strong
	pairs []string // WEAK_STRONG.results_summary.json
	w2s   []string // results.json of EleutherAI/w2s
	early bool     // the last folder has a run of an early EleutherAI/w2s, which stored no scores
}

func (f *files) count() int { return len(f.runs) + len(f.pairs) + len(f.w2s) }

// walk collects the files below dir. It does not follow links, so there are no loops. It skips files in seen and adds the
// others to it, so a file counts once even if two folders contain it.
func (f *files) walk(ctx context.Context, dir string, seen map[string]bool) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("importer: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("importer: %s is not a folder (give the results folder of openai/weak-to-strong or EleutherAI/w2s)", dir)
	}
	f.early = false
	var faults []error
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("importer: %w", err))
			return nil
		}
		if d.IsDir() {
			parent := filepath.Base(filepath.Dir(path))
			f.early = f.early || d.Name() == "best-ckpt" && (parent == "floor" || parent == "ceil")
			return nil
		}
		list := f.listFor(d.Name())
		if list == nil || !d.Type().IsRegular() {
			return nil
		}
		real, err := filepath.Abs(path)
		if err != nil {
			faults = append(faults, fmt.Errorf("importer: %w", err))
			return nil
		}
		if !seen[real] {
			seen[real] = true
			*list = append(*list, path)
		}
		return nil
	})
	return errors.Join(append(faults, err)...)
}

// listFor returns the list for files with a name, or nil for other files.
func (f *files) listFor(name string) *[]string {
	switch {
	case name == summaryFile:
		return &f.runs
	case strings.HasSuffix(name, "."+summaryFile):
		return &f.pairs
	case name == w2sResults:
		return &f.w2s
	}
	return nil
}

// noRun returns the error for a folder without a run.
func (f *files) noRun(dir string) error {
	if f.early {
		return fmt.Errorf("importer: %s looks like the results of an early EleutherAI/w2s (floor, ceil), which stored checkpoints but no scores (evaluate the checkpoints with a later version)", dir)
	}
	return fmt.Errorf("importer: %s has no new run: no %s, WEAK_STRONG.%s (openai/weak-to-strong) or %s (EleutherAI/w2s) that was not read already (give the folder that was the results_folder of the program)",
		dir, summaryFile, summaryFile, w2sResults)
}
