package loss

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"w2s/internal/prob"
	"w2s/internal/shareddata"
)

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

func parse(t *testing.T, text string) Loss {
	t.Helper()
	loss, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return loss
}

// referenceLoss returns the loss of a case of the shared reference file. params also has settings of other losses.
func referenceLoss(t *testing.T, name string, params map[string]float64, warmup float64) Loss {
	t.Helper()
	settings := map[string][]string{"confidence": {"alpha"}, "logconf": {"alpha"}, "entropy": {"alpha"},
		"product": {"alpha", "beta"}, "window": {"radius"}}
	text := name
	for _, key := range settings[name] {
		text += fmt.Sprintf(":%s=%v", key, params[key])
	}
	if name == "logconf" || name == "entropy" {
		text += fmt.Sprintf(":warmup=%v", warmup)
	}
	return parse(t, text)
}

// A batchCase is a batch with the loss and the gradient that it should have.
type batchCase struct {
	Logits, Labels [][]float64
	Progress       float64
	Value          float64
	Gradient       [][]float64
}

func (c batchCase) check(t *testing.T, name string, loss Loss) {
	t.Helper()
	tolerance := 1e-12
	if TakesEvidence(loss) { // gonum's digamma function has ten digits
		tolerance = 1e-10
	}
	value, grad, err := Evaluate(loss, len(c.Logits[0]), c.Logits, c.Labels, c.Progress)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if !(math.Abs(value-c.Value) <= tolerance*max(1, math.Abs(c.Value))) {
		t.Errorf("%s: value %v, want %v", name, value, c.Value)
	}
	for r := range grad {
		for k := range grad[r] {
			if !(math.Abs(grad[r][k]-c.Gradient[r][k]) <= tolerance) {
				t.Errorf("%s: gradient[%d][%d] %v, want %v", name, r, k, grad[r][k], c.Gradient[r][k])
			}
		}
	}
}

func TestLossesMatchReference(t *testing.T) {
	var cases []struct {
		batchCase
		Loss   string
		Params map[string]float64
	}
	readJSON(t, shareddata.Path(t, "reference", "losses.json"), &cases)
	seen := map[string]bool{}
	for i, c := range cases {
		c.Progress = 1
		warmup := 0.1
		if v, ok := c.Params["progress"]; ok {
			c.Progress = v
		}
		if v, ok := c.Params["warmup"]; ok {
			warmup = v
		}
		loss := referenceLoss(t, c.Loss, c.Params, warmup)
		c.check(t, fmt.Sprintf("case %d, %s at %v", i, loss, c.Progress), loss)
		seen[c.Loss] = true
	}
	if len(seen) != 7 || len(cases) < 30 { // of the shared file; losses that came later bring values of their own
		t.Errorf("%d losses have %d reference values, want 7 losses", len(seen), len(cases))
	}
}

// The cases have ties, extreme logits, single examples and the ends of a warm-up.
func TestLossesMatchPyTorchInEdgeCases(t *testing.T) {
	var cases []struct {
		batchCase
		Loss string
	}
	readJSON(t, "testdata/edges.json", &cases)
	if len(cases) < 70 {
		t.Errorf("%d reference values", len(cases))
	}
	for i, c := range cases {
		c.check(t, fmt.Sprintf("case %d, %s at %v", i, c.Loss, c.Progress), parse(t, c.Loss))
	}
}

// The cases have two and five classes, hard and soft labels, labels of one half, ties and extreme logits.
func TestPublishedLossesMatchPyTorch(t *testing.T) {
	var cases []struct {
		batchCase
		Loss string
	}
	readJSON(t, "testdata/published.json", &cases)
	seen := map[string]bool{}
	for i, c := range cases {
		l := parse(t, c.Loss)
		c.check(t, fmt.Sprintf("case %d, %s at %v", i, c.Loss, c.Progress), l)
		name, _, _ := strings.Cut(c.Loss, ":")
		seen[name] = true
	}
	if len(seen) != 7 || len(cases) < 200 {
		t.Errorf("%d losses have %d reference values", len(seen), len(cases))
	}
}

