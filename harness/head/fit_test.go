package head

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"w2s/harness/feature"
	"w2s/harness/loss"
	"w2s/internal/prob"
	"w2s/internal/race"
	"w2s/internal/shareddata"
	"w2s/internal/simd"
)

func matrix(rows [][]float64) *feature.Matrix {
	x := &feature.Matrix{Rows: len(rows), Dims: len(rows[0])}
	for _, row := range rows {
		for _, v := range row {
			x.Data = append(x.Data, float32(v))
		}
	}
	return x
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func fit(t *testing.T, data Data, options Options, jobs ...Job) []Fitted {
	t.Helper()
	fitted, err := Fit(context.Background(), data, jobs, options)
	if err != nil {
		t.Fatal(err)
	}
	return fitted
}

// furthest returns the largest difference between elements of two lists. It returns +Inf if the lengths differ or an element is NaN.
func furthest(a, b []float64) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range a {
		d := math.Abs(a[i] - b[i])
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		most = max(most, d)
	}
	return most
}

// A feature matrix is float32 and the features of the reference are float64, which moves optima by about 1e-8.
func TestFitMatchesReference(t *testing.T) {
	var cases []struct {
		Kind, Loss                string
		Params                    map[string]float64
		Warmup                    float64
		LearningRate              float64 `json:"learning_rate"`
		Steps                     int
		L2, Objective             float64
		Features, Labels, Weights [][]float64
		Bias                      []float64
		BiasDifferences           []float64 `json:"bias_differences"`
		Probabilities             [][]float64
	}
	readJSON(t, shareddata.Path(t, "reference", "heads.json"), &cases)
	optima := 0
	for i, c := range cases {
		data := Data{X: matrix(c.Features), Classes: len(c.Labels[0])}
		job := Job{Examples: upTo(data.X.Rows), Labels: c.Labels, Loss: loss.XEnt{}, L2: c.L2}
		if c.Kind == "adam" {
			job.Loss = referenceLoss(t, c.Loss, c.Params, c.Warmup)
			job.Optimiser = Adam{LearningRate: c.LearningRate, Steps: c.Steps}
		}
		f := fit(t, data, Options{}, job)[0]
		weights := slices.Concat(c.Weights...)
		if d := furthest(f.Head.W, weights); d > 1e-7 {
			t.Errorf("case %d, %s %s: weights differ by %v", i, c.Kind, c.Loss, d)
		}
		if c.Kind == "adam" {
			if d := furthest(f.Head.B, c.Bias); d > 1e-7 || f.Status != Finished || f.Steps != c.Steps {
				t.Errorf("case %d, %s: bias differs by %v, status %s after %d steps", i, c.Loss, d, f.Status, f.Steps)
			}
			continue
		}
		optima++
		if !(math.Abs(f.Objective-c.Objective) <= 1e-8) || f.Status != Converged || !(f.GradientNorm <= 1e-9) {
			t.Errorf("case %d: objective %v, want %v; %s with gradient %v", i, f.Objective, c.Objective, f.Status, f.GradientNorm)
		}
		for k, b := range f.Head.B {
			if d := math.Abs(b - f.Head.B[0] - c.BiasDifferences[k]); !(d <= 1e-7) {
				t.Errorf("case %d: bias difference %d is wrong by %v", i, k, d)
			}
		}
		probs, err := Predict(context.Background(), data, []*Head{f.Head}, upTo(len(c.Probabilities)))
		if err != nil {
			t.Fatal(err)
		}
		for e, want := range c.Probabilities {
			if d := furthest(probs[0][e], want); d > 1e-6 {
				t.Errorf("case %d: prediction %d differs by %v", i, e, d)
			}
		}
		if len(c.Probabilities) == 0 {
			t.Errorf("case %d has no predictions", i)
		}
	}
	if len(cases) < 9 || optima < 4 {
		t.Errorf("%d reference heads, %d of them optima", len(cases), optima)
	}
}

