package label

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/internal/list"
	"w2s/internal/prob"
)

// reference holds the values that testdata/reference.py computed with SciPy and scikit-learn.
type reference struct {
	Calibrated []struct {
		Name               string
		Held, Gold, Labels [][]float64
		Temperature        float64
		HeldLogLoss        float64     `json:"held_log_loss"`
		ByTemperature      [][]float64 `json:"by_temperature"`
		Platt              []float64
		ByPlatt            [][]float64 `json:"by_platt"`
		SklearnPlatt       []float64   `json:"sklearn_platt"`
	}
	Ranking struct {
		Held, Gold  [][]float64
		Temperature float64
	}
	Probes struct {
		X      [][]float32
		Soft   [][]float64
		K      int
		KNN    []float64
		L2     float64
		LogReg []float64
	}
}

func loadReference(t *testing.T) reference {
	t.Helper()
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var ref reference
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	if len(ref.Calibrated) < 4 || len(ref.Ranking.Held) == 0 || len(ref.Probes.KNN) == 0 || len(ref.Probes.LogReg) == 0 {
		t.Fatal("reference values are missing")
	}
	return ref
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.12g, want %.12g (within %g)", what, got, want, tol)
	}
}

func nearRows(t *testing.T, what string, got, want [][]float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, len(got), len(want))
	}
	for i := range got {
		if len(got[i]) != len(want[i]) {
			t.Fatalf("%s, row %d: %d entries, want %d", what, i, len(got[i]), len(want[i]))
		}
		for k := range got[i] {
			near(t, fmt.Sprintf("%s, row %d, entry %d", what, i, k), got[i][k], want[i][k], tol)
		}
	}
}

// labelsOf returns labels with distinct ids that are not in the order of the labels.
func labelsOf(classes int, soft [][]float64) Labels {
	l := Labels{Classes: classes, Soft: soft}
	for i := range soft {
		l.IDs = append(l.IDs, fmt.Sprintf("id-%03d", i*37%1000))
	}
	return l
}

// apply applies a treatment and checks the result's consistency with its input.
func apply(t *testing.T, tr Treatment, l Labels, e Evidence) Treated {
	t.Helper()
	out, err := tr.Apply(context.Background(), l, e)
	if err != nil {
		t.Fatalf("%s: %v", tr, err)
	}
	if err := out.Check(); err != nil {
		t.Fatalf("%s: %v", tr, err)
	}
	if len(out.Keep) != len(out.IDs) || !slices.IsSorted(out.Keep) {
		t.Fatalf("%s: Keep is %v for %d labels", tr, out.Keep, len(out.IDs))
	}
	for k, i := range out.Keep {
		if out.IDs[k] != l.IDs[i] {
			t.Fatalf("%s: label %d belongs to %s, Keep says %s", tr, k, out.IDs[k], l.IDs[i])
		}
	}
	return out
}

