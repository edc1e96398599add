package stats

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// A Crossed holds the scores of several seeds on the same test examples and on resamples of them. Each kind of head, such as
// supervisor, student and ceiling, has one score for each seed.
//
// A score varies for two reasons. Another seed trains on other examples, and another test set asks other questions. Seeds and
// test examples are crossed: every seed is tested on every example. Readers and cases in diagnostic imaging are the same
// design, and the intervals follow that literature (Obuchowski and Rockette 1995, Hillis 2007): the variance of a mean score is
// the variance between seeds, divided by their number, plus the part of the variance between examples that seeds share. It has
// Satterthwaite's degrees of freedom, so that few seeds widen an interval. docs/method.md has the formulas and their coverage.
type Crossed struct {
	level   float64
	units   int           // examples, or groups of examples, that were drawn
	values  [][]float64   // by kind and seed, on the test examples themselves
	samples [][][]float64 // by kind, seed and resample
	skipped int           // resamples that are not in samples, since a score is undefined on them
}

// Cross computes the scores of every kind and seed on the resamples of b. kinds[k][s] is the score of kind k for seed s, and
// every kind has the same seeds. Resamples on which a score is undefined are left out for all scores; see [Crossed.Skipped].
func (b Bootstrap) Cross(kinds ...[]Score) (*Crossed, error) {
	c := &Crossed{level: b.level(), units: b.Units()}
	samples, err := b.cross(kinds, func(k int, values []float64) error {
		c.values = append(c.values, values)
		return checkFinite("score", values)
	})
	if err != nil {
		return nil, err
	}
	c.skip(samples)
	for seeds := len(kinds[0]); len(samples) > 0; samples = samples[seeds:] {
		c.samples = append(c.samples, samples[:seeds])
	}
	return c, nil
}

