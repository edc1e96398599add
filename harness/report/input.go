package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"w2s/harness/result"
	"w2s/harness/summary"
)

// An Input is a result with the name of its file.
type Input struct {
	Name   string // of the file, as the page shows it
	SHA256 string // of the file
	Result *result.Result
}

// Load reads a result file.
func Load(path string) (Input, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Input{}, fmt.Errorf("report: result file: %w", err)
	}
	r, err := result.Read(bytes.NewReader(data))
	if err != nil {
		return Input{}, fmt.Errorf("report: result file %s: %w", path, err)
	}
	sum := sha256.Sum256(data)
	return Input{Name: filepath.Base(path), SHA256: hex.EncodeToString(sum[:]), Result: r}, nil
}

// Summaries are the figures of several results together. A row that two results share (same task, pair, loss, treatment and
// variant) is taken from the first one. Losses are compared within a result only.
type Summaries struct {
	Rows     []summary.Row
	Losses   []summary.LossRow
	Chains   []summary.ChainRow
	Warnings []string // contradictions between the results
}

// Summarize computes every figure of the inputs.
func Summarize(inputs []Input, opt summary.Options) (Summaries, error) {
	var s Summaries
	seen := map[string]string{}
	for _, in := range inputs {
		rows, err := summary.Rows(in.Result, opt)
		if err != nil {
			return s, fmt.Errorf("report: %s: %w", in.Name, err)
		}
		var own []summary.Row
		shared := 0
		for _, r := range rows {
			key := strings.Join([]string{r.Task, r.Weak, r.Strong, r.Loss, r.Treatment, r.Variant()}, "\x00")
			if _, ok := seen[key]; ok {
				shared++
				continue
			}
			seen[key] = in.Name
			own = append(own, r)
		}
		if shared > 0 {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%d of %d rows of %s are in an earlier file as well (same task, pair, loss, treatment and variant) and are left out.",
				shared, len(rows), in.Name))
		}
		losses, err := summary.Losses(own, opt)
		if err != nil {
			return s, fmt.Errorf("report: %s: %w", in.Name, err)
		}
		chains, err := summary.Chains(in.Result, opt)
		if err != nil {
			return s, fmt.Errorf("report: %s: %w", in.Name, err)
		}
		s.Rows, s.Losses, s.Chains = append(s.Rows, own...), append(s.Losses, losses...), append(s.Chains, chains...)
	}
	s.Warnings = append(s.Warnings, differences(inputs)...)
	return s, nil
}

// differences names models and tasks that differ between inputs although they have the same name.
func differences(inputs []Input) []string {
	var out []string
	type first struct{ digest, file string }
	check := func(seen map[string]first, what, name, digest, file string) {
		f, ok := seen[name]
		if !ok {
			seen[name] = first{digest, file}
		} else if f.digest != digest {
			out = append(out, fmt.Sprintf("%s %s is not the same in %s and in %s (their digests differ).", what, name, f.file, file))
		}
	}
	models, tasks := map[string]first{}, map[string]first{}
	for _, in := range inputs {
		for _, m := range in.Result.Models {
			check(models, "model", m.Name, m.Key, in.Name)
		}
		for _, t := range in.Result.Tasks {
			check(tasks, "task", t.Name, t.Digest, in.Name)
		}
	}
	return out
}