func TestCalibrationMatchesSciPy(t *testing.T) {
	ref := loadReference(t)
	for _, c := range ref.Calibrated {
		t.Run(c.Name, func(t *testing.T) {
			l := labelsOf(len(c.Labels[0]), c.Labels)
			e := Evidence{Held: &Held{c.Held, c.Gold}}
			sharpness := fitSharpness(list.Map(c.Held, logits), c.Gold)
			near(t, "temperature", 1/sharpness, c.Temperature, 1e-6*c.Temperature)
			nearRows(t, "by temperature", apply(t, Temperature{}, l, e).Soft, c.ByTemperature, 1e-6)
			theta, err := fitPlatt(list.Map(c.Held, logits), plattTargets(c.Gold))
			if err != nil {
				t.Fatal(err)
			}
			for j := range theta {
				near(t, fmt.Sprintf("Platt %d", j), theta[j], c.Platt[j], 1e-6)
			}
			for j := range c.SklearnPlatt {
				near(t, fmt.Sprintf("Platt %d, scikit-learn", j), theta[j], c.SklearnPlatt[j], 2e-4)
			}
			platt := apply(t, Platt{}, l, e)
			nearRows(t, "by Platt", platt.Soft, c.ByPlatt, 1e-6)
			if len(platt.Notes) != 1 || !strings.Contains(platt.Notes[0], "150 held-out examples") {
				t.Errorf("notes %q", platt.Notes)
			}
			if temperature := apply(t, Temperature{}, l, e); !strings.Contains(temperature.Notes[0], fmt.Sprintf("to %.3f, ECE", c.HeldLogLoss)) {
				t.Errorf("notes %q without log loss %.3f", temperature.Notes, c.HeldLogLoss)
			}
		})
	}
	r := ref.Ranking
	near(t, "temperature of a ranking", 1/fitSharpness(list.Map(r.Held, logits), r.Gold), r.Temperature, 1e-6*r.Temperature)
	out := apply(t, Temperature{}, labelsOf(0, r.Held), Evidence{Held: &Held{r.Held, r.Gold}})
	for i := range r.Held {
		if prob.Argmax(out.Soft[i]) != prob.Argmax(r.Held[i]) {
			t.Errorf("temperature changed answer %d", i)
		}
	}
	if _, err := (Platt{}).Apply(t.Context(), labelsOf(0, r.Held), Evidence{Held: &Held{r.Held, r.Gold}}); err == nil || !strings.Contains(err.Error(), "use temperature") {
		t.Errorf("Platt on a ranking: %v", err)
	}
}

func TestCalibrationOfExtremeSupervisors(t *testing.T) {
	l := labelsOf(2, [][]float64{{0.3, 0.7}, {0.5, 0.5}, {0, 1}, {1, 0}})
	gold := [][]float64{{0, 1}, {1, 0}, {0, 1}, {1, 0}}
	alwaysRight := &Held{Soft: [][]float64{{0.1, 0.9}, {0.9, 0.1}, {0.2, 0.8}, {0.7, 0.3}}, Gold: gold}
	alwaysWrong := &Held{Soft: [][]float64{{0.9, 0.1}, {0.1, 0.9}, {0.8, 0.2}, {0.3, 0.7}}, Gold: gold}
	uniform := &Held{Soft: [][]float64{{0.5, 0.5}, {0.5, 0.5}, {0.5, 0.5}, {0.5, 0.5}}, Gold: gold}
	zeros := &Held{Soft: [][]float64{{0, 1}, {1, 0}, {1, 0}, {1, 0}}, Gold: gold}
	for name, c := range map[string]struct {
		held *Held
		warn bool
	}{"always right": {alwaysRight, true}, "always wrong": {alwaysWrong, true}, "uniform": {uniform, true}, "exact zeros": {zeros, false}} {
		out := apply(t, Temperature{}, l, Evidence{Held: c.held})
		if (len(out.Warnings) > 0) != c.warn {
			t.Errorf("%s: temperature warns %q", name, out.Warnings)
		}
		for i := range l.Soft {
			if prob.Argmax(out.Soft[i]) != prob.Argmax(l.Soft[i]) {
				t.Errorf("%s: temperature changed answer %d", name, i)
			}
		}
		out = apply(t, Platt{}, l, Evidence{Held: c.held})
		if name == "always wrong" && (len(out.Warnings) == 0 || prob.Argmax(out.Soft[2]) != 0) {
			t.Errorf("always wrong: Platt warns %q and gives %v", out.Warnings, out.Soft)
		}
	}
	for name, c := range map[string]struct {
		held *Held
		want string
	}{
		"none":          {nil, "needs held-out gold"},
		"empty":         {&Held{}, "needs held-out gold"},
		"other classes": {&Held{[][]float64{{0.2, 0.3, 0.5}}, [][]float64{{0, 0, 1}}}, "3 classes (want 2)"},
		"no gold":       {&Held{alwaysRight.Soft, nil}, "4 examples and 0"},
		"NaN":           {&Held{[][]float64{{math.NaN(), 1}}, [][]float64{{0, 1}}}, "NaN"},
	} {
		for _, tr := range []Treatment{Temperature{}, Platt{}} {
			if _, err := tr.Apply(t.Context(), l, Evidence{Held: c.held}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s with %s: error %v, want one with %q", tr, name, err, c.want)
			}
		}
	}
}

