package experiment_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/label"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/tasks"
)

// given labels examples by what was said of them before: the sign of the first number of a text, and nothing of some.
type given struct {
	t      *testing.T
	silent func(id string) bool
	joined []string
}

func (*given) Encoder() feature.Encoder              { return nil }
func (*given) Texts(tasks.Example) ([]string, error) { return nil, errors.New("no texts are read") }

func (g *given) Join(examples []tasks.Example) ([]string, error) {
	for _, e := range examples {
		if e.Gold != nil || e.Answer != "" {
			return nil, errors.New("the labels see gold")
		}
		g.joined = append(g.joined, e.ID)
	}
	return []string{"3 ids match no example"}, nil
}

func (g *given) Label(e tasks.Example, vectors [][]float32) ([]float64, error) {
	switch {
	case vectors != nil || e.Gold != nil || !slices.Contains(g.joined, e.ID):
		return nil, errors.New("the labels were not joined, or see gold")
	case g.silent(e.ID):
		return nil, nil
	case first(g.t, e.Texts[0]) > 0:
		return []float64{0, 1}, nil
	}
	return []float64{1, 0}, nil
}

func givenConfig(t *testing.T, silent func(id string) bool, list ...tasks.Task) experiment.Config {
	cfg := untrainedConfig(false, nil, list...)
	cfg.Supervisors[0] = experiment.Supervisor{Name: "labels:x", Key: "key", About: "labels of the file x",
		Open: func(tasks.Info) (experiment.Labeller, error) { return &given{t: t, silent: silent}, nil }}
	cfg.Pairs = []result.Pair{{Weak: "labels:x", Strong: "strong"}}
	return cfg
}

// Examples without a label are counted, and left out for supervisor, student and ceiling alike.
func TestExamplesWithoutLabelAreLeftOut(t *testing.T) {
	task := planted{name: "planted", n: 1000}
	silent := func(id string) bool { return id[0] < '4' }
	cfg := givenConfig(t, silent, task)
	cfg.Treatments = []label.Treatment{label.Soft{}, label.Temperature{}}
	e := env(t)
	plan, err := experiment.MakePlan(t.Context(), cfg, e)
	if err != nil || len(plan.Tasks[0].Models) != 1 {
		t.Fatalf("%v, plan %+v", err, plan)
	}
	r, err := experiment.Run(t.Context(), cfg, e)
	r = stored(t, r, err)
	data, err := task.Load(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, x := range data.Pool {
		if silent(x.ID) {
			n++
		}
	}
	for _, id := range slices.Concat(r.Tasks[0].PoolIDs, r.Tasks[0].TestIDs) {
		if silent(id) {
			t.Errorf("example %s has no label and is used", id)
		}
	}
	rows, err := summary.Rows(r, summary.Options{})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(rows[0].Warnings, "\n")
	for _, want := range []string{"labels:x: 3 ids match no example", "left out, which it has no label for", "labels:x is labels of the file x, not trained here"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q lack %q", notes, want)
		}
	}
	if want := fmt.Sprintf("labels:x: %d of 1000 examples left out", n); !strings.Contains(notes, want) {
		t.Errorf("notes %q lack %q", notes, want)
	}
	experiment.CheckStudentNeverSeesGold(t, cfg, env(t))

	cfg = givenConfig(t, func(id string) bool { return id[:2] != "00" }, task)
	if _, err := experiment.Run(t.Context(), cfg, env(t)); err == nil || !strings.Contains(err.Error(), "too few to train and to test a student on (want 40 or more)") {
		t.Errorf("a rater of three texts: %v", err)
	}
}

// A simulated supervisor can be the weak side of a pair. It then makes the same labels as beside other pairs.
func TestSimulatedSupervisorInAPair(t *testing.T) {
	flip, err := experiment.ParseSimulated("flip:0.75")
	if err != nil {
		t.Fatal(err)
	}
	beside := smallConfig(planted{name: "planted", n: 700})
	beside.Losses, beside.Simulated = convexLosses(), []experiment.Simulated{flip}
	paired := beside
	paired.Pairs = []result.Pair{{Weak: "flip:0.75", Strong: beside.Pairs[0].Strong}}
	heads := func(cfg experiment.Config) (of []result.Head) {
		r, err := experiment.Run(t.Context(), cfg, env(t))
		r = stored(t, r, err)
		for _, h := range r.Heads {
			if strings.Contains(h.Supervisor, "flip:0.75") || h.Role == result.Baseline {
				of = append(of, h)
			}
		}
		return of
	}
	if a, b := heads(beside), heads(paired); len(a) == 0 || !reflect.DeepEqual(a, b) {
		t.Errorf("%d heads beside a pair, %d in one, or they differ", len(a), len(b))
	}
	plan, err := experiment.MakePlan(t.Context(), paired, env(t))
	if err != nil || plan.Tasks[0].Heads != 3*2*3 { // a ceiling and two students, two seeds, two penalties and the choice
		t.Errorf("%v, plan %+v", err, plan)
	}
	paired.Pairs = append(paired.Pairs, result.Pair{Weak: beside.Pairs[0].Strong, Strong: "flip:0.75"})
	if err := paired.Validate(); err == nil || !strings.Contains(err.Error(), "cannot be the student") {
		t.Error(err)
	}
}
