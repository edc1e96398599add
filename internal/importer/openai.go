package importer

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"w2s/tasks"
)

// Files of openai/weak-to-strong.
const (
	summaryFile = "results_summary.json"
	configFile  = "config.json"
)

const openAI = "openai/weak-to-strong"

// A run is one folder of train_simple.py: a model trained on gold, or on the labels of another run.
type run struct {
	dir        string
	task       string
	model      string
	loss       string
	seed       string
	accuracy   float64
	settings   map[string]string // all other settings
	supervisor *run              // run that made the labels, without its accuracy; nil if trained on gold
}

// identity returns a text that differs between runs with different settings.
func (r run) identity() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %q", r.task, r.model, r.loss, r.seed)
	for _, k := range slices.Sorted(maps.Keys(r.settings)) {
		fmt.Fprintf(&b, " %q=%q", k, r.settings[k])
	}
	return b.String()
}

// readRuns reads the folders of train_simple.py and finds the floor and the ceiling of every student.
func readRuns(found files) ([]cell, []error) {
	var gold, students []run
	var faults []error
	for _, path := range found.runs {
		r, err := loadRun(filepath.Dir(path))
		switch {
		case err != nil:
			faults = append(faults, err)
		case r.supervisor == nil:
			gold = append(gold, r)
		default:
			students = append(students, r)
		}
	}
	var cells []cell
	for _, s := range students {
		floor, errFloor := s.floor(gold)
		ceiling, errCeiling := s.ceiling(gold)
		if err := errors.Join(errFloor, errCeiling); err != nil {
			faults = append(faults, err)
			continue
		}
		cells = append(cells, cell{
			dir: s.dir, program: openAI, task: s.task, weak: floor.model, strong: s.model, loss: s.loss, treatment: "soft", seed: s.seed,
			settings: s.settings,
			floor:    accuracy(floor.accuracy), student: accuracy(s.accuracy), ceiling: accuracy(ceiling.accuracy),
		})
	}
	return cells, faults
}

// loadRun reads one folder.
func loadRun(dir string) (run, error) {
	config, errConfig := load(filepath.Join(dir, configFile))
	summary, errSummary := load(filepath.Join(dir, summaryFile))
	if err := errors.Join(errConfig, errSummary); err != nil {
		return run{}, err
	}
	return parseRun(dir, config, summary)
}

// parseRun returns the run that the files of a folder describe.
func parseRun(dir string, config, summary object) (run, error) {
	r := runOf(config)
	r.dir = dir
	if _, ok := config.fields["weak_model"]; ok {
		s := runOf(config.sub("weak_model"))
		r.supervisor = &s
	} else if _, ok := config.fields["weak_model_size"]; ok {
		config.fault("the run of a student lacks the supervisor's settings, weak_model (repeat it with a version of train_simple.py that stores them)")
	}
	// The fork also has best_accuracy. It is no fair score: it is the best of several evaluations on the test set.
	key := "accuracy"
	if _, ok := summary.fields[key]; !ok {
		if _, fork := summary.fields["final_accuracy"]; fork {
			key = "final_accuracy"
		}
	}
	r.accuracy = summary.score(key)
	return r, errors.Join(append(*config.faults, *summary.faults...)...)
}

// runOf returns the run with a configuration, without its folder and accuracy.
func runOf(config object) run {
	return run{
		task: config.text("ds_name"), model: config.text("model_size"), loss: config.text("loss"), seed: config.seed("seed"),
		settings: config.settings("ds_name", "model_size", "loss", "seed", "weak_model_size", "weak_model"),
	}
}

// floor returns the run that made the student's labels.
func (r run) floor(gold []run) (run, error) {
	want := r.supervisor.identity()
	return r.nearest("weak floor", fmt.Sprintf("%s on %s, seed %s, trained on gold with the settings under weak_model", r.supervisor.model, r.task, r.seed),
		slices.DeleteFunc(slices.Clone(gold), func(g run) bool { return g.identity() != want }))
}

// ignored lists settings in which a student may differ from its ceiling, or that do not change a result.
var ignored = []string{"eval_every", "strong_eval_every", "epochs", "gt_epochs", "w2s_epochs"}

// ceiling returns the run of the student's model on gold with the same settings. It prefers a run with cross-entropy to one
// with the student's loss.
func (r run) ceiling(gold []run) (run, error) {
	fits := slices.DeleteFunc(slices.Clone(gold), func(g run) bool {
		if g.task != r.task || g.model != r.model || g.seed != r.seed || g.loss != "xent" && g.loss != r.loss {
			return true
		}
		for k, v := range g.settings {
			if other, ok := r.settings[k]; ok && other != v && !slices.Contains(ignored, k) {
				return true
			}
		}
		return false
	})
	if xent := slices.DeleteFunc(slices.Clone(fits), func(g run) bool { return g.loss != "xent" }); len(xent) > 0 {
		fits = xent
	}
	return r.nearest("strong ceiling", fmt.Sprintf("%s on %s, seed %s, trained on gold with the student's settings", r.model, r.task, r.seed), fits)
}

