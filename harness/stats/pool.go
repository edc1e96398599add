package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// A TaskPGR is what [Pool] uses of a task.
type TaskPGR struct {
	Corpus string // data set that its texts come from: tasks of one corpus are not independent
	Gain   float64
	PGR    PGR // also if it is undefined, since its gap counts
}

// A Pooled is the PGR of several tasks together: the mean gain divided by the mean gap. A task without a gap of its own takes part:
// it adds little to either mean. Leaving it out would keep the tasks whose gap came out large by chance, and so pull the figure
// down. The tasks of a corpus are averaged first, so corpora count alike. There are two intervals:
//
//   - That of These is about these tasks. It covers seeds and test examples, as the intervals of single tasks do, and adds up
//     their errors. Tasks of a corpus share texts, so their errors count as if they were one and the same.
//   - That of Ratio is about tasks like these: Fieller's with Student's t over the corpora, a random-effects model. How corpora
//     differ contains the noise of their seeds and test examples, so that is covered as well. It needs several corpora.
type Pooled struct {
	These     PGR      // undefined if the mean gap is noise, or if a task has no errors, such as a published figure
	Ratio     PGR      // N is the number of corpora; undefined if the mean gap is noise or there is one corpus of several tasks
	Median    float64  // of the tasks that have a PGR; NaN in Go and null in JSON if N is 0
	Interval  Interval // of the median; see MedianInterval
	N         int      // number of tasks that have a PGR
	Undefined int      // number of tasks whose PGR is undefined
}

// PGR returns These, or Ratio if the interval of these tasks is unknown.
func (p Pooled) PGR() PGR {
	if p.These.Reason == ReasonNoErrors || p.These.Reason == "" && !p.These.Defined {
		return p.Ratio
	}
	return p.These
}

// Over returns the interval over corpora, which is unknown if Ratio is undefined or of one corpus.
func (p Pooled) Over() Interval {
	if !p.Ratio.Defined || p.Ratio.N < 2 {
		return Interval{}
	}
	return p.Ratio.Interval
}

// Reasons why several tasks have no pooled PGR.
const (
	ReasonOneCorpus = "one corpus: no interval over corpora"
	ReasonNoErrors  = "a task without test examples: no interval of these tasks"
)

type jsonPooled struct {
	These     PGR      `json:"these"`
	Ratio     PGR      `json:"pgr"`
	Median    *float64 `json:"median"`
	Interval  Interval `json:"interval"`
	N         int      `json:"n"`
	Undefined int      `json:"undefined"`
}

