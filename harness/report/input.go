package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"w2s/harness/result"
	"w2s/harness/summary"
)

// An Input is a result with the name of its file.
type Input struct {
	Name   string // name of the file, without its folder
	SHA256 string // digest of the file
	Result *result.Result
}

// Load reads a result file.
func Load(path string) (Input, error) {
	data, err := result.Content(path)
	if err != nil {
		return Input{}, fmt.Errorf("report: %w", err)
	}
	r, err := result.Read(bytes.NewReader(data))
	if err != nil {
		return Input{}, fmt.Errorf("report: result file %s: %w", path, err)
	}
	sum := sha256.Sum256(data)
	return Input{Name: filepath.Base(path), SHA256: hex.EncodeToString(sum[:]), Result: r}, nil
}

// Summaries holds the figures of several results together; see [summary.Together]. Losses are compared within a result only.
type Summaries struct {
	Rows     []summary.Row
	Losses   []summary.LossRow
	Chains   []summary.ChainRow
	Warnings []string // rows that are left out, and contradictions between the results

	parts []summary.Part
}

// Summarize computes every figure of the inputs.
func Summarize(inputs []Input, opt summary.Options) (Summaries, error) {
	var s Summaries
	var faults []error
	for _, in := range inputs {
		p := summary.Part{Name: in.Name}
		var err error
		if p.Rows, err = summary.Rows(in.Result, opt); err == nil {
			p.Chains, err = summary.Chains(in.Result, opt)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("report: %s: %w", in.Name, err))
		}
		s.parts = append(s.parts, p)
	}
	if len(faults) > 0 {
		return s, errors.Join(faults...)
	}
	s.parts, s.Warnings = summary.Together(s.parts)
	for _, p := range s.parts {
		losses, err := summary.Losses(p.Rows, opt)
		if err != nil {
			return s, fmt.Errorf("report: %s: %w", p.Name, err)
		}
		s.Rows, s.Losses, s.Chains = append(s.Rows, p.Rows...), append(s.Losses, losses...), append(s.Chains, p.Chains...)
	}
	s.Warnings = append(s.Warnings, differences(inputs)...)
	return s, nil
}

// differences reports models and tasks that differ between inputs although they have the same name.
func differences(inputs []Input) []string {
	var out []string
	type origin struct{ digest, file string }
	seen := map[string]origin{}
	check := func(what, digest, file string) {
		first, ok := seen[what]
		switch {
		case !ok:
			seen[what] = origin{digest, file}
		case first.digest != digest:
			out = append(out, fmt.Sprintf("%s is not the same in %s and in %s (their digests differ).", what, first.file, file))
		}
	}
	for _, in := range inputs {
		for _, m := range in.Result.Models {
			check("model "+m.Name, m.Key, in.Name)
		}
		for _, t := range in.Result.Tasks {
			check("task "+t.Name, t.Digest, in.Name)
		}
	}
	return out
}
