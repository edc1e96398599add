package result

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Distributions holds one probability distribution for each example. In JSON, a distribution over two answers is written
// as the probability of the second one, and any other distribution as a list.
type Distributions [][]float64

// MarshalJSON writes the short form.
func (d Distributions) MarshalJSON() ([]byte, error) {
	short := make([]any, len(d))
	for i, p := range d {
		if len(p) == 2 {
			short[i] = p[1]
		} else {
			short[i] = p
		}
	}
	return json.Marshal(short)
}

// UnmarshalJSON reads both forms.
func (d *Distributions) UnmarshalJSON(data []byte) error {
	if quick, ok := readNumbers(data); ok {
		*d = quick
		return nil
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	out := make(Distributions, len(raw))
	for i, r := range raw {
		var err error
		if out[i], err = readDistribution(r); err != nil {
			return fmt.Errorf("distribution %d: %w", i, err)
		}
	}
	*d = out
	return nil
}

// readNumbers reads valid distributions, several times as fast as package json. ok is false if there is anything else; then package json
// finds the fault.
func readNumbers(data []byte) (all Distributions, ok bool) {
	r := numberReader{rest: data}
	if !r.takes('[') {
		return nil, false
	}
	all = Distributions{}
	for more := !r.takes(']'); more; {
		var one []float64
		if r.takes('[') {
			sum := 0.0
			for inner := true; inner; inner = !r.takes(']') {
				if len(one) > 0 && !r.takes(',') {
					return nil, false
				}
				p, ok := r.probability()
				if !ok {
					return nil, false
				}
				one = append(one, p)
				sum += p
			}
			if math.Abs(sum-1) > 1e-6 {
				return nil, false
			}
			one = slices.Clip(one)
		} else if p, ok := r.probability(); ok {
			one = []float64{1 - p, p}
		} else {
			return nil, false
		}
		all = append(all, one)
		if more = r.takes(','); !more && !r.takes(']') {
			return nil, false
		}
	}
	return all, len(r.rest) == 0
}

// A numberReader reads JSON that package json has found to be valid.
type numberReader struct{ rest []byte }

// takes skips white space, and c if it follows.
func (r *numberReader) takes(c byte) bool {
	r.rest = bytes.TrimLeft(r.rest, " \t\r\n")
	if len(r.rest) == 0 || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// probability reads a number of 0 to 1.
func (r *numberReader) probability() (float64, bool) {
	r.rest = bytes.TrimLeft(r.rest, " \t\r\n")
	n := 0
	for n < len(r.rest) && (r.rest[n] >= '0' && r.rest[n] <= '9' || strings.IndexByte(".eE+-", r.rest[n]) >= 0) {
		n++
	}
	if n == 0 || r.rest[0] == '-' {
		return 0, false
	}
	p, err := strconv.ParseFloat(string(r.rest[:n]), 64)
	r.rest = r.rest[n:]
	return p, err == nil && p <= 1
}

// readDistribution reads the probability of the second of two answers, or a list that sums to 1. Pointers tell null
// from 0.
func readDistribution(raw json.RawMessage) ([]float64, error) {
	var second *float64
	if err := json.Unmarshal(raw, &second); err == nil {
		if second == nil || *second < 0 || *second > 1 {
			return nil, fmt.Errorf("%s is not a probability", raw)
		}
		return []float64{1 - *second, *second}, nil
	}
	var list []*float64
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("want a probability or a list of them: %w", err)
	}
	out, sum := make([]float64, len(list)), 0.0
	for k, p := range list {
		if p == nil || *p < 0 || *p > 1 {
			return nil, fmt.Errorf("entry %d of %s is not a probability", k, raw)
		}
		out[k] = *p
		sum += *p
	}
	if math.Abs(sum-1) > 1e-6 {
		return nil, fmt.Errorf("%s sums to %v, not to 1", raw, sum)
	}
	return out, nil
}
