package experiment_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/internal/race"
	"w2s/tasks"
)

func summarize(tb testing.TB, r *result.Result) []summary.Row {
	tb.Helper()
	rows, err := summary.Rows(r, summary.Options{Resamples: 200})
	if err != nil {
		tb.Fatal(err)
	}
	return rows
}

func TestRunRecoversPartOfPlantedGap(t *testing.T) {
	cfg := smallConfig(planted{name: "planted", n: 2000, noise: 0.5})
	cfg.Seeds = []uint64{0, 1, 2, 3, 4, 5}
	rows := summarize(t, run(t, cfg))
	if len(rows) != 2 {
		t.Fatalf("%d rows, want one for each loss", len(rows))
	}
	for _, r := range rows {
		// A student of soft labels learns all that the supervisor knows. logconf hardens labels, which can cost what it gains.
		if r.Loss == "xent" && !(r.Floor.Value < r.Transfer.Value && r.Transfer.Value < r.Ceiling.Value) {
			t.Errorf("%s: weak %.3f, student %.3f, ceiling %.3f are not in order", r.Loss, r.Floor.Value, r.Transfer.Value, r.Ceiling.Value)
		}
		if !r.PGR.Defined || r.N != 200 || r.Seeds != 6 || r.Train != 200 {
			t.Errorf("%s: %+v", r.Loss, r)
		}
		if want := (r.Transfer.Value - r.Floor.Value) / (r.Ceiling.Value - r.Floor.Value); !(math.Abs(r.PGR.Value-want) <= 1e-12) {
			t.Errorf("%s: PGR %v, want %v", r.Loss, r.PGR.Value, want)
		}
	}
}

func TestStudentNeverSeesGold(t *testing.T) {
	race.SkipLong(t)
	for rank, folds := range map[bool]int{false: 3, true: 1} {
		cfg := smallConfig(planted{name: "planted", n: 700, rank: rank})
		cfg.Folds = folds
		for _, text := range []string{"soft", "hard", "temperature", "top:0.5"} {
			treatment, err := label.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Treatments = append(cfg.Treatments, treatment)
		}
		logConf := loss.LogConf{Alpha: 0.5, Warmup: 0.1}
		cfg.Losses = append(cfg.Losses, loss.GuardConf{LogConf: logConf, Least: -1}, loss.GuardConf{LogConf: logConf, Least: 1})
		cfg.Baselines = true
		experiment.CheckStudentNeverSeesGold(t, cfg, env(t))
	}
}

func TestHeadsDependOnSeedAndExamplesAlone(t *testing.T) {
	for _, folds := range []int{1, 3} {
		task := planted{name: "planted", n: 700}
		cfg := smallConfig(task)
		cfg.Folds = folds
		guarded := loss.GuardConf{LogConf: loss.LogConf{Alpha: 0.5, Warmup: 0.1}, Least: 0.6}
		cfg.Losses = append(cfg.Losses, guarded)
		want := run(t, cfg)
		task.order = 99
		one := smallConfig(task)
		one.Folds, one.Seeds, one.Losses = folds, []uint64{1}, []loss.Loss{guarded}
		byID := map[string]result.Head{}
		for _, h := range want.Heads {
			byID[h.ID] = h
		}
		for _, h := range run(t, one).Heads {
			if !reflect.DeepEqual(h, byID[h.ID]) {
				t.Errorf("%d folds: %s depends on the order of the examples or on other seeds", folds, h.ID)
			}
		}
	}
}

func TestResultFileGivesTheSameRows(t *testing.T) {
	for _, rank := range []bool{false, true} {
		r := run(t, smallConfig(planted{name: "planted", n: 700, rank: rank}))
		path := filepath.Join(t.TempDir(), "out", "result.json")
		if err := r.Save(path); err != nil {
			t.Fatal(err)
		}
		back, err := result.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		a, b := summarize(t, r), summarize(t, back)
		if len(a) != 2 || len(b) != 2 {
			t.Fatalf("rank %v: %d rows, from the file %d, want one for each loss", rank, len(a), len(b))
		}
		for i := range a {
			if asJSON(t, a[i].PGR) != asJSON(t, b[i].PGR) || a[i].Transfer != b[i].Transfer {
				t.Errorf("rank %v: PGR %+v, from the file %+v", rank, a[i].PGR, b[i].PGR)
			}
		}
	}
}

