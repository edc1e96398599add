package experiment

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/internal/prob"
)

// A bootstrap sample has as many units as there are, and draws the examples of one together.
func TestBootstrapWeights(t *testing.T) {
	groups := []string{"a", "b", "b", "c", "d", "e", "f", "b"}
	size := map[string]float64{"a": 1, "b": 3, "c": 1, "d": 1, "e": 1, "f": 1}
	rng := rand.New(rand.NewPCG(1, 2))
	var first []float64
	differ := false
	for range 50 {
		w := bootstrapWeights(groups, rng)
		units := 0.0
		for i, g := range groups {
			units += w[i] / size[g]
		}
		if units < 6-1e-9 || units > 6+1e-9 || w[1] != w[2] || w[1] != w[7] {
			t.Errorf("weights %v draw %v units of 6", w, units)
		}
		differ = differ || first != nil && !reflect.DeepEqual(w, first)
		first = w
	}
	if !differ {
		t.Error("all samples are the same")
	}
}

// The weights of AdaBoost by hand: of ten examples, three are wrong. Of two classes, the weights of right ones are divided by 2(1-e) and
// those of wrong ones by 2e. Under the new weights the same head is as good as guessing.
func TestBoostWeights(t *testing.T) {
	wrong := []bool{true, true, true, false, false, false, false, false, false, false}
	for _, classes := range []float64{2, 4} {
		weights := []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
		vote, e := boostVote(weights, wrong, 1/classes)
		if want := math.Log(7.0/3) + math.Log(classes-1); math.Abs(vote-want) > 1e-12 || math.Abs(e-0.3) > 1e-12 {
			t.Errorf("%v classes: vote %v and error %v, want %v and 0.3", classes, vote, e, want)
		}
		next := reweighted(weights, wrong, vote)
		if classes == 2 && (math.Abs(next[0]-1/(2*0.3)) > 1e-12 || math.Abs(next[9]-1/(2*0.7)) > 1e-12) {
			t.Errorf("weights %v", next)
		}
		if again, e := boostVote(next, wrong, 1/classes); math.Abs(again) > 1e-12 || math.Abs(e-(1-1/classes)) > 1e-12 {
			t.Errorf("%v classes: the head has a vote of %v and an error of %v under its own weights", classes, again, e)
		}
	}
	if vote, e := boostVote([]float64{1, 1}, []bool{false, false}, 0.5); vote != math.Log(3) || e != 0 {
		t.Errorf("without errors: vote %v, error %v", vote, e)
	}
}

// stripes are examples along the first of two dimensions. In the left half, class 1 is above, and in the right half it is below.
func stripes(n int) (x *feature.Matrix, gold [][]float64) {
	rng := rand.New(rand.NewPCG(3, 4))
	x = &feature.Matrix{Dims: 2}
	for range n {
		a, b := 10*rng.NormFloat64(), rng.NormFloat64()
		x.Rows, x.Data = x.Rows+1, append(x.Data, float32(a), float32(b))
		if a*b < 0 {
			gold = append(gold, []float64{0, 1})
		} else {
			gold = append(gold, []float64{1, 0})
		}
	}
	return x, gold
}

