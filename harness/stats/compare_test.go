package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

func TestPValuesAndIntervalsMatchSciPy(t *testing.T) {
	ref := loadReference(t)
	for _, c := range ref.McNemar {
		near(t, fmt.Sprintf("McNemar(%d, %d)", c.Better, c.Worse), must(McNemar(c.Better, c.Worse))(t), c.P, 1e-10)
	}
	for i, c := range ref.SignFlip {
		p := must(SignFlip(c.Diff, 1))(t)
		near(t, fmt.Sprintf("SignFlip %d", i), p, c.P, 4*math.Sqrt(c.P*(1-c.P)/permutations)+2e-4)
	}
	adjusted := must(Holm(ref.Holm.P))(t)
	if len(adjusted) != len(ref.Holm.Adjusted) {
		t.Fatalf("Holm adjusts %d values, want %d", len(adjusted), len(ref.Holm.Adjusted))
	}
	for i, want := range ref.Holm.Adjusted {
		near(t, fmt.Sprintf("Holm %d", i), adjusted[i], want, 1e-12)
	}
	for _, c := range ref.TInterval {
		m, v, err := TInterval(c.Values, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "mean", m, c.Mean, 1e-12)
		near(t, "t low", v.Lo, c.Lo, 1e-9)
		near(t, "t high", v.Hi, c.Hi, 1e-9)
	}
	for _, c := range ref.MedianInterval {
		m, v, err := MedianInterval(c.Values, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		n := len(c.Values)
		near(t, fmt.Sprintf("median of %d", n), m, c.Median, 1e-12)
		near(t, fmt.Sprintf("low of %d", n), v.Lo, c.Lo, 0)
		near(t, fmt.Sprintf("high of %d", n), v.Hi, c.Hi, 0)
		if v.Level < 0.95 {
			t.Errorf("median of %d: level %v", n, v.Level)
		}
	}
}

func TestMedianIntervalOfFewValuesIsTheirRange(t *testing.T) {
	for _, c := range []struct {
		values []float64
		median float64
		want   Interval
	}{
		{[]float64{0.4}, 0.4, Interval{}},
		{[]float64{0.6, 0.2}, 0.4, Interval{0.2, 0.6, 0.5}},
		{[]float64{0.6, 0.2, 0.3}, 0.3, Interval{0.2, 0.6, 0.75}},
		{[]float64{5, 1, 4, 2, 3}, 3, Interval{1, 5, 0.9375}},
	} {
		m, v, err := MedianInterval(c.values, 0.95)
		if err != nil || m != c.median || v != c.want {
			t.Errorf("%v: %v %+v %v, want %v %+v", c.values, m, v, err, c.median, c.want)
		}
	}
}

func TestPoolCountsUndefinedPGRs(t *testing.T) {
	task := func(corpus string, gain float64, p PGR) TaskPGR { return TaskPGR{Corpus: corpus, Gain: gain, PGR: p} }
	p := must(Pool([]TaskPGR{task("a", 0.03, PGR{Value: 0.3, Gap: 0.1, Defined: true}), task("b", 0, PGR{Gap: 0.01, Reason: ReasonNoise}),
		task("c", 0.05, PGR{Value: 0.5, Gap: 0.1, Defined: true})}))(t)
	if p.N != 2 || p.Undefined != 1 || p.Median != 0.4 || p.Ratio.N != 3 {
		t.Errorf("%+v", p)
	}
	alone := PGR{Value: 0.3, Gap: 0.1, Defined: true, Interval: Interval{0.1, 0.5, 0.95}, N: 800}
	if p = must(Pool([]TaskPGR{task("a", 0.03, alone)}))(t); p.Ratio.Value != 0.3 || p.Ratio.Interval != alone.Interval || p.Ratio.N != 1 {
		t.Errorf("a single task: %+v", p)
	}
	if p = must(Pool([]TaskPGR{task("a", 0.03, alone), task("a", 0.03, alone)}))(t); p.Ratio.Defined || p.Ratio.Reason != ReasonOneCorpus || p.Median != 0.3 {
		t.Errorf("two tasks of one corpus: %+v", p)
	}
	if p = must(Pool([]TaskPGR{task("a", 0, PGR{Gap: -0.1, Reason: ReasonNoGap})}))(t); p.N != 0 || !math.IsNaN(p.Median) || p.Ratio.Defined {
		t.Errorf("%+v", p)
	}
	if _, err := Pool(nil); err == nil {
		t.Error("no error for no tasks")
	}
}

// The interval is what scipy.optimize.brentq finds for |mean(gain - ρ·gap)| = t·sd/√4, with the two tasks of corpus a averaged.
func TestPoolOverCorpora(t *testing.T) {
	var tasks []TaskPGR
	for _, v := range []TaskPGR{{"a", 0.05, PGR{Gap: 0.1}}, {"b", 0.02, PGR{Gap: 0.09}}, {"a", 0.03, PGR{Gap: 0.06}}, {"c", 0.08, PGR{Gap: 0.12}}, {"d", 0.03, PGR{Gap: 0.07}}} {
		v.PGR.Value, v.PGR.Defined = v.Gain/v.PGR.Gap, true
		tasks = append(tasks, v)
	}
	p := must(Pool(tasks))(t).Ratio
	near(t, "PGR", p.Value, 0.47222222222222227, 1e-12)
	near(t, "lower end", p.Interval.Lo, 0.010540341998974741, 1e-9)
	near(t, "upper end", p.Interval.Hi, 0.7536255230029858, 1e-9)
}

// The seeds and test examples of independent tasks are drawn anew in each round, the tasks stay. The interval of these tasks must
// contain their true PGR in about 95 % of the rounds, with two tasks as well, where an interval over tasks has one degree of
// freedom. Two tasks that share all their noise must not seem twice as sure.
func TestPoolOfTheseTasks(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	const seeds, examples, rounds = 3, 300, 200
	score := func(difficulty []float64, skill float64) []Score {
		var out []Score
		for range seeds {
			right := make([]float64, examples)
			own := skill + 0.01*rng.NormFloat64()
			for i, d := range difficulty {
				if d+0.3*rng.NormFloat64() < own {
					right[i] = 1
				}
			}
			out = append(out, MeanScore(right))
		}
		return out
	}
	expected := func(skill float64) float64 { // P(uniform + 0.3·normal < skill + 0.01·normal)
		sum, n := 0.0, 2000
		for i := range n {
			sum += distuv.UnitNormal.CDF((skill-(float64(i)+0.5)/float64(n))/math.Hypot(0.3, 0.01)) / float64(n)
		}
		return sum
	}
	skills := [][3]float64{{0.5, 0.6, 0.75}, {0.4, 0.6, 0.7}}
	gain, gap := 0.0, 0.0
	for _, s := range skills {
		gain += expected(s[1]) - expected(s[0])
		gap += expected(s[2]) - expected(s[0])
	}
	covered, width, single := 0, 0.0, 0.0
	for round := range rounds {
		var tasks []TaskPGR
		for k, s := range skills {
			difficulty := make([]float64, examples)
			for i := range difficulty {
				difficulty[i] = rng.Float64()
			}
			weak, student, ceiling := score(difficulty, s[0]), score(difficulty, s[1]), score(difficulty, s[2])
			p := must(NewPGR(weak, student, ceiling, Bootstrap{N: examples, Resamples: 200, Seed: uint64(round)}))(t)
			means := [2]float64{}
			for i := range seeds {
				means[0] += weak[i](nil) / seeds
				means[1] += student[i](nil) / seeds
			}
			tasks = append(tasks, TaskPGR{fmt.Sprint(k), means[1] - means[0], p})
		}
		p := must(Pool(tasks))(t).These
		if p.Interval.Contains(gain / gap) {
			covered++
		}
		width += p.Interval.Hi - p.Interval.Lo
		same := must(Pool([]TaskPGR{{"a", tasks[0].Gain, tasks[0].PGR}, {"a", tasks[0].Gain, tasks[0].PGR}}))(t).These
		one := ratioInterval(tasks[0].Gain, tasks[0].PGR.Gap, tasks[0].PGR.Errors, Level)
		near(t, "two tasks that are the same", same.Interval.Lo, one.Lo, 1e-12)
		single += one.Hi - one.Lo
	}
	if covered < rounds*91/100 || covered == rounds {
		t.Errorf("%d of %d intervals contain the PGR %.3f", covered, rounds, gain/gap)
	}
	if width > 0.85*single {
		t.Errorf("two tasks have intervals of %.3f on average, one of them alone of %.3f", width/rounds, single/rounds)
	}
}

func TestPoolOfTheseTasksNeedsErrors(t *testing.T) {
	bare := must(PGROf(0.5, 0.6, 0.7))(t)
	p := must(Pool([]TaskPGR{{"a", 0.1, bare}, {"b", 0.15, bare}, {"c", 0.1, bare}}))(t)
	if p.These.Defined || p.These.Reason != ReasonNoErrors || p.PGR().Value != p.Ratio.Value || p.Over() != p.Ratio.Interval {
		t.Errorf("%+v", p)
	}
}

// Tasks with a small gap have a PGR only if chance makes the gap large. Their median is then too low, and the pooled PGR is not.
func TestPooledPGRIsNotPulledDownBySmallGaps(t *testing.T) {
	const want, gap, noise = 0.9, 0.03, 0.015
	rng := rand.New(rand.NewPCG(9, 9))
	var pooled, median float64
	covered, defined := 0, 0
	const rounds = 300
	for range rounds {
		var tasks []TaskPGR
		for i := range 12 {
			weak, student, ceiling := noise*rng.NormFloat64(), want*gap+noise*rng.NormFloat64(), gap+noise*rng.NormFloat64()
			v := TaskPGR{fmt.Sprint(i), student - weak, PGR{Gap: ceiling - weak, Reason: ReasonNoise}}
			if v.PGR.Gap > 1.96*math.Sqrt2*noise {
				v.PGR.Value, v.PGR.Defined = v.Gain/v.PGR.Gap, true
			}
			tasks = append(tasks, v)
		}
		p := must(Pool(tasks))(t)
		if !p.Ratio.Defined || p.N == 0 {
			continue
		}
		defined++
		pooled, median = pooled+p.Ratio.Value, median+p.Median
		if p.Ratio.Interval.Contains(want) {
			covered++
		}
	}
	n := float64(defined)
	if defined < rounds*9/10 || math.Abs(pooled/n-want) > 0.05 || median/n > 0.8 || float64(covered)/n < 0.92 || float64(covered)/n > 0.98 {
		t.Errorf("pooled %.3f, median %.3f, want %.1f; %d of %d intervals contain it", pooled/n, median/n, want, covered, defined)
	}
}

func TestCompareChoosesTestAndFindsDifference(t *testing.T) {
	const n = 400
	a, b := make([]float64, n), make([]float64, n)
	for i := range n {
		a[i], b[i] = float64(i%4/1&1), float64(i%4&1)
	}
	d := must(Compare([][]float64{a}, [][]float64{b}, Bootstrap{}))(t)
	if d.Diff != 0 || d.P != 1 || d.Test != TestMcNemar || d.Interval.Lo != 0 || d.Interval.Hi != 0 {
		t.Errorf("a student compared with itself: %+v", d)
	}
	for i := range 40 {
		a[i] = 1
		b[i] = 0
	}
	for i := 40; i < 50; i++ {
		a[i], b[i] = 0, 1
	}
	d = must(Compare([][]float64{a}, [][]float64{b}, Bootstrap{}))(t)
	if d.Better != 40 || d.Worse != 10 || d.N != n {
		t.Errorf("%+v", d)
	}
	near(t, "difference", d.Diff, 30./n, 1e-12)
	near(t, "p", d.P, 2.386e-5, 1e-8) // scipy.stats.binomtest(10, 50).pvalue
	if d.Interval.Contains(0) || !d.Interval.Contains(d.Diff) {
		t.Errorf("%+v", d)
	}
	mirror := must(Compare([][]float64{b}, [][]float64{a}, Bootstrap{}))(t)
	near(t, "mirrored difference", mirror.Diff, -d.Diff, 1e-15)
	near(t, "mirrored p", mirror.P, d.P, 1e-15)

	a[0] = 1. / 3 // a mean over seeds
	if d = must(Compare([][]float64{a}, [][]float64{b}, Bootstrap{}))(t); d.Test != TestSignFlip || d.P > 0.001 {
		t.Errorf("%+v", d)
	}
	// With two groups, no difference can be significant.
	groups := make([]int, n)
	for i := range groups {
		groups[i] = i % 2
	}
	if d = must(Compare([][]float64{a}, [][]float64{b}, Bootstrap{Groups: groups}))(t); d.Test != TestSignFlip || d.P < 0.4 {
		t.Errorf("two groups: %+v", d)
	}
}

// The shares that are computed side by side are those of Bootstrap.Samples, bit for bit.
func TestComparedImitationIsThatOfSamples(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	agreement := func(wrong []float64) Agreement {
		a := Agreement{Wrong: wrong}
		for _, w := range wrong {
			same, sameWrong := float64(random.IntN(4))/3, w*float64(random.IntN(4))/3
			a.Same, a.SameWrong = append(a.Same, same), append(a.SameWrong, min(same, sameWrong))
		}
		return a
	}
	wrong := make([]float64, 101)
	for i := range wrong {
		wrong[i] = float64(random.IntN(4)) / 3
	}
	a, b, boot := agreement(wrong), agreement(wrong), Bootstrap{Seed: 9, Resamples: 50}
	ofA, ofB, excess, err := CompareImitation(a, b, boot)
	if err != nil {
		t.Fatal(err)
	}
	boot.N = len(wrong)
	of := func(f func(i int) float64) []float64 {
		out := make([]float64, boot.N)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	for i, c := range []struct {
		got Share
		num []float64
		den []float64
	}{
		{ofA.All, a.Same, of(func(int) float64 { return 1 })},
		{ofA.OnErrors, a.SameWrong, wrong},
		{ofA.OnCorrect, of(func(i int) float64 { return a.Same[i] - a.SameWrong[i] }), of(func(i int) float64 { return 1 - wrong[i] })},
		{ofB.All, b.Same, of(func(int) float64 { return 1 })},
		{ofB.OnErrors, b.SameWrong, wrong},
		{ofB.OnCorrect, of(func(i int) float64 { return b.Same[i] - b.SameWrong[i] }), of(func(i int) float64 { return 1 - wrong[i] })},
		{excess, of(func(i int) float64 { return a.SameWrong[i] - b.SameWrong[i] }), wrong},
	} {
		score := RatioScore(c.num, c.den)
		if want := must(boot.Interval(score))(t); c.got.Interval != want || c.got.Value != score(nil) {
			t.Errorf("share %d: %+v, want %v and %+v", i, c.got, score(nil), want)
		}
	}
	if alone := must(b.Imitation(boot))(t); alone != ofB {
		t.Errorf("alone: %+v, want %+v", alone, ofB)
	}
}

func TestImitationCountsRepeatedAnswers(t *testing.T) {
	rows := func(answers ...int) (out [][]float64) {
		for _, k := range answers {
			row := make([]float64, 3)
			row[k] = 1
			out = append(out, row)
		}
		return out
	}
	gold := rows(0, 0, 1, 1, 2, 2, 0, 1)
	weak := rows(0, 1, 1, 2, 2, 0, 1, 1) // wrong on examples 1, 3, 5 and 6
	student := rows(0, 1, 1, 0, 0, 2, 1, 1)
	a := must(Agree(student, weak, gold))(t)
	im := must(a.Imitation(Bootstrap{}))(t)
	near(t, "all", im.All.Value, 5./8, 1e-15)
	near(t, "on errors", im.OnErrors.Value, 2./4, 1e-15) // the wrong answers to examples 3 and 5 are other ones
	near(t, "on correct", im.OnCorrect.Value, 3./4, 1e-15)
	if im.All.N != 8 || im.OnErrors.N != 4 || im.OnCorrect.N != 4 || !im.All.Interval.Contains(im.All.Value) {
		t.Errorf("%+v", im)
	}
	// With a second seed that always agrees, shares count all pairs of an example and a seed.
	same := must(Agree(weak, weak, gold))(t)
	// A head that always agrees repeats all errors, twice as many as the student. With few examples some resamples have no error, and
	// the interval is unknown.
	many := func(of [][]float64) [][]float64 { return slices.Repeat(of, 6) }
	always, sometimes := must(Agree(many(weak), many(weak), many(gold)))(t), must(Agree(many(student), many(weak), many(gold)))(t)
	more := must(Excess(always, sometimes, Bootstrap{}))(t)
	near(t, "excess", more.Value, 2./4, 1e-15)
	if more.N != 24 || !more.Interval.Contains(0.5) || more.Interval.Lo <= 0 || more.Interval.Hi >= 1 {
		t.Errorf("excess %+v", more)
	}
	if few := must(Excess(same, a, Bootstrap{}))(t); few.Value != 2./4 || few.Interval.Known() {
		t.Errorf("excess of 4 errors: %+v", few)
	}
	if none := must(Excess(a, a, Bootstrap{}))(t); none.Value != 0 {
		t.Errorf("excess of a head over itself: %+v", none)
	}
	if _, err := Excess(a, Agreement{}, Bootstrap{}); err == nil {
		t.Error("agreements of other examples were compared")
	}
	im = must(must(MeanAgreement([]Agreement{a, same}))(t).Imitation(Bootstrap{}))(t)
	near(t, "all, two seeds", im.All.Value, 13./16, 1e-15)
	near(t, "on errors, two seeds", im.OnErrors.Value, 6./8, 1e-15)

	perfect := must(must(Agree(gold, gold, gold))(t).Imitation(Bootstrap{}))(t)
	if perfect.OnErrors.Defined() || !math.IsNaN(perfect.OnErrors.Value) || perfect.OnErrors.Interval.Known() || perfect.OnCorrect.Value != 1 {
		t.Errorf("with a supervisor that makes no errors: %+v", perfect)
	}
}
