package head

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"w2s/harness/feature"
	"w2s/harness/loss"
)

func TestSelectTakesBestPenaltyOnHeldOutLabels(t *testing.T) {
	data, labels := problem(20, 120, 30, 2, false)
	jobs := []Job{
		{Name: "all", Examples: upTo(120), Labels: labels, Loss: loss.XEnt{}, Seed: 1},
		{Name: "half", Examples: upTo(60), Labels: labels[:60], Loss: loss.LogConf{Alpha: 0.25}, Seed: 2, Weights: slices.Repeat([]float64{1, 2}, 30)},
	}
	for _, folds := range []int{0, 1, 3, 5} {
		t.Run(fmt.Sprint(folds, " folds"), func(t *testing.T) {
			testSelect(t, data, jobs, Grid{L2: []float64{1e-3, 1e-1, 10}, Folds: folds})
		})
	}
}

func testSelect(t *testing.T, data Data, jobs []Job, grid Grid) {
	trained := 0
	got, err := Select(context.Background(), data, jobs, grid, Options{Done: func(int) { trained++ }})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(jobs) * grid.Trainings(loss.XEnt{}); trained != want || want != len(jobs)*(3*max(1, grid.Folds)+1) {
		t.Errorf("%d trainings, announced %d", trained, want)
	}
	for i, s := range got {
		heldOut := len(jobs[i].Examples)
		if grid.Folds < 2 {
			heldOut /= 5
		}
		if len(s.Scores) != 3 || s.HeldOut != heldOut {
			t.Fatalf("%s: %d scores on %d examples", jobs[i].Name, len(s.Scores), s.HeldOut)
		}
		best := slices.MinFunc(s.Scores, func(a, b Score) int { return int(math.Copysign(1, a.LogLoss-b.LogLoss)) })
		if s.L2 != best.L2 {
			t.Errorf("%s: penalty %v from %+v", jobs[i].Name, s.L2, s.Scores)
		}
		// Every score must be the one of heads that are trained alone on what Cuts leaves.
		cuts, err := grid.Cuts(jobs[i])
		if err != nil || len(cuts) != max(1, grid.Folds) {
			t.Fatalf("%d cuts, %v", len(cuts), err)
		}
		for _, want := range s.Scores {
			logLoss, total := 0.0, 0.0
			for _, c := range cuts {
				c.Train.L2 = want.L2
				f := fit(t, data, Options{}, c.Train)[0]
				probs, err := Predict(context.Background(), data, []*Head{f.Head}, c.Held.Examples)
				if err != nil {
					t.Fatal(err)
				}
				for e, p := range probs[0] {
					w, y := 1.0, c.Held.Labels[e]
					if c.Held.Weights != nil {
						w = c.Held.Weights[e]
					}
					total += w
					logLoss -= w * (y[0]*math.Log(p[0]) + y[1]*math.Log(p[1]))
				}
			}
			if !(math.Abs(logLoss/total-want.LogLoss) <= 1e-12) {
				t.Errorf("%s, penalty %v: log loss %v, want %v", jobs[i].Name, want.L2, want.LogLoss, logLoss/total)
			}
		}
		final := jobs[i]
		final.L2 = s.L2
		if f := fit(t, data, Options{}, final)[0]; !slices.Equal(f.Head.W, s.Head.W) {
			t.Errorf("%s: the head is not trained on all examples with the chosen penalty", jobs[i].Name)
		}
	}
	// The result must be the same alone and with the examples in another order.
	order := []int{}
	for i := range 60 {
		order = append(order, (i*7+3)%60)
	}
	alone, err := Select(context.Background(), data, []Job{jobs[1].subset(order)}, grid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(alone[0], got[1]) {
		t.Errorf("alone and with the examples in another order: %+v, want %+v", alone[0], got[1])
	}
}

// The labels of another job, here a ceiling's, must not change the student.
func TestSelectUsesOnlyTheLabelsOfTheJob(t *testing.T) {
	data, weak := problem(21, 80, 10, 2, false)
	_, gold := problem(22, 80, 10, 2, false)
	grid := Grid{L2: []float64{1e-3, 1e-1, 10}}
	student := Job{Examples: upTo(50), Labels: weak[:50], Loss: loss.XEnt{}}
	var selections []Selection
	for _, other := range [][][]float64{weak, gold} {
		ceiling := Job{Examples: upTo(80), Labels: other, Loss: loss.XEnt{}}
		got, err := Select(context.Background(), data, []Job{ceiling, student}, grid, Options{})
		if err != nil {
			t.Fatal(err)
		}
		selections = append(selections, got[1])
	}
	if !reflect.DeepEqual(selections[0], selections[1]) {
		t.Errorf("the student depends on another job's labels: %+v, %+v", selections[0], selections[1])
	}
}

func TestCutKeepsGroupsTogether(t *testing.T) {
	_, labels := problem(23, 60, 3, 2, false)
	group := make([]string, 60)
	for e := range group {
		if e < 50 {
			group[e] = fmt.Sprint(e / 10)
		}
	}
	job := Job{Examples: upTo(60), Labels: labels, Loss: loss.XEnt{}}
	sides := map[string]int{}
	seen := map[string]bool{}
	for seed := range uint64(20) {
		job.Seed = seed
		cuts, err := Grid{L2: []float64{1}, Group: group, HeldOut: 0.3}.Cuts(job)
		if err != nil || len(cuts) != 1 {
			t.Fatalf("%d cuts, %v", len(cuts), err)
		}
		train, held := cuts[0].Train, cuts[0].Held
		if len(train.Examples)+len(held.Examples) != 60 || len(held.Examples) < 18 || len(held.Examples) > 27 {
			t.Errorf("seed %d: %d to train on and %d held out", seed, len(train.Examples), len(held.Examples))
		}
		side := map[string]int{}
		for s, examples := range [][]int{train.Examples, held.Examples} {
			for _, e := range examples {
				if old, ok := side[group[e]]; ok && old != s && group[e] != "" {
					t.Fatalf("seed %d: group %s is in both parts", seed, group[e])
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
		t.Errorf("20 seeds hold out %d different sets, together %d of 60 examples", len(sides), len(seen))
	}
}

// Every example is held out once, beside its group. Folds of single examples differ by one example at most.
func TestFoldsKeepGroupsTogether(t *testing.T) {
	_, labels := problem(23, 60, 3, 2, false)
	pairs, single := make([]string, 60), make([]string, 60)
	for e := range pairs {
		pairs[e] = fmt.Sprint(e / 2 % 20) // some pairs share a group
	}
	for name, c := range map[string]struct {
		group       []string
		folds, want int
		most        int // examples of a fold
	}{
		"single": {nil, 7, 7, 9}, "unnamed": {single, 4, 4, 15}, "groups": {pairs, 3, 3, 24}, "few": {pairs[:8], 5, 4, 2},
	} {
		n := 60
		if c.group != nil {
			n = len(c.group)
		}
		grid := Grid{L2: []float64{1}, Group: c.group, Folds: c.folds}
		drawn := map[string]bool{}
		for seed := range uint64(5) {
			cuts, err := grid.Cuts(Job{Examples: upTo(n), Labels: labels[:n], Loss: loss.XEnt{}, Seed: seed})
			if err != nil || len(cuts) != c.want {
				t.Fatalf("%s: %d cuts, %v", name, len(cuts), err)
			}
			held := map[int]int{}
			for k, cut := range cuts {
				if len(cut.Train.Examples)+len(cut.Held.Examples) != n || len(cut.Held.Examples) > c.most {
					t.Errorf("%s: fold %d: %d to train on and %d held out", name, k, len(cut.Train.Examples), len(cut.Held.Examples))
				}
				in := map[string]bool{}
				for _, e := range cut.Held.Examples {
					held[e]++
					if c.group != nil {
						in[c.group[e]] = c.group[e] != ""
					}
				}
				for i, e := range cut.Train.Examples {
					if c.group != nil && in[c.group[e]] {
						t.Fatalf("%s: fold %d divides group %s", name, k, c.group[e])
					}
					if !slices.Equal(cut.Train.Labels[i], labels[e]) {
						t.Fatalf("%s: fold %d: the label of example %d is another one's", name, k, e)
					}
				}
			}
			for e := range n {
				if held[e] != 1 {
					t.Errorf("%s: example %d is held out %d times", name, e, held[e])
				}
			}
			drawn[fmt.Sprint(cuts[0].Held.Examples)] = true
		}
		if len(drawn) < 2 {
			t.Errorf("%s: all seeds have the same folds", name)
		}
	}
	one := Job{Examples: upTo(60), Labels: labels, Loss: loss.XEnt{}}
	if _, err := (Grid{L2: []float64{1}, Group: slices.Repeat([]string{"a"}, 60), Folds: 5}).Cuts(one); err == nil || !strings.Contains(err.Error(), "60 examples in 1 group") {
		t.Errorf("one group: %v", err)
	}
}

// Each group is a fold, so that the folds do not depend on the draw.
func TestSelectMatchesScikitLearn(t *testing.T) {
	var cases []struct {
		Classes  int
		Features [][]float64
		Labels   []int
		Groups   []string
		L2       []float64
		LogLoss  []float64 `json:"log_loss"` // by penalty, over all folds
		Best     float64
		// Probabilities are those of a head that is trained on all examples with the best penalty.
		Probabilities [][]float64
	}
	readJSON(t, "testdata/folds.json", &cases)
	if len(cases) < 3 {
		t.Errorf("%d cases", len(cases))
	}
	for i, c := range cases {
		data := Data{X: matrix(c.Features), Classes: c.Classes}
		labels := make([][]float64, len(c.Labels))
		for e, class := range c.Labels {
			labels[e] = make([]float64, c.Classes)
			labels[e][class] = 1
		}
		folds := map[string]bool{}
		for _, g := range c.Groups {
			folds[g] = true
		}
		job := Job{Examples: upTo(data.Examples()), Labels: labels, Loss: loss.XEnt{}}
		got, err := Select(context.Background(), data, []Job{job}, Grid{L2: c.L2, Folds: len(folds), Group: c.Groups}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for k, s := range got[0].Scores {
			if !(math.Abs(s.LogLoss-c.LogLoss[k]) <= 1e-6) {
				t.Errorf("case %d, penalty %v: log loss %v, want %v", i, s.L2, s.LogLoss, c.LogLoss[k])
			}
		}
		if got[0].L2 != c.Best {
			t.Errorf("case %d: penalty %v, want %v", i, got[0].L2, c.Best)
		}
		probs, err := Predict(context.Background(), data, []*Head{got[0].Head}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for e, want := range c.Probabilities {
			if d := furthest(probs[0][e], want); d > 1e-5 {
				t.Errorf("case %d: prediction %d differs by %v", i, e, d)
			}
		}
	}
}

func TestBestScorePrefersLargerPenalty(t *testing.T) {
	scores := []Score{{L2: 1, LogLoss: 0.5}, {L2: 3, LogLoss: 0.1}, {L2: 2, LogLoss: 0.1}, {L2: 4, LogLoss: 0.01, Status: Diverged},
		{L2: 5, LogLoss: math.NaN()}}
	if best, ok := bestScore(scores); !ok || best.L2 != 3 {
		t.Errorf("best %+v", best)
	}
	if best, ok := bestScore(scores[3:]); ok {
		t.Errorf("best %+v, want none", best)
	}
}

func TestSelectRejectsBadInput(t *testing.T) {
	data, labels := problem(24, 6, 3, 2, false)
	job := Job{Examples: upTo(6), Labels: labels, Loss: loss.XEnt{}}
	one := Job{Examples: []int{2}, Labels: labels[:1], Loss: loss.XEnt{}}
	for want, test := range map[string]struct {
		job  Job
		grid Grid
	}{
		"no penalty to choose from": {job, Grid{}},
		"held-out share 1":          {job, Grid{L2: []float64{1}, HeldOut: 1}},
		"-1 folds":                  {job, Grid{L2: []float64{1}, Folds: -1}},
		"2 groups for 6":            {job, Grid{L2: []float64{1}, Group: []string{"a", "b"}}},
		"too few to train":          {one, Grid{L2: []float64{1}}},
		"l2 -3":                     {job, Grid{L2: []float64{1, -3}}},
		"use Adam":                  {Job{Examples: upTo(6), Labels: labels, Loss: loss.LogConf{}, Optimiser: LBFGS{}}, Grid{L2: []float64{1}}},
		"5 labels for 6":            {Job{Examples: upTo(6), Labels: labels[:5], Loss: loss.XEnt{}}, Grid{L2: []float64{1}}},
	} {
		_, err := Select(context.Background(), data, []Job{test.job}, test.grid, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// axes returns n examples of two classes in 20 dimensions. The first has a standard deviation of 4, the others one of 1. Labels
// lean towards the sign of a dimension, by sure.
func axes(n, dimension int, sure float64) (Data, [][]float64) {
	rng := rand.New(rand.NewPCG(31, uint64(n)))
	x := &feature.Matrix{Rows: n, Dims: 20, Data: make([]float32, n*20)}
	var labels [][]float64
	for i := range n {
		row := x.Row(i)
		for d := range row {
			row[d] = float32(rng.NormFloat64())
		}
		row[0] *= 4
		p := 0.5 + math.Copysign(sure, float64(row[dimension]))
		labels = append(labels, []float64{1 - p, p})
	}
	return Data{X: x, Classes: 2}, labels
}

// The guard lets the confidence loss pass where the labels mean the main axis of the features. It keeps the fallback where they mean
// another one, and where they follow the main axis more closely than labels as unsure as these can follow the class.
func TestGuardComparesMainAxisWithCrossEntropy(t *testing.T) {
	grid := Grid{L2: []float64{0.3, 3, 0.03}}
	logConf := loss.LogConf{Alpha: 0.5}
	for _, c := range []struct {
		dimension int
		sure      float64
		kept      bool
	}{{0, 0.4, true}, {1, 0.4, false}, {0, 0.05, false}} {
		dimension, kept := c.dimension, c.kept
		data, labels := axes(120, dimension, c.sure)
		job := Job{Examples: upTo(120), Labels: labels, Loss: loss.GuardConf{LogConf: logConf, Least: 0.6}, Seed: 3}
		confidence, xent := job, job
		confidence.Loss, xent.Loss = loss.Confidence{Alpha: 0.5}, loss.XEnt{}
		heads := 0
		got, err := Select(t.Context(), data, []Job{xent, confidence, job}, grid, Options{Done: func(int) { heads++ }})
		if err != nil {
			t.Fatal(err)
		}
		if want := 4 + 4 + 7; heads != want || grid.Trainings(xent.Loss)+grid.Trainings(confidence.Loss)+grid.Trainings(job.Loss) != want {
			t.Errorf("axis %d: progress of %d heads, want %d", dimension, heads, want)
		}
		reference, fallback, guarded := got[0], got[1], got[2]
		if fallback.Guard != nil || guarded.Guard == nil || guarded.Guard.Kept != kept {
			t.Fatalf("axis %d: guards %+v and %+v", dimension, fallback.Guard, guarded.Guard)
		}
		if e := guarded.Guard.Excess; c.sure < 0.1 && !(e > 7) || c.sure > 0.1 && !(e < 1.3) {
			t.Errorf("axis %d, labels sure by %v: excess %v", dimension, c.sure, e)
		}
		want := confidence
		want.L2 = fallback.L2
		if kept {
			want.Loss, want.L2 = logConf, map[float64]float64{0.03: 0.3, 0.3: 3, 3: 3}[reference.L2]
		}
		if f := fit(t, data, Options{}, want)[0]; !slices.Equal(f.Head.W, guarded.Head.W) || guarded.L2 != want.L2 {
			t.Errorf("axis %d: penalty %v and weights %v, want %v and %v", dimension, guarded.L2, guarded.Head.W, want.L2, f.Head.W)
		}
		if alone, err := Select(t.Context(), data, []Job{job}, grid, Options{}); err != nil || !reflect.DeepEqual(alone[0], guarded) {
			t.Errorf("axis %d: alone %+v, %v", dimension, alone, err)
		}
		// The main axis is all but the first dimension, whose sign the labels give.
		cuts, err := grid.Cuts(xent)
		if err != nil {
			t.Fatal(err)
		}
		train, held := cuts[0].Train, cuts[0].Held
		train.L2 = reference.L2
		probs, err := Predict(t.Context(), data, []*Head{fit(t, data, Options{}, train)[0].Head}, held.Examples)
		if err != nil {
			t.Fatal(err)
		}
		var odds, first []float64
		for i, e := range held.Examples {
			p := probs[0][i]
			odds, first = append(odds, math.Log(p[1]/p[0])), append(first, float64(data.X.Row(e)[0]))
		}
		if c := math.Abs(stat.Correlation(odds, first, nil)); !(math.Abs(c-math.Abs(guarded.Guard.Correlation)) <= 0.15) {
			t.Errorf("axis %d: correlation %v, want about %v", dimension, guarded.Guard.Correlation, c)
		}
	}
}

func TestGuardOfRankingsAndOfManyClasses(t *testing.T) {
	guarded := func(least float64) loss.Loss { return loss.GuardConf{LogConf: loss.LogConf{Alpha: 0.5}, Least: least} }
	for name, c := range map[string]struct {
		classes int
		rank    bool
		least   float64
		kept    bool
	}{
		"a ranking, least -1": {0, true, -1, true},
		"a ranking, least 1":  {0, true, 1, false},
		"three classes":       {3, false, -1, false}, // which have no axis
	} {
		data, labels := problem(27, 60, 8, c.classes, c.rank)
		job := Job{Examples: upTo(60), Labels: labels, Loss: guarded(c.least), Seed: 3}
		got, err := Select(t.Context(), data, []Job{job}, Grid{L2: []float64{0.1}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Guard.Kept != c.kept || got[0].Guard.Correlation > 1 {
			t.Errorf("%s: %+v", name, got[0].Guard)
		}
	}
}
