package experiment_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/tasks"
)

// withBaselines runs an experiment with baselines and returns the result and the heads by ID.
func withBaselines(t *testing.T, cfg experiment.Config) (*result.Result, map[string]result.Head) {
	t.Helper()
	cfg.Baselines = true
	r := run(t, cfg)
	byID := map[string]result.Head{}
	for _, h := range r.Heads {
		byID[h.ID] = h
	}
	var file bytes.Buffer // Read checks that the result is whole
	if err := r.Write(&file); err != nil {
		t.Fatal(err)
	}
	if _, err := result.Read(&file); err != nil {
		t.Fatal(err)
	}
	return r, byID
}

// kindsOf counts the comparisons of a result by kind.
func kindsOf(r *result.Result) map[string]int {
	kinds := map[string]int{}
	for _, h := range r.Heads {
		if h.Role == result.Comparison {
			kinds[h.Baseline]++
		}
	}
	return kinds
}

// Baselines are trained beside the other heads and change none. Those that depend on no supervisor are trained once.
func TestBaselines(t *testing.T) {
	cfg, _ := ladder(planted{name: "a", n: 400, noise: 1}, planted{name: "b", n: 400, noise: 1, rank: true})
	cfg.Train, cfg.Test, cfg.Losses = 280, 60, []loss.Loss{loss.XEnt{}, loss.Confidence{Alpha: 0.5}}
	cfg.Simulated = []experiment.Simulated{{Kind: "random"}}
	without := run(t, cfg)
	r, byID := withBaselines(t, cfg)
	for _, h := range without.Heads {
		same := byID[h.ID]
		if same.Cosines = nil; !reflect.DeepEqual(same, h) {
			t.Errorf("%s differs beside baselines", h.ID)
		}
	}
	seeds, models, pairs := 2, 3, 6
	each := 2 * seeds // two tasks
	want := map[string]int{"gold:8": each * models, "gold:32": each * models, "gold:128": each * models, "gold": each * models,
		"shuffled": each * pairs * len(cfg.Losses), "axis": each * pairs, "random": each * pairs}
	if got := kindsOf(r); !reflect.DeepEqual(got, want) {
		t.Errorf("comparisons %v, want %v", got, want)
	}
	cfg.Baselines = true
	checkPlan(t, cfg, r)
	// The strong model on gold of weak-train is the supervisor that it would be itself.
	for id, h := range byID {
		if h.Baseline != result.OfGold {
			continue
		}
		own := h
		own.Role, own.Baseline = result.Supervisor, ""
		if own.ID = result.HeadID(own); !reflect.DeepEqual(byID[own.ID].Test, h.Test) {
			t.Errorf("%s differs from %s", id, own.ID)
		}
	}
	// A smaller grid has the same baselines.
	small := cfg
	small.Pairs, small.Losses, small.Tasks, small.Simulated = cfg.Pairs[1:2], cfg.Losses[1:], cfg.Tasks[1:], nil
	few, _ := withBaselines(t, small)
	for _, h := range few.Heads {
		if !reflect.DeepEqual(h, byID[h.ID]) {
			t.Errorf("%s differs in a larger grid", h.ID)
		}
	}
}

