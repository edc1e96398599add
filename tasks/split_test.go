package tasks

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"w2s/internal/prob"
)

// classified returns n examples in groups of the given size; share is the probability of class 1.
func classified(n int, share float64, group int) []Example {
	rng := rand.New(rand.NewPCG(1, 2))
	var out []Example
	for i := range n {
		e := yesNo(fmt.Sprintf("text number %d", i), rng.Float64() < share)
		e.ID = ContentID(Classify, e.Texts)
		if group > 1 {
			e.Group = fmt.Sprint("g", i/group)
		}
		out = append(out, e)
	}
	return out
}

func ids(parts ...[]Example) []string {
	var out []string
	for _, p := range parts {
		for _, e := range p {
			out = append(out, e.ID)
		}
	}
	slices.Sort(out)
	return out
}

func positives(examples []Example) int {
	n := 0
	for _, e := range examples {
		n += prob.Argmax(e.Gold)
	}
	return n
}

func mustSplit(t *testing.T, d *Data, cfg SplitConfig) *Split {
	t.Helper()
	s, err := d.Split(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSplitSizesAndBalance(t *testing.T) {
	for _, c := range []struct {
		n     int
		share float64
		cfg   SplitConfig
	}{
		{1000, 0.5, SplitConfig{Train: 400, Test: 200}},
		{1000, 0.8, SplitConfig{Train: 200, Test: 100}},
		{1000, 0.2, SplitConfig{Train: 200, Test: 100, Seed: 9}},
		{1000, 0.5, SplitConfig{Train: 401, Test: 199}},
	} {
		s := mustSplit(t, &Data{Pool: classified(c.n, c.share, 1)}, c.cfg)
		if len(s.Test) != c.cfg.Test || len(s.WeakTrain)+len(s.StrongTrain) != c.cfg.Train {
			t.Errorf("%+v: sizes of the parts are %d, %d, %d", c, len(s.WeakTrain), len(s.StrongTrain), len(s.Test))
		}
		for name, part := range map[string][]Example{"weak": s.WeakTrain, "strong": s.CeilingTrain(), "test": s.Test} {
			if d := 2*positives(part) - len(part); d < -2 || d > 2 {
				t.Errorf("%+v: %s: %d of %d positive", c, name, positives(part), len(part))
			}
			if !slices.IsSortedFunc(part, byID) {
				t.Errorf("%+v: %s is not sorted by id", c, name)
			}
		}
	}
}

func TestSeedsShareTestSetAndDrawPools(t *testing.T) {
	d := &Data{Pool: classified(800, 0.5, 1)}
	for _, c := range []struct {
		shared                 bool
		inPool, inHalf, spread int
	}{
		// Two independent halves of 300 examples share 75 ± 4.3 examples, two draws of 300 of 700 share 128.6 ± 6.5, and their
		// halves 32 ± 4.5 (hypergeometric distribution).
		{true, 300, 75, 0},
		{false, 129, 32, 30},
	} {
		a := mustSplit(t, d, SplitConfig{Seed: 1, Shared: c.shared, Train: 300, Test: 100})
		b := mustSplit(t, d, SplitConfig{Seed: 2, Shared: c.shared, Train: 300, Test: 100})
		if !slices.Equal(ids(a.Test), ids(b.Test)) {
			t.Error("seeds have different test sets")
		}
		common := func(a, b []string) (n int) {
			for _, id := range a {
				if slices.Contains(b, id) {
					n++
				}
			}
			return n
		}
		if n := common(ids(a.WeakTrain, a.StrongTrain), ids(b.WeakTrain, b.StrongTrain)); n < c.inPool-c.spread || n > c.inPool+c.spread {
			t.Errorf("shared %v: pools of two seeds share %d of 300, want about %d", c.shared, n, c.inPool)
		}
		if n := common(ids(a.WeakTrain), ids(b.WeakTrain)); n < c.inHalf-20 || n > c.inHalf+20 {
			t.Errorf("shared %v: weak halves of two seeds share %d of 150, want about %d", c.shared, n, c.inHalf)
		}
	}
}

func TestSplitIgnoresRowOrder(t *testing.T) {
	pool := classified(500, 0.4, 3)
	want := mustSplit(t, &Data{Pool: slices.Clone(pool)}, SplitConfig{Seed: 3, Train: 200, Test: 80})
	rand.New(rand.NewPCG(5, 5)).Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	got := mustSplit(t, &Data{Pool: pool}, SplitConfig{Seed: 3, Train: 200, Test: 80})
	if !reflect.DeepEqual(got, want) {
		t.Error("the order of the rows changed the split")
	}
}

// Removing a row changes at most one example of the test set.
func TestSplitStableUnderRowRemoval(t *testing.T) {
	pool := classified(500, 0.5, 1)
	before := ids(mustSplit(t, &Data{Pool: pool}, SplitConfig{Train: 200, Test: 80}).Test)
	for _, gone := range []int{0, 17, 250, 499} {
		less := slices.Delete(slices.Clone(pool), gone, gone+1)
		after := ids(mustSplit(t, &Data{Pool: less}, SplitConfig{Train: 200, Test: 80}).Test)
		changed := 0
		for _, id := range after {
			if !slices.Contains(before, id) {
				changed++
			}
		}
		if changed > 1 {
			t.Errorf("without row %d, %d test examples changed", gone, changed)
		}
	}
}

func TestSplitKeepsGroupsAndNearDuplicatesTogether(t *testing.T) {
	pool := classified(600, 0.5, 7)
	for i := range 40 { // pairs of texts that differ in case and white space only
		e := yesNo(fmt.Sprintf("  TEXT  number\n%d ", 600+i), i%2 == 0)
		f := yesNo(fmt.Sprintf("text number %d", 600+i), i%2 == 1)
		e.ID, f.ID = ContentID(Classify, e.Texts), ContentID(Classify, f.Texts)
		pool = append(pool, e, f)
	}
	s := mustSplit(t, &Data{Pool: pool}, SplitConfig{Seed: 4, Train: 300, Test: 100})
	owner := map[string]int{}
	for i, part := range [][]Example{s.WeakTrain, s.CeilingTrain(), s.Test} {
		for _, e := range part {
			for _, key := range unitKeys(&e) {
				if o, ok := owner[key]; ok && o != i {
					t.Fatalf("%q is in the parts %d and %d", key, o, i)
				}
				owner[key] = i
			}
		}
	}
	if d := len(s.WeakTrain) - len(s.StrongTrain); d < -14 || d > 14 {
		t.Errorf("halves of %d and %d differ by more than two groups", len(s.WeakTrain), len(s.StrongTrain))
	}
}

func TestSplitHidesGoldFromTheStudent(t *testing.T) {
	s := mustSplit(t, &Data{Pool: classified(200, 0.5, 1)}, SplitConfig{Train: 100, Test: 40})
	gold := s.CeilingGold()
	if len(gold) != len(s.StrongTrain) {
		t.Fatalf("%d gold rows for %d examples", len(gold), len(s.StrongTrain))
	}
	for i, e := range s.StrongTrain {
		if e.Gold != nil || e.Answer != "" || e.Also != nil {
			t.Fatalf("the student can see gold %v, answer %q", e.Gold, e.Answer)
		}
		if s.CeilingTrain()[i].ID != e.ID || gold[i] == nil {
			t.Fatalf("row %d of the ceiling is a different example", i)
		}
	}
}

func TestSplitOwnTestPart(t *testing.T) {
	all := classified(300, 0.5, 1)
	d := &Data{Pool: all[:200], Test: all[200:]}
	s := mustSplit(t, d, SplitConfig{Train: 100})
	if want := 2 * min(positives(all[200:]), 100-positives(all[200:])); len(s.Test) != want {
		t.Errorf("test size 0 takes %d examples of the test part, want %d", len(s.Test), want)
	}
	if s = mustSplit(t, d, SplitConfig{Train: 100, Test: 50}); len(s.Test) != 50 {
		t.Errorf("%d test examples, want 50", len(s.Test))
	}
	for _, id := range ids(s.Test) {
		if !slices.Contains(ids(d.Test), id) {
			t.Errorf("test example %s is not in the test part", id)
		}
	}
}

func TestSplitErrors(t *testing.T) {
	all := classified(100, 0.5, 1)
	oneGroup := classified(100, 0.5, 100)
	unnamed := classified(100, 0.5, 1)
	unnamed[5].ID = ""
	twice := append(classified(100, 0.5, 1), all[0])
	leaking := &Data{Pool: classified(100, 0.5, 1), Test: slices.Clone(all[:50])}
	for _, c := range []struct {
		name string
		data *Data
		cfg  SplitConfig
		few  bool
		want string
	}{
		{"too few to test", &Data{Pool: all}, SplitConfig{Train: 20, Test: 400}, true, `want 200 examples of class "`},
		{"too few to train", &Data{Pool: all}, SplitConfig{Train: 400, Test: 20}, true, `want 200 examples of class "`},
		{"one class", &Data{Pool: classified(100, 0, 1)}, SplitConfig{Train: 20, Test: 20}, true, `of class "1"`},
		{"no test size", &Data{Pool: all}, SplitConfig{Train: 20}, false, "say how many"},
		{"negative", &Data{Pool: all}, SplitConfig{Train: -1, Test: 3}, false, "must not be negative"},
		{"empty", &Data{}, SplitConfig{Train: 1, Test: 3}, false, "no examples"},
		{"one group", &Data{Pool: oneGroup, Test: classified(300, 0.5, 1)[200:]}, SplitConfig{Train: 20, Test: 20}, false, "cannot be halved"},
		{"no id", &Data{Pool: unnamed}, SplitConfig{Train: 20, Test: 20}, false, "has no id"},
		{"repeated id", &Data{Pool: twice}, SplitConfig{Train: 20, Test: 20}, false, "occurs twice in the training part"},
		{"test part leaks", leaking, SplitConfig{}, false, "leak"},
	} {
		_, err := c.data.Split(c.cfg)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		var few *TooFewError
		if errors.As(err, &few) != c.few {
			t.Errorf("%s: TooFewError is %v: %v", c.name, !c.few, err)
		}
		if !contains(err.Error(), c.want) {
			t.Errorf("%s: error %q does not say %q", c.name, err, c.want)
		}
	}
}

func TestTooFewNamesTheClass(t *testing.T) {
	d := loadNamed(t, "movies", Local(hubFixtures(), nil))
	_, err := d.Split(SplitConfig{Train: 5000, Test: 10})
	if err == nil || !contains(err.Error(), `tasks: split: train: want 2500 examples of class "`) || !contains(err.Error(), `tive", have `) {
		t.Errorf("error %v", err)
	}
}

func BenchmarkSplit(b *testing.B) {
	d := &Data{Pool: classified(60000, 0.5, 1)}
	for b.Loop() {
		if _, err := d.Split(SplitConfig{Seed: 1, Train: 4000, Test: 1000}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestSplitRanking(t *testing.T) {
	var pool []Example
	for i := range 200 {
		e, _ := sortCandidates(Example{Texts: []string{fmt.Sprint("good ", i), fmt.Sprint("bad ", i)}, Gold: []float64{1, 0}})
		e.ID = ContentID(Rank, e.Texts)
		pool = append(pool, e)
	}
	// The order of the candidates must not give the answer away, so the right one is first in about half of the examples.
	if first := len(pool) - positives(pool); first < 70 || first > 130 {
		t.Errorf("the right candidate is first in %d of 200 examples", first)
	}
	d := &Data{Pool: pool}
	_, err := d.Split(SplitConfig{Train: 500, Test: 50})
	if few := new(TooFewError); !errors.As(err, &few) || *few != (TooFewError{Part: "train", Want: 500, Have: 150}) {
		t.Errorf("too few to train: %v", err)
	}
	s := mustSplit(t, d, SplitConfig{Train: 101, Test: 50})
	if len(s.Test) != 50 || len(s.WeakTrain) != 51 || len(s.StrongTrain) != 50 {
		t.Errorf("sizes %d, %d, %d, want 51, 50, 50", len(s.WeakTrain), len(s.StrongTrain), len(s.Test))
	}
}

// Examples that no part can have are counted: of each group of three, one class has two.
func TestSplitCountsWhatGroupsCost(t *testing.T) {
	var pool []Example
	for i := range 90 {
		e := yesNo(fmt.Sprintf("text %d", i), i%3 == 0)
		e.ID, e.Group = ContentID(Classify, e.Texts), fmt.Sprint(i/3)
		pool = append(pool, e)
	}
	s := mustSplit(t, &Data{Pool: pool}, SplitConfig{Test: 20})
	if used := len(s.WeakTrain) + len(s.ceiling) + len(s.Test); used != 60 || s.Dropped != 30 {
		t.Errorf("%d examples used and %d dropped, want 60 and 30", used, s.Dropped)
	}
	for i := range pool {
		pool[i].Group = "one"
	}
	if _, err := (&Data{Pool: pool}).Split(SplitConfig{Test: 20}); err == nil || !contains(err.Error(), "the test part of 20 examples leaves nothing to train on") {
		t.Errorf("one group: error %v", err)
	}
}

// unitKeys returns the keys of an example. Examples that share a key belong to one unit.
func unitKeys(e *Example) []string {
	keys := []string{"text " + textKey(e)}
	if e.Group != "" {
		keys = append(keys, "group "+e.Group)
	}
	for _, l := range e.links {
		keys = append(keys, "link "+l)
	}
	return keys
}
