package head

import (
	"bytes"
	"encoding/json"
	"math"
	"os/exec"
	"testing"

	"gonum.org/v1/gonum/floats"

	"w2s/harness/feature"
	"w2s/internal/shareddata"
)

// sides standardises the first and the second rows of all pairs, each by themselves.
func sides(x *feature.Matrix) *feature.Matrix {
	out := &feature.Matrix{Rows: x.Rows, Dims: x.Dims, Data: make([]float32, len(x.Data))}
	for side := range 2 {
		var rows []int
		for r := side; r < x.Rows; r += 2 {
			rows = append(rows, r)
		}
		s := Standardise(x, rows)
		for _, r := range rows {
			s.ApplyTo(x.Row(r), out.Row(r))
		}
	}
	return out
}

// NumPy finds the same components, the same consensus and the same contrast-consistent direction.
func TestDirectionsWithoutLabelsAreThoseOfNumPy(t *testing.T) {
	python := shareddata.Python(t, "numpy")
	const dims, epochs = 12, 200
	x := spread(180, dims)
	type oneCase struct {
		Rows       [][2]int    `json:"rows"`
		Ranks      bool        `json:"ranks"`
		Directions [][]float64 `json:"directions"`
	}
	problem := struct {
		X      []float32   `json:"x"`
		Dims   int         `json:"dims"`
		Epochs int         `json:"epochs"`
		Starts [][]float64 `json:"starts"`
		Cases  []oneCase   `json:"cases"`
	}{X: x.Data, Dims: dims, Epochs: epochs, Starts: RandomDirections(dims, 3, 7)}
	all := []Data{{X: x, Classes: 2}, {X: x, Start: stepsOf(180, 2)}, {X: x, Start: stepsOf(180, 3)}}
	var examples [][]int
	for i := range all {
		all[i].Scaling = Standardise(x, nil)
		c := oneCase{Ranks: all[i].Classes == 0, Directions: RandomDirections(dims, 20, uint64(i))}
		var own []int
		for e := range all[i].Examples() {
			if e%5 > 0 {
				from, to := all[i].Rows(e)
				own, c.Rows = append(own, e), append(c.Rows, [2]int{from, to})
			}
		}
		examples, problem.Cases = append(examples, own), append(problem.Cases, c)
	}
	input, err := json.Marshal(problem)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(python, "testdata/unlabelled.py")
	command.Stdin = bytes.NewReader(input)
	text, err := command.CombinedOutput()
	var want struct {
		Cases []struct {
			Axes      [][]float64
			Consensus []float64
		}
		Weights []float64
		Value   float64
	}
	if err != nil || json.Unmarshal(text, &want) != nil {
		t.Fatalf("python: %v %s", err, text)
	}
	for i, data := range all {
		axes, err := MainAxes(data, examples[i], 5)
		if err != nil || len(axes) != 5 {
			t.Fatalf("case %d: %d axes: %v", i, len(axes), err)
		}
		for k, a := range axes {
			if c := math.Abs(cosine(a, want.Cases[i].Axes[k])); c < 1-1e-9 {
				t.Errorf("case %d: component %d has the cosine %v with NumPy's", i, k, c)
			}
		}
		first, err := MainAxis(data, examples[i])
		if c := math.Abs(cosine(axes[0], first)); err != nil || c < 1-1e-9 {
			t.Errorf("case %d: the first component has the cosine %v with the main axis (%v)", i, c, err)
		}
		got, err := Consensus(problem.Cases[i].Directions, data, examples[i])
		if err != nil || !floats.EqualApprox(got, want.Cases[i].Consensus, 1e-9) {
			t.Errorf("case %d: consensus %v, want %v (%v)", i, got, want.Cases[i].Consensus, err)
		}
	}
	pairs := Data{X: sides(x), Start: stepsOf(180, 2)}
	h, value, err := CCS{Restarts: 3, Epochs: epochs, Seed: 7}.Fit(t.Context(), pairs, upTo(90))
	if err != nil || math.Abs(value-want.Value) > 1e-9 || !floats.EqualApprox(h.W, want.Weights, 1e-6) {
		t.Errorf("search: value %v, weights %v, want %v, %v (%v)", value, h.W, want.Value, want.Weights, err)
	}
}

// planted returns contrast pairs whose truth is a direction: the true statement of a pair has 1 more along it than the false one.
func plantedPairs(n, dims int) (Data, [][]float64) {
	x := spread(2*n, dims)
	truth := RandomDirections(dims, 1, 3)[0]
	labels := make([][]float64, n)
	for i := range n {
		right := i * 7 % 13 % 2
		labels[i] = []float64{float64(1 - right), float64(right)}
		for j, v := range truth {
			common := (x.Row(2 * i)[j] + x.Row(2*i + 1)[j]) / 2
			x.Row(2 * i)[j], x.Row(2*i + 1)[j] = common, common
			x.Row(2*i + right)[j] += float32(v)
			x.Row(2*i + 1 - right)[j] -= float32(v)
		}
	}
	return Data{X: sides(x), Start: stepsOf(2*n, 2)}, labels
}

// The search finds a planted truth up to its sign, and labels, even a few weak ones, give the sign.
func TestContrastConsistentSearchFindsTruth(t *testing.T) {
	data, labels := plantedPairs(200, 20)
	train := upTo(120)
	h, _, err := CCS{Seed: 1}.Fit(t.Context(), data, train)
	if err != nil {
		t.Fatal(err)
	}
	weak := make([][]float64, len(train))
	for i := range train {
		weak[i] = []float64{0.6 - 0.2*labels[i][1], 0.4 + 0.2*labels[i][1]}
		if i%4 == 0 { // is wrong
			weak[i][0], weak[i][1] = weak[i][1], weak[i][0]
		}
	}
	right := func(h *Head) (share float64) {
		probs, err := Predict(t.Context(), data, []*Head{h}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 120; i < 200; i++ {
			if probs[0][i][1] > 0.5 == (labels[i][1] == 1) {
				share += 1. / 80
			}
		}
		return share
	}
	opposite := make([][]float64, len(weak))
	for i, l := range weak {
		opposite[i] = []float64{l[1], l[0]}
	}
	for _, c := range []struct {
		labels [][]float64
		want   float64
	}{{weak, 1}, {opposite, 0}} {
		signed, settled, err := h.Signed(data, train, c.labels)
		if err != nil || !settled || math.Abs(right(signed)-c.want) > 0.05 {
			t.Errorf("%v of the held-out pairs are right, want %v (%v, %v)", right(signed), c.want, settled, err)
		}
	}
}

func TestContrastConsistentSearchNeedsTwoStatements(t *testing.T) {
	x := spread(30, 4)
	for _, data := range []Data{{X: x, Classes: 2}, {X: x, Start: stepsOf(30, 3)}} {
		if _, _, err := (CCS{}).Fit(t.Context(), data, []int{0, 1}); err == nil {
			t.Errorf("%d classes: no error", data.Classes)
		}
	}
}
