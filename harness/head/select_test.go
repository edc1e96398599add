package head

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestSelect(t *testing.T) {
	data, labels := problem(20, 120, 30, 2, false)
	jobs := []Job{
		{Name: "all", Examples: upTo(120), Labels: labels, Loss: XEnt{}, Seed: 1},
		{Name: "half", Examples: upTo(60), Labels: labels[:60], Loss: XEnt{}, Seed: 2, Weights: slices.Repeat([]float64{1, 2}, 30)},
	}
	grid := Grid{L2: []float64{1e-3, 1e-1, 10}, Losses: []Loss{XEnt{}, LogConf{Alpha: 0.25}}}
	got, err := Select(context.Background(), data, jobs, grid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range got {
		if len(s.Scores) != 6 || s.HeldOut != len(jobs[i].Examples)/5 {
			t.Fatalf("%s: %d scores on %d examples", jobs[i].Name, len(s.Scores), s.HeldOut)
		}
		best := slices.MinFunc(s.Scores, func(a, b Score) int { return int(math.Copysign(1, a.LogLoss-b.LogLoss)) })
		if s.L2 != best.L2 || s.Loss != best.Loss {
			t.Errorf("%s: chose %s with %v of %+v", jobs[i].Name, s.Loss, s.L2, s.Scores)
		}
		// The same settings by hand, on the same cut.
		train, held, err := grid.Cut(jobs[i])
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range s.Scores {
			train.L2, train.Loss = want.L2, want.Loss
			f := fit(t, data, Options{}, train)[0]
			probs, err := Predict(context.Background(), data, []*Head{f.Head}, held.Examples)
			if err != nil {
				t.Fatal(err)
			}
			logLoss, agree, total := 0.0, 0.0, 0.0
			for e, p := range probs[0] {
				w, y := 1.0, held.Labels[e]
				if held.Weights != nil {
					w = held.Weights[e]
				}
				total += w
				logLoss -= w * (y[0]*math.Log(p[0]) + y[1]*math.Log(p[1]))
				if (p[0] >= 0.5) == (y[0] >= 0.5) {
					agree += w
				}
			}
			if !(math.Abs(logLoss/total-want.LogLoss) <= 1e-12) || !(math.Abs(agree/total-want.Agreement) <= 1e-12) {
				t.Errorf("%s, %s with %v: log loss %v and agreement %v, want %v and %v",
					jobs[i].Name, want.Loss, want.L2, want.LogLoss, want.Agreement, logLoss/total, agree/total)
			}
		}
		// The result is trained on all examples.
		final := jobs[i]
		final.L2, final.Loss = s.L2, s.Loss
		if f := fit(t, data, Options{}, final)[0]; !slices.Equal(f.Head.W, s.Head.W) {
			t.Errorf("%s: the head is not the one of the chosen settings on all examples", jobs[i].Name)
		}
	}
	// Alone, and in another order: the same.
	order := []int{}
	for i := range 60 {
		order = append(order, (i*7+3)%60)
	}
	alone, err := Select(context.Background(), data, []Job{jobs[1].only(order)}, grid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(alone[0], got[1]) {
		t.Errorf("alone, with examples in another order: %+v, want %+v", alone[0], got[1])
	}
}

// Labels outside a job, such as the gold that a harness keeps for scoring, cannot reach the choice: there is no way in.
// What can be tested is that labels of examples that the job does not have make no difference, nor do scores of others.
func TestSelectSeesItsOwnLabelsOnly(t *testing.T) {
	data, weak := problem(21, 80, 10, 2, false)
	_, gold := problem(22, 80, 10, 2, false)
	grid := Grid{L2: []float64{1e-3, 1e-1, 10}}
	student := Job{Examples: upTo(50), Labels: weak[:50], Loss: XEnt{}}
	var selections []Selection
	for _, other := range [][][]float64{weak, gold} {
		ceiling := Job{Examples: upTo(80), Labels: other, Loss: XEnt{}}
		got, err := Select(context.Background(), data, []Job{ceiling, student}, grid, Options{})
		if err != nil {
			t.Fatal(err)
		}
		selections = append(selections, got[1])
	}
	if !reflect.DeepEqual(selections[0], selections[1]) {
		t.Errorf("the student changed with labels that are not its own: %+v, %+v", selections[0], selections[1])
	}
}

func TestSelectKeepsGroupsTogether(t *testing.T) {
	_, labels := problem(23, 60, 3, 2, false)
	group := make([]string, 60)
	for e := range group {
		if e < 50 {
			group[e] = fmt.Sprint(e / 10)
		}
	}
	job := Job{Examples: upTo(60), Labels: labels, Loss: XEnt{}}
	sides := map[string]int{}
	seen := map[string]bool{}
	for seed := range uint64(20) {
		job.Seed = seed
		train, held, err := Grid{L2: []float64{1}, Group: group, HeldOut: 0.3}.Cut(job)
		if err != nil {
			t.Fatal(err)
		}
		if len(train.Examples)+len(held.Examples) != 60 || len(held.Examples) < 18 || len(held.Examples) > 27 {
			t.Errorf("seed %d: %d to train on and %d held out", seed, len(train.Examples), len(held.Examples))
		}
		side := map[string]int{}
		for s, part := range [][]int{train.Examples, held.Examples} {
			for _, e := range part {
				if old, ok := side[group[e]]; ok && old != s && group[e] != "" {
					t.Fatalf("seed %d: group %s is on both sides", seed, group[e])
				}
				side[group[e]] = s
			}
		}
		sides["held "+fmt.Sprint(held.Examples)]++
		for _, e := range held.Examples {
			seen[fmt.Sprint(e)] = true
		}
	}
	if len(sides) < 15 || len(seen) < 55 {
		t.Errorf("20 seeds hold out %d different sets with %d of 60 examples in all", len(sides), len(seen))
	}
}

func TestSelectByAgreementPrefersTheLargerPenalty(t *testing.T) {
	g := Grid{Agreement: true}
	scores := []Score{{L2: 1, Agreement: 0.8, LogLoss: 0.1}, {L2: 2, Agreement: 0.9, LogLoss: 0.5}, {L2: 3, Agreement: 0.9, LogLoss: 0.9},
		{L2: 4, Agreement: 1, LogLoss: 0.1, Status: Diverged}}
	if best, ok := g.best(scores); !ok || best.L2 != 3 {
		t.Errorf("chose %+v", best)
	}
	g.Agreement = false
	if best, ok := g.best(scores); !ok || best.L2 != 1 {
		t.Errorf("by log loss chose %+v", best)
	}
	if _, ok := g.best(scores[3:]); ok {
		t.Error("chose a diverged head")
	}
}

func TestSelectRefuses(t *testing.T) {
	data, labels := problem(24, 6, 3, 2, false)
	job := Job{Examples: upTo(6), Labels: labels, Loss: XEnt{}}
	one := Job{Examples: []int{2}, Labels: labels[:1], Loss: XEnt{}}
	for want, test := range map[string]struct {
		job  Job
		grid Grid
	}{
		"no penalty to choose from": {job, Grid{}},
		"held-out share 1":          {job, Grid{L2: []float64{1}, HeldOut: 1}},
		"2 groups for 6":            {job, Grid{L2: []float64{1}, Group: []string{"a", "b"}}},
		"cannot be cut":             {one, Grid{L2: []float64{1}}},
		"l2 -3":                     {job, Grid{L2: []float64{1, -3}}},
		"use Adam":                  {Job{Examples: upTo(6), Labels: labels, Loss: XEnt{}, Optimiser: LBFGS{}}, Grid{L2: []float64{1}, Losses: []Loss{XEnt{}, LogConf{}}}},
		"5 labels for 6":            {Job{Examples: upTo(6), Labels: labels[:5], Loss: XEnt{}}, Grid{L2: []float64{1}}},
	} {
		_, err := Select(context.Background(), data, []Job{test.job}, test.grid, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
