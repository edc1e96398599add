package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"w2s/harness"
)

// An Input is a result and what to call it.
type Input struct {
	Name   string // the file's name, as the page shows it
	SHA256 string // of the file
	Result *harness.Result
}

// Load reads a result file.
func Load(path string) (Input, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Input{}, fmt.Errorf("report: result file: %w", err)
	}
	r, err := harness.ReadResult(bytes.NewReader(data))
	if err != nil {
		return Input{}, fmt.Errorf("report: result file %s: %w", path, err)
	}
	sum := sha256.Sum256(data)
	return Input{Name: filepath.Base(path), SHA256: hex.EncodeToString(sum[:]), Result: r}, nil
}

// Summaries are the figures of several results together. Rows that two results share (task, pair, loss, treatment and
// variant) are the first one's; losses are compared within a result only.
type Summaries struct {
	Rows     []harness.Row
	Losses   []harness.LossRow
	Chains   []harness.ChainRow
	Warnings []string // what the results do not have in common but should
}

// Summarize computes every figure of the inputs.
func Summarize(inputs []Input, opt harness.SummaryOptions) (Summaries, error) {
	var s Summaries
	seen := map[string]string{}
	for _, in := range inputs {
		rows, err := harness.Summarize(in.Result, opt)
		if err != nil {
			return s, fmt.Errorf("report: %s: %w", in.Name, err)
		}
		var own []harness.Row
		shared := 0
		for _, r := range rows {
			key := strings.Join([]string{r.Task, r.Weak, r.Strong, r.Loss, r.Treatment, r.Variant}, "\x00")
			if _, ok := seen[key]; ok {
				shared++
				continue
			}
			seen[key] = in.Name
			own = append(own, r)
		}
		if shared > 0 {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%d of %d rows of %s are in an earlier file as well (same task, pair, loss, labels and variant) and are left out.",
				shared, len(rows), in.Name))
		}
		losses, err := harness.Losses(own, opt)
		if err != nil {
			return s, fmt.Errorf("report: %s: %w", in.Name, err)
		}
		chains, err := harness.Chains(in.Result, opt)
		if err != nil {
			return s, fmt.Errorf("report: %s: %w", in.Name, err)
		}
		s.Rows, s.Losses, s.Chains = append(s.Rows, own...), append(s.Losses, losses...), append(s.Chains, chains...)
	}
	s.Warnings = append(s.Warnings, differences(inputs)...)
	return s, nil
}

// differences names models and tasks that two inputs call the same though they are not.
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
