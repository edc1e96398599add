package stats

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestPGROfPublishedScores(t *testing.T) {
	for _, c := range []struct {
		weak, student, ceiling, want float64
		shown                        string
	}{
		{72, 88, 95, 16. / 23, "0.70"},
		{0.72, 0.88, 0.95, 16. / 23, "0.70"},
		{0.70, 0.80, 0.90, 0.50, "0.50"},
		{56.6, 61.9, 64.5, 0.671, "0.67"}, // AlexNet to ResNet50, openai/weak-to-strong vision/README.md
		{56.6, 66.6, 74.0, 0.575, "0.57"}, // AlexNet to DINO ViT-B/8
		{0.70, 0.65, 0.90, -0.25, "-0.25"},
		{0.70, 0.95, 0.90, 1.25, "1.25"},
	} {
		p, err := PGROf(c.weak, c.student, c.ceiling)
		if err != nil || !p.Defined || p.Reason != "" {
			t.Fatalf("%v: %+v, %v", c, p, err)
		}
		near(t, "PGR", p.Value, c.want, 5e-4)
		if p.String() != c.shown {
			t.Errorf("%v is written as %s, want %s", c.want, p, c.shown)
		}
		if p.Interval.Known() {
			t.Errorf("the PGR of bare scores has the interval %v", p.Interval)
		}
	}
	for _, ceiling := range []float64{0.7, 0.6} {
		p, err := PGROf(0.7, 0.8, ceiling)
		if err != nil || p.Defined || p.Reason != ReasonNoGap || !math.IsNaN(p.Value) || p.String() != "undefined" {
			t.Errorf("ceiling %v: %+v, %v", ceiling, p, err)
		}
	}
}

// The scores of the worked example in README.md come from 1000 test examples.
func TestPGRFromExamples(t *testing.T) {
	first := func(n int) []float64 {
		v := make([]float64, 1000)
		for i := range n {
			v[i] = 1
		}
		return v
	}
	p := must(AccuracyPGR(first(720), first(880), first(950), Bootstrap{Seed: 1}))(t)
	near(t, "PGR", p.Value, 0.6957, 5e-5)
	near(t, "gap", p.Gap, 0.23, 1e-12)
	if !p.Defined || p.N != 1000 || p.String() != "0.70" || !p.Interval.Contains(p.Value) {
		t.Errorf("%+v", p)
	}
}

func TestPairedBootstrapMatchesSciPy(t *testing.T) {
	for _, c := range loadReference(t).Paired {
		p := must(AccuracyPGR(c.Weak, c.Student, c.Ceiling, Bootstrap{Resamples: 20000, Seed: 3}))(t)
		near(t, "PGR", p.Value, c.PGR, 1e-12)
		near(t, "gap", p.Gap, c.Gap, 1e-12)
		// An end of an interval of width w from R resamples has a standard error of about 0.7·w/√R, which is 0.005 w here.
		wp, wg := c.PGRInterval[1]-c.PGRInterval[0], c.GapInterval[1]-c.GapInterval[0]
		near(t, "PGR low", p.Interval.Lo, c.PGRInterval[0], 0.03*wp)
		near(t, "PGR high", p.Interval.Hi, c.PGRInterval[1], 0.03*wp)
		near(t, "gap low", p.GapInterval.Lo, c.GapInterval[0], 0.03*wg)
		near(t, "gap high", p.GapInterval.Hi, c.GapInterval[1], 0.03*wg)
	}
}

func TestAUROCIntervalMatchesScikitLearn(t *testing.T) {
	c := loadReference(t).AUROCInterval
	score := must(AUROCScore(c.Pred, c.Gold))(t)
	v := must(Bootstrap{N: len(c.Pred), Resamples: 4000, Seed: 5}.Interval(score))(t)
	w := c.Interval[1] - c.Interval[0]
	near(t, "low", v.Lo, c.Interval[0], 0.06*w)
	near(t, "high", v.Hi, c.Interval[1], 0.06*w)
}

// The student is right on one example in twenty more than its supervisor, and the ceiling on another one in twenty. As all three
// are scored on the same resample, the gap's interval must be narrow although the accuracies vary.
func TestPGRUsesPairedResamples(t *testing.T) {
	const n = 2000
	w, s, c := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		base := float64(i % 2)
		w[i], s[i], c[i] = base, base, base
		if i%20 == 0 {
			s[i], c[i] = 1, 1
		}
		if i%20 == 10 {
			c[i] = 1
		}
	}
	p := must(AccuracyPGR(w, s, c, Bootstrap{}))(t)
	near(t, "PGR", p.Value, 0.5, 1e-12)
	paired := p.GapInterval.Hi - p.GapInterval.Lo
	// The difference has the standard deviation √(0.1·0.9/n). Without pairing it would be √2·√(0.25/n), 2.4 times as much.
	near(t, "width of the gap interval", paired, 2*1.96*math.Sqrt(0.09/n), 0.003)
}