// randomBatch returns rows of logits and of label distributions. size returns the length of the next row.
func randomBatch(rng *rand.Rand, rows int, size func() int) (logits, labels [][]float64) {
	for range rows {
		n := size()
		z, l := make([]float64, n), make([]float64, n)
		for k := range z {
			z[k], l[k] = 2*rng.NormFloat64(), 2*rng.NormFloat64()
		}
		prob.Softmax(l, l)
		logits, labels = append(logits, z), append(labels, l)
	}
	return logits, labels
}

// valueWithFixedTargets computes a loss from its definition, independently of the package's code. Targets that follow the
// student are taken at the logits at, and predictions at the logits z.
func valueWithFixedTargets(loss Loss, at, z, labels [][]float64, progress float64) float64 {
	probs := func(z []float64) []float64 {
		p, sum := make([]float64, len(z)), 0.0
		for k := range z {
			p[k] = math.Exp(z[k])
			sum += p[k]
		}
		for k := range p {
			p[k] /= sum
		}
		return p
	}
	if g, ok := loss.(GuardConf); ok {
		loss = g.LogConf
	}
	total := 0.0
	for i := range z {
		p, own, label := probs(z[i]), probs(at[i]), labels[i]
		target, keep := slices.Clone(label), 1.0
		switch l := loss.(type) {
		case XEnt:
		case KL:
			for _, y := range label {
				total += y * math.Log(y) / float64(len(z))
			}
		case Confidence:
			for k := range p {
				total -= l.Alpha * p[k] * math.Log(p[k]) / float64(len(z))
			}
		case LogConf:
			c := l.Alpha * min(1, progress/l.Warmup)
			for k := range target {
				target[k] *= 1 - c
			}
			if len(label) != 2 { // the test has groups of three candidates or more
				target[slices.Index(own, slices.Max(own))] += c
				break
			}
			first, ones := make([]float64, len(at)), 0.0
			for j := range at {
				first[j] = probs(at[j])[0]
				ones += labels[j][1]
			}
			slices.Sort(first)
			rank := ones / float64(len(at)) * float64(len(at)-1)
			low := math.Floor(rank)
			next := min(int(low)+1, len(at)-1)
			if own[0] >= first[int(low)]+(rank-low)*(first[next]-first[int(low)]) {
				target[0] += c
			} else {
				target[1] += c
			}
		case Entropy:
			c := l.Alpha * min(1, progress/l.Warmup)
			for k := range target {
				target[k] = (1-c)*label[k] + c*own[k]
			}
		case Product:
			sum := 0.0
			for k := range target {
				target[k] = math.Pow(own[k], l.Beta) * math.Pow(label[k], l.Alpha)
				sum += target[k]
			}
			for k := range target {
				target[k] /= sum
			}
		case RKL, RXEnt, Symmetric, CACE:
			eps, reverse, divergence := 0.0, 1.0, 0.0
			switch l := loss.(type) {
			case RKL:
				eps, divergence, keep = l.Eps, 1, 0
			case RXEnt:
				eps, keep = l.Eps, 0
			case Symmetric:
				eps, reverse, keep = l.Eps, l.Beta, l.Alpha
			case CACE:
				if keep = 0; slices.Max(label) >= l.C+1/float64(len(label)) {
					keep, reverse = 1, 0
				}
			}
			for k := range p {
				total += p[k] * (divergence*math.Log(p[k]) - reverse*math.Log((1-eps)*label[k]+eps/float64(len(p)))) / float64(len(z))
			}
		case AugConf, AdaptConf:
			answer := slices.Index(own, slices.Max(own))
			var c float64
			switch l := loss.(type) {
			case AugConf:
				c = l.Alpha * min(1, progress/l.Warmup)
			case AdaptConf:
				a := math.Pow(own[answer], -1/l.Tau)
				c = a / (a + math.Pow(own[slices.Index(label, slices.Max(label))], -1/l.Tau))
			}
			for k, y := range label {
				target[k] = (1 - c) * y
				total += (1 - c) * y * math.Log(y) / float64(len(z))
			}
			target[answer] += c
		case Window:
			if slices.Max(own) >= 0.5+l.Radius {
				keep = 0
			}
		default:
			panic("no definition of this loss")
		}
		for k := range p {
			total -= keep * target[k] * math.Log(p[k]) / float64(len(z))
		}
	}
	return total
}

