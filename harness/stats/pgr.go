package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Reasons why a PGR is undefined.
const (
	ReasonNoGap    = "gap not positive: PGR undefined"
	ReasonNoise    = "gap below noise: PGR undefined"
	ReasonSeedGap  = "gap not positive for any seed: PGR over seeds undefined"
	ReasonUnscored = "not computed"
	// ReasonResamples is the reason if more than half of the resamples lack a class.
	ReasonResamples = "score undefined on most resamples of the test examples: PGR undefined"
)

// A PGR is the performance gap recovered (Burns et al. 2023), (student - weak) / (ceiling - weak), where weak is the weak
// floor, student the transfer score and ceiling the strong ceiling. It is 0 for a student that is no better than its
// supervisor and 1 for a student that is as good as if it was trained on gold. It can be below 0 and above 1.
//
// It is undefined if the gap is not positive, or if the gap's interval contains 0, because the ratio is then noise divided by
// noise. Value is then NaN in Go and null in JSON.
type PGR struct {
	Value       float64
	Interval    Interval // over seeds and test examples, or over test examples if there is one seed; unknown for bare scores
	Examples    Interval // over test examples alone
	Gap         float64  // ceiling - weak
	GapInterval Interval // as Interval
	GapExamples Interval // as Examples
	Defined     bool
	Errors      Errors // of gain and gap, for pooling; zero for bare scores
	Reason      string // why the PGR is undefined; "" if it is defined
	N           int    // number of test examples; 0 for a PGR of bare scores
	Seeds       int    // number of seeds that the scores are means over; 0 for a PGR of bare scores
}

// Errors holds the variances and the covariance of a mean gain and a mean gap, each times the square of the quantile that the interval
// of their ratio has. The half width of the interval of the gap is the square root of Gap.
type Errors struct {
	Gain float64 `json:"gain"`
	Both float64 `json:"both"` // covariance
	Gap  float64 `json:"gap"`
}

// PGROf returns the PGR of three bare scores, such as those in a paper. Without examples there is no interval, so it is defined
// for every positive gap.
func PGROf(weak, student, ceiling float64) (PGR, error) {
	if err := checkFinite("score", []float64{weak, student, ceiling}); err != nil {
		return PGR{}, err
	}
	p := PGR{Value: (student - weak) / (ceiling - weak), Gap: ceiling - weak, Defined: true}
	if !(p.Gap > 0) || math.IsInf(p.Value, 0) {
		p.undefine(ReasonNoGap)
	}
	return p, nil
}

// NewPGR returns the PGR of the scores of weak supervisors, students and ceilings, one of each for every seed, on the same test
// examples. See [Crossed.PGR] for its intervals.
func NewPGR(weak, student, ceiling []Score, b Bootstrap) (PGR, error) {
	c, err := b.Cross(weak, student, ceiling)
	if err != nil {
		return PGR{}, err
	}
	p, err := c.PGR(0, 1, 2)
	p.N = b.N
	return p, err
}

// AccuracyPGR returns the PGR of three accuracies of one seed; see [NewPGR]. weak, student and ceiling hold the correctness on
// the same examples. AccuracyPGR sets b.N.
func AccuracyPGR(weak, student, ceiling []float64, b Bootstrap) (PGR, error) {
	b.N = len(weak)
	if len(student) != b.N || len(ceiling) != b.N {
		return PGR{}, fmt.Errorf("stats: PGR over %d weak, %d student and %d ceiling examples", b.N, len(student), len(ceiling))
	}
	err := errors.Join(checkFinite("weak example", weak), checkFinite("student example", student), checkFinite("ceiling example", ceiling))
	if err != nil {
		return PGR{}, err
	}
	return NewPGR([]Score{MeanScore(weak)}, []Score{MeanScore(student)}, []Score{MeanScore(ceiling)}, b)
}

// undefine makes the PGR undefined for a reason.
func (p *PGR) undefine(reason string) {
	p.Value, p.Interval, p.Examples, p.Defined, p.Reason = math.NaN(), Interval{}, Interval{}, false, reason
}

// String returns the value as "0.70", or "undefined".
func (p PGR) String() string {
	if !p.Defined {
		return "undefined"
	}
	return fmt.Sprintf("%.2f", p.Value)
}

type jsonPGR struct {
	Value       *float64 `json:"value"`
	Interval    Interval `json:"interval"`
	Examples    Interval `json:"interval_examples"`
	Gap         float64  `json:"gap"`
	GapInterval Interval `json:"gap_interval"`
	GapExamples Interval `json:"gap_interval_examples"`
	Errors      Errors   `json:"errors,omitzero"`
	Reason      string   `json:"reason,omitempty"`
	N           int      `json:"n,omitempty"`
	Seeds       int      `json:"seeds,omitempty"`
}

