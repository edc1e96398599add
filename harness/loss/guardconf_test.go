package loss

import (
	"fmt"
	"math"
	"testing"

	"w2s/harness/stats"
	"w2s/internal/prob"
)

func TestGuardConfMatchesNumPy(t *testing.T) {
	var cases []struct {
		batchCase
		Loss    string
		Classes int
	}
	readJSON(t, "testdata/guardconf.json", &cases)
	if len(cases) < 18 {
		t.Errorf("%d reference values", len(cases))
	}
	for i, c := range cases {
		c.checkClasses(t, fmt.Sprintf("case %d, %s, %d classes", i, c.Loss, c.Classes), parse(t, c.Loss), c.Classes, 1e-8)
	}
}

func TestSharpenedLabelsKeepAnswersAndReachTheSpread(t *testing.T) {
	labels := []float64{0.51, 0.49, 0.48, 0.52, 0.503, 0.497, 0.5, 0.5, 0.45, 0.55}
	b := NewBatch(2, []int{0, 2, 4, 6, 8, 10}, labels, []float64{1, 1, 1, 1, 0})
	factor := sharpness(b, 0.5)
	out := sharpened(b, factor)
	var rows [][]float64
	for i := range 4 { // the last one has no weight
		from, to := b.Start[i], b.Start[i+1]
		if prob.Argmax(out[from:to]) != prob.Argmax(labels[from:to]) {
			t.Errorf("label %v became %v", labels[from:to], out[from:to])
		}
		// Log odds are multiplied by one factor.
		if odds, want := math.Log(out[from]/out[from+1]), factor*math.Log(labels[from]/labels[from+1]); !(math.Abs(odds-want) <= 1e-9*math.Abs(want)) {
			t.Errorf("log odds %v, want %v", odds, want)
		}
		rows = append(rows, out[from:to])
	}
	// Hard, three of four labels are of the first class: their mean distance from 0.75 is 0.375.
	if v := stats.Variation(rows, true); !(math.Abs(v-0.5*0.375) <= 1e-8) {
		t.Errorf("variation %v, want %v", v, 0.5*0.375)
	}
	for name, c := range map[string]struct {
		labels []float64
		spread float64
		want   float64
	}{
		"already far apart":  {[]float64{0.9, 0.1, 0.1, 0.9}, 0.6, 1},
		"hard":               {[]float64{1, 0, 0, 1}, 0.6, 1},
		"left alone":         {[]float64{0.51, 0.49, 0.49, 0.51}, 0, 1},
		"all the same":       {[]float64{0.6, 0.4, 0.6, 0.4}, 0.6, 1},
		"uniform candidates": {[]float64{0.5, 0.5, 0.5, 0.5}, 0.6, maxSharpness},
	} {
		classes := 2
		if name == "uniform candidates" {
			classes = 0
		}
		b := NewBatch(classes, []int{0, 2, 4}, c.labels, nil)
		if got := sharpness(b, c.spread); !(math.Abs(got-c.want) <= 1e-6*c.want) {
			t.Errorf("%s: factor %v, want %v", name, got, c.want)
		}
		for _, p := range sharpened(b, c.want) {
			if !(p >= 0 && p <= 1) {
				t.Errorf("%s: probability %v", name, p)
			}
		}
	}
}
