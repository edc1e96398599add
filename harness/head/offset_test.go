package head

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"w2s/harness/loss"
)

// offsetProblem returns data with labels, and a layer to fine-tune.
func offsetProblem(classes int, rank bool) (Data, [][]float64, *Head) {
	data, labels := problem(3, 60, 7, classes, rank)
	rng := rand.New(rand.NewPCG(5, 6))
	base := &Head{Dims: data.X.Dims, Classes: data.Classes}
	base.W, base.B = make([]float64, base.Dims*base.Outputs()), make([]float64, base.Outputs())
	for _, params := range [][]float64{base.W, base.B} {
		for i := range params {
			params[i] = rng.NormFloat64()
		}
	}
	if rank {
		base.B[0] = 0
	}
	return data, labels, base
}

// shapes are the kinds of data that can have an offset.
var shapes = []struct {
	name    string
	classes int
	rank    bool
}{{"binary", 2, false}, {"classes", 4, false}, {"candidates", 0, true}}

// At the fine-tuned layer, the gradient of the cross-entropy plus L2/2·‖W-W0‖² must vanish. The test computes this objective
// from its definition and its gradient by finite differences.
func TestOffsetFineTunesLayer(t *testing.T) {
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			for _, bias := range []bool{true, false} {
				checkFineTuning(t, s.classes, s.rank, bias)
			}
		})
	}
}