// The cases have weighted examples, candidate groups, several classes and the confidence loss.
func TestFitMatchesSciPy(t *testing.T) {
	var cases []struct {
		Classes              int
		Start                []int
		Features, Labels     [][]float64
		Weights              []float64
		Alpha, L2, Objective float64
		Probabilities        [][]float64
	}
	readJSON(t, "testdata/heads.json", &cases)
	if len(cases) < 7 {
		t.Errorf("%d reference heads", len(cases))
	}
	for i, c := range cases {
		data := Data{X: matrix(c.Features), Classes: c.Classes, Start: c.Start}
		job := Job{Examples: upTo(data.Examples()), Labels: c.Labels, Weights: c.Weights, Loss: loss.XEnt{}, L2: c.L2}
		if c.Alpha > 0 {
			job.Loss = loss.Confidence{Alpha: c.Alpha}
		}
		f := fit(t, data, Options{}, job)[0]
		if !(math.Abs(f.Objective-c.Objective) <= 1e-11) || f.Status != Converged {
			t.Errorf("case %d: objective %v, want %v; %s", i, f.Objective, c.Objective, f.Status)
		}
		probs, err := Predict(context.Background(), data, []*Head{f.Head}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(probs[0]) != len(c.Probabilities) {
			t.Fatalf("case %d: %d predictions, want %d", i, len(probs[0]), len(c.Probabilities))
		}
		for e, want := range c.Probabilities {
			if d := furthest(probs[0][e], want); d > 1e-6 {
				t.Errorf("case %d: prediction %d differs by %v", i, e, d)
			}
		}
	}
}

// problem returns random data with labels that the features explain in part.
func problem(seed uint64, examples, dims, classes int, rank bool) (Data, [][]float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	data := Data{Classes: classes}
	rows := examples
	if rank {
		data.Classes, data.Start = 0, []int{0}
		for range examples {
			data.Start = append(data.Start, data.Start[len(data.Start)-1]+2+rng.IntN(3))
		}
		rows, classes = data.Start[examples], 1
	}
	data.X = &feature.Matrix{Rows: rows, Dims: dims, Data: make([]float32, rows*dims)}
	for i := range data.X.Data {
		data.X.Data[i] = float32(rng.NormFloat64())
	}
	truth := make([]float64, dims*classes)
	for i := range truth {
		truth[i] = rng.NormFloat64() / math.Sqrt(float64(dims))
	}
	var labels [][]float64
	for e := range examples {
		label := make([]float64, data.elements(e))
		from, to := data.Rows(e)
		for r := from; r < to; r++ {
			for k := range classes {
				z := rng.NormFloat64()
				for j, v := range data.X.Row(r) {
					z += 2 * float64(v) * truth[j*classes+k]
				}
				label[r-from+k] = z
			}
		}
		prob.Softmax(label, label)
		labels = append(labels, label)
	}
	return data, labels
}

// manyJobs returns jobs with various losses, weights and optimisers on subsets of the examples.
func manyJobs(t *testing.T, data Data, labels [][]float64) []Job {
	rng := rand.New(rand.NewPCG(8, 9))
	var jobs []Job
	for i, name := range []string{"xent", "logconf", "confidence:alpha=0.1", "product", "window:radius=midweak", "kl", "entropy", "xent",
		"rkl", "rxent:eps=0.1", "cace:c=decile5", "symmetric", "augconf", "adaptconf", "mixture:k=2", "evidential"} {
		if name == "evidential" && data.Classes == 0 {
			continue
		}
		job := Job{Name: name, Loss: mustLoss(t, name), L2: 0.02 * float64(i+1), Seed: uint64(i)}
		job.Examples = rng.Perm(data.Examples())[:data.Examples()*(i%8+2)/10]
		for _, e := range job.Examples {
			job.Labels = append(job.Labels, labels[e])
		}
		if i%2 == 1 {
			for range job.Examples {
				job.Weights = append(job.Weights, rng.Float64())
			}
		}
		switch {
		case i == 7:
			job.Optimiser = Adam{Epochs: 3, Batch: 16, LearningRate: 0.02, Cosine: true}
		case job.Loss.Moving():
			job.Optimiser = Adam{Steps: 12 + i, LearningRate: 0.05, Cosine: i%3 == 0}
		default:
			job.Optimiser = LBFGS{MaxSteps: 15}
		}
		jobs = append(jobs, job)
	}
	return jobs
}

// The heads must be equal bit for bit, also with another number of threads and with the examples in another order.
func TestHeadIsTheSameAloneAndBesideOthers(t *testing.T) {
	for name, test := range map[string]struct {
		examples, dims, classes int
		rank                    bool
		options                 Options
	}{
		"float64, binary":      {150, 9, 2, false, Options{}},
		"float64, classes":     {150, 9, 5, false, Options{}},
		"float64, candidates":  {150, 9, 0, true, Options{}},
		"float32, binary":      {1100, 120, 2, false, Options{}},
		"float32, many groups": {1100, 120, 7, false, Options{}},
		"float32, candidates":  {450, 120, 0, true, Options{}},
	} {
		data, labels := problem(1, test.examples, test.dims, test.classes, test.rank)
		if name[:7] == "float32" && len(data.X.Data) <= float64Limit {
			t.Fatalf("%s: too small for float32", name)
		}
		jobs := manyJobs(t, data, labels)
		together := fit(t, data, test.options, jobs...)
		for i, job := range jobs {
			if race.Enabled && i%3 > 0 {
				continue // the detector makes this test ten times slower
			}
			old := runtime.GOMAXPROCS(1 + i%4)
			order := rand.New(rand.NewPCG(4, uint64(i))).Perm(len(job.Examples))
			alone := fit(t, data, test.options, job.subset(order))[0]
			runtime.GOMAXPROCS(old)
			if !slices.Equal(alone.Head.W, together[i].Head.W) || !slices.Equal(alone.Head.B, together[i].Head.B) {
				t.Errorf("%s: %s differs alone by up to %v", name, job.Name, furthest(alone.Head.W, together[i].Head.W))
			}
			alone.Head, together[i].Head = nil, nil
			if alone != together[i] {
				t.Errorf("%s: %s alone: %+v, beside others: %+v", name, job.Name, alone, together[i])
			}
		}
	}
}

func TestWeightZeroLeavesExampleOut(t *testing.T) {
	for _, options := range []Options{{}, {Float64: true}} {
		data, labels := problem(2, 1100, 120, 2, false)
		rng := rand.New(rand.NewPCG(10, 11))
		for i, full := range manyJobs(t, data, labels) {
			var positive []int
			full.Weights = make([]float64, len(full.Examples))
			for e := range full.Examples {
				if rng.IntN(3) > 0 {
					full.Weights[e] = 0.5 + float64(rng.IntN(2))
					positive = append(positive, e)
				}
			}
			if race.Enabled && i%3 > 0 {
				continue
			}
			if a, ok := full.Optimiser.(Adam); ok && a.Batch > 0 {
				continue // its batches depend on the number of examples
			}
			got := fit(t, data, options, full, full.subset(positive))
			if !slices.Equal(got[0].Head.W, got[1].Head.W) {
				t.Errorf("%s: weight 0 and leaving out differ by %v", full.Name, furthest(got[0].Head.W, got[1].Head.W))
			}
		}
	}
}

// With steps of almost no length, a loss that starts from another one must end at its head.
func TestLossesStartFromCrossEntropy(t *testing.T) {
	for _, classes := range []int{2, 3} {
		data, labels := problem(5, 60, 4, classes, false)
		job := Job{Examples: upTo(60), Labels: labels, Loss: loss.XEnt{}, L2: 0.1}
		want := fit(t, data, Options{}, job)[0].Head
		starters := 0
		for _, n := range loss.All() {
			job.Loss = mustLoss(t, n.Name)
			if n.Name == "cace" { // no label is within 0.01 of guessing
				job.Loss = mustLoss(t, "cace:c=decile5")
			}
			if _, ok := job.Loss.(loss.Starter); !ok {
				continue
			}
			starters++
			job.Optimiser = Adam{Steps: 3, LearningRate: 1e-12}
			if got := fit(t, data, Options{}, job)[0]; furthest(got.Head.W, want.W) > 1e-7 || furthest(got.Head.B, want.B) > 1e-7 {
				t.Errorf("%d classes, %s: weights are %v from those of xent", classes, n.Name, furthest(got.Head.W, want.W))
			} else if got.Steps <= 3 {
				t.Errorf("%s: %d steps, want those of xent as well", n.Name, got.Steps)
			}
			job.Optimiser = nil
			got := fit(t, data, Options{}, job)[0]
			if d := furthest(got.Head.W, want.W); d < 1e-3 {
				t.Errorf("%d classes, %s: weights are %v from those of xent, as if it had not been trained", classes, n.Name, d)
			}
			if fixed := !job.Loss.Moving(); fixed && got.GradientNorm > 1e-6 {
				t.Errorf("%d classes, %s: %s with a gradient of %v", classes, n.Name, got.Status, got.GradientNorm)
			}
		}
		if starters != 6 {
			t.Errorf("%d losses start from another one", starters)
		}
	}
}

// The gradient of entropy is 1-c times the one of cross-entropy, so its minimum is that of cross-entropy with a larger penalty. With the
// penalty of its own it is another one.
func TestEntropyIsCrossEntropyWithALargerPenalty(t *testing.T) {
	for _, classes := range []int{2, 3} {
		data, labels := problem(5, 60, 4, classes, false)
		job := func(text string, l2 float64, o Optimiser) Job {
			return Job{Examples: upTo(60), Labels: labels, Loss: mustLoss(t, text), L2: l2, Optimiser: o}
		}
		f := fit(t, data, Options{Float64: true}, job("entropy:alpha=0.75", 0.1, Adam{Steps: 5000, LearningRate: 0.02, Cosine: true}),
			job("xent", 0.4, nil), job("xent", 0.1, nil))
		if d := furthest(f[0].Head.W, f[1].Head.W); d > 1e-5 {
			t.Errorf("%d classes: weights are %v from those of xent with four times the penalty", classes, d)
		}
		if d := furthest(f[0].Head.W, f[2].Head.W); d < 0.01 {
			t.Errorf("%d classes: weights are %v from those of xent with the same penalty", classes, d)
		}
	}
}

// The prediction is the mean of the Dirichlet distribution, and training uses the size of both outputs of a binary head.
func TestEvidencePredictsTheMeanOfADirichletDistribution(t *testing.T) {
	data := Data{X: matrix([][]float64{{2}, {-3}, {0}}), Classes: 2}
	h := &Head{Dims: 1, Classes: 2, W: []float64{1, -2}, B: []float64{0.5, 1}, Evidence: true}
	got, err := Predict(context.Background(), data, []*Head{h}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, alpha := range [][]float64{{3.5, 1}, {1, 8}, {1.5, 2}} {
		sum := alpha[0] + alpha[1]
		if d := furthest(got[0][i], []float64{alpha[0] / sum, alpha[1] / sum}); d > 1e-15 {
			t.Errorf("example %d: prediction %v, want %v in proportion", i, got[0][i], alpha)
		}
	}
	many, labels := problem(7, 80, 3, 2, false)
	f := fit(t, many, Options{}, Job{Examples: upTo(80), Labels: labels, Loss: loss.Evidential{Gamma: 0.2}, L2: 0.01})[0]
	if f.Head.W[0] == -f.Head.W[1] || !f.Head.Evidence {
		t.Errorf("weights %v, evidence %v: the columns are tied", f.Head.W, f.Head.Evidence)
	}
}

// The objective of a mixture must be the one of its definition, and flat at the result: in the weights and biases of every head, and in
// the weights of the heads.
func TestMixtureEndsWhereItsObjectiveIsFlat(t *testing.T) {
	for name, test := range map[string]struct {
		classes int
		rank    bool
		forward bool
	}{"binary": {2, false, false}, "forward": {2, false, true}, "classes": {3, false, false}, "candidates": {0, true, false}} {
		data, labels := problem(6, 90, 3, test.classes, test.rank)
		job := Job{Examples: upTo(90), Labels: labels, Loss: loss.Mixture{K: 3, Forward: test.forward}, L2: 0.02, Seed: 5}
		f := fit(t, data, Options{}, job)[0]
		h := f.Head
		// The parameters of the weights are their logarithms, up to a constant.
		objective := func(h *Head) float64 {
			probs, err := Predict(t.Context(), data, []*Head{h}, nil)
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for i, p := range probs[0] {
				for k, y := range labels[i] {
					if test.forward {
						sum -= y * math.Log(p[k]) / 90
					} else {
						sum += p[k] * math.Log(p[k]/y) / 90
					}
				}
			}
			for _, w := range h.W {
				sum += 0.01 * w * w
			}
			return sum
		}
		if d := math.Abs(objective(h) - f.Objective); d > 1e-9 || f.Status == StepLimit {
			t.Errorf("%s: objective %v differs by %v; %s", name, f.Objective, d, f.Status)
		}
		if d := furthest(h.W[:2], h.W[2:4]); len(h.Mix) != 3 || test.classes == 2 && d < 1e-3 {
			t.Errorf("%s: heads are the same: %v, %v", name, h.Mix, d)
		}
		const step = 1e-5
		flat := func(what string, move func(h *Head, by float64)) {
			t.Helper()
			moved := func(by float64) float64 {
				c := *h
				c.W, c.B, c.Mix = slices.Clone(h.W), slices.Clone(h.B), slices.Clone(h.Mix)
				move(&c, by)
				return objective(&c)
			}
			if slope := (moved(step) - moved(-step)) / (2 * step); math.Abs(slope) > 1e-6 {
				t.Errorf("%s: the objective has a slope of %v in %s", name, slope, what)
			}
		}
		for i := range h.W {
			flat("a weight", func(h *Head, by float64) {
				h.W[i] += by
				if test.classes == 2 {
					h.W[i^1] -= by
				}
			})
		}
		for i := range h.B {
			if !test.rank {
				flat("a bias", func(h *Head, by float64) { h.B[i] += by })
			}
		}
		for j := range h.Mix {
			flat("a head's weight", func(h *Head, by float64) {
				for k := range h.Mix {
					h.Mix[k] = math.Log(h.Mix[k])
				}
				h.Mix[j] += by
				prob.Softmax(h.Mix, h.Mix)
			})
		}
		if _, err := h.ONNX(); !errors.Is(err, ErrMixture) {
			t.Errorf("%s: export: %v", name, err)
		}
		if same := fit(t, data, Options{}, job)[0].Head; !slices.Equal(same.W, h.W) {
			t.Errorf("%s: another training of the same seed differs", name)
		}
		job.Seed++
		if other := fit(t, data, Options{}, job)[0].Head; slices.Equal(other.W, h.W) {
			t.Errorf("%s: the seed makes no difference", name)
		}
	}
}

func TestWeightEqualsRepetition(t *testing.T) {
	data, labels := problem(3, 40, 5, 3, false)
	weighted := Job{Examples: upTo(20), Labels: labels[:20], Loss: loss.XEnt{}, L2: 0.1, Weights: make([]float64, 20)}
	repeated := Data{X: &feature.Matrix{Dims: 5}, Classes: 3}
	job := Job{Loss: loss.XEnt{}, L2: 0.1}
	for e := range 20 {
		weighted.Weights[e] = float64(1 + e%3)
		for range 1 + e%3 {
			repeated.X.Data = append(repeated.X.Data, data.X.Row(e)...)
			job.Examples = append(job.Examples, repeated.X.Rows)
			job.Labels = append(job.Labels, labels[e])
			repeated.X.Rows++
		}
	}
	a, b := fit(t, data, Options{}, weighted)[0], fit(t, repeated, Options{}, job)[0]
	if d := furthest(a.Head.W, b.Head.W); d > 1e-7 {
		t.Errorf("weighted and repeated examples differ by %v", d)
	}
}

// The training must come as near to the optimum as Fit promises, and end before the step limit.
func TestFitConvergesInFloat32(t *testing.T) {
	for _, scale := range []float32{1, 30} {
		data, labels := problem(4, 2500, 60, 3, false)
		for i := range data.X.Data {
			data.X.Data[i] *= scale
		}
		var jobs []Job
		for _, l2 := range []float64{0.01, 0.1, 1} {
			jobs = append(jobs, Job{Examples: upTo(2500), Labels: labels, Loss: loss.XEnt{}, L2: l2 * float64(scale*scale)})
		}
		exact, rounded := fit(t, data, Options{Float64: true}, jobs...), fit(t, data, Options{}, jobs...)
		for i := range jobs {
			f := rounded[i]
			if f.Status != Converged && f.Status != Precision || f.Evaluations > 3*exact[i].Evaluations+40 {
				t.Errorf("scale %v, l2 %v: %s after %d evaluations, %d in float64", scale, jobs[i].L2, f.Status, f.Evaluations, exact[i].Evaluations)
			}
			if scale == 1 && f.Status != Converged {
				t.Errorf("l2 %v: %s at a gradient of %v", jobs[i].L2, f.Status, f.GradientNorm)
			}
			probs, err := Predict(context.Background(), data, []*Head{exact[i].Head, f.Head}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for e := range probs[0] {
				if d := furthest(probs[0][e], probs[1][e]); d > 1e-4 {
					t.Fatalf("scale %v, l2 %v: prediction %d differs by %v", scale, jobs[i].L2, e, d)
				}
			}
			if !(math.Abs(f.Objective-exact[i].Objective) <= 1e-7) {
				t.Errorf("scale %v, l2 %v: objective %v, in float64 %v", scale, jobs[i].L2, f.Objective, exact[i].Objective)
			}
		}
	}
}

// A binary head trains one column. Its objective must be the one of the full head, and with an unused third class, which
// makes Fit train three columns, the optimum must not be better.
func TestBinaryHeadEqualsFullHead(t *testing.T) {
	data, labels := problem(5, 80, 6, 2, false)
	var three [][]float64
	for _, l := range labels {
		three = append(three, []float64{l[0], l[1], 0})
	}
	job := Job{Examples: upTo(80), Labels: labels, Loss: loss.XEnt{}, L2: 0.05}
	one := fit(t, data, Options{}, job)[0]
	// The penalty of the full head counts both columns.
	logits := make([][]float64, 80)
	penalty := 0.0
	for e := range logits {
		logits[e] = slices.Clone(one.Head.B)
		for j, v := range data.X.Row(e) {
			logits[e][0] += float64(v) * one.Head.W[2*j]
			logits[e][1] += float64(v) * one.Head.W[2*j+1]
		}
	}
	for _, w := range one.Head.W {
		penalty += 0.05 / 2 * w * w
	}
	value, _, err := loss.Evaluate(loss.XEnt{}, 2, logits, labels, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !(math.Abs(one.Objective-value-penalty) <= 1e-12) {
		t.Errorf("objective %v, from the weights %v", one.Objective, value+penalty)
	}
	data.Classes = 3
	job.Labels = three
	got := fit(t, data, Options{}, job)[0]
	if d := math.Abs(got.Objective - one.Objective); !(d <= 1e-9) || got.Status != Converged {
		t.Errorf("three columns reach %v (%s), one %v", got.Objective, got.Status, one.Objective)
	}
}

// The test trains the same head with a simple loop over two columns.
func TestMiniBatchesMatchSimpleLoop(t *testing.T) {
	data, labels := problem(6, 23, 4, 2, false)
	const size, epochs, seed, l2 = 5, 4, 77, 0.03
	conf := loss.LogConf{Alpha: 0.5, Warmup: 0.3}
	job := Job{Examples: upTo(23), Labels: labels, Loss: conf, L2: l2, Seed: seed, Optimiser: Adam{Epochs: epochs, Batch: size, Cosine: true}}
	got := fit(t, data, Options{}, job)[0]
	w, m, v := make([]float64, 10), make([]float64, 10), make([]float64, 10) // 4 rows of W, then the bias
	const steps = epochs * 5
	for step := range steps {
		order := rand.New(rand.NewPCG(seed, uint64(step/5))).Perm(23)
		var batch, z, y = order[step%5*size : min(step%5*size+size, 23)], [][]float64{}, [][]float64{}
		for _, e := range batch {
			row := []float64{w[8], w[9]}
			for j, f := range data.X.Row(e) {
				row[0] += float64(f) * w[2*j]
				row[1] += float64(f) * w[2*j+1]
			}
			z, y = append(z, row), append(y, labels[e])
		}
		_, gz, err := loss.Evaluate(conf, 2, z, y, float64(step)/steps)
		if err != nil {
			t.Fatal(err)
		}
		g := make([]float64, 10)
		for i, e := range batch {
			for k := range 2 {
				for j, f := range data.X.Row(e) {
					g[2*j+k] += float64(f) * gz[i][k]
				}
				g[8+k] += gz[i][k]
			}
		}
		rate := 0.01 * (1 + math.Cos(math.Pi*float64(step)/steps)) / 2
		for i := range g {
			if i < 8 {
				g[i] += l2 * w[i]
			}
			m[i], v[i] = 0.9*m[i]+0.1*g[i], 0.999*v[i]+0.001*g[i]*g[i]
			n := float64(step + 1)
			w[i] -= rate * (m[i] / (1 - math.Pow(0.9, n))) / (math.Sqrt(v[i]/(1-math.Pow(0.999, n))) + 1e-8)
		}
	}
	if d := furthest(got.Head.W, w[:8]); d > 1e-9 || got.Steps != steps {
		t.Errorf("weights differ by %v after %d steps", d, got.Steps)
	}
	if d := furthest(got.Head.B, w[8:]); d > 1e-9 {
		t.Errorf("bias differs by %v", d)
	}
	job.Seed++
	if other := fit(t, data, Options{}, job)[0]; slices.Equal(other.Head.W, got.Head.W) {
		t.Error("another seed gives the same head")
	}
}

// A training that is stopped is the beginning of the whole one: the rate, and targets that change with progress, are the same.
func TestAdamStops(t *testing.T) {
	data, labels := problem(5, 60, 4, 2, false)
	job := func(text string, o Optimiser) Job {
		return Job{Examples: upTo(60), Labels: labels, Loss: mustLoss(t, text), L2: 0.1, Optimiser: o}
	}
	f := fit(t, data, Options{Float64: true},
		job("xent", Adam{Steps: 7}), job("xent", Adam{Steps: 40, Stop: 7}),
		job("logconf", Adam{Steps: 40}), job("logconf", Adam{Steps: 40, Stop: 40}), job("logconf", Adam{Steps: 40, Stop: 99}),
		job("logconf", Adam{Steps: 30}), job("logconf", Adam{Steps: 40, Stop: 30}), job("xent", Adam{Stop: 1}))
	same := func(a, b int) bool { return furthest(f[a].Head.W, f[b].Head.W) == 0 && f[a].Steps == f[b].Steps }
	if !same(0, 1) || !same(2, 3) || !same(2, 4) {
		t.Error("a stopped training is not the beginning of the whole one")
	}
	if f[6].Steps != 30 || same(5, 6) {
		t.Error("targets follow the progress to the stop and not to the end")
	}
	// The first step has the size of the learning rate along the signs of the gradient.
	for _, w := range f[7].Head.W {
		if math.Abs(math.Abs(w)-0.01) > 1e-6 {
			t.Errorf("the first step has the size %v", w)
		}
	}
	if f[1].Status != Finished {
		t.Errorf("status %q", f[1].Status)
	}
}

func TestFitStopsWhenCancelled(t *testing.T) {
	data, labels := problem(7, 1100, 120, 2, false)
	job := Job{Examples: upTo(1100), Labels: labels, Loss: loss.XEnt{}, L2: 0.01, Optimiser: Adam{Steps: 1 << 40}}
	batches := job
	batches.Optimiser = Adam{Steps: 1 << 40, Batch: 8}
	for name, j := range map[string]Job{"full batch": job, "mini-batches": batches} {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		start := time.Now()
		_, err := Fit(ctx, data, []Job{j, j}, Options{})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
			t.Errorf("%s: error %v after %v", name, err, time.Since(start))
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Predict(ctx, data, []*Head{{Dims: 120, Classes: 2, W: make([]float64, 240), B: make([]float64, 2)}}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Predict: error %v", err)
	}
}

// There are more jobs than Fit trains at the same time.
func TestFitReportsEachHeadOnce(t *testing.T) {
	data, labels := problem(8, 30, 3, 2, false)
	var jobs []Job
	for i := range 70 {
		jobs = append(jobs, Job{Examples: upTo(30), Labels: labels, Loss: loss.XEnt{}, L2: float64(i)})
	}
	jobs[3].Optimiser = Adam{Steps: 3, Batch: 4}
	var seen []int
	fitted := fit(t, data, Options{Done: func(heads int) { seen = append(seen, heads) }}, jobs...)
	if len(seen) != 70 || !slices.IsSorted(seen) || seen[69] != 70 {
		t.Errorf("reported %v", seen)
	}
	for i := 5; i < 70; i++ {
		if simd.MaxAbs(fitted[i].Head.W) >= simd.MaxAbs(fitted[i-1].Head.W) {
			t.Errorf("penalty %v gives larger weights than penalty %v: the results are out of order", jobs[i].L2, jobs[i-1].L2)
		}
	}
}

func TestFitReportsMissingMinimum(t *testing.T) {
	data, labels := problem(9, 30, 3, 2, false)
	f := fit(t, data, Options{}, Job{Examples: upTo(30), Labels: labels, Loss: loss.XEnt{}, L2: 1, Optimiser: Adam{LearningRate: 1e300, Steps: 50}})[0]
	if f.Status != Diverged {
		t.Errorf("status %s, weights up to %v", f.Status, simd.MaxAbs(f.Head.W))
	}
	// Separable data without a penalty has no minimum, so the training must not claim to have converged.
	data.X.Data = []float32{-1, 1}
	data.X.Rows, data.X.Dims = 2, 1
	f = fit(t, data, Options{}, Job{Examples: upTo(2), Labels: [][]float64{{1, 0}, {0, 1}}, Loss: loss.XEnt{}, Optimiser: LBFGS{MaxSteps: 5}})[0]
	if f.Status != StepLimit || f.Steps != 5 {
		t.Errorf("status %s after %d steps", f.Status, f.Steps)
	}
}

func TestFitRejectsBadInput(t *testing.T) {
	data, labels := problem(10, 6, 3, 2, false)
	good := Job{Examples: upTo(6), Labels: labels, Loss: loss.XEnt{}}
	bad := func(change func(*Job)) Job {
		j := good
		j.Examples, j.Labels = slices.Clone(j.Examples), slices.Clone(j.Labels)
		change(&j)
		return j
	}
	for want, job := range map[string]Job{
		"no loss given":                     bad(func(j *Job) { j.Loss = nil }),
		"l2 -1":                             bad(func(j *Job) { j.L2 = -1 }),
		"no training examples":              bad(func(j *Job) { j.Examples, j.Labels = nil, nil }),
		"5 labels for 6":                    bad(func(j *Job) { j.Labels = j.Labels[:5] }),
		"2 weights for 6":                   bad(func(j *Job) { j.Weights = []float64{1, 1} }),
		"all weights are 0":                 bad(func(j *Job) { j.Weights = make([]float64, 6) }),
		"weight NaN":                        bad(func(j *Job) { j.Weights = []float64{1, math.NaN(), 1, 1, 1, 1} }),
		"example 6 is not in 0..5":          bad(func(j *Job) { j.Examples[2] = 6 }),
		"example 1 is given twice":          bad(func(j *Job) { j.Examples[0] = 1 }),
		"label has 3 probabilities, want 2": bad(func(j *Job) { j.Labels[4] = []float64{0, 0, 1} }),
		"sum to 0.5":                        bad(func(j *Job) { j.Labels[4] = []float64{0, 0.5} }),
		"not trained in mini-batches":       bad(func(j *Job) { j.Loss, j.Optimiser = loss.RKL{}, Adam{Batch: 2} }),
		"use Adam":                          bad(func(j *Job) { j.Loss, j.Optimiser = loss.LogConf{}, LBFGS{} }),
		"learning rate -1":                  bad(func(j *Job) { j.Optimiser = Adam{LearningRate: -1} }),
		"steps and epochs are both given":   bad(func(j *Job) { j.Optimiser = Adam{Steps: 1, Epochs: 1} }),
		"must not be negative":              bad(func(j *Job) { j.Optimiser = LBFGS{MaxSteps: -1} }),
	} {
		_, err := Fit(context.Background(), data, []Job{good, job}, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "job 1") {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	x := data.X
	nan := matrix([][]float64{{1, 2}, {3, math.NaN()}})
	for want, d := range map[string]Data{
		"at least one row":            {Classes: 2},
		"row 1, dimension 1 is NaN":   {X: nan, Classes: 2},
		"neither classes nor":         {X: x},
		"both classes and":            {X: x, Classes: 2, Start: []int{0, 6}},
		"1 class":                     {X: x, Classes: 1},
		"example 1 has 1 candidate":   {X: x, Start: []int{0, 2, 3, 6}},
		"example 0 has -2 candidates": {X: x, Start: []int{4, 2, 6}},
		"span rows 0:7 of 6":          {X: x, Start: []int{0, 7}},
		"scaling is for 2 dimensions": {X: x, Classes: 2, Scaling: &Scaling{Mean: make([]float64, 2), SD: make([]float64, 2)}},
	} {
		_, err := Fit(context.Background(), d, nil, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// readJSON reads reference values, which a Python script of the same name made.
func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func mustLoss(t *testing.T, text string) loss.Loss {
	t.Helper()
	l, err := loss.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// referenceLoss returns the loss of a reference case. params also has settings of other losses.
func referenceLoss(t *testing.T, name string, params map[string]float64, warmup float64) loss.Loss {
	t.Helper()
	text := name
	for _, known := range loss.All() {
		for _, s := range known.Settings {
			if known.Name != name {
				continue
			}
			if v, ok := params[s.Name]; ok {
				text += fmt.Sprintf(":%s=%v", s.Name, v)
			} else if s.Name == "warmup" {
				text += fmt.Sprintf(":warmup=%v", warmup)
			}
		}
	}
	return mustLoss(t, text)
}
