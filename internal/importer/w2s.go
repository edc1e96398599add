package importer

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"w2s/tasks"
)

// w2sResults is the file to which EleutherAI/w2s writes the scores of one model.
const w2sResults = "results.json"

const eleuther = "EleutherAI/w2s"

// A stage is one folder RESULTS/RUN/DATASET/NAME of run.py: the supervisor (weak), the ceiling (strong), the student
// (w2s) or a student of a student (s2s-0, s2s-1, ...).
type stage struct {
	dir                   string
	name                  string
	task                  string
	model                 string // model that was trained
	weak, strong          string // models of the pair
	shared                string // run whose floor and ceiling are used
	loss, treatment, seed string
	transfer              bool // it was trained on a supervisor's labels
	n                     int  // test examples; 0 if not known
	scores                map[tasks.Metric]float64
	settings              map[string]string
}

// readW2S reads the folders of run.py and finds the floor and the ceiling of every student.
func readW2S(found files) ([]cell, []error) {
	stages := map[string]stage{}
	var students []stage
	var faults []error
	for _, path := range found.w2s {
		dir := filepath.Dir(path)
		s, err := loadStage(dir)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		stages[filepath.Clean(dir)] = s
		if s.transfer {
			students = append(students, s)
		}
	}
	var cells []cell
	for _, s := range students {
		c, err := s.cell(stages)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		cells = append(cells, c)
	}
	return cells, faults
}

// loadStage reads one folder.
func loadStage(dir string) (stage, error) {
	config, errConfig := load(filepath.Join(dir, configFile))
	results, errResults := load(filepath.Join(dir, w2sResults))
	if err := errors.Join(errConfig, errResults); err != nil {
		return stage{}, err
	}
	return parseStage(dir, config, results)
}

// parseStage returns the stage that the files of a folder describe.
func parseStage(dir string, config, results object) (stage, error) {
	s := stage{
		dir: dir, name: filepath.Base(dir), task: config.text("dataset"), model: config.sub("model").text("name"),
		weak: config.text("weak_model_name"), strong: config.text("strong_model_name"), shared: "shared",
		loss: config.text("loss_name"), seed: config.sub("train_args").seed("seed"),
		n: examples(results),
		settings: config.settings("dataset", "weak_model_name", "strong_model_name", "loss_name", "shared_folder", "model", "train_args",
			"transfer", "probe", "probe_name", "probe_relabel", "probe_filter", "contamination", "s2s_iters", "save_strong_acts"),
	}
	if v, ok := config.fields["shared_folder"].(string); ok {
		s.shared = v
	}
	var ok bool
	if s.transfer, ok = config.fields["transfer"].(bool); !ok {
		config.fault("%q is not true or false, so EleutherAI/w2s did not write this (move the folder away)", "transfer")
	}
	s.treatment = treatment(s.name, config)
	s.scores = map[tasks.Metric]float64{tasks.Accuracy: results.score("eval_accuracy")}
	if _, ok := results.fields["eval_auroc"]; ok {
		s.scores[tasks.AUROC] = results.score("eval_auroc")
	}
	return s, errors.Join(append(*config.faults, *results.faults...)...)
}

// treatment returns what was done to the labels that a student was trained on.
func treatment(name string, config object) string {
	parts := []string{"soft"}
	probe, _ := config.fields["probe_name"].(string)
	for _, kind := range []string{"filter", "relabel"} {
		if on, _ := config.fields["probe_"+kind].(bool); on {
			parts = append(parts, fmt.Sprintf("%s by %s probe", kind, probe))
		}
	}
	if strings.HasPrefix(name, "s2s-") {
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}

// examples returns the number of test examples, or 0 if it cannot be told. The configuration only has a limit. But the
// trainer stores the time that the evaluation took, with 4 digits after the point, and the examples per second, with 3.
// Their product tells the number if the rounding of both changes it by less than one half.
func examples(results object) int {
	runtime, rate := results.number("eval_runtime"), results.number("eval_samples_per_second")
	n := math.Round(runtime * rate)
	slack := runtime*0.0005 + rate*0.00005
	if !(n >= 1 && n < 1e9 && slack < 0.4 && math.Abs(runtime*rate-n) <= slack) {
		return 0
	}
	return int(n)
}

// cell finds the student's floor and ceiling in the shared folder of the same results folder.
func (s stage) cell(stages map[string]stage) (cell, error) {
	shared := filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(s.dir))), s.shared, s.task)
	var faults []error
	find := func(what, name, model string) stage {
		dir := filepath.Join(shared, name)
		f, ok := stages[dir]
		switch {
		case !ok:
			faults = append(faults, fmt.Errorf("importer: %s: its %s %s is missing or cannot be read (give the results folder, which contains the run and %q)", s.dir, what, dir, s.shared))
		case f.model != model:
			faults = append(faults, fmt.Errorf("importer: %s: its %s %s is of %s, not of %s: another pair has filled the shared folder (move the run to the shared folder that it used)", s.dir, what, dir, f.model, model))
		}
		return f
	}
	floor, ceiling := find("weak floor", "weak", s.weak), find("strong ceiling", "strong", s.strong)
	if s.model != s.strong {
		faults = append(faults, fmt.Errorf("importer: %s: the student is %s, but the strong model of the run is %s (move the folder away)", s.dir, s.model, s.strong))
	}
	c := cell{dir: s.dir, program: eleuther, task: s.task, weak: s.weak, strong: s.strong, loss: s.loss, treatment: s.treatment, seed: s.seed,
		settings: s.settings, floor: floor.scores, student: s.scores, ceiling: ceiling.scores}
	if s.n == floor.n && s.n == ceiling.n {
		c.n = s.n
	} else if s.n*floor.n*ceiling.n > 0 {
		c.warnings = append(c.warnings, fmt.Sprintf("imported: the numbers of test examples differ: floor %d, student %d, ceiling %d", floor.n, s.n, ceiling.n))
	}
	for _, k := range []string{"n_train", "n_test"} {
		for _, other := range []stage{floor, ceiling} {
			if len(faults) == 0 && other.settings[k] != s.settings[k] {
				c.warnings = append(c.warnings, fmt.Sprintf("imported: %s is %s for the student and %s for %s", k, s.settings[k], other.settings[k], other.name))
			}
		}
	}
	return c, errors.Join(faults...)
}