func checkFineTuning(t *testing.T, classes int, rank, bias bool) {
	t.Helper()
	const l2 = 0.3
	data, labels, base := offsetProblem(classes, rank)
	data.NoBias = !bias
	var err error
	if data.Offset, err = base.Logits(data.X); err != nil {
		t.Fatal(err)
	}
	f := fit(t, data, Options{}, Job{Examples: upTo(data.Examples()), Labels: labels, Loss: loss.XEnt{}, L2: l2})[0]
	tuned, err := f.Head.Plus(base)
	if err != nil {
		t.Fatal(err)
	}
	objective := func(w, b []float64) float64 {
		total, n := 0.0, base.Outputs()
		for e := range data.Examples() {
			from, to := data.Rows(e)
			var logits []float64
			for r := from; r < to; r++ {
				for k := range n {
					z := b[k]
					for j, x := range data.X.Row(r) {
						z += float64(x) * w[j*n+k]
					}
					logits = append(logits, z)
				}
			}
			sum := 0.0
			for _, z := range logits {
				sum += math.Exp(z)
			}
			for k, z := range logits {
				total -= labels[e][k] * (z - math.Log(sum))
			}
		}
		total /= float64(data.Examples())
		for i := range w {
			total += l2 / 2 * (w[i] - base.W[i]) * (w[i] - base.W[i])
		}
		return total
	}
	if got := objective(tuned.W, tuned.B); !(math.Abs(got-f.Objective) <= 1e-9) {
		t.Errorf("objective %v, want %v from its definition", f.Objective, got)
	}
	if start := objective(base.W, base.B); !(f.Objective < start-0.01) {
		t.Fatalf("the objective went from %v to %v", start, f.Objective)
	}
	const step = 1e-5
	trained := [][]float64{tuned.W, tuned.B}
	if !bias {
		trained = trained[:1]
		if !slices.Equal(tuned.B, base.B) {
			t.Errorf("bias %v, want the layer's, %v", tuned.B, base.B)
		}
	}
	for _, params := range trained {
		for i := range params {
			at := params[i]
			params[i] = at + step
			up := objective(tuned.W, tuned.B)
			params[i] = at - step
			slope := (up - objective(tuned.W, tuned.B)) / (2 * step)
			params[i] = at
			if !(math.Abs(slope) <= 1e-8) {
				t.Errorf("parameter %d: slope %v at the result", i, slope)
			}
		}
	}
	// The head with the offset must predict what the sum of head and layer predicts without it.
	with, err := Predict(context.Background(), data, []*Head{f.Head}, nil)
	if err != nil {
		t.Fatal(err)
	}
	bare := data
	bare.Offset = nil
	alone, err := Predict(context.Background(), bare, []*Head{tuned}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for e := range with[0] {
		if d := furthest(with[0][e], alone[0][e]); d > 1e-12 {
			t.Fatalf("example %d: predictions differ by %v", e, d)
		}
	}
}

func TestZeroOffsetChangesNoBit(t *testing.T) {
	for _, s := range shapes {
		data, labels, _ := offsetProblem(s.classes, s.rank)
		zeros := data
		zeros.Offset = make([]float64, data.X.Rows*max(1, data.Classes))
		var jobs []Job
		for _, l := range []loss.Loss{loss.XEnt{}, loss.Confidence{Alpha: 0.3}, loss.LogConf{Alpha: 0.5, Warmup: 0.1}} {
			jobs = append(jobs, Job{Examples: upTo(data.Examples()), Labels: labels, Loss: l, L2: 0.1})
		}
		jobs = append(jobs, Job{Examples: upTo(data.Examples()), Labels: labels, Loss: loss.XEnt{}, L2: 0.1, Optimiser: Adam{Steps: 40, Batch: 16}})
		want, got := fit(t, data, Options{}, jobs...), fit(t, zeros, Options{}, jobs...)
		for i := range jobs {
			if !slices.Equal(want[i].Head.W, got[i].Head.W) || !slices.Equal(want[i].Head.B, got[i].Head.B) {
				t.Errorf("%s, job %d: an offset of zeros changes the head", s.name, i)
			}
		}
	}
}

// The bias of a class that is in no label has no minimum.
func TestTrainingWithoutBiasConvergesWithUnusedClasses(t *testing.T) {
	data, labels, _ := offsetProblem(4, false)
	for _, l := range labels {
		l[0], l[3] = l[0]+l[3], 0
	}
	data.NoBias = true
	if f := fit(t, data, Options{}, Job{Examples: upTo(data.Examples()), Labels: labels, Loss: loss.XEnt{}, L2: 0.1})[0]; f.Status != Converged || f.Steps > 100 {
		t.Errorf("%s after %d steps", f.Status, f.Steps)
	}
}

// If mini-batches use the offsets of their own examples, training comes near the optimum.
func TestMiniBatchesUseOffsets(t *testing.T) {
	data, labels, base := offsetProblem(4, false)
	var err error
	if data.Offset, err = base.Logits(data.X); err != nil {
		t.Fatal(err)
	}
	job := Job{Examples: upTo(data.Examples()), Labels: labels, Loss: loss.XEnt{}, L2: 0.3}
	best := fit(t, data, Options{}, job)[0].Objective
	job.Optimiser = Adam{Steps: 3000, Batch: 20, Cosine: true}
	if got := fit(t, data, Options{}, job)[0].Objective; got < best-1e-9 || got > best+1e-3 {
		t.Errorf("objective %v, the optimum is %v", got, best)
	}
}

func TestBadOffsetsAreRejected(t *testing.T) {
	data, labels, base := offsetProblem(4, false)
	job := Job{Examples: upTo(data.Examples()), Labels: labels, Loss: loss.XEnt{}}
	for want, offset := range map[string][]float64{
		"3 offsets":                make([]float64, 3),
		"offset 0 of row 0 is NaN": slices.Repeat([]float64{math.NaN()}, data.X.Rows*4),
	} {
		data.Offset = offset
		if _, err := Fit(context.Background(), data, []Job{job}, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	narrow := &Head{Dims: 1, Classes: 4, W: make([]float64, 4), B: make([]float64, 4)}
	if _, err := base.Plus(narrow); err == nil || !strings.Contains(err.Error(), "7 dimensions") {
		t.Errorf("Plus of heads of different dimensions: %v", err)
	}
	if _, err := narrow.Logits(data.X); err == nil || !strings.Contains(err.Error(), "features of 7") {
		t.Errorf("Logits of features of other dimensions: %v", err)
	}
}
