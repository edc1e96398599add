package label

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/internal/prob"
)

// combinedLabels fits a combiner and returns its labels of the examples that it is fitted to.
func combinedLabels(t *testing.T, name string, said [][][]float64, e Evidence) (labels [][]float64, c Combined) {
	t.Helper()
	combiner, err := ParseCombiner(name)
	if err == nil {
		c, err = combiner.Fit(context.Background(), said, e)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range said[0] {
		labels = append(labels, c.Label(ofExample(said, i)))
	}
	return labels, c
}

func ofExample(said [][][]float64, i int) (of [][]float64) {
	for m := range said {
		of = append(of, said[m][i])
	}
	return of
}

func TestCombineByHand(t *testing.T) {
	said := [][][]float64{{{0.9, 0.1}, {1, 0}}, {{0.4, 0.6}, {0, 1}}, {{0.8, 0.2}, {0.5, 0.5}}}
	odds := math.Pow(9*2.0/3*4, 1.0/3) // of the first class, the geometric mean of 9, 2/3 and 4
	for name, want := range map[string][]float64{"mean": {0.7, 0.3}, "vote": {2.0 / 3, 1.0 / 3}, "logit": {odds / (1 + odds), 1 / (1 + odds)}} {
		got, c := combinedLabels(t, name+"+agree", said, Evidence{})
		for k := range want {
			if math.Abs(got[0][k]-want[k]) > 1e-12 {
				t.Errorf("%s: %v, want %v", name, got[0], want)
			}
		}
		if math.IsNaN(got[1][0]) || c.Keeps(0, ofExample(said, 0)) || !c.Keeps(1, [][]float64{{0.6, 0.4}, {1, 0}}) {
			t.Errorf("%s: %v, or keeps the wrong examples", name, got[1])
		}
	}
}

// Dawid and Skene, and the mean of logits, give the values of testdata/combine.py.
func TestCombineMatchesReference(t *testing.T) {
	data, err := os.ReadFile("testdata/combine.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []map[string]json.RawMessage
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		var said [][][]float64
		var truth []int
		var right []float64
		for key, into := range map[string]any{"said": &said, "truth": &truth, "right": &right} {
			if err := json.Unmarshal(c[key], into); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"logit", "dawid-skene"} {
			var want [][]float64
			if err := json.Unmarshal(c[name], &want); err != nil {
				t.Fatal(err)
			}
			got, fitted := combinedLabels(t, name, said, Evidence{})
			for e := range want {
				for k := range want[e] {
					if math.Abs(got[e][k]-want[e][k]) > 1e-6 {
						t.Fatalf("case %d, %s, example %d: %v, want %v", i, name, e, got[e], want[e])
					}
				}
			}
			if name != "dawid-skene" {
				continue
			}
			notes := strings.Join(fitted.Notes([]string{"a", "b", "c", "d"}[:len(said)]), "\n")
			for _, r := range right {
				if text := fmt.Sprintf(" %.0f %%", 100*r); !strings.Contains(notes, text) {
					t.Errorf("case %d: notes %q lack%s", i, notes, text)
				}
			}
		}
	}
}

// Raven gives weight to the supervisors that a student of theirs agrees with: here two whose answers follow the features, and not one
// that guesses.
func TestRaven(t *testing.T) {
	x := &feature.Matrix{Rows: 200, Dims: 2}
	said := make([][][]float64, 3)
	sides := make([]int, 200)
	var examples []int
	state := uint64(1)
	next := func() float64 {
		state = state*6364136223846793005 + 1442695040888963407
		return float64(state>>11) / (1 << 53)
	}
	for i := range 200 {
		v := 2*next() - 1
		x.Data = append(x.Data, float32(v), float32(next()))
		examples = append(examples, i)
		p := 1 / (1 + math.Exp(-4*v))
		guess := 0.1
		if next() < 0.5 {
			guess = 0.9
		}
		if v > 0 {
			sides[i] = 1
		}
		for m, q := range []float64{p, 0.1 + 0.8*p, guess} {
			said[m] = append(said[m], []float64{1 - q, q})
		}
	}
	e := Evidence{Features: head.Data{X: x, Classes: 2, Scaling: head.Standardise(x, nil)}, Examples: examples}
	labels, c := combinedLabels(t, "raven", said, e)
	again, _ := combinedLabels(t, "raven", said, e)
	equal, _ := combinedLabels(t, "logit", said, e)
	accuracy := func(labels [][]float64) (right int) {
		for i, p := range labels {
			if prob.Argmax(p) == sides[i] {
				right++
			}
		}
		return right
	}
	if !reflect.DeepEqual(labels, again) || accuracy(labels) <= accuracy(equal) {
		t.Errorf("raven is right on %d of 200, equal weights on %d", accuracy(labels), accuracy(equal))
	}
	notes := c.Notes([]string{"a", "b", "c"})
	if len(notes) != 3 || !strings.Contains(notes[2], "raven gives c 15 %") {
		t.Errorf("notes %q: the one that guesses has the third that it began with", notes)
	}
	combiner, err := ParseCombiner("raven")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := combiner.Fit(t.Context(), said, Evidence{}); err == nil || !strings.Contains(err.Error(), "student's features") {
		t.Error(err)
	}
}

// One step of the weights goes down the numerical gradient of the student's cross-entropy.
func TestRavenGradient(t *testing.T) {
	of := [][][]float64{{{0.7, 0.2, 0.1}, {0.1, 0.6, 0.3}}, {{0.2, 0.3, 0.5}, {0.4, 0.4, 0.2}}}
	p := [][]float64{{0.5, 0.3, 0.2}, {0.1, 0.2, 0.7}}
	objective := func(w []float64) (sum float64) {
		for i := range of {
			for k, y := range logitMean(of[i], w) {
				sum -= y * math.Log(p[i][k]) / 2
			}
		}
		return sum
	}
	start := []float64{0.4, 0.6}
	w := slices.Clone(start)
	descend(w, of, p)
	want, sum := make([]float64, 2), 0.0
	for m := range want {
		up, down := slices.Clone(start), slices.Clone(start)
		up[m] += 1e-6
		down[m] -= 1e-6
		want[m] = start[m] - ravenRate*(objective(up)-objective(down))/2e-6
		sum += want[m]
	}
	for m := range want {
		if math.Abs(w[m]-want[m]/sum) > 1e-9 {
			t.Errorf("weights %v, want %v / %v", w, want, sum)
		}
	}
}

func TestParseCombiner(t *testing.T) {
	for _, c := range Combiners() {
		for _, text := range []string{c.Name, c.Name + "+agree"} {
			if got, err := ParseCombiner(text); err != nil || got.String() != text {
				t.Errorf("%s: %v, %v", text, got, err)
			}
		}
	}
	if _, err := ParseCombiner("raben"); err == nil || !strings.Contains(err.Error(), `did you mean "raven"?`) {
		t.Error(err)
	}
	c, err := ParseCombiner("dawid-skene")
	if err != nil || c.Fits(false) != nil || c.Fits(true) == nil {
		t.Errorf("%v: dawid-skene fits rankings", err)
	}
	if _, err := c.Fit(t.Context(), [][][]float64{{{1, 0}}}, Evidence{}); err == nil || !strings.Contains(err.Error(), "1 supervisor, want two or more") {
		t.Error(err)
	}
}

// Co-supervised learning keeps the examples of a level with which a student of the level before agrees. Here the first level is right on
// all examples, the classes are far apart, and the second level errs on a quarter.
func TestCombineLevels(t *testing.T) {
	const n = 200
	x := &feature.Matrix{Rows: n, Dims: 2}
	said := make([][][]float64, 3)
	e := Evidence{}
	for i := range n {
		class := i % 2
		x.Data = append(x.Data, float32(4*class-2)+float32(i%7)/10, float32(i%5)/5)
		e.Examples = append(e.Examples, i)
		said[0] = append(said[0], oneHot(class, 2))
		for m, every := range []int{4, 5} {
			answer := class
			if i%every == 0 {
				answer = 1 - class
			}
			said[m+1] = append(said[m+1], []float64{0.9 - 0.8*float64(answer), 0.1 + 0.8*float64(answer)})
		}
	}
	e.Features = head.Data{X: x, Classes: 2, Scaling: head.Standardise(x, nil)}
	labels, c := combinedLabels(t, "csl", said, e)
	if !reflect.DeepEqual(labels, said[2]) {
		t.Error("the labels are not those of the last level")
	}
	for i := range n {
		if want := i%5 != 0; c.Keeps(i, ofExample(said, i)) != want {
			t.Errorf("example %d: kept: %v, want %v", i, !want, want)
		}
	}
	_, c = combinedLabels(t, "csl+agree", said, e)
	for i := range n {
		if want := i%5 != 0 && i%4 != 0; c.Keeps(i, ofExample(said, i)) != want {
			t.Errorf("with agreement, example %d: kept: %v, want %v", i, !want, want)
		}
	}
	if notes := c.Notes([]string{"a", "b", "c"}); len(notes) != 2 || notes[0] != "csl keeps 75 % of the training examples of b, the share on which a student of a agrees" {
		t.Errorf("%q", notes)
	}
	opposite := [][][]float64{said[0], make([][]float64, n)}
	for i := range n {
		opposite[1][i] = oneHot(1-i%2, 2)
	}
	combiner, err := ParseCombiner("csl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = combiner.Fit(t.Context(), opposite, e); err == nil || !strings.Contains(err.Error(), "agree on 0 of 200 examples") {
		t.Error(err)
	}
	if _, err = combiner.Fit(t.Context(), said, Evidence{}); err == nil || !strings.Contains(err.Error(), "needs the student's features") {
		t.Error(err)
	}
}
