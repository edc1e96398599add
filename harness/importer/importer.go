// Package importer reads the result folders of two earlier weak-to-strong programs, so that their runs stand in the same
// table as ours:
//
//   - openai/weak-to-strong: train_simple.py and sweep.py write a folder for every training run, with config.json and
//     results_summary.json; train_weak_to_strong.py writes WEAK_STRONG.results_summary.json. The fork of it by EleutherAI
//     is read too.
//   - EleutherAI/w2s: run.py writes RESULTS/RUN/DATASET/{weak,strong,w2s,s2s-0,...}, with config.json and results.json.
//
// Both keep predictions only in pickles and Arrow folders, which are not opened: unpickling runs whatever the file says.
// So imported rows have scores and nothing per example: no bootstrap interval, no agreement with the supervisor, no test
// whether the gap is noise. What a folder's name says is not used either, config.json has it in full.
//
// A ceiling of openai/weak-to-strong was trained on the supervisor's half of the data, not on the student's as here, and
// EleutherAI/w2s lets the supervisor label the examples it was trained on.
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

// Options say what to make of the folders.
type Options struct {
	Metric tasks.Metric // "" is tasks.Accuracy. Only EleutherAI/w2s also stores the AUROC
	Level  float64      // of the interval over seeds; 0 is stats.Level
}

// Read reads every run below the folders and makes a row of each task, pair, loss and treatment over all seeds. Runs that
// cannot be used are named in the error, all of them together; the rows are those that can. A folder with no run of a
// known layout is an error.
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
			faults = append(faults, found.nothing(dir))
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

// files are the paths that a layout is told by.
type files struct {
	runs  []string // results_summary.json of openai/weak-to-strong
	pairs []string // WEAK_STRONG.results_summary.json
	w2s   []string // results.json of EleutherAI/w2s
	early bool     // the last folder has one of an EleutherAI/w2s that kept no scores
}

func (f *files) count() int { return len(f.runs) + len(f.pairs) + len(f.w2s) }

// walk collects the files below dir. Links are not followed, so there are no loops. A file is taken once, however often
// a folder that holds it is named.
func (f *files) walk(ctx context.Context, dir string, seen map[string]bool) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("importer: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("importer: %s is no folder (name the results folder of openai/weak-to-strong or EleutherAI/w2s)", dir)
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

// nothing says why a folder has no run.
func (f *files) nothing(dir string) error {
	if f.early {
		return fmt.Errorf("importer: %s looks like an early EleutherAI/w2s (floor, ceil), which stored checkpoints but no scores (evaluate them with a later version)", dir)
	}
	return fmt.Errorf("importer: %s holds no new run: no %s (openai/weak-to-strong), no WEAK_STRONG.%s and no %s (EleutherAI/w2s) that was not read already (name the folder that was given as results_folder)",
		dir, summaryFile, summaryFile, w2sResults)
}