func TestSoftHardAndSmooth(t *testing.T) {
	l := labelsOf(3, [][]float64{{0.2, 0.4, 0.4}, {0.1, 0.1, 0.8}})
	nearRows(t, "soft", apply(t, Soft{}, l, Evidence{}).Soft, l.Soft, 0)
	nearRows(t, "hard", apply(t, Hard{}, l, Evidence{}).Soft, [][]float64{{0, 1, 0}, {0, 0, 1}}, 0)
	nearRows(t, "smooth", apply(t, Smooth{0.3}, l, Evidence{}).Soft, [][]float64{{0.24, 0.38, 0.38}, {0.17, 0.17, 0.66}}, 1e-15)
	nearRows(t, "hard and smooth", apply(t, Steps{Hard{}, Smooth{0.3}}, l, Evidence{}).Soft, [][]float64{{0.1, 0.8, 0.1}, {0.1, 0.1, 0.8}}, 1e-15)
	nearRows(t, "input", l.Soft, [][]float64{{0.2, 0.4, 0.4}, {0.1, 0.1, 0.8}}, 0)
}

func TestTopKeepsMostConfident(t *testing.T) {
	soft := [][]float64{{0.9, 0.1}, {0.4, 0.6}, {0.8, 0.2}, {0.45, 0.55}, {0.95, 0.05}, {0.7, 0.3}, {0.5, 0.5}, {0.2, 0.8}}
	l := labelsOf(2, soft)
	for _, c := range []struct {
		top  Top
		keep []int
	}{
		{Top{Share: 0.5}, []int{0, 2, 4, 7}},
		{Top{0.5, true}, []int{0, 1, 4, 7}},
		{Top{Share: 1}, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{Top{Share: 0.01}, []int{4}},
		{Top{1, true}, []int{0, 1, 2, 3, 4, 5, 7}}, // five of class 0, whose half is four: one is dropped
	} {
		if got := apply(t, c.top, l, Evidence{}).Keep; !slices.Equal(got, c.keep) {
			t.Errorf("%s keeps %v, want %v", c.top, got, c.keep)
		}
	}
	if out := apply(t, Top{Share: 0.25}, l, Evidence{}); len(out.Warnings) != 1 {
		t.Errorf("with one class left, warnings %q", out.Warnings)
	}
	if _, err := (Top{0.5, true}).Apply(t.Context(), labelsOf(0, soft), Evidence{}); err == nil || !strings.Contains(err.Error(), "balance") {
		t.Errorf("balanced on a ranking: %v", err)
	}
}

// data returns rows as the features of examples.
func data(classes int, rows [][]float32) head.Data {
	m := &feature.Matrix{Rows: len(rows), Dims: len(rows[0])}
	for _, r := range rows {
		m.Data = append(m.Data, r...)
	}
	return head.Data{X: m, Classes: classes}
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestProbesMatchScikitLearn(t *testing.T) {
	ref := loadReference(t).Probes
	l := labelsOf(2, ref.Soft)
	e := Evidence{Features: data(2, ref.X), Examples: upTo(len(ref.X))}
	for _, c := range []struct {
		probe Probe
		want  []float64
		tol   float64
	}{{KNN{ref.K}, ref.KNN, 1e-12}, {LogReg{ref.L2, true}, ref.LogReg, 1e-6}} {
		out := apply(t, Relabel{c.probe, 1}, l, e)
		distance := make([]float64, len(c.want))
		for i, want := range c.want {
			near(t, fmt.Sprintf("%s %d", c.probe, i), out.Soft[i][1], want, c.tol)
			distance[i] = math.Abs(want - ref.Soft[i][1])
		}
		// A tenth is twelve labels, those with the largest |prediction - label|, as in EleutherAI/w2s.
		worst := upTo(len(distance))
		slices.SortFunc(worst, func(a, b int) int {
			if distance[a] > distance[b] {
				return -1
			}
			return 1
		})
		worst = worst[:12]
		slices.Sort(worst)
		out = apply(t, Relabel{c.probe, 0.1}, l, e)
		var changed []int
		for i := range out.Soft {
			if !slices.Equal(out.Soft[i], l.Soft[i]) {
				changed = append(changed, i)
			}
		}
		if !slices.Equal(changed, worst) {
			t.Errorf("%s: labels %v were replaced, want %v", c.probe, changed, worst)
		}
		out = apply(t, Filter{c.probe, 0.1}, l, e)
		want := slices.DeleteFunc(upTo(len(distance)), func(i int) bool { return slices.Contains(worst, i) })
		if !slices.Equal(out.Keep, want) {
			t.Errorf("%s: kept %v, want %v", c.probe, out.Keep, want)
		}
	}
}

// Every treatment of the table must give the same labels bit for bit when the examples come in another order.
func TestTreatmentsDoNotDependOnOrder(t *testing.T) {
	ref := loadReference(t).Probes
	n := len(ref.X)
	for i := range 30 { // equal features and equal confidences make ties
		ref.X[n-1-i], ref.Soft[n-1-i] = ref.X[i], ref.Soft[i%3]
	}
	l := labelsOf(2, ref.Soft)
	e := Evidence{Features: data(2, ref.X), Examples: upTo(n),
		Held: &Held{ref.Soft[:50], loadReference(t).Calibrated[0].Gold[:50]}}
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	shuffled := Labels{Classes: 2}
	se := Evidence{Features: e.Features, Held: e.Held}
	for h := range 3 {
		var labels, moved [][]float64
		for i := range n {
			labels = append(labels, oneHot((i*7+i/3+h*i)%2, 2))
		}
		for _, i := range order {
			moved = append(moved, labels[i])
		}
		e.Repeats, se.Repeats = append(e.Repeats, labels), append(se.Repeats, moved)
	}
	for _, i := range order {
		shuffled.IDs = append(shuffled.IDs, l.IDs[i])
		shuffled.Soft = append(shuffled.Soft, l.Soft[i])
		se.Examples = append(se.Examples, i)
	}
	perID := func(l Treated) map[string][]float64 {
		m := map[string][]float64{}
		for i, id := range l.IDs {
			m[id] = l.Soft[i]
			if l.Weights != nil {
				m[id] = append(slices.Clone(m[id]), l.Weights[i])
			}
		}
		return m
	}
	texts := []string{"soft", "hard", "smooth:0.2", "temperature", "platt", "top:0.3", "top:0.5:balanced", "relabel:knn:k=5", "relabel:logreg",
		"filter:knn:0.25", "filter:logreg:0.3", "temperature+top:0.4+filter:knn:0.2:k=3",
		"confident:0.6", "weight:cwpo", "weight:entropy", "weight:excess", "weight:reliability:heads=3", "reliable:0.4:heads=3", "overlap",
		"topofilter:0.3:k=7", "channel", "weight:excess+reliable:0.5:heads=2+channel:l2=0.1"}
	for _, n := range Treatments() {
		if !slices.ContainsFunc(texts, func(text string) bool {
			return slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == '+' }), n.Name)
		}) {
			t.Errorf("no case for the treatment %s", n.Name)
		}
	}
	for _, text := range texts {
		tr, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		before := fmt.Sprint(l, shuffled)
		a, b := apply(t, tr, l, e), apply(t, tr, shuffled, se)
		if !reflect.DeepEqual(perID(a), perID(b)) {
			t.Errorf("%s depends on the order of examples", text)
		}
		if fmt.Sprint(l, shuffled) != before {
			t.Errorf("%s changed its input", text)
		}
	}
}

