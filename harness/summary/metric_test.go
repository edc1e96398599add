package summary

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/tasks"
)

// A task's own metric is that of its rows, unless another one is asked for.
func TestTaskHasItsOwnMetric(t *testing.T) {
	r := twoSeeds()
	r.Tasks[0].TestGold = slices.Clone(r.Tasks[0].TestGold) // AUROC needs both classes
	for i := range n / 2 {
		r.Tasks[0].TestGold[i] = []float64{1, 0}
	}
	for metric, want := range map[tasks.Metric]tasks.Metric{"": tasks.Accuracy, tasks.Accuracy: tasks.Accuracy, tasks.AUROC: tasks.AUROC, tasks.ExactMatch: tasks.Accuracy} {
		r.Tasks[0].Metric = metric
		if got := rows(t, r, Options{})[0].Metric; got != want {
			t.Errorf("task with metric %q: %s", metric, got)
		}
		for _, asked := range []tasks.Metric{tasks.Accuracy, tasks.AUROC} {
			if got := rows(t, r, Options{Metric: asked})[0].Metric; got != asked {
				t.Errorf("task with metric %q, %s asked for: %s", metric, asked, got)
			}
		}
	}
	r.Tasks[0].Metric = "f1"
	if _, err := Rows(r, Options{}); err == nil || !strings.Contains(err.Error(), `task t: unknown metric "f1"`) {
		t.Errorf("unknown metric: %v", err)
	}
	c := chains()
	c.Tasks[0].Metric = "f1"
	if _, err := Chains(c, Options{}); err == nil || !strings.Contains(err.Error(), `unknown metric "f1"`) {
		t.Errorf("chain with an unknown metric: %v", err)
	}
}

// Published ranges are of accuracy, and rows of different metrics are not pooled.
func TestPoolsAreOfOneMetric(t *testing.T) {
	all := pgrs(tasks.NLP, "small", 0.9, 0.8, 0.1)
	for i, m := range []tasks.Metric{tasks.AUROC, tasks.Accuracy, tasks.ExactMatch} {
		all[i].Metric = m
	}
	got, err := Categories(all)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d categories, %v", len(got), err)
	}
	if c := got[0]; c.Metric != tasks.AUROC || c.Published != nil || c.Outside || c.PGR.N != 1 {
		t.Errorf("%+v", c)
	}
	if c := got[1]; c.Metric != tasks.Accuracy || c.Published == nil || c.PGR.N != 2 || c.PGR.Median != 0.45 {
		t.Errorf("%+v", c)
	}
	if pairs, err := Pairs(all); err != nil || len(pairs) != 2 || pairs[0].Metric != tasks.AUROC {
		t.Errorf("%+v, %v", pairs, err)
	}
}

func TestNotCompared(t *testing.T) {
	compared := Row{conditions: "x", bySeed: [][]float64{{1}}}
	if got := NotCompared([]Row{compared}); got != "" {
		t.Errorf("%q", got)
	}
	auroc := Row{conditions: "x", Metric: tasks.AUROC}
	if got, want := NotCompared([]Row{compared, auroc, auroc, {}}), "Not compared: auroc is not a mean over test examples; imported rows have no predictions."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestRowNotesSeedsWithoutGap(t *testing.T) {
	r := seedsLike(8)
	for i, h := range r.Heads {
		if h.Role == "ceiling" && h.Seed == 1 {
			r.Heads[i].Test = right(0, 24) // as the supervisor
		}
	}
	row := rows(t, r, Options{})[0]
	if s := row.SeedPGR; !s.Defined || s.N != 7 || s.LeftOut != 1 || math.Abs(s.Value-(4*0.5+3./3)/7) > 1e-12 {
		t.Errorf("%+v", s)
	}
	if want := "gap not positive for 1 of 8 seeds: left out of the PGR over seeds"; !slices.Contains(row.Warnings, want) {
		t.Errorf("warnings %q lack %q", row.Warnings, want)
	}
	if (stats.SeedPGR{}).Note() != "" {
		t.Error("a note without a reason")
	}
}

// A result remembers the metric that it was asked for. Another one can be asked for.
func TestResultHasItsMetric(t *testing.T) {
	r := oneRare()
	r.Metric = tasks.AUROC
	for asked, want := range map[tasks.Metric]tasks.Metric{"": tasks.AUROC, tasks.Accuracy: tasks.Accuracy} {
		if got := rows(t, r, Options{Metric: asked})[0].Metric; got != want {
			t.Errorf("asked for %q: %s, want %s", asked, got, want)
		}
	}
}

// oneRare returns twoSeeds with one test example of class 0.
func oneRare() *result.Result {
	r := twoSeeds()
	r.Tasks[0].TestGold = slices.Clone(r.Tasks[0].TestGold)
	r.Tasks[0].TestGold[n-1] = []float64{1, 0}
	return r
}

// An AUROC is undefined on resamples without an example of a class. The row has intervals of the others and says how many they are.
func TestResamplesWithoutAClass(t *testing.T) {
	row := rows(t, oneRare(), Options{Metric: tasks.AUROC})[0]
	at := slices.IndexFunc(row.Warnings, func(w string) bool {
		return strings.Contains(w, "of 300 resamples of the test examples, which lack a class")
	})
	if at < 0 || !row.Transfer.Interval.Known() {
		t.Fatalf("student %+v, warnings %q", row.Transfer, row.Warnings)
	}
	var skipped int
	if _, err := fmt.Sscanf(row.Warnings[at], "auroc is undefined on %d of", &skipped); err != nil || math.Abs(float64(skipped)/300-math.Pow(1-1./n, n)) > 0.1 {
		t.Errorf("%q, %v", row.Warnings[at], err)
	}
}

// A score of 1 on every example has the interval of Clopper and Pearson, and an AUROC of 1 has none.
func TestPerfectScores(t *testing.T) {
	r := oneRare()
	for i := range r.Heads {
		if h := &r.Heads[i]; h.Role == result.Ceiling {
			h.Test = slices.Clone(r.Tasks[0].TestGold)
		}
	}
	if c := rows(t, r, Options{})[0].Ceiling; c.Value != 1 || c.Interval.Hi != 1 || math.Abs(c.Interval.Lo-math.Pow(0.025, 1./n)) > 1e-12 || c.Examples != c.Interval {
		t.Errorf("accuracy %+v", c)
	}
	if c := rows(t, r, Options{Metric: tasks.AUROC})[0].Ceiling; c.Value != 1 || c.Interval.Known() {
		t.Errorf("AUROC %+v", c)
	}
}
