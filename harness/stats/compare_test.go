package stats

import (
	"fmt"
	"math"
	"testing"
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
	p := must(Pool([]PGR{{Value: 0.3, Defined: true}, {Reason: ReasonNoise}, {Value: 0.5, Defined: true}}))(t)
	if p.N != 2 || p.Undefined != 1 || p.Median != 0.4 {
		t.Errorf("%+v", p)
	}
	if p = must(Pool([]PGR{{Reason: ReasonNoise}}))(t); p.N != 0 || !math.IsNaN(p.Median) {
		t.Errorf("%+v", p)
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
	im = must(must(MeanAgreement([]Agreement{a, same}))(t).Imitation(Bootstrap{}))(t)
	near(t, "all, two seeds", im.All.Value, 13./16, 1e-15)
	near(t, "on errors, two seeds", im.OnErrors.Value, 6./8, 1e-15)

	perfect := must(must(Agree(gold, gold, gold))(t).Imitation(Bootstrap{}))(t)
	if perfect.OnErrors.Defined() || !math.IsNaN(perfect.OnErrors.Value) || perfect.OnErrors.Interval.Known() || perfect.OnCorrect.Value != 1 {
		t.Errorf("with a supervisor that makes no errors: %+v", perfect)
	}
}