// MarshalJSON writes the median of no tasks as null.
func (p Pooled) MarshalJSON() ([]byte, error) {
	j := jsonPooled{These: p.These, Ratio: p.Ratio, Interval: p.Interval, N: p.N, Undefined: p.Undefined}
	if p.N > 0 {
		j.Median = &p.Median
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads the form that MarshalJSON writes.
func (p *Pooled) UnmarshalJSON(data []byte) error {
	var j jsonPooled
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("stats: pooled: %w", err)
	}
	*p = Pooled{These: j.These, Ratio: j.Ratio, Median: math.NaN(), Interval: j.Interval, N: j.N, Undefined: j.Undefined}
	if (j.Median != nil) != (j.N > 0) {
		return errors.New("stats: pooled: there must be a median if n > 0 and only then")
	}
	if j.Median != nil {
		p.Median = *j.Median
	}
	return nil
}

// Pool pools the PGR of tasks, of which there is at least one. A single task keeps its own.
func Pool(tasks []TaskPGR) (Pooled, error) {
	if len(tasks) == 0 {
		return Pooled{}, ErrEmpty
	}
	var defined []float64
	for _, t := range tasks {
		if t.PGR.Defined {
			defined = append(defined, t.PGR.Value)
		}
	}
	out := Pooled{Median: math.NaN(), N: len(defined), Undefined: len(tasks) - len(defined)}
	var err error
	if out.These, out.Ratio, err = pooledRatios(tasks, Level); err != nil || out.N == 0 {
		return out, err
	}
	out.Median, out.Interval, err = MedianInterval(defined, Level)
	return out, err
}

func pooledRatios(tasks []TaskPGR, level float64) (these, over PGR, err error) {
	byCorpus, order := map[string][]TaskPGR{}, []string(nil)
	for _, t := range tasks {
		if byCorpus[t.Corpus] == nil {
			order = append(order, t.Corpus)
		}
		byCorpus[t.Corpus] = append(byCorpus[t.Corpus], t)
	}
	n := float64(len(order))
	var gains, gaps []float64
	var errs Errors
	ofGap, known := 0.0, true // the square of half of the interval of the mean gap
	for _, c := range order {
		gain, gap, of := 0.0, 0.0, float64(len(byCorpus[c]))
		for _, t := range byCorpus[c] {
			gain += t.Gain / of
			gap += t.PGR.Gap / of
			// The variance of a mean is at most the mean of the variances, for every gain - ρ·gap.
			errs.Gain += t.PGR.Errors.Gain / of / n / n
			errs.Both += t.PGR.Errors.Both / of / n / n
			errs.Gap += t.PGR.Errors.Gap / of / n / n
			half := (t.PGR.GapInterval.Hi - t.PGR.GapInterval.Lo) / 2
			ofGap += half * half / of / n / n
			known = known && t.PGR.Errors != Errors{}
		}
		gains, gaps = append(gains, gain), append(gaps, gap)
	}
	p, err := PGROf(0, mean(gains), mean(gaps))
	if err != nil {
		return p, p, err
	}
	p.N = len(order)
	if len(tasks) == 1 {
		p = tasks[0].PGR
		p.N = 1
		return p, p, nil
	}
	these, over = p, p

	if !known {
		these.undefine(ReasonNoErrors)
	} else if these.Errors, these.GapInterval = errs, (Interval{Lo: p.Gap - math.Sqrt(ofGap), Hi: p.Gap + math.Sqrt(ofGap), Level: level}); these.Defined {
		these.Interval = ratioInterval(mean(gains), p.Gap, errs, level)
		if math.IsInf(these.Interval.Lo, 0) && these.GapInterval.Lo > 0 { // the quantiles are of noisy gains: take those of the gaps
			k := ofGap / errs.Gap
			these.Interval = ratioInterval(mean(gains), p.Gap, Errors{errs.Gain * k, errs.Both * k, ofGap}, level)
		}
		if these.GapInterval.Contains(0) || math.IsInf(these.Interval.Lo, 0) {
			these.undefine(ReasonNoise)
		}
	}

	if p.N == 1 {
		over.undefine(ReasonOneCorpus)
		return these, over, nil
	}
	if _, over.GapInterval, err = TInterval(gaps, level); err != nil || !p.Defined {
		return these, over, err
	}
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.5 + level/2)
	scaled := func(a, b []float64) float64 { return t * t * stat.Covariance(a, b, nil) / n }
	over.Errors = Errors{Gain: scaled(gains, gains), Both: scaled(gains, gaps), Gap: scaled(gaps, gaps)}
	over.Interval = ratioInterval(mean(gains), p.Gap, over.Errors, level)
	if over.GapInterval.Contains(0) || math.IsInf(over.Interval.Lo, 0) {
		over.undefine(ReasonNoise)
	}
	return these, over, nil
}

// MedianInterval returns the median of values and a distribution-free interval of the median of the distribution they come
// from. The interval lies between the innermost two order statistics, equally far from both ends, whose confidence level is
// at least the given one. Its Level is the level of these two. Fewer than six values cannot reach 95 %, and the interval is
// then their range with its own level (5 values 94 %, 3 values 75 %). The interval of a single value is unknown.
func MedianInterval(values []float64, level float64) (float64, Interval, error) {
	if err := checkLevel(level); err != nil {
		return 0, Interval{}, err
	}
	if err := checkFinite("value", values); err != nil {
		return 0, Interval{}, err
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	n := len(sorted)
	median := (sorted[(n-1)/2] + sorted[n/2]) / 2
	if n == 1 {
		return median, Interval{}, nil
	}
	below := distuv.Binomial{N: float64(n), P: 0.5}
	reach := func(k int) float64 { return 1 - 2*below.CDF(float64(k)) } // level of sorted[k] to sorted[n-1-k]
	k := 0
	for k+1 < n-2-k && reach(k+1) >= level {
		k++
	}
	return median, Interval{Lo: sorted[k], Hi: sorted[n-1-k], Level: reach(k)}, nil
}
