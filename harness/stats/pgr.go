package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Why a PGR is undefined.
const (
	ReasonNoGap    = "gap not positive: PGR undefined"
	ReasonNoise    = "gap below noise: PGR undefined"
	ReasonSeedGap  = "gap not positive for some seeds: PGR over seeds undefined"
	ReasonUnscored = "not computed"
)

// A PGR is the performance gap recovered of Burns et al. 2023: (student - weak) / (ceiling - weak), with weak the weak
// floor, student the transfer score and ceiling the strong ceiling. 0 is a student no better than its supervisor, 1 one
// as good as if trained on gold; below 0 and above 1 happen.
//
// It is undefined when the gap is not positive, or when the gap's interval holds 0 so that the ratio is noise over
// noise. Value is then NaN in Go and null in JSON, and Reason says why.
type PGR struct {
	Value       float64
	Interval    Interval // over test examples; not known for a PGR made of bare scores
	Gap         float64  // ceiling - weak
	GapInterval Interval
	Defined     bool
	Reason      string // "" when defined
	N           int    // test examples; 0 for a PGR made of bare scores
}

// PGROf is the PGR of three bare scores, as printed in a paper. Without examples there is no interval, so it is defined
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

// NewPGR is the PGR of three scores over the same test examples, with percentile intervals from the paired bootstrap.
//
// In a resample whose gap is not positive the ratio counts as infinite with the sign of its numerator, so such resamples
// widen the interval and never narrow it. Should they reach an end of the interval, the PGR is undefined.
func NewPGR(weak, student, ceiling Score, b Bootstrap) (PGR, error) {
	samples, err := b.Samples(weak, student, ceiling)
	if err != nil {
		return PGR{}, err
	}
	p, err := PGROf(weak(nil), student(nil), ceiling(nil))
	if err != nil {
		return PGR{}, err
	}
	p.N = b.N
	gaps, ratios := make([]float64, b.resamples()), make([]float64, b.resamples())
	for r := range gaps {
		gain := samples[1][r] - samples[0][r]
		gaps[r] = samples[2][r] - samples[0][r]
		switch {
		case gaps[r] > 0:
			ratios[r] = gain / gaps[r]
		case gain == 0:
			ratios[r] = 0
		default: // NaN stays NaN and is refused below
			ratios[r] = gain * math.Inf(1)
		}
	}
	if p.GapInterval, err = percentiles(gaps, b.level()); err != nil {
		return PGR{}, err
	}
	if !p.Defined {
		return p, nil
	}
	if p.GapInterval.Contains(0) {
		p.undefine(ReasonNoise)
		return p, nil
	}
	if p.Interval, err = percentiles(ratios, b.level()); err != nil {
		return PGR{}, err
	}
	if math.IsInf(p.Interval.Lo, 0) || math.IsInf(p.Interval.Hi, 0) {
		p.undefine(ReasonNoise)
	}
	return p, nil
}

// AccuracyPGR is [NewPGR] of accuracies: weak, student and ceiling are correctness vectors over the same examples, each
// averaged over seeds where there are several ([SeedMean]).
func AccuracyPGR(weak, student, ceiling []float64, b Bootstrap) (PGR, error) {
	b.N = len(weak)
	if len(student) != b.N || len(ceiling) != b.N {
		return PGR{}, fmt.Errorf("stats: PGR over %d weak, %d student and %d ceiling examples", b.N, len(student), len(ceiling))
	}
	err := errors.Join(checkFinite("weak example", weak), checkFinite("student example", student), checkFinite("ceiling example", ceiling))
	if err != nil {
		return PGR{}, err
	}
	return NewPGR(MeanScore(weak), MeanScore(student), MeanScore(ceiling), b)
}

func (p *PGR) undefine(reason string) {
	p.Value, p.Interval, p.Defined, p.Reason = math.NaN(), Interval{}, false, reason
}

// String gives "0.70", or "undefined".
func (p PGR) String() string {
	if !p.Defined {
		return "undefined"
	}
	return fmt.Sprintf("%.2f", p.Value)
}

type jsonPGR struct {
	Value       *float64 `json:"value"`
	Interval    Interval `json:"interval"`
	Gap         float64  `json:"gap"`
	GapInterval Interval `json:"gap_interval"`
	Reason      string   `json:"reason,omitempty"`
	N           int      `json:"n,omitempty"`
}

// MarshalJSON writes an undefined value as null beside its reason.
func (p PGR) MarshalJSON() ([]byte, error) { return json.Marshal(p.json()) }

func (p PGR) json() jsonPGR {
	j := jsonPGR{Interval: p.Interval, Gap: p.Gap, GapInterval: p.GapInterval, Reason: p.Reason, N: p.N}
	if p.Defined {
		j.Value = &p.Value
	} else if j.Reason == "" {
		j.Reason = ReasonUnscored
	}
	return j
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *PGR) UnmarshalJSON(data []byte) error {
	var j jsonPGR
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("stats: PGR: %w", err)
	}
	*p = PGR{Interval: j.Interval, Gap: j.Gap, GapInterval: j.GapInterval, Reason: j.Reason, N: j.N}
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

// A SeedPGR is the mean of the PGR of single seeds. Its intervals are Student-t intervals over seeds, N is the number of
// seeds. It says how much seeds differ; the embedded type's own documentation speaks of test examples.
type SeedPGR struct {
	PGR
	BySeed []float64 // the PGR of each seed; nil when undefined
}

// PGROverSeeds makes a SeedPGR of the scores of each seed. With one seed the intervals are not known. It is undefined when
// the gap of any seed is not positive.
func PGROverSeeds(weak, student, ceiling []float64, level float64) (SeedPGR, error) {
	n := len(weak)
	if len(student) != n || len(ceiling) != n {
		return SeedPGR{}, fmt.Errorf("stats: PGR over %d weak, %d student and %d ceiling seeds", n, len(student), len(ceiling))
	}
	gaps, values := make([]float64, n), make([]float64, n)
	defined := true
	for s := range n {
		p, err := PGROf(weak[s], student[s], ceiling[s])
		if err != nil {
			return SeedPGR{}, fmt.Errorf("seed %d: %w", s, err)
		}
		gaps[s], values[s] = p.Gap, p.Value
		defined = defined && p.Defined
	}
	out := SeedPGR{PGR: PGR{N: n, Defined: true}}
	var err error
	if out.Gap, out.GapInterval, err = TInterval(gaps, level); err != nil {
		return SeedPGR{}, err
	}
	if !defined {
		out.undefine(ReasonSeedGap)
		return out, nil
	}
	out.BySeed = values
	out.Value, out.Interval, err = TInterval(values, level)
	return out, err
}

type jsonSeedPGR struct {
	jsonPGR
	BySeed []float64 `json:"by_seed,omitempty"`
}

// MarshalJSON writes the embedded PGR's fields and by_seed.
func (p SeedPGR) MarshalJSON() ([]byte, error) {
	return json.Marshal(jsonSeedPGR{p.PGR.json(), p.BySeed})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *SeedPGR) UnmarshalJSON(data []byte) error {
	var j jsonSeedPGR
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("stats: PGR over seeds: %w", err)
	}
	p.BySeed = j.BySeed
	return p.PGR.UnmarshalJSON(data)
}
