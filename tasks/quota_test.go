package tasks

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Each place goes to the class with the largest quotient, which the loop below looks for anew every time.
func TestProportionalIsSainteLague(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		sizes, least := make([]int, 2+rng.IntN(6)), []int(nil)
		total, required := 0, 0
		for c := range sizes {
			sizes[c] = rng.IntN(60)
			total += sizes[c]
			least = append(least, min(rng.IntN(3), sizes[c]))
			required += least[c]
		}
		var before []int
		want := slices.Clone(least)
		for n := required; n <= total; n++ {
			got := proportional(n, sizes, least)
			if !slices.Equal(got, want) {
				t.Fatalf("%d of %v, at least %v: %v, want %v", n, sizes, least, got, want)
			}
			for c := range before {
				if got[c] < before[c] {
					t.Fatalf("%d of %v: class %d gets %d, but %d of one example less", n, sizes, c, got[c], before[c])
				}
			}
			before = got
			best := -1
			for c := range sizes {
				if want[c] < sizes[c] && (best < 0 || float64(sizes[c])/float64(2*want[c]+1) > float64(sizes[best])/float64(2*want[best]+1)) {
					best = c
				}
			}
			if best >= 0 {
				want[best]++
			}
		}
	}
}

// ofClasses returns examples of several classes.
func ofClasses(counts ...int) []Example {
	var pool []Example
	for c, n := range counts {
		for i := range n {
			e := Example{Texts: []string{fmt.Sprintf("text %d of class %d", i, c)}, Gold: oneHot(len(counts), c)}
			e.ID = ContentID(Classify, e.Texts)
			pool = append(pool, e)
		}
	}
	return pool
}

// The classes of TREC: the rarest one has 86 of 5,452 questions.
var trec = []int{86, 1162, 1223, 1250, 835, 896}

func TestNaturalSplit(t *testing.T) {
	d := &Data{Pool: ofClasses(trec...)}
	s := mustSplit(t, d, SplitConfig{Train: 2000, Test: 800})
	pool := slices.Concat(s.WeakTrain, s.CeilingTrain())
	for name, part := range map[string][]Example{"train": pool, "test": s.Test} {
		for c, n := range ClassCounts(part) {
			want := float64(len(part)*trec[c]) / float64(len(d.Pool))
			if math.Abs(float64(n)-want) > 1 {
				t.Errorf("%s: %d examples of class %d, want %.1f", name, n, c, want)
			}
		}
	}
	weak, strong := ClassCounts(s.WeakTrain), ClassCounts(s.CeilingTrain())
	for c := range weak {
		if d := weak[c] - strong[c]; d < -1 || d > 1 {
			t.Errorf("class %d: %d and %d examples in the halves", c, weak[c], strong[c])
		}
	}
	if len(s.Test) != 800 || len(pool) != 2000 {
		t.Errorf("%d and %d examples", len(pool), len(s.Test))
	}
	// A smaller pool is a part of the larger one.
	small := mustSplit(t, d, SplitConfig{Train: 300, Test: 800})
	for _, id := range ids(small.WeakTrain, small.StrongTrain) {
		if !slices.Contains(ids(pool), id) {
			t.Fatalf("%s is in the smaller pool only", id)
		}
	}
	if _, err := d.Split(SplitConfig{Train: 2000, Test: 800, Balance: AlwaysBalance}); !errors.As(err, new(*TooFewError)) {
		t.Errorf("balanced: error %v", err)
	}
	if s = mustSplit(t, d, SplitConfig{Test: 60, Balance: AlwaysBalance}); len(s.WeakTrain)+len(s.StrongTrain) != 6*76 {
		t.Errorf("balanced: %d training examples, want 6 × 76", len(s.WeakTrain)+len(s.StrongTrain))
	}
}

func TestBalanceOfTwoClasses(t *testing.T) {
	d := &Data{Pool: ofClasses(400, 100)}
	for balance, want := range map[Balance][]int{AutoBalance: {75, 75}, AlwaysBalance: {75, 75}, NeverBalance: {360, 90}} {
		s := mustSplit(t, d, SplitConfig{Test: 50, Balance: balance})
		if got := ClassCounts(slices.Concat(s.WeakTrain, s.CeilingTrain())); !slices.Equal(got, want) {
			t.Errorf("%q: training examples %v, want %v", balance, got, want)
		}
	}
	if got := AutoBalance.Usable(d.Pool); got != 200 {
		t.Errorf("%d usable examples, want 200", got)
	}
	if got := NeverBalance.Usable(d.Pool); got != 500 {
		t.Errorf("%d usable examples, want 500", got)
	}
	if _, err := d.Split(SplitConfig{Test: 50, Balance: "x"}); err == nil || !contains(err.Error(), `unknown balance "x"`) {
		t.Errorf("error %v", err)
	}
}

// Every class that has enough examples is in every part, and a class of one or two is left to training.
func TestRareClasses(t *testing.T) {
	s := mustSplit(t, &Data{Pool: ofClasses(300, 200, 3, 2, 1)}, SplitConfig{Train: 100, Test: 40})
	if got := ClassCounts(s.Test); !slices.Equal(got, []int{23, 16, 1, 0, 0}) {
		t.Errorf("test examples %v", got)
	}
	if got := ClassCounts(slices.Concat(s.WeakTrain, s.CeilingTrain())); got[2] != 2 || got[3] != 2 || got[4] != 1 {
		t.Errorf("training examples %v", got)
	}
	if got := ClassCounts(s.WeakTrain); got[2] != 1 || got[3] != 1 {
		t.Errorf("weak half %v", got)
	}
	many := &Data{Pool: ofClasses(slices.Repeat([]int{10}, 100)...)}
	if _, err := many.Split(SplitConfig{Train: 100, Test: 100}); err == nil || !contains(err.Error(), "train: too few examples for 100 classes: 100 (ask for 200 or more)") {
		t.Errorf("error %v", err)
	}
	if _, err := many.Split(SplitConfig{Train: 5000, Test: 100}); err == nil || !contains(err.Error(), "want 5000 examples, have 900") {
		t.Errorf("error %v", err)
	}
}