func TestProbesRejectBadInput(t *testing.T) {
	soft := [][]float64{{0.2, 0.8}, {0.6, 0.4}, {0.1, 0.9}}
	rows := [][]float32{{1, 2}, {2, 3}, {3, 5}}
	l := labelsOf(2, soft)
	good := Evidence{Features: data(2, rows), Examples: upTo(3)}
	for name, c := range map[string]struct {
		t    Treatment
		l    Labels
		e    Evidence
		want string
	}{
		"no features":    {Relabel{KNN{1}, 1}, l, Evidence{}, "student's features"},
		"few examples":   {Relabel{KNN{3}, 1}, l, good, "too few examples for 3 neighbours each: 3"},
		"fewer features": {Filter{LogReg{}, 0.5}, l, Evidence{Features: good.Features, Examples: upTo(2)}, "features of 2 examples"},
		"out of range":   {Filter{LogReg{}, 0.5}, l, Evidence{Features: good.Features, Examples: []int{0, 1, 3}}, "example 3 is not among the 3"},
		"ranking":        {Filter{KNN{1}, 0.5}, labelsOf(0, soft), good, "use logreg"},
		"share":          {Relabel{KNN{1}, 0}, l, good, "share 0"},
		"share of all":   {Filter{KNN{1}, 1}, l, good, "share 1"},
		"no probe":       {Filter{nil, 0.5}, l, good, "no probe"},
		"NaN label":      {Relabel{KNN{1}, 1}, labelsOf(2, [][]float64{{math.NaN(), 1}}), good, "NaN"},
	} {
		if out, err := c.t.Apply(t.Context(), c.l, c.e); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, error %v, want one with %q", name, out, err, c.want)
		}
	}
}