// Values must match the definitions of the losses, and gradients their central differences.
func TestGradientsMatchFiniteDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	sizes := map[string]struct {
		classes int
		size    func() int
	}{
		"2 classes":  {2, func() int { return 2 }},
		"3 classes":  {3, func() int { return 3 }},
		"7 classes":  {7, func() int { return 7 }},
		"candidates": {0, func() int { return 3 + rng.IntN(5) }},
	}
	losses := []Loss{XEnt{}, KL{}, Confidence{0.4}, LogConf{Alpha: 0.6, Warmup: 0.5}, GuardConf{LogConf: LogConf{Alpha: 0.6, Warmup: 0.5}}, Entropy{Alpha: 0.6, Warmup: 0.5},
		Product{1, 1}, Product{0.5, 2}, Window{Radius: 0.2}, Window{Radius: -0.1},
		RKL{}, RKL{0.2}, RXEnt{}, RXEnt{0.2}, CACE{C: 0.15}, Symmetric{0.7, 0.3, 0.05}, AugConf{0.6, 0.5}, AdaptConf{0.5}, AdaptConf{4}}
	for name, s := range sizes {
		for _, loss := range losses {
			logits, labels := randomBatch(rng, 17, s.size)
			const progress, h = 0.3, 1e-5
			value, grad, err := Evaluate(loss, s.classes, logits, labels, progress)
			if err != nil {
				t.Fatal(err)
			}
			if want := valueWithFixedTargets(loss, logits, logits, labels, progress); !(math.Abs(value-want) <= 1e-12) {
				t.Errorf("%s, %s: value %v, want %v", name, loss, value, want)
			}
			for i := range logits {
				for k := range logits[i] {
					moved := slices.Clone(logits)
					moved[i] = slices.Clone(logits[i])
					moved[i][k] += h
					above := valueWithFixedTargets(loss, logits, moved, labels, progress)
					moved[i][k] -= 2 * h
					below := valueWithFixedTargets(loss, logits, moved, labels, progress)
					if want := (above - below) / (2 * h); !(math.Abs(grad[i][k]-want) <= 1e-9) {
						t.Errorf("%s, %s: gradient[%d][%d] %v, finite difference %v", name, loss, i, k, grad[i][k], want)
					}
				}
			}
		}
	}
}

// A weight of 2 must count as an example that is there twice, and a weight of 0 as one that is not there.
func TestWeightsCountAsRepetitions(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	logits, labels := randomBatch(rng, 12, func() int { return 2 })
	var repeated [][2][]float64
	weights := make([]float64, len(logits))
	for i := range logits {
		weights[i] = float64(i % 3)
		for range i % 3 {
			repeated = append(repeated, [2][]float64{logits[i], labels[i]})
		}
	}
	batch := func(rows [][2][]float64, weights []float64) *Batch {
		start, flat := []int{0}, []float64(nil)
		for _, r := range rows {
			flat = append(flat, r[1]...)
			start = append(start, len(flat))
		}
		b := &Batch{Progress: 0.4}
		b.Part(NewBatch(2, start, flat, weights), 0, len(rows))
		for i, r := range rows {
			copy(b.Logits[2*i:], r[0])
		}
		b.UpdateProbs()
		return b
	}
	all := make([][2][]float64, len(logits))
	for i := range all {
		all[i] = [2][]float64{logits[i], labels[i]}
	}
	for _, n := range All() {
		l := parse(t, n.Name)
		if n.Name == "logconf" || n.Name == "guardconf" {
			continue // the quantile of weighted examples lies between those of repeated ones
		}
		weighted, plain := batch(all, weights), batch(repeated, nil)
		grad, want := make([]float64, len(weighted.Logits)), make([]float64, len(plain.Logits))
		value, wantValue := l.Gradient(weighted, grad), l.Gradient(plain, want)
		if !(math.Abs(value-wantValue) <= 1e-13) {
			t.Errorf("%s: value %v with weights, %v with repetitions", l, value, wantValue)
		}
		at := 0
		for i := range all {
			n := i % 3
			for k := range 2 {
				sum := 0.0
				for r := range n {
					sum += want[2*(at+r)+k]
				}
				if !(math.Abs(grad[2*i+k]-sum) <= 1e-13) {
					t.Errorf("%s: gradient of example %d is %v, want %v", l, i, grad[2*i+k], sum)
				}
			}
			at += n
		}
	}
}

