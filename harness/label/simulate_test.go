package label

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/internal/prob"
)

// someGold returns n gold labels, equally many of each class.
func someGold(n, classes int) Gold {
	g := Gold{Classes: classes}
	for i := range n {
		g.IDs = append(g.IDs, fmt.Sprintf("example %d", i))
		g.Gold = append(g.Gold, oneHot(i%classes, classes))
	}
	return g
}

func accuracyOf(t *testing.T, l Labels, g Gold) float64 {
	t.Helper()
	q, err := g.Measure(l)
	if err != nil {
		t.Fatal(err)
	}
	return q.Accuracy
}

func TestFlipHasAccuracyAndCalibration(t *testing.T) {
	for _, classes := range []int{2, 5} {
		g := someGold(1000, classes)
		l, err := Flip(g, 0.7, 1)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "accuracy", accuracyOf(t, l, g), 0.7, 1e-12)
		q, err := g.Measure(l)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "ECE", q.ECE, 0, 1e-12)
		wrong := make([]int, classes)
		for i, p := range l.Soft {
			if a := prob.Argmax(p); a != prob.Argmax(g.Gold[i]) {
				wrong[a]++
			}
		}
		for k, n := range wrong {
			if math.Abs(float64(n)-300/float64(classes)) > 40 {
				t.Errorf("%d classes: class %d has %d of 300 wrong answers", classes, k, n)
			}
		}
		again, _ := Flip(g, 0.7, 1)
		other, _ := Flip(g, 0.7, 2)
		if !reflect.DeepEqual(l, again) || reflect.DeepEqual(l, other) {
			t.Error("the same seed gives other labels, or another seed the same")
		}
	}
}

// In another order, examples must get the same labels, and without one example at most one label may change.
func TestFlipDependsOnIDsAlone(t *testing.T) {
	g := someGold(300, 2)
	l, err := Flip(g, 0.75, 7)
	if err != nil {
		t.Fatal(err)
	}
	shuffled := Gold{Classes: 2}
	for _, i := range rand.New(rand.NewPCG(3, 4)).Perm(300)[1:] {
		shuffled.IDs, shuffled.Gold = append(shuffled.IDs, g.IDs[i]), append(shuffled.Gold, g.Gold[i])
	}
	s, err := Flip(shuffled, 0.75, 7)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string][]float64{}
	for i, id := range l.IDs {
		by[id] = l.Soft[i]
	}
	changed := 0
	for i, id := range s.IDs {
		if !slices.Equal(s.Soft[i], by[id]) {
			changed++
		}
	}
	if changed > 1 {
		t.Errorf("%d labels changed", changed)
	}
}

// At the same accuracy, a head that is trained on systematic errors must repeat them, and a head that is trained on random
// errors must not.
func TestSystematicErrorsCanBeLearned(t *testing.T) {
	const n, dims = 600, 10
	rng := rand.New(rand.NewPCG(5, 6))
	g := someGold(n, 2)
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, dims)
		for j := range rows[i] {
			rows[i][j] = float32(rng.NormFloat64())
		}
		rows[i][0] += float32(2 * prob.Argmax(g.Gold[i]))
		rows[i][1] *= 1000 // must not determine every projection
	}
	d := data(2, rows)
	systematic, err := Systematic(g, 0.75, d, upTo(n), 1)
	if err != nil {
		t.Fatal(err)
	}
	random, err := Flip(g, 0.75, 1)
	if err != nil {
		t.Fatal(err)
	}
	repeated := func(l Labels) float64 {
		near(t, "accuracy", accuracyOf(t, l, g), 0.75, 1e-12)
		d.Scaling = head.Standardise(d.X, nil)
		fitted, err := head.Fit(t.Context(), d, []head.Job{{Examples: upTo(n), Labels: l.Soft, Loss: loss.XEnt{}, L2: 0.01}}, head.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := head.Predict(t.Context(), d, []*head.Head{fitted[0].Head}, upTo(n))
		if err != nil {
			t.Fatal(err)
		}
		a, err := stats.Agree(p[0], l.Soft, g.Gold)
		if err != nil {
			t.Fatal(err)
		}
		im, err := a.Imitation(stats.Bootstrap{})
		if err != nil {
			t.Fatal(err)
		}
		return im.OnErrors.Value
	}
	s, r := repeated(systematic), repeated(random)
	if s < 0.7 || r > 0.35 {
		t.Errorf("heads repeat %.2f of the systematic errors and %.2f of the random ones", s, r)
	}
	if other, _ := Systematic(g, 0.75, d, upTo(n), 2); reflect.DeepEqual(other, systematic) {
		t.Error("another seed gives the same errors")
	}
}

