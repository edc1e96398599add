package head

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os/exec"
	"testing"

	"gonum.org/v1/gonum/floats"

	"w2s/harness/feature"
	"w2s/internal/prob"
	"w2s/internal/shareddata"
)

// spread returns features with some correlated dimensions, of which no two have the same variance.
func spread(rows, dims int) *feature.Matrix {
	rng := rand.New(rand.NewPCG(5, 0))
	x := &feature.Matrix{Rows: rows, Dims: dims}
	for range rows {
		common := rng.NormFloat64()
		for j := range dims {
			x.Data = append(x.Data, float32(rng.NormFloat64()+common*float64(j%4)/4+float64(j)))
		}
	}
	return x
}

// NumPy decomposes the scaled features as a whole.
func TestMainAxisIsThatOfNumPy(t *testing.T) {
	python := shareddata.Python(t, "numpy")
	const script = `
import json, sys
import numpy as np
def solve(x, dims, rows, labels, ranks):
    x = np.array(x, np.float32).reshape(-1, dims)
    z = (x - x.mean(0, dtype=float)) / x.std(0, dtype=float)
    z = [z[a:b] for a, b in rows]
    if ranks:
        z, y = np.concatenate([r - r.mean(0) for r in z]), np.concatenate(labels)
    else:
        z, y = np.concatenate(z), np.array(labels)[:, 1]
        z = z - z.mean(0)
    axis = np.linalg.svd(z, full_matrices=False)[2][0]
    p = z @ axis
    return {"axis": axis.tolist(), "logit": (np.sign(np.cov(p, y)[0, 1]) * p / p.std()).tolist()}
print(json.dumps([solve(**c) for c in json.load(sys.stdin)]))
`
	x := spread(240, 30)
	type problem struct {
		X        []float32   `json:"x"`
		Dims     int         `json:"dims"`
		Rows     [][2]int    `json:"rows"`
		Labels   [][]float64 `json:"labels"`
		Ranks    bool        `json:"ranks"`
		examples []int
	}
	var problems []problem
	all := []Data{{X: x, Classes: 2}, {X: x, Start: stepsOf(240, 2)}, {X: x, Start: stepsOf(240, 3)}}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range all {
		data := &all[i]
		data.Scaling = Standardise(x, nil)
		c := problem{X: x.Data, Dims: x.Dims, Ranks: data.Classes == 0}
		for e := range data.Examples() {
			if e%5 == 0 {
				continue
			}
			p := make([]float64, data.elements(e))
			for k := range p {
				p[k] = rng.Float64()
			}
			floats.Scale(1/floats.Sum(p), p)
			from, to := data.Rows(e)
			c.examples, c.Rows, c.Labels = append(c.examples, e), append(c.Rows, [2]int{from, to}), append(c.Labels, p)
		}
		problems = append(problems, c)
	}
	input, err := json.Marshal(problems)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(python, "-c", script)
	command.Stdin = bytes.NewReader(input)
	text, err := command.CombinedOutput()
	var wants []struct{ Axis, Logit []float64 }
	if err != nil || json.Unmarshal(text, &wants) != nil {
		t.Fatalf("python: %v %s", err, text)
	}
	for i, data := range all {
		examples, want := problems[i].examples, wants[i]
		axis, err := MainAxis(data, examples)
		if err != nil {
			t.Fatal(err)
		}
		if c := math.Abs(cosine(axis, want.Axis)); c < 1-1e-9 {
			t.Errorf("problem %d: cosine %v with NumPy's axis", i, c)
		}
		if largest := floats.MaxIdx(absolute(axis)); axis[largest] < 0 {
			t.Errorf("problem %d: the largest component of the axis is %v", i, axis[largest])
		}
		h, settled, err := Along(axis, data, examples, problems[i].Labels)
		if err != nil || !settled {
			t.Fatal(settled, err)
		}
		probs, err := Predict(context.Background(), data, []*Head{h}, examples)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range probs[0] {
			logits := make([]float64, len(p))
			if data.Classes > 0 {
				logits[1], want.Logit = want.Logit[0], want.Logit[1:]
			} else {
				copy(logits, want.Logit)
				want.Logit = want.Logit[len(p):]
			}
			prob.Softmax(logits, logits)
			if !floats.EqualApprox(p, logits, 1e-6) {
				t.Fatalf("problem %d: probabilities %v, want %v", i, p, logits)
			}
		}
	}
}

