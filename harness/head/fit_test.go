package head

import (
	"context"
	"math"
	"testing"

	"w2s/harness/feature"
)

type reference struct {
	Kind             string
	Loss             string
	Params           map[string]float64
	Warmup           float64
	LearningRate     float64 `json:"learning_rate"`
	Steps            int
	L2               float64
	Features, Labels [][]float64
	Objective        float64
	Weights          [][]float64
	Bias             []float64
	BiasDifferences  []float64 `json:"bias_differences"`
	Probabilities    [][]float64
}

func (r reference) data() Data {
	x := &feature.Matrix{Rows: len(r.Features), Dims: len(r.Features[0])}
	for _, row := range r.Features {
		for _, v := range row {
			x.Data = append(x.Data, float32(v))
		}
	}
	return Data{X: x, Classes: len(r.Labels[0])}
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestHeadsAgainstReference(t *testing.T) {
	var cases []reference
	readReference(t, "heads.json", &cases)
	for i, c := range cases {
		d := c.data()
		job := Job{Examples: upTo(d.X.Rows), Labels: c.Labels, Loss: XEnt{}, L2: c.L2}
		if c.Kind == "adam" {
			job.Loss = referenceLoss(t, c.Loss, c.Params, c.Warmup)
			job.Optimiser = Adam{LearningRate: c.LearningRate, Steps: c.Steps}
		}
		fitted, err := Fit(context.Background(), d, []Job{job}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		f := fitted[0]
		t.Log(i, c.Kind, c.Loss, f.Status, f.Steps, f.Evaluations, f.Objective-c.Objective, f.GradientNorm)
		worst := 0.0
		for j, row := range c.Weights {
			for k, w := range row {
				worst = max(worst, math.Abs(f.Head.W[j*len(row)+k]-w))
			}
		}
		t.Log("weights", worst)
	}
}