// The decile is one of the training set, of examples of positive weight.
func TestCACETakesADecileOfTheLabels(t *testing.T) {
	var labels []float64
	start := []int{0}
	for i := range 11 {
		labels = append(labels, 0.5+float64(i)/20, 0.5-float64(i)/20)
		start = append(start, len(labels))
	}
	got := CACE{Decile: 3}.Prepare(NewBatch(2, start, labels, nil)).(CACE)
	if !(math.Abs(got.C-0.15) <= 1e-12) || got.Decile != 0 {
		t.Errorf("%+v, want a C of 0.15", got)
	}
}

// Two candidates are not two classes, so the hardened prediction keeps no class balance.
func TestLogConfHardensPairsByArgmax(t *testing.T) {
	logits := [][]float64{{2, 0}, {1, 0}, {0.5, 0}}
	labels := [][]float64{{0, 1}, {0, 1}, {0, 1}}
	loss := LogConf{Alpha: 1}
	_, pairs, err := Evaluate(loss, 0, logits, labels, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, classes, err := Evaluate(loss, 2, logits, labels, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range logits {
		if pairs[i][0] >= 0 {
			t.Errorf("pair %d: gradient %v moves the student away from its own prediction", i, pairs[i])
		}
	}
	if classes[1][0] <= 0 || classes[2][0] <= 0 { // all labels are class 1, so the threshold hardens every prediction to class 1
		t.Errorf("classes: gradients %v ignore the class balance of the labels", classes)
	}
}

func TestBalancedLabelsFavourNoClass(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, classes := range []int{2, 4} {
		_, labels := randomBatch(rng, 50, func() int { return classes })
		var flat []float64
		start := []int{0}
		for _, l := range labels {
			l[0] = (l[0] + 4) / 5 // favours class 0
			for k := 1; k < classes; k++ {
				l[k] /= 5
			}
			flat = append(flat, l...)
			start = append(start, len(flat))
		}
		got := balanced(NewBatch(classes, start, flat, nil))
		mean := make([]float64, classes)
		for i, p := range got {
			mean[i%classes] += math.Log(p) / 50
		}
		for k := range mean {
			if !(math.Abs(mean[k]-mean[0]) <= 1e-12) {
				t.Errorf("%d classes: mean log probabilities %v differ", classes, mean)
			}
		}
	}
}

func TestQuantileInterpolates(t *testing.T) {
	tests := []struct {
		values, weights []float64
		q, want         float64
	}{
		{[]float64{3}, nil, 0.7, 3},
		{[]float64{4, 1, 3, 2}, nil, 0, 1},
		{[]float64{4, 1, 3, 2}, nil, 1, 4},
		{[]float64{4, 1, 3, 2}, nil, 0.5, 2.5},
		{[]float64{4, 1, 3, 2}, nil, 0.4, 2.2},
		{[]float64{4, 1, 3, 2}, nil, 1.0000000000000002, 4},
		{[]float64{5, 5, 5, 1, 5}, nil, 0.3, 5},
		{[]float64{4, 1, 3, 2}, []float64{2, 2, 2, 2}, 0.4, 2.2},
		{[]float64{4, 9, 1, 3, 2}, []float64{1, 0, 1, 1, 1}, 0.4, 2.2},
		{[]float64{1, 2, 3}, []float64{1, 2, 1}, 0.25, 1.5},
		{[]float64{3, 1, 2}, []float64{1, 1, 2}, 0.5, 2},
		{[]float64{1, 2}, []float64{1, 3}, 1, 2},
	}
	for _, test := range tests {
		start := make([]int, len(test.values)+1)
		b := NewBatch(0, start, nil, test.weights)
		got := b.quantile(test.q, func(i int) float64 { return test.values[i] })
		if !(math.Abs(got-test.want) <= 1e-15) {
			t.Errorf("quantile %v of %v with weights %v: %v, want %v", test.q, test.values, test.weights, got, test.want)
		}
	}
}

func TestParseReadsSettingsAndReportsFaults(t *testing.T) {
	tests := []struct {
		text string
		want Loss
	}{
		{"xent", XEnt{}},
		{"kl", KL{}},
		{"confidence", Confidence{0.5}},
		{"confidence:alpha=0", Confidence{0}},
		{"logconf", LogConf{Alpha: 0.5, Warmup: 0.2}},
		{"logconf:warmup=0.1:alpha=0.75", LogConf{Alpha: 0.75, Warmup: 0.1}},
		{"logconf:jump", LogConf{Alpha: 0.5, Warmup: 0.2, Jump: true}},
		{"logconf:jump=false:balance=true", LogConf{Alpha: 0.5, Warmup: 0.2, Balance: true}},
		{"guardconf", GuardConf{LogConf{Alpha: 0.5, Warmup: 0.2}, 0.65}},
		{"guardconf:least=-1:alpha=0.25", GuardConf{LogConf{Alpha: 0.25, Warmup: 0.2}, -1}},
		{"entropy:balance", Entropy{Alpha: 0.5, Warmup: 0.2, Balance: true}},
		{"product:beta=2", Product{1, 2}},
		{"window", Window{Radius: 0.15}},
		{"window:radius=midweak", Window{MidWeak: true}},
		{"rkl", RKL{}},
		{"rxent:eps=0.1", RXEnt{0.1}},
		{"cace", CACE{C: 0.01}},
		{"cace:c=decile3", CACE{Decile: 3}},
		{"symmetric", Symmetric{1, 0.1, 0}},
		{"augconf", AugConf{0.5, 0.3}},
		{"adaptconf:tau=4", AdaptConf{4}},
		{"evidential", Evidential{0.5}},
		{"mixture", Mixture{K: 4}},
		{"mixture:k=9:forward", Mixture{9, true}},
	}
	for _, test := range tests {
		got, err := Parse(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
		} else if got != test.want {
			t.Errorf("%s: %#v, want %#v", test.text, got, test.want)
		}
	}
	for text, want := range map[string]string{
		"":                         `unknown loss ""`,
		"logcnf":                   `did you mean "logconf"?`,
		"XENT":                     "losses: xent, kl",
		"logconf:alpa=1":           `did you mean "alpha"?`,
		"logconf:alpha=2":          "alpha=2 is not a number from 0 to 1",
		"logconf:alpha=NaN":        "alpha=NaN is not a number",
		"logconf:alpha":            "alpha needs a value",
		"logconf:alpha=":           "alpha= is not a number",
		"logconf:alpha=1:alpha=1":  "given twice",
		"logconf:jump=maybe":       "not true or false",
		"logconf:":                 `unknown setting ""`,
		"xent:alpha=1":             "xent has no settings",
		"product:alpha=-1":         "of 0 or more",
		"window:radius=wide":       "radius=wide",
		"entropy:alpha=x:warmup=7": "warmup=7",
		"cace:c=decile10":          "c=decile10 is not decile1 to decile9",
		"mixture:k=1":              "k=1 is not a whole number from 2 to 64",
		"mixture:k=2.5":            "k=2.5 is not a whole number",
		"cace:c=few":               "c=few is not a number",
		"adaptconf:tau=0":          "tau=0 is not a number of",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
	_, err := Parse("entropy:alpha=x:warmup=7")
	if err == nil || !strings.Contains(err.Error(), "alpha=x") {
		t.Errorf("error %v does not report all faults", err)
	}
}

func TestEveryLossReadsBackAndIsDescribed(t *testing.T) {
	for _, l := range All() {
		loss := parse(t, l.Name)
		if again := parse(t, loss.String()); again != loss {
			t.Errorf("%s reads back as %#v, want %#v", loss, again, loss)
		}
		if l.About == "" {
			t.Errorf("%s is not described", l.Name)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, l := range All() {
		f.Add(l.Name)
	}
	f.Add("logconf:alpha=0.75:warmup=0.2:jump:balance")
	f.Add("window:radius=midweak")
	f.Add("product:alpha=1e308:beta=0x1p-3")
	f.Fuzz(func(t *testing.T, text string) {
		loss, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(loss.String())
		if err != nil || again != loss {
			t.Errorf("%q gave %s, which reads back as %v, %v", text, loss, again, err)
		}
	})
}

func TestEvaluateRejectsBadInput(t *testing.T) {
	row := [][]float64{{1, 0}}
	for name, test := range map[string]struct {
		loss           Loss
		classes        int
		logits, labels [][]float64
		want           string
	}{
		"no rows":         {XEnt{}, 2, nil, nil, "at least one"},
		"fewer labels":    {XEnt{}, 2, [][]float64{{1, 0}, {1, 0}}, row, "same number"},
		"label length":    {XEnt{}, 2, row, [][]float64{{1, 0, 0}}, "label has 3"},
		"classes":         {XEnt{}, 3, row, row, "want 3"},
		"negative label":  {XEnt{}, 2, row, [][]float64{{-0.5, 1.5}}, "-0.5"},
		"NaN label":       {XEnt{}, 2, row, [][]float64{{math.NaN(), 1}}, "NaN"},
		"sum":             {XEnt{}, 2, row, [][]float64{{0.5, 0.6}}, "sum to 1.1"},
		"infinite logit":  {XEnt{}, 2, [][]float64{{math.Inf(1), 0}}, row, "not finite"},
		"no loss":         {nil, 2, row, row, "no loss"},
		"evidence groups": {Evidential{}, 0, row, row, "choose another loss"},
		"balanced groups": {LogConf{Balance: true}, 0, row, row, "leave balance out"},
	} {
		_, _, err := Evaluate(test.loss, test.classes, test.logits, test.labels, 0)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.want)
		}
	}
}

func TestShortLeavesDefaultsOut(t *testing.T) {
	for text, want := range map[string]string{
		"xent":                                "xent",
		"logconf:alpha=0.5:warmup=0.2":        "logconf",
		"logconf:alpha=0.50:warmup=2e-1":      "logconf",
		"logconf:alpha=0.75:warmup=0.2":       "logconf:alpha=0.75",
		"logconf:warmup=1e-3":                 "logconf:warmup=0.001",
		"logconf:jump:alpha=0.5":              "logconf:jump",
		"logconf:jump=false":                  "logconf",
		"window:radius=midweak":               "window:radius=midweak",
		"window:radius=0.15":                  "window",
		"sft":                                 "sft",
		"logconf:aux=1":                       "logconf:aux=1",
		"product:alpha=1:beta=2":              "product:beta=2",
		"confidence:alpha=0.25":               "confidence:alpha=0.25",
		"entropy:balance:alpha=0.5:warmup=.2": "entropy:balance",
	} {
		if got := Short(text); got != want {
			t.Errorf("Short(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCutAlphaSplitsAlphaOff(t *testing.T) {
	for _, c := range []struct {
		text, rest string
		alpha      float64
		found      bool
	}{
		{"xent", "xent", 0, false},
		{"logconf:alpha=0.75:warmup=0.2", "logconf:warmup=0.2", 0.75, true},
		{"confidence:alpha=0", "confidence", 0, true},
		{"other:alpha=x", "other:alpha=x", 0, false},
	} {
		rest, alpha, found := CutAlpha(c.text)
		if rest != c.rest || alpha != c.alpha || found != c.found {
			t.Errorf("CutAlpha(%q) = %q, %v, %v, want %q, %v, %v", c.text, rest, alpha, found, c.rest, c.alpha, c.found)
		}
	}
}