// Clusters have equally many examples and lie on both sides of the median of the main axis, and an example is found in its own.
func TestCluster(t *testing.T) {
	x, gold := stripes(400)
	data := head.Data{X: x, Classes: 2, Scaling: &head.Scaling{Mean: []float64{0, 0}, SD: []float64{1, 1}}}
	examples := rand.New(rand.NewPCG(5, 6)).Perm(400)[:240]
	for _, n := range []int{1, 2, 3, 4, 8} {
		tree, blocks, err := cluster(data, examples, n)
		if err != nil || len(blocks) != n {
			t.Fatalf("%v, %d clusters", err, len(blocks))
		}
		seen := 0
		for k, block := range blocks {
			seen += len(block)
			if len(block) < 240/n/2 || len(block) > 2*240/n {
				t.Errorf("a cluster of %d has %d of 240 examples", n, len(block))
			}
			for _, i := range block {
				if got := tree.find(data, examples[i]); got != k {
					t.Errorf("example %d of cluster %d is found in %d", i, k, got)
				}
			}
		}
		if seen != 240 {
			t.Errorf("%d examples are in clusters", seen)
		}
	}
	if _, _, err := cluster(data, examples, 100); err == nil {
		t.Error("clusters of fewer examples than heads can learn from")
	}
	same := head.Data{X: &feature.Matrix{Rows: 400, Dims: 2, Data: make([]float32, 800)}, Classes: 2, Scaling: data.Scaling}
	if _, _, err := cluster(same, examples, 2); err == nil {
		t.Error("clusters of equal features")
	}

	// What no one head can learn, two experts do.
	w := &workbench{groups: make([]string, 400)}
	training := ensembleTraining{Ensemble: Ensemble{Name: "experts:2:x", Heads: 2}, whole: trained{}, all: data, half: halves{weak: examples}}
	training.whole.L2 = 0.01
	for _, e := range examples {
		training.half.weakGold = append(training.half.weakGold, gold[e])
	}
	training.own = w.part(features{raw: head.Data{X: x, Classes: 2}, scaling: map[uint64]*head.Scaling{0: data.Scaling}}, 0, examples)
	blend, heads, _, err := expertHeads(t.Context(), training)
	if err != nil {
		t.Fatal(err)
	}
	p, err := head.Predict(t.Context(), data, heads, nil)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for e := range 400 {
		if prob.Argmax(blend(e, across(p, e))) == prob.Argmax(gold[e]) {
			right++
		}
	}
	if right < 360 {
		t.Errorf("two experts are right on %d of 400", right)
	}
	one, err := training.fit(t.Context(), training.job(0))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = head.Predict(t.Context(), data, one, nil); err != nil {
		t.Fatal(err)
	}
	right = 0
	for e := range 400 {
		if prob.Argmax(p[0][e]) == prob.Argmax(gold[e]) {
			right++
		}
	}
	if right > 300 {
		t.Errorf("one head is right on %d of 400, so the test shows nothing", right)
	}
}

// Boosting ends at a head without errors, whose answers are the labels, and the votes of several heads count as boostVote says.
func TestBoostHeads(t *testing.T) {
	x, gold := stripes(300)
	data := head.Data{X: x, Classes: 2, Scaling: &head.Scaling{Mean: []float64{0, 0}, SD: []float64{1, 1}}}
	w := &workbench{groups: make([]string, 300)}
	examples := make([]int, 300)
	for i := range examples {
		examples[i] = i
	}
	boost := func(gold [][]float64) ([]*head.Head, []string, [][]float64) {
		training := ensembleTraining{Ensemble: Ensemble{Name: "boost:6:x", Heads: 6}, all: data, half: halves{weak: examples, weakGold: gold}}
		training.whole.L2 = 1e-4
		training.own = w.part(features{raw: head.Data{X: x, Classes: 2}, scaling: map[uint64]*head.Scaling{0: data.Scaling}}, 0, examples)
		blend, heads, notes, err := boostHeads(t.Context(), training)
		if err != nil {
			t.Fatal(err)
		}
		p, err := head.Predict(t.Context(), data, heads, nil)
		if err != nil {
			t.Fatal(err)
		}
		labels := make([][]float64, 300)
		for e := range labels {
			labels[e] = blend(e, across(p, e))
		}
		return heads, notes, labels
	}
	easy := make([][]float64, 300) // the sign of the first dimension, with a gap
	for i := range easy {
		if easy[i] = []float64{1, 0}; x.Row(i)[0] > 0 {
			easy[i] = []float64{0, 1}
			x.Row(i)[0] += 5
		}
	}
	heads, notes, labels := boost(easy)
	if len(heads) != 1 || len(notes) != 1 || math.Abs(math.Log(labels[0][0]/labels[0][1])) < 6 {
		t.Errorf("%d heads, notes %q, label %v", len(heads), notes, labels[0])
	}
	if heads, notes, _ = boost(gold); len(heads) == 6 || len(notes) != 1 { // no head is better than guessing for long
		t.Errorf("%d heads, notes %q", len(heads), notes)
	}
	for i := range easy { // a third class of errors that a line cannot learn
		if i%4 == 0 {
			easy[i] = []float64{1, 0}
		}
	}
	if heads, notes, labels = boost(easy); len(heads) < 2 {
		t.Errorf("%d heads, notes %q", len(heads), notes)
	}
	for _, p := range labels {
		if math.Abs(p[0]+p[1]-1) > 1e-12 {
			t.Errorf("label %v", p)
		}
	}
}