func TestPGRIsUndefinedWithoutClearGap(t *testing.T) {
	scores := func(n, flipped int) (w, s, c []float64) {
		w, s, c = make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			w[i], s[i], c[i] = float64(i%2), float64(i%2), float64(i%2)
		}
		for i := range flipped {
			c[2*i] = 1
		}
		return w, s, c
	}
	w, s, c := scores(200, 2)
	p := must(AccuracyPGR(w, s, c, Bootstrap{}))(t)
	if p.Defined || p.Reason != ReasonNoise || !math.IsNaN(p.Value) || p.Interval.Known() || !p.GapInterval.Contains(0) {
		t.Errorf("gap of 2 examples in 200: %+v", p)
	}
	near(t, "gap", p.Gap, 0.01, 1e-12)

	w, s, c = scores(200, 40)
	if p = must(AccuracyPGR(w, s, c, Bootstrap{}))(t); !p.Defined {
		t.Errorf("gap of 40 examples in 200: %+v", p)
	}
	if p = must(AccuracyPGR(c, s, w, Bootstrap{}))(t); p.Defined || p.Reason != ReasonNoGap || !p.GapInterval.Known() {
		t.Errorf("negative gap: %+v", p)
	}
	if p = must(AccuracyPGR(w, s, w, Bootstrap{}))(t); p.Defined || p.Reason != ReasonNoGap {
		t.Errorf("no gap: %+v", p)
	}
}

func TestBootstrapMakesTheSameResamplesInEveryCall(t *testing.T) {
	values := make([]float64, 300)
	for i := range values {
		values[i] = float64(i % 7)
	}
	b := Bootstrap{N: len(values), Seed: 9}
	one := must(b.Samples(MeanScore(values)))(t)[0]
	two := must(b.Samples(MeanScore(values), MeanScore(values)))(t)[1]
	for r := range one {
		if one[r] != two[r] {
			t.Fatalf("resample %d: %v and %v in another call", r, one[r], two[r])
		}
	}
	b.Seed++
	if other := must(b.Samples(MeanScore(values)))(t)[0]; other[0] == one[0] && other[1] == one[1] && other[2] == one[2] {
		t.Error("another seed gives the same resamples")
	}
	// These are the package's own results. Another use of the generator would change the intervals of stored results.
	for r, want := range map[int]float64{0: 856, 1: 886, 1999: 889} {
		near(t, "sum of a resample", one[r]*300, want, 1e-9)
	}
	v := must(Bootstrap{N: len(values), Seed: 9}.Interval(MeanScore(values)))(t)
	near(t, "mean of resamples", mean(one), 2.98, 0.02)
	if !(v.Lo < 2.98 && 2.98 < v.Hi) || v.Level != Level {
		t.Errorf("interval %v", v)
	}
}

// Ten copies of an example in one group must not be more evidence than the example alone.
func TestBootstrapDrawsWholeGroups(t *testing.T) {
	const n, copies = 100, 10
	single := make([]float64, n)
	var many []float64
	var groups []int
	for i := range n {
		single[i] = float64(i * 7 % 3 / 2)
		for range copies {
			many, groups = append(many, single[i]), append(groups, i)
		}
	}
	width := func(v Interval) float64 { return v.Hi - v.Lo }
	alone := width(must(Bootstrap{N: n, Resamples: 8000}.Interval(MeanScore(single)))(t))
	grouped := width(must(Bootstrap{N: n * copies, Groups: groups, Resamples: 8000}.Interval(MeanScore(many)))(t))
	ignored := width(must(Bootstrap{N: n * copies, Resamples: 8000}.Interval(MeanScore(many)))(t))
	near(t, "grouped / alone", grouped/alone, 1, 0.06)
	near(t, "ignored / alone", ignored/alone, 1/math.Sqrt(copies), 0.04)

}