// In a planted task without noise, the strong model sees the direction of gold. Students of the weak model find it, those of shuffled
// labels do not.
func TestBaselinesKnowWhatTheyLearn(t *testing.T) {
	for _, rank := range []bool{false, true} {
		cfg := smallConfig(planted{name: "p", n: 1200, rank: rank})
		cfg.Train, cfg.Losses = 800, cfg.Losses[:1]
		r, _ := withBaselines(t, cfg)
		right := map[string]float64{} // mean over seeds, in per cent
		for _, h := range r.Heads {
			name := string(h.Role) + h.Baseline
			for i, p := range h.Test {
				if slices.Index(p, slices.Max(p)) == slices.Index(r.Tasks[0].TestGold[i], 1) {
					right[name] += 100 / float64(len(h.Test)*len(cfg.Seeds))
				}
			}
			switch {
			case h.Cosines == nil && h.Role != result.Supervisor:
				t.Errorf("%s has no cosines", h.ID)
			case h.Baseline == result.OfAxis && math.Abs(h.Cosines.Axis-1) > 1e-9:
				t.Errorf("the axis has the cosine %v with itself", h.Cosines.Axis)
			case (h.Role == result.Student || h.Baseline == result.OfGold) && h.Cosines.Ceiling < 0.5:
				t.Errorf("%s has the cosine %v with the ceiling", h.ID, h.Cosines.Ceiling)
			}
		}
		guess := 50.0
		if rank {
			guess = 100.0 / 3
		}
		if g, c := right["comparisongold"], right["ceiling"]; math.Abs(g-c) > 5 {
			t.Errorf("gold of weak-train scores %.1f, the ceiling %.1f", g, c)
		}
		if a, b := right["comparisongold:8"], right["comparisongold:128"]; !(guess+5 < a && a < b && b < right["ceiling"]) {
			t.Errorf("8 gold labels score %.1f, 128 %.1f, the ceiling %.1f", a, b, right["ceiling"])
		}
		if s := right["comparisonshuffled"]; math.Abs(s-guess) > 15 || s > right["student"]-10 {
			t.Errorf("students of shuffled labels score %.1f, students %.1f", s, right["student"])
		}
		if a := right["comparisonrandom"]; a < guess {
			t.Errorf("a random direction, signed by labels, scores %.1f", a)
		}
	}
}

// A ladderOfClasses is a task of more than two classes, whose texts are like those of planted.
type ladderOfClasses struct {
	planted
	classes int
}

func (l ladderOfClasses) Info() tasks.Info {
	info := l.planted.Info()
	info.Classes = nil
	for k := range l.classes {
		info.Classes = append(info.Classes, fmt.Sprint(k))
	}
	return info
}

func (l ladderOfClasses) Load(ctx context.Context, src tasks.Source) (*tasks.Data, error) {
	data, err := l.planted.Load(ctx, src)
	for i := range data.Pool {
		k := min(l.classes-1, i%(l.classes+2)) // the last class has three times as many examples
		data.Pool[i].Gold = make([]float64, l.classes)
		data.Pool[i].Gold[k] = 1
	}
	return data, err
}

// A direction tells no more than two classes apart, and 8 examples are too few for five classes.
func TestBaselinesOfManyClasses(t *testing.T) {
	cfg := smallConfig(ladderOfClasses{planted{name: "five", n: 900}, 5})
	cfg.Losses, cfg.Sizes, cfg.Treatments = cfg.Losses[:1], []int{100}, []label.Treatment{label.Soft{}, label.Hard{}}
	r, byID := withBaselines(t, cfg)
	want := map[string]int{"gold:32": 4, "gold:128": 2, "gold": 4, "shuffled": 8} // two seeds and two treatments; the smaller pool has halves of 50
	if got := kindsOf(r); !reflect.DeepEqual(got, want) {
		t.Errorf("comparisons %v, want %v", got, want)
	}
	for id, h := range byID {
		if h.Baseline == "gold:32" && h.Train != 32 {
			t.Errorf("%s is trained on %d examples", id, h.Train)
		}
		if h.Role == result.Student && (h.Cosines == nil || !(h.Cosines.Axis > 0 && h.Cosines.Axis < 1)) {
			t.Errorf("%s has the cosines %v", id, h.Cosines)
		}
	}
}

// A supervisor whose labels are all the same gives a direction no sign.
func TestLabelsWithoutVarianceGiveNoSign(t *testing.T) {
	cfg := smallConfig(planted{name: "p", n: 700})
	cfg.Train, cfg.Test, cfg.Losses = 300, 100, []loss.Loss{loss.XEnt{}}
	cfg.Supervisors = []experiment.Supervisor{{Name: "same", Key: "same", Open: func(tasks.Info) (experiment.Labeller, error) {
		return constant{}, nil
	}}}
	cfg.Pairs = []result.Pair{{Weak: "same", Strong: "strong"}}
	r, _ := withBaselines(t, cfg)
	for _, h := range r.Heads {
		if h.Baseline == result.OfAxis && !slices.ContainsFunc(h.Warnings, func(w string) bool { return strings.Contains(w, "sign is arbitrary") }) {
			t.Errorf("%s has the warnings %q", h.ID, h.Warnings)
		}
	}
	if kinds := kindsOf(r); kinds["axis"] != 2 || kinds["shuffled"] != 2 {
		t.Errorf("comparisons %v", kinds)
	}
}

