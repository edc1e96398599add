package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Pooled is the median of a figure over several tasks.
type Pooled struct {
	Median    float64  // NaN in Go and null in JSON if N is 0
	Interval  Interval // see MedianInterval
	N         int      // number of tasks that have the figure
	Undefined int      // number of tasks whose figure is undefined
}

type jsonPooled struct {
	Median    *float64 `json:"median"`
	Interval  Interval `json:"interval"`
	N         int      `json:"n"`
	Undefined int      `json:"undefined"`
}

// MarshalJSON writes the median of no tasks as null.
func (p Pooled) MarshalJSON() ([]byte, error) {
	j := jsonPooled{Interval: p.Interval, N: p.N, Undefined: p.Undefined}
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
	*p = Pooled{Median: math.NaN(), Interval: j.Interval, N: j.N, Undefined: j.Undefined}
	if (j.Median != nil) != (j.N > 0) {
		return errors.New("stats: pooled: there must be a median if n > 0 and only then")
	}
	if j.Median != nil {
		p.Median = *j.Median
	}
	return nil
}

// Pool returns the median PGR over tasks. It counts tasks with an undefined PGR and leaves them out.
func Pool(values []PGR) (Pooled, error) {
	var defined []float64
	for _, p := range values {
		if p.Defined {
			defined = append(defined, p.Value)
		}
	}
	out := Pooled{Median: math.NaN(), N: len(defined), Undefined: len(values) - len(defined)}
	if out.N == 0 {
		return out, nil
	}
	var err error
	out.Median, out.Interval, err = MedianInterval(defined, Level)
	return out, err
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
