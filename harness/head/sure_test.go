package head

import (
	"slices"
	"testing"

	"w2s/harness/loss"
)

// Marks of sure labels follow their examples into batches and cuts.
func TestSureLabelsFollowTheirExamples(t *testing.T) {
	x := spread(60, 6)
	data := Data{X: x, Classes: 2, Scaling: Standardise(x, nil)}
	job := Job{Loss: loss.LogConf{Alpha: 0.75}, L2: 0.1}
	for e := range 60 {
		p := 0.3 + 0.4*float64(e%2)
		if sure := e%5 == 0; sure {
			p = float64(e % 2)
		}
		job.Examples, job.Labels, job.Sure = append(job.Examples, e), append(job.Labels, []float64{1 - p, p}), append(job.Sure, e%5 == 0)
	}
	turned := job
	turned.Examples, turned.Labels, turned.Sure = slices.Clone(job.Examples), slices.Clone(job.Labels), slices.Clone(job.Sure)
	slices.Reverse(turned.Examples)
	slices.Reverse(turned.Labels)
	slices.Reverse(turned.Sure)
	unsure := job
	unsure.Sure = nil
	fitted := fit(t, data, Options{Float64: true}, job, turned, unsure)
	if !slices.Equal(fitted[0].Head.W, fitted[1].Head.W) {
		t.Error("the order of the examples changes the head")
	}
	if slices.Equal(fitted[0].Head.W, fitted[2].Head.W) || job.same(unsure) {
		t.Error("sure labels change nothing")
	}
	cuts, err := Grid{Folds: 3}.Cuts(job)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cuts {
		for i, e := range c.Train.Examples {
			if c.Train.Sure[i] != (e%5 == 0) {
				t.Fatalf("example %d of a cut is sure: %v", e, c.Train.Sure[i])
			}
		}
	}
	job.Sure = job.Sure[1:]
	if err := job.check(data); err == nil {
		t.Error("a mark is missing, and there is no error")
	}
}