// The test reverses one label. The prediction for that example must stay the same bit for bit, and others must change.
func TestProbesDoNotSeeTheLabelTheyPredict(t *testing.T) {
	ref := loadReference(t).Probes
	e := Evidence{Features: data(2, ref.X), Examples: upTo(len(ref.X))}
	for _, probe := range []Probe{KNN{40}, LogReg{L2: 0.1}, LogReg{}} {
		before, err := probe.Predict(t.Context(), labelsOf(2, ref.Soft), e)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{0, 17, 118} {
			reversed := slices.Clone(ref.Soft)
			reversed[i] = []float64{ref.Soft[i][1], ref.Soft[i][0]}
			after, err := probe.Predict(t.Context(), labelsOf(2, reversed), e)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(before[i], after[i]) {
				t.Errorf("%s: the prediction for example %d changed from %v to %v with its label", probe, i, before[i], after[i])
			}
			if reflect.DeepEqual(before, after) {
				t.Errorf("%s: no prediction changed with label %d", probe, i)
			}
		}
	}
}

// Each example has two candidates. The feature shows which one is right, and one label says otherwise.
func TestLogRegFindsWrongLabelOfRanking(t *testing.T) {
	var rows [][]float32
	var soft [][]float64
	start := []int{0}
	for i := range 30 {
		a := float32(i%7) / 7
		rows = append(rows, []float32{a, 1}, []float32{a + 1, 1})
		soft = append(soft, []float64{0.2, 0.8})
		start = append(start, len(rows))
	}
	soft[11] = []float64{0.9, 0.1}
	d := data(0, rows)
	d.Start = start
	out := apply(t, Filter{LogReg{}, 0.04}, labelsOf(0, soft), Evidence{Features: d, Examples: upTo(30)})
	if len(out.Keep) != 29 || slices.Contains(out.Keep, 11) {
		t.Errorf("kept %v", out.Keep)
	}
}