// A finished task is kept with the baselines that it has, whether they are asked for or not.
func TestBaselinesChangeNoExperiment(t *testing.T) {
	cfg := smallConfig(planted{name: "a", n: 300}, planted{name: "b", n: 300})
	cfg.Train, cfg.Test, cfg.Losses = 150, 100, cfg.Losses[:1]
	for _, before := range []bool{false, true} {
		first := cfg
		first.Baselines, first.Tasks = before, cfg.Tasks[:1]
		earlier := marked(t, run(t, first))
		now := cfg
		now.Baselines = !before
		if d := now.Differences(earlier); len(d) > 0 {
			t.Errorf("baselines %v cannot be continued: %q", before, d)
		}
		e := env(t)
		e.Previous = earlier
		r, err := experiment.Run(context.Background(), now, e)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := r.Work("a")
		b, _ := r.Work("b")
		old, _ := earlier.Work("a")
		if !reflect.DeepEqual(a.Heads, old.Heads) {
			t.Errorf("baselines %v: the heads of a finished task changed", before)
		}
		has := slices.ContainsFunc(b.Heads, func(h result.Head) bool { return h.Role == result.Comparison })
		if has == before {
			t.Errorf("baselines %v before: the next task has some: %v", before, has)
		}
	}
}

// The heads of baselines are offered to be saved like others.
func TestBaselinesAreSaved(t *testing.T) {
	cfg := smallConfig(planted{name: "p", n: 300})
	cfg.Baselines, cfg.Train, cfg.Test, cfg.Losses, cfg.Seeds = true, 150, 100, cfg.Losses[:1], cfg.Seeds[:1]
	e := env(t)
	saved := make(chan string, 100)
	e.Trained = func(r result.Head, h *head.Head) error {
		saved <- r.ID
		if h == nil {
			return fmt.Errorf("%s has no head", r.ID)
		}
		return nil
	}
	r, err := experiment.Run(context.Background(), cfg, e)
	if err != nil {
		t.Fatal(err)
	}
	close(saved)
	var got []string
	for id := range saved {
		got = append(got, id)
	}
	want := list.Map(r.Heads, func(h result.Head) string { return h.ID })
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("saved %q, want %q", got, want)
	}
}

// constant gives every example the same label.
type constant struct{}

func (constant) Encoder() feature.Encoder              { return nil }
func (constant) Texts(tasks.Example) ([]string, error) { return nil, nil }
func (constant) Label(tasks.Example, [][]float32) ([]float64, error) {
	return []float64{0.25, 0.75}, nil
}

// checkPlan requires that the plan of an experiment has as many trainings as its run needed. Every head is trained for each penalty and
// fold and once more, or once for each penalty if gold chooses it.
func checkPlan(t *testing.T, cfg experiment.Config, r *result.Result) *experiment.Plan {
	t.Helper()
	plan, err := experiment.MakePlan(t.Context(), cfg, env(t))
	if err != nil {
		t.Fatal(err)
	}
	planned, trained := 0, 0
	for _, task := range plan.Tasks {
		planned += task.Heads
	}
	for _, h := range r.Heads {
		if h.Steps == 0 {
			continue
		}
		trained += len(cfg.L2)
		if method, _, _ := strings.Cut(h.Baseline, ":"); method != result.GoldChoice {
			trained += (cfg.Folds-1)*len(cfg.L2) + 1
		}
	}
	if planned != trained {
		t.Errorf("the plan has %d trainings, the run %d", planned, trained)
	}
	return plan
}