// MarshalJSON writes an undefined value as null, with its reason.
func (p PGR) MarshalJSON() ([]byte, error) { return json.Marshal(p.json()) }

func (p PGR) json() jsonPGR {
	j := jsonPGR{Interval: p.Interval, Examples: p.Examples, Gap: p.Gap, GapInterval: p.GapInterval, GapExamples: p.GapExamples,
		Errors: p.Errors, Reason: p.Reason, N: p.N, Seeds: p.Seeds}
	if p.Defined {
		j.Value = &p.Value
	} else if j.Reason == "" {
		j.Reason = ReasonUnscored
	}
	return j
}

// UnmarshalJSON reads the form that MarshalJSON writes.
func (p *PGR) UnmarshalJSON(data []byte) error {
	var j jsonPGR
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("stats: PGR: %w", err)
	}
	*p = PGR{Interval: j.Interval, Examples: j.Examples, Gap: j.Gap, GapInterval: j.GapInterval, GapExamples: j.GapExamples,
		Errors: j.Errors, Reason: j.Reason, N: j.N, Seeds: j.Seeds}
	if j.Value == nil {
		if j.Reason == "" {
			return errors.New("stats: PGR: no value and no reason")
		}
		p.undefine(j.Reason)
		return nil
	}
	p.Value, p.Defined = *j.Value, true
	return nil
}

// A SeedPGR is the mean of the PGRs of several seeds. Unlike in a plain PGR, the intervals are Student-t intervals over the
// seeds and N is the number of seeds that the mean is over. It shows the variation between seeds.
//
// A seed whose gap is not positive has no PGR and is left out of the mean, but not out of Gap.
type SeedPGR struct {
	PGR
	BySeed  []float64 // the PGR of each seed, NaN in Go and null in JSON if it has none
	LeftOut int       // number of seeds that have none
}

// PGROverSeeds returns the SeedPGR of the scores of each seed. It is undefined if no seed has a positive gap. The intervals of
// a single seed are unknown.
func PGROverSeeds(weak, student, ceiling []float64, level float64) (SeedPGR, error) {
	n := len(weak)
	if len(student) != n || len(ceiling) != n {
		return SeedPGR{}, fmt.Errorf("stats: PGR over %d weak, %d student and %d ceiling seeds", n, len(student), len(ceiling))
	}
	gaps := make([]float64, n)
	out := SeedPGR{PGR: PGR{Defined: true}, BySeed: make([]float64, n)}
	var values []float64
	for s := range n {
		p, err := PGROf(weak[s], student[s], ceiling[s])
		if err != nil {
			return SeedPGR{}, fmt.Errorf("seed %d: %w", s, err)
		}
		gaps[s], out.BySeed[s] = p.Gap, p.Value
		if p.Defined {
			values = append(values, p.Value)
		}
	}
	out.N, out.LeftOut = len(values), n-len(values)
	var err error
	if out.Gap, out.GapInterval, err = TInterval(gaps, level); err != nil {
		return SeedPGR{}, err
	}
	if out.N == 0 {
		out.undefine(ReasonSeedGap)
		return out, nil
	}
	out.Value, out.Interval, err = TInterval(values, level)
	return out, err
}

// Note says how many seeds are left out, or returns "" if none is.
func (p SeedPGR) Note() string {
	if p.LeftOut == 0 {
		return ""
	}
	return fmt.Sprintf("gap not positive for %d of %d seeds: left out of the PGR over seeds", p.LeftOut, p.N+p.LeftOut)
}

type jsonSeedPGR struct {
	jsonPGR
	BySeed  []*float64 `json:"by_seed,omitempty"`
	LeftOut int        `json:"left_out,omitempty"`
}

// MarshalJSON writes the fields of the embedded PGR, by_seed and left_out.
func (p SeedPGR) MarshalJSON() ([]byte, error) {
	j := jsonSeedPGR{jsonPGR: p.PGR.json(), LeftOut: p.LeftOut}
	for i, v := range p.BySeed {
		if math.IsNaN(v) {
			j.BySeed = append(j.BySeed, nil)
		} else {
			j.BySeed = append(j.BySeed, &p.BySeed[i])
		}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads the form that MarshalJSON writes.
func (p *SeedPGR) UnmarshalJSON(data []byte) error {
	var j jsonSeedPGR
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("stats: PGR over seeds: %w", err)
	}
	p.BySeed, p.LeftOut = nil, j.LeftOut
	for _, v := range j.BySeed {
		if v == nil {
			p.BySeed = append(p.BySeed, math.NaN())
		} else {
			p.BySeed = append(p.BySeed, *v)
		}
	}
	return p.PGR.UnmarshalJSON(data)
}
