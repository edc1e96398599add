package head_test

import (
	"context"
	"fmt"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/loss"
)

// Smoothed is a custom loss: the cross-entropy against labels that are mixed with the uniform distribution.
type Smoothed struct{ Epsilon float64 }

func (l Smoothed) String() string { return fmt.Sprintf("smoothed:epsilon=%v", l.Epsilon) }
func (Smoothed) Moving() bool     { return false }

func (l Smoothed) Gradient(b *loss.Batch, grad []float64) float64 {
	targets := b.Targets()
	for i := range b.Len() {
		from, to := b.Start[i], b.Start[i+1]
		for k := from; k < to; k++ {
			targets[k] = (1-l.Epsilon)*b.Labels[k] + l.Epsilon/float64(to-from)
		}
	}
	return b.CrossEntropy(targets, grad)
}

// Fit trains two heads on the same features, one with cross-entropy and one with a custom loss.
func ExampleFit() {
	x := &feature.Matrix{Rows: 4, Dims: 1, Data: []float32{-2, -1, 1, 2}}
	data := head.Data{X: x, Classes: 2}
	job := head.Job{
		Examples: []int{0, 1, 2, 3},
		Labels:   [][]float64{{1, 0}, {1, 0}, {0, 1}, {0, 1}},
		Loss:     loss.XEnt{},
		L2:       0.1,
	}
	smoothed := job
	smoothed.Loss = Smoothed{Epsilon: 0.2}
	fitted, err := head.Fit(context.Background(), data, []head.Job{job, smoothed}, head.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	probabilities, err := head.Predict(context.Background(), data, []*head.Head{fitted[0].Head, fitted[1].Head}, []int{3})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, f := range fitted {
		fmt.Printf("%s, objective %.4f, p = %.3f\n", f.Status, f.Objective, probabilities[i][0][1])
	}
	// Output:
	// converged, objective 0.1708, p = 0.976
	// converged, objective 0.3909, p = 0.911
}

// Fit trains a head that scores candidates. The candidate with the largest feature is the best of its group.
func ExampleFit_rank() {
	x := &feature.Matrix{Rows: 5, Dims: 1, Data: []float32{3, 1, 0, 1, 2}}
	data := head.Data{X: x, Start: []int{0, 2, 5}} // a pair and a triple
	job := head.Job{
		Examples: []int{0, 1},
		Labels:   [][]float64{{1, 0}, {0, 0, 1}},
		Loss:     loss.XEnt{},
		L2:       0.1,
	}
	fitted, err := head.Fit(context.Background(), data, []head.Job{job}, head.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("score = %.3f x\n", fitted[0].Head.W[0])
	// Output: score = 1.577 x
}
