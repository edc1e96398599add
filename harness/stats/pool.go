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

// A Pooled is the PGR of several tasks together.
//
// Ratio is the mean gain divided by the mean gap. A task without a gap of its own takes part: it adds little to either mean.
// Leaving it out would keep the tasks whose gap came out large by chance, and so pull the figure down. The tasks of a corpus
// are averaged first, and the interval is Fieller's with Student's t over the corpora: a random-effects model in which corpora
// count alike. How they differ contains the noise of their seeds and test examples, so that is covered as well.
type Pooled struct {
	Ratio     PGR      // N is the number of corpora; undefined if the mean gap is noise or there is one corpus of several tasks
	Median    float64  // of the tasks that have a PGR; NaN in Go and null in JSON if N is 0
	Interval  Interval // of the median; see MedianInterval
	N         int      // number of tasks that have a PGR
	Undefined int      // number of tasks whose PGR is undefined
}

// ReasonOneCorpus says why several tasks of one corpus have no pooled PGR.
const ReasonOneCorpus = "one corpus: no interval over corpora"

type jsonPooled struct {
	Ratio     PGR      `json:"pgr"`
	Median    *float64 `json:"median"`
	Interval  Interval `json:"interval"`
	N         int      `json:"n"`
	Undefined int      `json:"undefined"`
}

// MarshalJSON writes the median of no tasks as null.
func (p Pooled) MarshalJSON() ([]byte, error) {
	j := jsonPooled{Ratio: p.Ratio, Interval: p.Interval, N: p.N, Undefined: p.Undefined}
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
	*p = Pooled{Ratio: j.Ratio, Median: math.NaN(), Interval: j.Interval, N: j.N, Undefined: j.Undefined}
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
	if out.Ratio, err = pooledRatio(tasks, Level); err != nil || out.N == 0 {
		return out, err
	}
	out.Median, out.Interval, err = MedianInterval(defined, Level)
	return out, err
}

func pooledRatio(tasks []TaskPGR, level float64) (PGR, error) {
	byCorpus, order := map[string][]TaskPGR{}, []string(nil)
	for _, t := range tasks {
		if byCorpus[t.Corpus] == nil {
			order = append(order, t.Corpus)
		}
		byCorpus[t.Corpus] = append(byCorpus[t.Corpus], t)
	}
	var gains, gaps []float64
	for _, c := range order {
		gain, gap := 0.0, 0.0
		for _, t := range byCorpus[c] {
			gain += t.Gain / float64(len(byCorpus[c]))
			gap += t.PGR.Gap / float64(len(byCorpus[c]))
		}
		gains, gaps = append(gains, gain), append(gaps, gap)
	}
	p, err := PGROf(0, mean(gains), mean(gaps))
	if err != nil {
		return p, err
	}
	p.N = len(order)
	if p.N == 1 {
		if len(tasks) == 1 {
			p = tasks[0].PGR
			p.N = 1
		} else {
			p.undefine(ReasonOneCorpus)
		}
		return p, nil
	}
	if _, p.GapInterval, err = TInterval(gaps, level); err != nil {
		return p, err
	}
	if !p.Defined {
		return p, nil
	}
	n := float64(p.N)
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.5 + level/2)
	scaled := func(a, b []float64) float64 { return t * t * stat.Covariance(a, b, nil) / n }
	p.Interval = ratioInterval(mean(gains), p.Gap, scaled(gains, gains), scaled(gains, gaps), scaled(gaps, gaps), level)
	if p.GapInterval.Contains(0) || math.IsInf(p.Interval.Lo, 0) {
		p.undefine(ReasonNoise)
	}
	return p, nil
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
