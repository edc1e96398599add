package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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

// Summaries holds the figures of several results together. A row that two results share (same task, pair, loss, treatment
// and variant) is taken from the first one. Losses are compared within a result only.
type Summaries struct {
	Rows     []summary.Row
	Losses   []summary.LossRow
	Chains   []summary.ChainRow
	Warnings []string // rows that are left out, and contradictions between the results
}

// A rowKey tells rows apart.
type rowKey struct{ task, weak, strong, loss, treatment, variant string }

// Summarize computes every figure of the inputs.
func Summarize(inputs []Input, opt summary.Options) (Summaries, error) {
	var s Summaries
	seen := map[rowKey]bool{}
	for _, in := range inputs {
		if err := s.add(in, opt, seen); err != nil {
			return s, fmt.Errorf("report: %s: %w", in.Name, err)
		}
	}
	s.Warnings = append(s.Warnings, differences(inputs)...)
	return s, nil
}

// add adds the figures of one input, without rows in seen, and adds its rows to seen.
func (s *Summaries) add(in Input, opt summary.Options, seen map[rowKey]bool) error {
	all, err := summary.Rows(in.Result, opt)
	if err != nil {
		return err
	}
	var rows []summary.Row
	for _, r := range all {
		if k := (rowKey{r.Task, r.Weak, r.Strong, r.Loss, r.Treatment, r.Variant()}); !seen[k] {
			seen[k] = true
			rows = append(rows, r)
		}
	}
	if shared := len(all) - len(rows); shared > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d of %d rows of %s are left out because an earlier file has them as well (same task, pair, loss, treatment and variant).",
			shared, len(all), in.Name))
	}
	losses, err := summary.Losses(rows, opt)
	if err != nil {
		return err
	}
	chains, err := summary.Chains(in.Result, opt)
	if err != nil {
		return err
	}
	s.Rows, s.Losses, s.Chains = append(s.Rows, rows...), append(s.Losses, losses...), append(s.Chains, chains...)
	return nil
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