// nearest returns one of the runs that fit. It prefers those in the student's own sweep. If several remain, they must agree
// on the accuracy.
func (r run) nearest(what, description string, fits []run) (run, error) {
	sweep := filepath.Dir(r.dir)
	if own := slices.DeleteFunc(slices.Clone(fits), func(g run) bool { return filepath.Dir(g.dir) != sweep }); len(own) > 0 {
		fits = own
	}
	if len(fits) == 0 {
		return run{}, fmt.Errorf("importer: %s: its %s is missing: %s (run train_simple.py for it, or import its folder as well)", r.dir, what, description)
	}
	for _, f := range fits[1:] {
		if f.accuracy != fits[0].accuracy {
			return run{}, fmt.Errorf("importer: %s: both %s and %s could be its %s (move one away)", r.dir, fits[0].dir, f.dir, what)
		}
	}
	return fits[0], nil
}

// readPairs reads the files of train_weak_to_strong.py. Each has a floor, a ceiling and a student for every loss.
func readPairs(found files) ([]cell, []error) {
	var cells []cell
	var faults []error
	for _, path := range found.pairs {
		summary, err := load(path)
		if err == nil {
			var more []cell
			more, err = parsePair(path, summary, trainedModels(path))
			cells = append(cells, more...)
		}
		if err != nil {
			faults = append(faults, err)
		}
	}
	return cells, faults
}

// transferKey is what a field with the score of a student begins with. The loss follows.
const transferKey = "transfer_acc_"

// parsePair reads a summary. trained has the names of the supervisors and of the ceilings that were trained. The program
// does not store the data set and the seed.
func parsePair(path string, summary object, trained [2][]string) ([]cell, error) {
	stem := strings.TrimSuffix(filepath.Base(path), "."+summaryFile)
	weak, strong, ok := splitPair(stem, trained[0], trained[1])
	if !ok {
		summary.fault("it is not clear where the name of the supervisor ends in %q (keep the folders weak_model_gt and strong_model_gt beside it, which have the names)", stem)
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("importer: %w", err)
	}
	base := cell{
		dir: path, program: openAI, task: filepath.Base(folder), weak: weak, strong: strong, treatment: "soft",
		floor: accuracy(summary.score("weak_acc")), ceiling: accuracy(summary.score("strong_acc")),
		warnings: []string{"imported: the file does not store the data set and the seed, so the task has the name of the folder"},
	}
	var cells []cell
	for _, k := range slices.Sorted(maps.Keys(summary.fields)) {
		if loss, ok := strings.CutPrefix(k, transferKey); ok && loss != "" {
			c := base
			c.loss, c.student = loss, accuracy(summary.score(k))
			cells = append(cells, c)
		}
	}
	if len(cells) == 0 {
		summary.fault("no student: no field begins with %q", transferKey)
	}
	if err := errors.Join(*summary.faults...); err != nil {
		return nil, err
	}
	return cells, nil
}

// splitPair splits WEAK_STRONG. Names may contain underscores, so the names of the models that were trained decide. ok is
// false if no or more than one way to split fits.
func splitPair(stem string, weaks, strongs []string) (weak, strong string, ok bool) {
	for at := range stem {
		if stem[at] != '_' {
			continue
		}
		w, s := stem[:at], stem[at+1:]
		if slices.Contains(weaks, w) && slices.Contains(strongs, s) {
			if ok {
				return "", "", false
			}
			weak, strong, ok = w, s, true
		}
	}
	if !ok && strings.Count(stem, "_") == 1 {
		weak, strong, _ = strings.Cut(stem, "_")
		ok = weak != "" && strong != ""
	}
	return weak, strong, ok
}

// trainedModels returns the names of the supervisors and of the ceilings whose folders are beside the file.
func trainedModels(path string) (names [2][]string) {
	for i, folder := range []string{"weak_model_gt", "strong_model_gt"} {
		entries, err := os.ReadDir(filepath.Join(filepath.Dir(path), folder))
		if err != nil {
			continue // the names may be clear without it
		}
		for _, e := range entries {
			names[i] = append(names[i], e.Name())
		}
		slices.Sort(names[i])
	}
	return names
}

// accuracy returns scores with an accuracy alone.
func accuracy(v float64) map[tasks.Metric]float64 { return map[tasks.Metric]float64{tasks.Accuracy: v} }
