package experiment_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/internal/race"
	"w2s/tasks"
)

// plantedStatements writes an example of planted as two statements. They differ in the first number alone, which is larger in the
// statement that is right.
func plantedStatements(info tasks.Info) (func(tasks.Example) tasks.Example, error) {
	rng := rand.New(rand.NewPCG(7, 11)) // as in planted
	direction := make([]float64, fullDims)
	for d := range direction {
		direction[d] = rng.NormFloat64()
	}
	return func(e tasks.Example) tasks.Example {
		score := 0.0
		fields := strings.Fields(e.Texts[0])
		for d, field := range fields {
			x, _ := strconv.ParseFloat(field, 64)
			score += x * direction[d]
		}
		e.Texts = nil
		for _, sign := range []float64{-1, 1} {
			e.Texts = append(e.Texts, strings.Join(append([]string{fmt.Sprintf("%.4f", sign*score+5*sign)}, fields[1:]...), " "))
		}
		return e
	}, nil
}

// rightShare returns the share of test examples that a head gets right.
func rightShare(r *result.Result, h result.Head) float64 {
	right := 0.0
	t, _ := r.Work(h.Task)
	for i, p := range h.Test {
		if slices.Index(p, slices.Max(p)) == slices.Index(t.Task.TestGold[i], 1) {
			right++
		}
	}
	return right / float64(len(h.Test))
}

// Baselines without labels stand beside the others and change none of them.
func TestUnlabelledBaselines(t *testing.T) {
	race.SkipLong(t)
	for _, rank := range []bool{false, true} {
		cfg := smallConfig(planted{name: "p", n: 700, rank: rank})
		cfg.Losses, cfg.Train, cfg.Sizes = cfg.Losses[:1], 400, []int{200}
		without, _ := withBaselines(t, cfg)
		cfg.Unlabelled, cfg.Contrast = result.Unlabelled(), plantedStatements
		r, byID := withBaselines(t, cfg)
		for _, h := range without.Heads {
			if !reflect.DeepEqual(byID[h.ID], h) {
				t.Errorf("%s differs beside baselines without labels", h.ID)
			}
		}
		want := result.Unlabelled()
		if rank {
			want = []string{result.OfProbes, result.OfComponents, result.OfUE}
			if !slices.ContainsFunc(r.Tasks[0].Warnings, func(w string) bool { return strings.Contains(w, "ccs is left out") }) {
				t.Errorf("no warning says that ccs is left out: %q", r.Tasks[0].Warnings)
			}
		}
		kinds := kindsOf(r)
		for _, kind := range result.Unlabelled() {
			n := 0
			if slices.Contains(want, kind) {
				n = 4 // two seeds, two sizes
			}
			if kinds[kind] != n {
				t.Errorf("%d heads of %s, want %d", kinds[kind], kind, n)
			}
		}
		for _, h := range r.Heads {
			least := 0.0
			switch {
			case h.Baseline == result.OfCRC || h.Baseline == result.OfCCS || h.Baseline == result.OfUE && !rank:
				least = 0.9 // statements tell what is right
			case h.Baseline == result.OfUE:
				least = 0.5
			}
			if s := rightShare(r, h); s < least {
				t.Errorf("%s scores %.2f, want %.2f or more", h.ID, s, least)
			}
		}
		cfg.Baselines = true
		plan := checkPlan(t, cfg, r)
		if m := plan.Tasks[0].Models; !rank && (m[1].Texts != 3*m[0].Texts || m[0].Model != "weak") {
			t.Errorf("the plan has %d texts for the student and %d for the supervisor, want three times as many", m[1].Texts, m[0].Texts)
		}
	}
}

// A finished task is trained again for a baseline that it has not.
func TestUnlabelledBaselinesAreAdded(t *testing.T) {
	cfg := smallConfig(planted{name: "a", n: 300})
	cfg.Baselines, cfg.Train, cfg.Test, cfg.Losses = true, 150, 100, cfg.Losses[:1]
	earlier := marked(t, run(t, cfg))
	for _, kinds := range [][]string{nil, {result.OfProbes}} {
		e := env(t)
		e.Previous, cfg.Unlabelled = earlier, kinds
		r, err := experiment.Run(context.Background(), cfg, e)
		if err != nil {
			t.Fatal(err)
		}
		if kept := reflect.DeepEqual(r.Heads, earlier.Heads); kept != (kinds == nil) {
			t.Errorf("with %q, the task is kept: %v", kinds, kept)
		}
		if kindsOf(r)[result.OfProbes] != 2*len(kinds) {
			t.Errorf("with %q, heads %v", kinds, kindsOf(r))
		}
	}
}

func TestUnlabelledBaselinesAreChecked(t *testing.T) {
	for _, c := range []struct {
		change func(*experiment.Config)
		want   string
	}{
		{func(c *experiment.Config) { c.Unlabelled = []string{"ccss"} }, `did you mean "ccs"`},
		{func(c *experiment.Config) { c.Unlabelled = []string{"ue", "ue"} }, "given twice"},
		{func(c *experiment.Config) { c.Unlabelled, c.Baselines = []string{"ue"}, false }, "need the other baselines"},
	} {
		cfg := smallConfig(planted{name: "a", n: 300})
		cfg.Baselines = true
		c.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}