func TestSystematicErrsOnRankings(t *testing.T) {
	g := Gold{}
	var rows [][]float32
	start := []int{0}
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range 100 {
		k := 2 + i%3
		g.IDs, g.Gold = append(g.IDs, fmt.Sprint(i)), append(g.Gold, oneHot(i%k, k))
		for range k {
			rows = append(rows, []float32{float32(rng.NormFloat64()), float32(rng.NormFloat64())})
		}
		start = append(start, len(rows))
	}
	d := data(0, rows)
	d.Start = start
	l, err := Systematic(g, 0.8, d, upTo(100), 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "accuracy", accuracyOf(t, l, g), 0.8, 1e-12)
	if _, err := Systematic(g, 0.8, d, append(upTo(99), 1), 1); err == nil || !strings.Contains(err.Error(), "candidates") {
		t.Errorf("Systematic with features of another number of candidates: %v", err)
	}
}

func TestRandomGuessesAndMajorityRepeats(t *testing.T) {
	g := someGold(2000, 2)
	l, err := Random(2, g.IDs, func(int) int { return 2 }, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "accuracy of random answers", accuracyOf(t, l, g), 0.5, 4*0.5/math.Sqrt(2000))
	l, err = Random(0, []string{"a", "b"}, func(i int) int { return 2 + i }, 1)
	if err != nil || len(l.Soft[0]) != 2 || len(l.Soft[1]) != 3 {
		t.Errorf("%v, %v", l, err)
	}
	l, err = Majority([]string{"x", "y"}, [][]float64{{0, 1}, {1, 0}, {0, 1}, {0, 1}})
	if err != nil || !reflect.DeepEqual(l.Soft, [][]float64{{0.25, 0.75}, {0.25, 0.75}}) {
		t.Errorf("%v, %v", l, err)
	}
	if _, err := Majority([]string{"x"}, [][]float64{{0, 1}, {1, 0, 0}}); err == nil || !strings.Contains(err.Error(), "rankings") {
		t.Errorf("Majority of rankings: %v", err)
	}
	if _, err := Random(2, []string{"x"}, func(int) int { return 1 }, 1); err == nil || !strings.Contains(err.Error(), "x has 1 answer") {
		t.Errorf("Random with examples of one answer: %v", err)
	}
}

func TestSimulatedSupervisorsRejectBadInput(t *testing.T) {
	g := someGold(10, 2)
	for _, a := range []float64{0, 0.5, 1.01, math.NaN()} {
		if _, err := Flip(g, a, 1); err == nil || !strings.Contains(err.Error(), fmt.Sprint("accuracy ", a)) {
			t.Errorf("Flip with accuracy %v: %v", a, err)
		}
	}
	if l, err := Flip(g, 1, 1); err != nil || accuracyOf(t, l, g) != 1 {
		t.Errorf("accuracy 1: %v", err)
	}
	if _, err := Flip(Gold{Classes: 2, IDs: []string{"a"}, Gold: [][]float64{{0.5, 0.5}}}, 0.8, 1); err == nil || !strings.Contains(err.Error(), "every answer") {
		t.Errorf("Flip of an example whose answers are all right: %v", err)
	}
	d := data(2, [][]float32{{1}, {2}})
	for want, examples := range map[string][]int{"features of 1 example for 10": {0}, "example 2 is not among the 2": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		if _, err := Systematic(g, 0.8, d, examples, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Systematic: error %v, want one with %q", err, want)
		}
	}
	if _, err := g.Measure(Labels{Classes: 2, IDs: []string{"zz"}, Soft: [][]float64{{0, 1}}}); err == nil || !strings.Contains(err.Error(), "zz has no gold") {
		t.Errorf("Measure of a label without gold: %v", err)
	}
}
