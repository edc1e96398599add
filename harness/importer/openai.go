package importer

import (
	"cmp"
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
	settings   map[string]string // what else was chosen
	supervisor *run              // nil: trained on gold. Its accuracy is not known
}

// identity is what makes a run another run.
func (r run) identity() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %q", r.task, r.model, r.loss, r.seed)
	for _, k := range slices.Sorted(maps.Keys(r.settings)) {
		fmt.Fprintf(&b, " %q=%q", k, r.settings[k])
	}
	return b.String()
}

// readRuns reads the folders of train_simple.py and sets every student beside its supervisor and its ceiling.
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

func loadRun(dir string) (run, error) {
	config, errConfig := load(filepath.Join(dir, configFile))
	summary, errSummary := load(filepath.Join(dir, summaryFile))
	if err := errors.Join(errConfig, errSummary); err != nil {
		return run{}, err
	}
	return parseRun(dir, config, summary)
}

// parseRun reads what one folder says.
func parseRun(dir string, config, summary object) (run, error) {
	r := configured(config)
	r.dir = dir
	if _, ok := config.fields["weak_model"]; ok {
		s := configured(config.sub("weak_model"))
		r.supervisor = &s
	} else if _, ok := config.fields["weak_model_size"]; ok {
		config.fault("a student without weak_model, the supervisor's settings (repeat it with a version of train_simple.py that stores them)")
	}
	// The fork also has best_accuracy: the best of several evaluations on the test set, so not a score.
	key := "accuracy"
	if _, ok := summary.fields[key]; !ok {
		if _, fork := summary.fields["final_accuracy"]; fork {
			key = "final_accuracy"
		}
	}
	r.accuracy = summary.score(key)
	return r, errors.Join(append(*config.faults, *summary.faults...)...)
}

func configured(config object) run {
	return run{
		task: config.text("ds_name"), model: config.text("model_size"), loss: config.text("loss"), seed: config.seed("seed"),
		settings: config.settings("ds_name", "model_size", "loss", "seed", "weak_model_size", "weak_model"),
	}
}

// floor is the run that made the student's labels. Of several copies the one beside the student is taken.
func (r run) floor(gold []run) (run, error) {
	want := r.supervisor.identity()
	return r.nearest("weak floor", fmt.Sprintf("%s on %s, seed %s, trained on gold with the settings under weak_model", r.supervisor.model, r.task, r.seed),
		slices.DeleteFunc(slices.Clone(gold), func(g run) bool { return g.identity() != want }))
}

// apart are settings that a student may have otherwise than its ceiling, or that say nothing about the result.
var apart = []string{"eval_every", "strong_eval_every", "epochs", "gt_epochs", "w2s_epochs"}

// ceiling is the student's model trained on gold under the same settings: with cross-entropy where there is such a run,
// or else with the student's loss.
func (r run) ceiling(gold []run) (run, error) {
	fits := slices.DeleteFunc(slices.Clone(gold), func(g run) bool {
		if g.task != r.task || g.model != r.model || g.seed != r.seed || g.loss != "xent" && g.loss != r.loss {
			return true
		}
		for k, v := range g.settings {
			if other, ok := r.settings[k]; ok && other != v && !slices.Contains(apart, k) {
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

// nearest picks from runs that all fit. Those in the student's own sweep go first; two that differ are refused.
func (r run) nearest(what, description string, fits []run) (run, error) {
	sweep := filepath.Dir(r.dir)
	if beside := slices.DeleteFunc(slices.Clone(fits), func(g run) bool { return filepath.Dir(g.dir) != sweep }); len(beside) > 0 {
		fits = beside
	}
	if len(fits) == 0 {
		return run{}, fmt.Errorf("importer: %s: its %s is missing: %s (run train_simple.py for it, or import its folder too)", r.dir, what, description)
	}
	for _, f := range fits[1:] {
		if f.accuracy != fits[0].accuracy {
			return run{}, fmt.Errorf("importer: %s: which is its %s: %s or %s? (move one away)", r.dir, what, fits[0].dir, f.dir)
		}
	}
	return fits[0], nil
}

// readPairs reads the files of train_weak_to_strong.py, which hold a floor, a ceiling and a student for every loss.
func readPairs(found files) ([]cell, []error) {
	var cells []cell
	var faults []error
	for _, path := range found.pairs {
		summary, err := load(path)
		if err == nil {
			var more []cell
			more, err = parsePair(path, summary, trainedBeside(path))
			cells = append(cells, more...)
		}
		if err != nil {
			faults = append(faults, err)
		}
	}
	return cells, faults
}

const transferKey = "transfer_acc_"

// parsePair reads a summary. The program writes nowhere which data set and seed it was.
func parsePair(path string, summary object, trained [2][]string) ([]cell, error) {
	stem := strings.TrimSuffix(filepath.Base(path), "."+summaryFile)
	weak, strong, ok := splitPair(stem, trained[0], trained[1])
	if !ok {
		summary.fault("where does the supervisor's name end in %q? (keep the folders weak_model_gt and strong_model_gt beside it: they have the names)", stem)
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("importer: %w", err)
	}
	base := cell{
		dir: path, program: openAI, task: filepath.Base(folder), weak: weak, strong: strong, treatment: "soft",
		floor: accuracy(summary.score("weak_acc")), ceiling: accuracy(summary.score("strong_acc")),
		warnings: []string{"imported: the data set and the seed are not in the file; the task is called as the folder"},
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

// splitPair cuts WEAK_STRONG. Names may hold underscores, so the folders of the models that were trained decide.
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

// trainedBeside lists the supervisors and the ceilings whose folders are beside the file.
func trainedBeside(path string) (names [2][]string) {
	for i, folder := range []string{"weak_model_gt", "strong_model_gt"} {
		entries, err := os.ReadDir(filepath.Join(filepath.Dir(path), folder))
		if err != nil {
			continue // the name may be clear without
		}
		for _, e := range entries {
			names[i] = append(names[i], e.Name())
		}
		slices.SortFunc(names[i], cmp.Compare[string])
	}
	return names
}

func accuracy(v float64) map[tasks.Metric]float64 { return map[tasks.Metric]float64{tasks.Accuracy: v} }
