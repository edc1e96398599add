package stats

import (
	"encoding/json"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Level is the usual confidence level of every interval here.
const Level = 0.95

// An Interval is where a figure lies with confidence Level. The zero Interval means "not known"; it is null in JSON.
type Interval struct {
	Lo, Hi float64
	Level  float64
}

// Known says whether the interval holds anything.
func (v Interval) Known() bool { return v.Level > 0 }

// Contains says whether x is inside, ends included. An unknown interval contains everything: nothing is ruled out.
func (v Interval) Contains(x float64) bool { return !v.Known() || v.Lo <= x && x <= v.Hi }

// String gives "[0.61, 0.79]", or "[?]" when unknown.
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

// MarshalJSON writes {"lo":…,"hi":…,"level":…} or null.
func (v Interval) MarshalJSON() ([]byte, error) {
	if !v.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(jsonInterval(v))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Interval) UnmarshalJSON(data []byte) error {
	var j *jsonInterval
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("stats: interval: %w", err)
	}
	*v = Interval{}
	if j != nil {
		if !(j.Level > 0 && j.Level < 1) || !(j.Lo <= j.Hi) {
			return fmt.Errorf("stats: interval: lo %v, hi %v, level %v do not make one", j.Lo, j.Hi, j.Level)
		}
		*v = Interval(*j)
	}
	return nil
}

// TInterval is the mean of a few values (one a seed) and its Student-t interval: mean ± t·s/√n with n-1 degrees of
// freedom. It says how much seeds differ, not how much another test set would. One value has no interval; the result
// is then unknown.
func TInterval(values []float64, level float64) (float64, Interval, error) {
	if err := errLevel(level); err != nil {
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

// Wilson is the score interval (Wilson 1927) of a share of hits among n independent examples.
func Wilson(hits, n int, level float64) (Interval, error) {
	if err := errLevel(level); err != nil {
		return Interval{}, err
	}
	if n < 1 || hits < 0 || hits > n {
		return Interval{}, fmt.Errorf("stats: %d hits among %d", hits, n)
	}
	z := distuv.UnitNormal.Quantile(0.5 + level/2)
	p, nf := float64(hits)/float64(n), float64(n)
	mid := (p + z*z/(2*nf)) / (1 + z*z/nf)
	half := z / (1 + z*z/nf) * math.Sqrt(p*(1-p)/nf+z*z/(4*nf*nf))
	return Interval{Lo: max(0, mid-half), Hi: min(1, mid+half), Level: level}, nil
}

func errLevel(level float64) error {
	if !(level > 0 && level < 1) {
		return fmt.Errorf("stats: confidence level %v is not between 0 and 1", level)
	}
	return nil
}