// stepsOf returns the first rows of groups of n rows, and the number of rows.
func stepsOf(rows, n int) []int {
	var start []int
	for r := 0; r <= rows; r += n {
		start = append(start, r)
	}
	return start
}

func TestMainAxisOfFewOrEqualExamples(t *testing.T) {
	x := spread(8, 30) // fewer examples than dimensions
	axis, err := MainAxis(Data{X: x, Classes: 2}, []int{0, 1, 2})
	if err != nil || len(axis) != 30 || math.Abs(floats.Norm(axis, 2)-1) > 1e-12 {
		t.Errorf("axis %v, %v", axis, err)
	}
	same := &feature.Matrix{Rows: 4, Dims: 3, Data: []float32{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}}
	if axis, err := MainAxis(Data{X: same, Classes: 2}, []int{0, 1, 2, 3}); axis != nil || err != nil {
		t.Errorf("features that do not vary have the axis %v, %v", axis, err)
	}
	// Features that are equal but for rounding, and scaled by what they have elsewhere.
	for _, noise := range []float32{0, 1e-30, 1e-8, 1e-4} {
		for dims := 3; dims < 60; dims += 7 {
			rng := rand.New(rand.NewPCG(uint64(dims), 1))
			m := &feature.Matrix{Rows: 6, Dims: dims}
			for i := range m.Rows * dims {
				v := float32(i%dims) + 0.1
				m.Data = append(m.Data, v+noise*float32(rng.NormFloat64()))
			}
			if axis, err := MainAxis(Data{X: m, Classes: 2}, []int{0, 1, 2, 3, 4, 5}); err != nil || axis != nil && math.Abs(floats.Norm(axis, 2)-1) > 1e-9 {
				t.Errorf("noise %v in %d dimensions: axis %v, %v", noise, dims, axis, err)
			}
		}
	}
	if _, err := MainAxis(Data{X: x, Classes: 2}, nil); err == nil {
		t.Error("no examples have an axis")
	}
}

func TestLabelsThatDoNotVaryDecideNothing(t *testing.T) {
	x := spread(20, 3)
	examples := make([]int, 20)
	labels := make([][]float64, 20)
	for e := range examples {
		examples[e], labels[e] = e, []float64{0.3, 0.7}
	}
	data := Data{X: x, Classes: 2}
	if _, settled, err := Along([]float64{1, 0, 0}, data, examples, labels); settled || err != nil {
		t.Error(settled, err)
	}
	if _, _, err := Along([]float64{1, 0, 0}, Data{X: x, Classes: 3}, examples, labels); err == nil {
		t.Error("a direction tells three classes apart")
	}
}

// The expected cosines are worked out by hand.
func TestCosine(t *testing.T) {
	binary := func(w ...float64) *Head {
		h := &Head{Dims: len(w), Classes: 2, B: []float64{0, 0}}
		for _, v := range w {
			h.W = append(h.W, 5-v, 5+v) // what both classes have in common does not count
		}
		return h
	}
	three := &Head{Dims: 2, Classes: 3, W: []float64{3, 0, 0, 0, 3, 0}} // centred: (2, -1), (-1, 2), (-1, -1)
	ranks := func(w ...float64) *Head { return &Head{Dims: len(w), W: w} }
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"the same direction", binary(1, 0).Cosine(binary(3, 0)), 1},
		{"the opposite", binary(1, 0).Cosine(binary(-3, 0)), -1},
		{"3, 4 and 1, 0", binary(3, 4).Cosine(binary(1, 0)), 0.6},
		{"no weights", binary(0, 0).Cosine(binary(1, 0)), 0},
		{"candidates", ranks(3, 4).Cosine(ranks(0, -2)), -0.8},
		{"three classes with themselves", three.Cosine(three), 1},
		{"a direction", binary(-3, 4).AlongDirection([]float64{1, 0}), 0.6},
		{"a direction of candidates", ranks(-3, 4).AlongDirection([]float64{1, 0}), 0.6},
		{"a direction of three classes", three.AlongDirection([]float64{1, 0}), (2/math.Sqrt(5) + 1/math.Sqrt(5) + 1/math.Sqrt2) / 3},
	} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s: cosine %v, want %v", c.name, c.got, c.want)
		}
	}
}