func TestBootstrapRejectsBadSettings(t *testing.T) {
	for want, b := range map[string]Bootstrap{
		"groups for 2 of 3 examples": {N: 3, Groups: []int{0, 1}},
		"example 1 is in group -1":   {N: 2, Groups: []int{0, -1}},
		"example 1 is in group 2":    {N: 2, Groups: []int{0, 2}},
		"level 1 ":                   {N: 2, Level: 1},
		"-1 resamples":               {N: 2, Resamples: -1},
		"no examples":                {},
	} {
		if _, err := b.Interval(MeanScore(make([]float64, b.N))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// With one positive example of three, many resamples have no AUROC.
func TestBootstrapRejectsUndefinedFigures(t *testing.T) {
	score := must(AUROCScore([][]float64{{0.5, 0.5}, {0.2, 0.8}, {0.7, 0.3}}, [][]float64{{1, 0}, {0, 1}, {1, 0}}))(t)
	if v, err := (Bootstrap{N: 3}).Interval(score); err == nil || !strings.Contains(err.Error(), "some resamples") {
		t.Errorf("interval %v, error %v, want an error on some resamples", v, err)
	}
}

func TestPGROverSeedsIsMeanOfSeeds(t *testing.T) {
	p := must(PGROverSeeds([]float64{0.7, 0.7, 0.7}, []float64{0.8, 0.78, 0.82}, []float64{0.9, 0.9, 0.9}, Level))(t)
	if len(p.BySeed) != 3 || !p.Defined || p.N != 3 {
		t.Fatalf("%+v", p)
	}
	near(t, "mean", p.Value, 0.5, 1e-12)
	near(t, "low", p.Interval.Lo, 0.5-4.302652729911275*0.1/math.Sqrt(3), 1e-9) // Student's t with 2 degrees of freedom at 0.975
	data, err := json.Marshal(p)
	var back SeedPGR
	if err != nil || json.Unmarshal(data, &back) != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("%+v is written as %s and read as %+v (%v)", p, data, back, err)
	}
	p = must(PGROverSeeds([]float64{0.7}, []float64{0.8}, []float64{0.9}, Level))(t)
	if !p.Defined || p.Interval.Known() || len(p.BySeed) != 1 {
		t.Errorf("one seed: %+v", p)
	}
	p = must(PGROverSeeds([]float64{0.7, 0.9}, []float64{0.8, 0.8}, []float64{0.9, 0.9}, Level))(t)
	if !p.Defined || p.N != 1 || p.LeftOut != 1 || len(p.BySeed) != 2 || !math.IsNaN(p.BySeed[1]) || p.Interval.Known() || !p.GapInterval.Known() {
		t.Errorf("one seed without a gap: %+v", p)
	}
	near(t, "mean of the seeds with a gap", p.Value, 0.5, 1e-12)
	near(t, "gap of all seeds", p.Gap, 0.1, 1e-12)
	p = must(PGROverSeeds([]float64{0.7, 0.7, 0.9, 0.6}, []float64{0.8, 0.75, 0.8, 0.75}, []float64{0.9, 0.9, 0.89, 0.9}, Level))(t)
	if p.N != 3 || p.LeftOut != 1 || !p.Interval.Known() {
		t.Errorf("one of four seeds without a gap: %+v", p)
	}
	near(t, "mean of three seeds", p.Value, (0.5+0.25+0.5)/3, 1e-12)
	data, err = json.Marshal(p)
	if err != nil || json.Unmarshal(data, &back) != nil || !math.IsNaN(back.BySeed[2]) || back.LeftOut != 1 || back.Value != p.Value || back.BySeed[3] != p.BySeed[3] {
		t.Errorf("%+v is written as %s and read as %+v (%v)", p, data, back, err)
	}
	p = must(PGROverSeeds([]float64{0.9, 0.9}, []float64{0.8, 0.8}, []float64{0.9, 0.8}, Level))(t)
	if p.Defined || p.Reason != ReasonSeedGap || p.N != 0 || p.LeftOut != 2 {
		t.Errorf("no seed with a gap: %+v", p)
	}
	if _, err := PGROverSeeds(nil, nil, nil, Level); !errors.Is(err, ErrEmpty) {
		t.Errorf("PGROverSeeds of no seeds: %v, want ErrEmpty", err)
	}
}

func TestJSONIsReadBack(t *testing.T) {
	defined := PGR{Value: 0.5, Interval: Interval{0.4, 0.6, 0.95}, Gap: 0.2, GapInterval: Interval{0.1, 0.3, 0.95}, Defined: true, N: 10}
	undefined := PGR{Value: math.NaN(), Gap: 0.01, GapInterval: Interval{-0.1, 0.1, 0.95}, Reason: ReasonNoise, N: 10}
	for _, p := range []PGR{defined, undefined} {
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Defined && !strings.Contains(string(data), `"value":null`) {
			t.Errorf("the undefined PGR is written as %s", data)
		}
		var back PGR
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if back.Defined != p.Defined || back.Reason != p.Reason || back.Gap != p.Gap || back.Interval != p.Interval ||
			back.GapInterval != p.GapInterval || back.N != p.N || (p.Defined && back.Value != p.Value) || math.IsNaN(back.Value) == p.Defined {
			t.Errorf("%+v is read as %+v", p, back)
		}
	}
	for bad, want := range map[string]string{`{"value":null,"gap":1}`: "no value and no reason", `{"value":"x"}`: "cannot unmarshal string", `[]`: "cannot unmarshal array"} {
		if err := json.Unmarshal([]byte(bad), new(PGR)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("PGR from %s: error %v, want one with %q", bad, err, want)
		}
	}
	for bad, want := range map[string]string{`{"lo":2,"hi":1,"level":0.95}`: "lo 2, hi 1", `{"lo":0,"hi":1,"level":0}`: "level 0", `3`: "cannot unmarshal number"} {
		if err := json.Unmarshal([]byte(bad), new(Interval)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("interval from %s: error %v, want one with %q", bad, err, want)
		}
	}
	for _, s := range []Share{{Value: math.NaN()}, {Value: 0.25, N: 8, Interval: Interval{0, 0.5, 0.95}}} {
		data, err := json.Marshal(s)
		var back Share
		if err != nil || json.Unmarshal(data, &back) != nil || back.N != s.N || back.Interval != s.Interval || (s.N > 0 && back.Value != s.Value) {
			t.Errorf("%+v is written as %s and read as %+v (%v)", s, data, back, err)
		}
	}
	for _, p := range []Pooled{{Median: math.NaN(), Undefined: 2}, {Median: 0.5, N: 7, Interval: Interval{0.1, 0.7, 0.98}}} {
		data, err := json.Marshal(p)
		var back Pooled
		if err != nil || json.Unmarshal(data, &back) != nil || back.N != p.N || back.Undefined != p.Undefined || back.Interval != p.Interval {
			t.Errorf("%+v is written as %s and read as %+v (%v)", p, data, back, err)
		}
	}
}

func BenchmarkAccuracyPGR(b *testing.B) {
	w, s, c := make([]float64, 872), make([]float64, 872), make([]float64, 872)
	for i := range w {
		w[i], s[i], c[i] = float64(i%2), float64((i+1)%3/1&1), 1
	}
	for b.Loop() {
		if _, err := AccuracyPGR(w, s, c, Bootstrap{}); err != nil {
			b.Fatal(err)
		}
	}
}

// If the gap is above 0, every student has a PGR, however noisy its gain is: the verdict on a gap does not depend on the loss. Each end of
// the interval is where gain - ρ·gap just does not differ from 0.
func TestPGRIsDefinedWhereTheGapIs(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 8))
	const seeds, examples = 3, 200
	scores := func(share, spread float64) (out []Score) {
		for s := range seeds {
			right := make([]float64, examples)
			for i := range right {
				if rng.Float64() < share+spread*float64(s-1) {
					right[i] = 1
				}
			}
			out = append(out, MeanScore(right))
		}
		return out
	}
	b := Bootstrap{N: examples, Resamples: 500}
	wide := 0
	for range 60 {
		weak, ceiling, gap := scores(0.55, 0.005), scores(0.72, 0.005), 0.0
		var defined []bool
		for _, spread := range []float64{0, 0.01, 0.05, 0.1} {
			c := must(b.Cross(weak, scores(0.62, spread), ceiling))(t)
			p := must(c.PGR(0, 1, 2))(t)
			if p.Defined != !p.GapInterval.Contains(0) {
				t.Fatalf("gap %.3f %v: defined %v (%s)", p.Gap, p.GapInterval, p.Defined, p.Reason)
			}
			defined, gap = append(defined, p.Defined), p.Gap
			gain, of := c.weigh(map[int]float64{1: 1, 0: -1}), c.weigh(map[int]float64{2: 1, 0: -1})
			if fixed := ratioInterval(mean(gain.values), gap, p.Errors, Level); !p.Defined || !math.IsInf(fixed.Lo, 0) {
				continue
			}
			wide++
			ends := c.ratiosNotRejected(gain, of)
			for _, end := range []float64{ends.Lo, ends.Hi} {
				rest := gain.less(end, of)
				near(t, "half width at an end", c.halfWidth(rest), math.Abs(mean(rest.values)), 1e-6)
			}
		}
		if slices.Contains(defined, true) && slices.Contains(defined, false) {
			t.Errorf("gap %.3f: defined %v", gap, defined)
		}
	}
	if wide == 0 {
		t.Error("no interval was unbounded with the degrees of freedom of its estimate")
	}
}
