package stats

import (
	"encoding/json"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Level is the default confidence level.
const Level = 0.95

// An Interval is a confidence interval. The zero Interval is unknown; it is null in JSON.
type Interval struct {
	Lo, Hi float64
	Level  float64 // confidence level, 0 if the interval is unknown
}

// Known reports whether the interval is known.
func (v Interval) Known() bool { return v.Level > 0 }

// Contains reports whether x is in the interval, ends included. An unknown interval contains everything, because it rules
// nothing out.
func (v Interval) Contains(x float64) bool { return !v.Known() || v.Lo <= x && x <= v.Hi }

// String returns the interval as "[0.61, 0.79]", or "[?]" if it is unknown.
func (v Interval) String() string {
	if !v.Known() {
		return "[?]"
	}
	return fmt.Sprintf("[%.2f, %.2f]", v.Lo, v.Hi)
}

type jsonInterval struct {
	Lo    float64 `json:"lo"`
	Hi    float64 `json:"hi"`
	Level float64 `json:"level"`
}

// MarshalJSON writes {"lo":…,"hi":…,"level":…}, or null if the interval is unknown.
func (v Interval) MarshalJSON() ([]byte, error) {
	if !v.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(jsonInterval(v))
}

// UnmarshalJSON reads the form that MarshalJSON writes.
func (v *Interval) UnmarshalJSON(data []byte) error {
	var j *jsonInterval
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("stats: interval: %w", err)
	}
	*v = Interval{}
	if j != nil {
		if !(j.Level > 0 && j.Level < 1) || !(j.Lo <= j.Hi) {
			return fmt.Errorf("stats: lo %v, hi %v and level %v make no interval", j.Lo, j.Hi, j.Level)
		}
		*v = Interval(*j)
	}
	return nil
}

// TInterval returns the mean of a few values, such as one for each seed, and its Student-t interval, mean ± t·s/√n with n-1
// degrees of freedom. It shows the variation between seeds and not the variation between test sets. The interval of a single
// value is unknown.
func TInterval(values []float64, level float64) (float64, Interval, error) {
	if err := checkLevel(level); err != nil {
		return 0, Interval{}, err
	}
	if err := checkFinite("value", values); err != nil {
		return 0, Interval{}, err
	}
	m := mean(values)
	n := float64(len(values))
	if n < 2 {
		return m, Interval{}, nil
	}
	ss := 0.0
	for _, v := range values {
		ss += (v - m) * (v - m)
	}
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.5+level/2) * math.Sqrt(ss/(n-1)/n)
	return m, Interval{Lo: m - half, Hi: m + half, Level: level}, nil
}

// OfConstant returns the interval of the mean of n values between least and most that are all v, such as a rate without any event. The
// bootstrap and Student's t give it a width of 0. With confidence level, at most a share u = 1 - ((1 - level) / 2)^(1/n) of other values
// differs from v, so that the mean is between v - u·(v - least) and v + u·(most - v). For a rate of 0 or 1 it is the interval of Clopper
// and Pearson (1934), whose far end is about 3.7/n at a level of 0.95.
func OfConstant(v, least, most float64, n int, level float64) Interval {
	u := 1 - math.Pow((1-level)/2, 1/float64(n))
	return Interval{Lo: v - u*(v-least), Hi: v + u*(most-v), Level: level}
}

// Wilson returns the interval of a share of n independent events (Wilson 1927).
func Wilson(share, n, level float64) Interval {
	z := distuv.UnitNormal.Quantile(0.5 + level/2)
	middle, half := share+z*z/(2*n), z*math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	return Interval{Lo: max(0, (middle-half)/(1+z*z/n)), Hi: min(1, (middle+half)/(1+z*z/n)), Level: level}
}

func checkLevel(level float64) error {
	if !(level > 0 && level < 1) {
		return fmt.Errorf("stats: confidence level %v is not between 0 and 1", level)
	}
	return nil
}