func TestParseReadsTreatmentsAndReportsFaults(t *testing.T) {
	for text, want := range map[string]Treatment{
		"soft":                                Soft{},
		"hard":                                Hard{},
		"smooth":                              Smooth{0.1},
		"smooth:0.25":                         Smooth{0.25},
		"smooth:epsilon=0.25":                 Smooth{0.25},
		"temperature":                         Temperature{},
		"platt":                               Platt{},
		"top:0.5":                             Top{Share: 0.5},
		"top:balanced":                        Top{0.5, true},
		"top:0.25:balanced":                   Top{0.25, true},
		"relabel:knn":                         Relabel{KNN{50}, 1},
		"relabel:knn:0.1":                     Relabel{KNN{50}, 0.1},
		"relabel:knn:0.1:k=50":                Relabel{KNN{50}, 0.1},
		"relabel:knn:k=50":                    Relabel{KNN{50}, 1},
		"relabel:logreg:share=0.5":            Relabel{LogReg{}, 0.5},
		"filter:logreg:l2=0.01":               Filter{LogReg{L2: 0.01}, 0.1},
		"filter:logreg:0.2:l2=1e-05":          Filter{LogReg{L2: 1e-5}, 0.2},
		"filter:logreg:in-sample":             Filter{LogReg{InSample: true}, 0.1},
		"relabel:logreg:1:l2=0.004:in-sample": Relabel{LogReg{0.004, true}, 1},
		"confident":                           Confident{0.75},
		"confident:0.9":                       Confident{0.9},
		"weight:cwpo":                         CWPO{},
		"weight:entropy":                      InverseEntropy{},
		"weight:excess":                       Excess{},
		"weight:excess:l2=0.1:in-sample":      Excess{LogReg{0.1, true}},
		"weight:reliability":                  Reliability{10},
		"weight:reliability:heads=4":          Reliability{4},
		"reliable":                            Reliable{0.5, 10},
		"reliable:0.25:heads=4":               Reliable{0.25, 4},
		"overlap":                             Overlap{},
		"topofilter":                          TopoFilter{0.1, 50},
		"topofilter:0.2:k=5":                  TopoFilter{0.2, 5},
		"topofilter:k=5":                      TopoFilter{0.1, 5},
		"channel":                             Channel{},
		"channel:l2=0.1":                      Channel{LogReg{L2: 0.1}},
		"hard+smooth:0.1":                     Steps{Hard{}, Smooth{0.1}},
		"temperature + top:0.5":               Steps{Temperature{}, Top{Share: 0.5}},
	} {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v, want %#v", text, got, err, want)
			continue
		}
		again, err := Parse(got.String())
		if err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%s is written as %q, which reads as %#v, %v", text, got, again, err)
		}
	}
	for text, want := range map[string]string{
		"temprature":         `did you mean "temperature"?`,
		"":                   "treatments: soft, hard",
		"xyz":                `unknown treatment "xyz" (treatments: soft`,
		"hard:1":             `"1" is left over`,
		"smooth:2":           "epsilon 2 is not between 0 and 1",
		"smooth:NaN":         "is not between",
		"smooth:x":           `epsilon "x" is not a number`,
		"top:0":              "share 0 is not above 0",
		"top:0.5:balancd":    `"balancd" is left over`,
		"relabel":            "no probe is named (want relabel:knn|logreg",
		"relabel:svm":        "unknown probe",
		"relabel:knn:0":      "share 0 is not above 0",
		"relabel:knn:k=0":    `k "0" is not a number of neighbours`,
		"filter:knn:1":       "share 1 is not from 0 to below 1",
		"filter:logreg:l2=0": `l2 "0" is not a number above 0`,
		"filter:logreg:k=3":  `"k=3" is left over`,
		"hard+":              "unknown treatment",
		"weight":             "no kind of weight is named",
		"weight:cpwo":        `did you mean "cwpo"?`,
		"weight:cwpo:1":      `"1" is left over`,
		"reliable:heads=1":   "1 heads are not in 2..1000",
		"reliable:0":         "share 0 is not above 0",
		"topofilter:1":       "share 1 is not from 0 to below 1",
		"topofilter:k=0":     `k "0" is not a number of neighbours`,
		"confident:1":        "threshold 1 is not from 0 to below 1",
		"overlap:0.5":        `"0.5" is left over`,
		"channel:knn":        `"knn" is left over`,
		"hard+platt":         "platt must come first",
	} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want an error with %q", text, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, n := range Treatments() {
		f.Add(n.Form)
	}
	for _, s := range []string{"hard+smooth:0.1", "filter:logreg:0.2:l2=1e-05", "top:0.25:balanced", "+", ":", "relabel:knn:share=0.5:k=3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tr, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(tr.String())
		if err != nil || !reflect.DeepEqual(again, tr) {
			t.Errorf("%q reads as %#v, which reads as %#v, %v", text, tr, again, err)
		}
	})
}