// Both models have the same features.
func TestEqualModelsHaveNoPGR(t *testing.T) {
	cfg := smallConfig(planted{name: "planted", n: 700})
	cfg.Models[1].Encoder = numbers{dims: 5}
	rows := summarize(t, run(t, cfg))
	if len(rows) != 2 {
		t.Fatalf("%d rows, want one for each loss", len(rows))
	}
	for _, r := range rows {
		if r.PGR.Defined || len(r.Warnings) == 0 {
			t.Errorf("%s: gap %.3f, PGR %v, warnings %q", r.Loss, r.PGR.Gap, r.PGR, r.Warnings)
		}
	}
}

func TestValidateReportsAllFaultsTogether(t *testing.T) {
	pair := result.Pair{Weak: "a", Strong: "b"}
	err := experiment.Config{
		Models: []experiment.Model{{Name: "c"}},
		Pairs:  []result.Pair{pair, pair},
		Seeds:  []uint64{1, 1}, Folds: 21, Held: 2, L2: []float64{-1, math.Inf(1)}, Train: 4, Test: 3,
		Simulated: []experiment.Simulated{{Kind: "oracle"}},
	}.Validate()
	for _, want := range []string{`no model is named "a"`, `no model is named "b"`, `model "c" has no encoder`, "no task", "no loss",
		"seed 1 is given twice", "pair a -> b is given twice", "21 folds", "share 2", "penalty -1", "penalty +Inf", "pool of 4", "part of 3", `"oracle"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if !errors.As(err, new(experiment.ConfigError)) {
		t.Errorf("the error is a %T, want a ConfigError", err)
	}
}

// A chain must reject settings that it cannot follow.
func TestChainRejectsUnsupportedSettings(t *testing.T) {
	cfg := experiment.ChainConfig{Config: smallConfig(planted{name: "planted", n: 700}), Chain: []string{"weak", "middle", "strong"}}
	cfg.Treatments = []label.Treatment{label.Hard{}}
	cfg.Sizes, cfg.Simulated = []int{100}, []experiment.Simulated{{Kind: "random"}}
	_, err := experiment.RunChain(context.Background(), cfg, experiment.Env{})
	for _, want := range []string{`no model is named "middle"`, "treatment hard", "one size of the training pool", "no simulated supervisors"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestEmptyEnvWorksForTasksWithoutFiles(t *testing.T) {
	cfg := smallConfig(planted{name: "planted", n: 700})
	cfg.Seeds, cfg.Losses = cfg.Seeds[:1], cfg.Losses[:1]
	if _, err := experiment.Run(context.Background(), cfg, experiment.Env{}); err != nil {
		t.Error(err)
	}
	movies, err := tasks.Open("movies")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Tasks = []tasks.Task{movies}
	if _, err := experiment.Run(context.Background(), cfg, experiment.Env{}); err == nil || !strings.Contains(err.Error(), "Env.Source") {
		t.Errorf("a task that needs files: error %v, want one with Env.Source", err)
	}
}

func TestParseSimulated(t *testing.T) {
	for _, form := range experiment.SimulatedForms() {
		text := strings.Replace(form, "ACCURACY", "0.75", 1)
		if s, err := experiment.ParseSimulated(text); err != nil || s.String() != text {
			t.Errorf("%q reads as %q, %v", text, s, err)
		}
	}
	for text, want := range map[string]string{
		"flop:0.5":     `did you mean "flip"?`,
		"flip":         "want flip:ACCURACY",
		"flip:0":       "want flip:ACCURACY",
		"flip:1.5":     "want flip:ACCURACY",
		"flip:NaN":     "want flip:ACCURACY",
		"random:0.5":   "takes no setting",
		"":             "have: flip:ACCURACY, systematic:ACCURACY, random, majority",
		"majority:all": "takes no setting",
	} {
		if _, err := experiment.ParseSimulated(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", text, err, want)
		}
	}
}