// CrossEach is Cross for kinds that have nothing to do with each other, on the same resamples: out[k] is the result of Cross(kinds[k]). It is
// nil if a score of kind k is undefined on the examples themselves or on a resample.
func (b Bootstrap) CrossEach(kinds ...[]Score) (out []*Crossed, err error) {
	defined := make([]bool, len(kinds))
	values := make([][]float64, len(kinds))
	samples, err := b.cross(kinds, func(k int, v []float64) error {
		values[k], defined[k] = v, checkFinite("score", v) == nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	out = make([]*Crossed, len(kinds))
	for k, seeds := 0, len(kinds[0]); k < len(kinds); k++ {
		c := &Crossed{level: b.level(), units: b.Units(), values: values[k : k+1], samples: [][][]float64{samples[k*seeds : (k+1)*seeds]}}
		if c.skip(c.samples[0]); defined[k] && c.skipped == 0 {
			out[k] = c
		}
	}
	return out, nil
}

// cross returns the scores of every kind and seed on the resamples, the seeds of a kind one after another. It calls of with the scores of
// each kind on the examples themselves.
func (b Bootstrap) cross(kinds [][]Score, of func(kind int, values []float64) error) ([][]float64, error) {
	if len(kinds) == 0 || len(kinds[0]) == 0 {
		return nil, errors.New("stats: no scores")
	}
	seeds := len(kinds[0])
	var all []Score
	for k, scores := range kinds {
		if len(scores) != seeds {
			return nil, fmt.Errorf("stats: scores of kind %d for %d seeds, of kind 0 for %d", k, len(scores), seeds)
		}
		all = append(all, scores...)
		values := make([]float64, seeds)
		for s, score := range scores {
			values[s] = score(nil)
		}
		if err := of(k, values); err != nil {
			return nil, err
		}
	}
	return b.Samples(all...)
}

// skip removes the resamples on which a score is undefined.
func (c *Crossed) skip(samples [][]float64) {
	undefined := make([]bool, len(samples[0]))
	for _, of := range samples {
		for r, v := range of {
			if math.IsNaN(v) && !undefined[r] {
				undefined[r] = true
				c.skipped++
			}
		}
	}
	if c.skipped == 0 {
		return
	}
	for k, of := range samples {
		kept := of[:0]
		for r, v := range of {
			if !undefined[r] {
				kept = append(kept, v)
			}
		}
		samples[k] = kept
	}
}

// Skipped returns the number of resamples on which a score is undefined, such as an AUROC without an example of a class, and the number
// of all resamples. Intervals are of the other resamples. If those are fewer than half, all intervals are unknown and there is no PGR.
func (c *Crossed) Skipped() (skipped, all int) { return c.skipped, c.skipped + len(c.samples[0][0]) }

// tooFew reports whether too few resamples are left for intervals.
func (c *Crossed) tooFew() bool { return c.skipped > len(c.samples[0][0]) }

// A Spread is the interval of a figure with its parts.
type Spread struct {
	Interval Interval // over seeds and test examples; of a single seed, over test examples alone
	Examples Interval // over test examples alone, for the seeds at hand
}

// Mean returns the mean score of a kind over the seeds.
func (c *Crossed) Mean(kind int) (float64, Spread, error) {
	return c.mean(c.weigh(map[int]float64{kind: 1}))
}

// Resampled returns the scores of a kind on the resamples of the test examples, by seed.
func (c *Crossed) Resampled(kind int) [][]float64 { return c.samples[kind] }

// Difference returns the mean of the scores of kind a less those of kind b over the seeds.
func (c *Crossed) Difference(a, b int) (float64, Spread, error) {
	return c.mean(c.weigh(map[int]float64{a: 1, b: -1}))
}

func (c *Crossed) mean(x combination) (float64, Spread, error) {
	if c.tooFew() {
		return mean(x.values), Spread{}, nil
	}
	examples, err := percentiles(x.resampled(), c.level)
	if err != nil {
		return 0, Spread{}, err
	}
	m, both := mean(x.values), examples
	if half := c.halfWidth(x); half > 0 {
		both = hull(examples, Interval{Lo: m - half, Hi: m + half, Level: c.level})
	}
	return m, Spread{Interval: both, Examples: examples}, nil
}

// A combination is a linear combination of the scores of several kinds, for each seed.
type combination struct {
	values  []float64   // by seed
	samples [][]float64 // by seed and resample
}

func (c *Crossed) weigh(weights map[int]float64) combination {
	seeds, resamples := len(c.values[0]), len(c.samples[0][0])
	x := combination{make([]float64, seeds), make([][]float64, seeds)}
	for s := range seeds {
		x.samples[s] = make([]float64, resamples)
		for k := range c.values { // in the order of kinds, so that sums are the same in every call
			w, ok := weights[k]
			if !ok {
				continue
			}
			x.values[s] += w * c.values[k][s]
			for r, v := range c.samples[k][s] {
				x.samples[s][r] += w * v
			}
		}
	}
	return x
}

// less returns x - k·y.
func (x combination) less(k float64, y combination) combination {
	out := combination{make([]float64, len(x.values)), make([][]float64, len(x.samples))}
	for s := range out.values {
		out.values[s] = x.values[s] - k*y.values[s]
		out.samples[s] = make([]float64, len(x.samples[s]))
		for r := range out.samples[s] {
			out.samples[s][r] = x.samples[s][r] - k*y.samples[s][r]
		}
	}
	return out
}

// resampled returns the mean over the seeds on each resample.
func (x combination) resampled() []float64 {
	out := make([]float64, len(x.samples[0]))
	for _, of := range x.samples {
		for r, v := range of {
			out[r] += v / float64(len(x.samples))
		}
	}
	return out
}

// A covariance of the means of two combinations over seeds and test examples.
type covariance struct {
	seeds  float64 // between seeds, which includes the noise of seed and example together; 0 for a single seed
	shared float64 // between examples, as far as seeds share it
}

// total never falls below the part between seeds: the other part is a difference of estimates, which can be negative.
func (v covariance) total() float64 { return v.seeds + max(0, v.shared) }

func covary(x, y combination) covariance {
	n := float64(len(x.values))
	ofMean := stat.Covariance(x.resampled(), y.resampled(), nil)
	if n < 2 {
		return covariance{shared: ofMean}
	}
	single := 0.0
	for s := range x.samples {
		single += stat.Covariance(x.samples[s], y.samples[s], nil) / n
	}
	// With b for what seeds share and e for what they don't: ofMean is b + e/n, and single is b + e.
	return covariance{seeds: stat.Covariance(x.values, y.values, nil) / n, shared: (n*ofMean - single) / (n - 1)}
}

// student returns the variance of the mean of x, and Student's t distribution with Satterthwaite's degrees of freedom for it. ok is
// false for a single seed and for scores that do not vary.
func (c *Crossed) student(x combination) (v covariance, t distuv.StudentsT, ok bool) {
	v = covary(x, x)
	seeds, total := float64(len(x.values)), v.total()
	if seeds < 2 || !(total > 0) {
		return v, t, false
	}
	parts := v.seeds * v.seeds / (seeds - 1)
	if v.shared > 0 {
		parts += v.shared * v.shared / float64(max(1, c.units-1))
	}
	return v, distuv.StudentsT{Sigma: 1, Nu: total * total / parts}, true
}

// halfWidth returns half of the width of the t interval of the mean of x, or 0 if there is none.
func (c *Crossed) halfWidth(x combination) float64 {
	v, t, ok := c.student(x)
	if !ok {
		return 0
	}
	return t.Quantile(0.5+c.level/2) * math.Sqrt(v.total())
}

// pValue returns the two-sided p-value of the hypothesis that the mean score of a kind is 0: 1 for a single seed and for scores
// that are 0 throughout.
func (c *Crossed) pValue(kind int) float64 {
	x := c.weigh(map[int]float64{kind: 1})
	v, t, ok := c.student(x)
	if !ok {
		return 1
	}
	return min(1, 2*t.CDF(-math.Abs(mean(x.values))/math.Sqrt(v.total())))
}

// PGR returns the PGR of the mean scores of three kinds.
//
// Its interval is Fieller's (1954): it holds every ratio ρ for which gain - ρ·gap does not differ from 0 more than chance
// allows. It is joined with the percentile interval over test examples, so it is never narrower than that one. In a resample
// without a positive gap, the ratio counts as infinite with the sign of the gain, which can only widen that interval.
func (c *Crossed) PGR(weak, student, ceiling int) (PGR, error) {
	p, err := PGROf(mean(c.values[weak]), mean(c.values[student]), mean(c.values[ceiling]))
	if err != nil {
		return PGR{}, err
	}
	p.Seeds = len(c.values[0])
	gain, gap := c.weigh(map[int]float64{student: 1, weak: -1}), c.weigh(map[int]float64{ceiling: 1, weak: -1})
	_, spread, err := c.mean(gap)
	if err != nil {
		return PGR{}, err
	}
	p.GapInterval, p.GapExamples = spread.Interval, spread.Examples
	if c.tooFew() {
		p.undefine(ReasonResamples)
		return p, nil
	}
	p.Errors = c.errors(gain, gap)
	if !p.Defined {
		return p, nil
	}
	if p.GapInterval.Contains(0) {
		p.undefine(ReasonNoise)
		return p, nil
	}
	if p.Examples, err = percentiles(ratios(gain.resampled(), gap.resampled()), c.level); err != nil {
		return PGR{}, err
	}
	p.Interval = p.Examples
	if p.Seeds > 1 {
		interval := ratioInterval(mean(gain.values), p.Gap, p.Errors, c.level)
		if math.IsInf(interval.Lo, 0) {
			interval = c.ratiosNotRejected(gain, gap)
		}
		p.Interval = hull(p.Examples, interval)
	}
	if math.IsInf(p.Interval.Lo, 0) || math.IsInf(p.Interval.Hi, 0) {
		p.undefine(ReasonNoise)
	}
	return p, nil
}

// ratios returns gain / gap of each resample; see [Crossed.PGR]. A NaN stays NaN, which percentiles rejects.
func ratios(gain, gap []float64) []float64 {
	out := make([]float64, len(gap))
	for r := range gap {
		switch {
		case gap[r] > 0:
			out[r] = gain[r] / gap[r]
		case gain[r] != 0:
			out[r] = gain[r] * math.Inf(1)
		}
	}
	return out
}

// errors returns the errors of mean gain and mean gap. With several seeds, the quantile is Student's t of gain - ρ·gap at the estimate
// of ρ, and normal if that has no variance. With one seed it is normal, and the variances are of the examples alone.
func (c *Crossed) errors(gain, gap combination) Errors {
	quantile, withShared := distuv.UnitNormal.Quantile(0.5+c.level/2), 1.0
	if d := mean(gap.values); d != 0 {
		v, t, ok := c.student(gain.less(mean(gain.values)/d, gap))
		if ok {
			quantile = t.Quantile(0.5 + c.level/2)
		}
		if v.shared < 0 {
			withShared = 0
		}
	}
	scaled := func(x, y combination) float64 {
		v := covary(x, y)
		return quantile * quantile * (v.seeds + withShared*v.shared)
	}
	return Errors{Gain: scaled(gain, gain), Both: scaled(gain, gap), Gap: scaled(gap, gap)}
}

// ratiosNotRejected returns Fieller's interval with the degrees of freedom that gain - ρ·gap has at each end ρ, instead of those at the
// estimate. It is bounded if the interval of the gap is above 0, because for large ρ the degrees of freedom are the gap's.
func (c *Crossed) ratiosNotRejected(gain, gap combination) Interval {
	g, d := mean(gain.values), mean(gap.values)
	rejected := func(rho float64) bool { return math.Abs(g-rho*d) > c.halfWidth(gain.less(rho, gap)) }
	end := func(direction float64) float64 {
		inside, step := g/d, direction*max(1e-6, math.Abs(g/d))
		for !rejected(inside + step) {
			if inside += step; math.Abs(inside) > 1e6 {
				return math.Inf(int(direction))
			}
			step *= 2
		}
		for range 60 {
			if step /= 2; !rejected(inside + step) {
				inside += step
			}
		}
		return inside
	}
	return Interval{Lo: end(-1), Hi: end(1), Level: c.level}
}

// ratioInterval returns all ρ with (g - ρd)² ≤ Gain - 2ρ·Both + ρ²·Gap, Fieller's interval of g / d. If no bounded interval holds
// them, its ends are infinite.
func ratioInterval(g, d float64, e Errors, level float64) Interval {
	a, b, k := d*d-e.Gap, g*d-e.Both, g*g-e.Gain
	if a <= 0 {
		return Interval{Lo: math.Inf(-1), Hi: math.Inf(1), Level: level}
	}
	root := math.Sqrt(max(0, b*b-a*k)) // rounding can make it negative for a point
	return Interval{Lo: (b - root) / a, Hi: (b + root) / a, Level: level}
}

// hull returns the smallest interval that holds a and b. Its level is a's.
func hull(a, b Interval) Interval {
	return Interval{Lo: min(a.Lo, b.Lo), Hi: max(a.Hi, b.Hi), Level: a.Level}
}
