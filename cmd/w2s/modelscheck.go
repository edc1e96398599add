package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"w2s/harness/table"
	"w2s/internal/visible"
	"w2s/onnx"
)

// A modelCheck is the result of models check.
type modelCheck struct {
	Checkpoint string              `json:"checkpoint"`
	Reference  string              `json:"reference"`
	Tolerance  float64             `json:"tolerance"`
	Tokens     *tokenCheck         `json:"tokens,omitempty"`
	Features   []featureComparison `json:"features"`
	Warnings   []string            `json:"warnings,omitempty"`
	Agrees     bool                `json:"agrees"`
}

type tokenCheck struct {
	Texts   int                    `json:"texts"`
	Differ  int                    `json:"differ"`
	Details []onnx.TokenDifference `json:"details,omitempty"`
}

type featureComparison struct {
	onnx.Comparison
	Difference *float64 `json:"difference"` // null if the vectors cannot be compared
	Agrees     bool     `json:"agrees"`
}

func newModelsCheck(a *app) *cobra.Command {
	var reference string
	var tolerance float64
	var asJSON bool
	c := &cobra.Command{
		Use:   "check NAME|FOLDER",
		Short: "Compare a checkpoint's features with those that another program computed",
		Long: `Compares a checkpoint's token ids and features with a reference: a JSON file
with the keys texts, token_ids and features, as docs/scripts/reference.py writes
it with torch. The features are {output: {pooling: [vector of each text]}}. The
keys prefix and max_tokens are optional. NAME@layer=3 compares only the features
of that layer, hidden_states.3.

The difference is the largest difference between two numbers, divided by the
largest absolute number of the reference. The command fails if a difference is
larger than the tolerance or if token ids differ.`,
		Example: `  w2s models check ./my-checkpoint
  w2s models check ./my-checkpoint@layer=3
  w2s models check ./my-checkpoint --reference torch.json --tolerance 1e-5`,
		Args: cobra.ExactArgs(1),
		RunE: a.runE(func(ctx context.Context, args []string) error {
			if !(tolerance > 0) || math.IsInf(tolerance, 0) {
				return usagef("--tolerance %v: want a number above 0", tolerance)
			}
			m, err := a.check(ctx, args[0], reference, tolerance)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(m)
			} else {
				err = m.print(a)
			}
			if err == nil && !m.Agrees {
				err = fmt.Errorf("%s differs from %s by more than %g", m.Checkpoint, m.Reference, tolerance)
			}
			return err
		}),
	}
	c.Flags().StringVar(&reference, "reference", "", "file with the reference (default: reference.json in the checkpoint's folder, or in its adapter's)")
	c.Flags().Float64Var(&tolerance, "tolerance", 1e-4, "largest difference, relative to the largest number of the reference")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// check compares a checkpoint with a reference file. "" is reference.json in its folder, or in its adapter's.
func (a *app) check(ctx context.Context, name, path string, tolerance float64) (modelCheck, error) {
	var out modelCheck
	named, err := parseModelName(name)
	if err != nil {
		return out, err
	}
	if named.chat {
		return out, usagef("model %q: a reference has texts and no conversations (leave @chat out)", name)
	}
	m, err := a.model(ctx, name)
	if err != nil {
		return out, err
	}
	enc, ok := m.Encoder.(*onnx.Encoder)
	if !ok {
		return out, usagef("%s has vectors and no model to check", m.Name)
	}
	ck := enc.Checkpoint()
	if path == "" {
		path = filepath.Join(cmp.Or(ck.Adapter(), ck.Dir), "reference.json")
	}
	out = modelCheck{Checkpoint: m.Name, Reference: path, Tolerance: tolerance, Agrees: true, Features: []featureComparison{}}
	ref, err := onnx.ReadReference(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, fmt.Errorf("there is no reference %s to compare with (docs/scripts/reference.py writes one with torch; --reference names another file)", path)
	}
	if err != nil {
		return out, err
	}
	if named.layer != nil || a.layer.layer != nil {
		if ref, err = ref.Only(ck.Output); err != nil {
			return out, fmt.Errorf("%s: %w", path, err)
		}
	}
	cat, err := a.catalog()
	if err != nil {
		return out, err
	}
	file, err := filepath.Rel(ck.Dir, ck.Model)
	if err != nil {
		return out, err
	}
	o := ref.Options(a.options(file, cat.CacheDir()))
	o.Adapter = ck.Adapter()
	a.place.apply(&o)
	if ref.TokenIDs != nil {
		checked, err := onnx.ReadCheckpoint(ck.Dir, o)
		if err != nil {
			return out, err
		}
		differ, err := ref.CheckTokens(checked)
		if err != nil {
			return out, err
		}
		out.Tokens = &tokenCheck{Texts: len(ref.Texts), Differ: len(differ), Details: differ[:min(len(differ), 10)]}
		out.Agrees = len(differ) == 0
	}
	list, err := ref.Compare(ctx, a.runtime, ck.Dir, o)
	if err != nil {
		return out, err
	}
	for _, c := range list {
		f := featureComparison{Comparison: c, Agrees: c.Fault == "" && c.Largest <= tolerance}
		if !math.IsInf(c.Largest, 0) {
			f.Difference = &c.Largest
		}
		out.Features, out.Agrees = append(out.Features, f), out.Agrees && f.Agrees
	}
	out.Warnings = enc.Warnings()
	return out, nil
}

func (m modelCheck) print(a *app) error {
	t := &table.Table{Columns: []table.Column{{Name: "what"}, {Name: "pooling"}, {Name: "texts", Numeric: true}, {Name: "difference", Numeric: true},
		{Name: "at text", Numeric: true}, {Name: "agrees"}}}
	yes := map[bool]string{true: "yes", false: "no"}
	if m.Tokens != nil {
		t.Add("token ids", "", fmt.Sprint(m.Tokens.Texts), visible.Count(m.Tokens.Differ, "text"), "", yes[m.Tokens.Differ == 0])
		for _, d := range m.Tokens.Details {
			t.Notes = append(t.Notes, fmt.Sprintf("Text %d has the tokens %s here and %s in the reference.", d.Text+1, first(d.Got), first(d.Want)))
		}
	}
	for _, f := range m.Features {
		if f.Fault != "" {
			t.Add(f.Output, string(f.Pooling), fmt.Sprint(f.Texts), "–", "", "no")
			if note := fmt.Sprintf("%s, %s: %s", f.Output, f.Pooling, f.Fault); !slices.Contains(t.Notes, note) {
				t.Notes = append(t.Notes, note)
			}
			continue
		}
		t.Add(f.Output, string(f.Pooling), fmt.Sprint(f.Texts), fmt.Sprintf("%.1e", f.Largest), fmt.Sprint(f.Text+1), yes[f.Agrees])
	}
	t.Notes = append(t.Notes, m.Warnings...)
	t.Notes = append(t.Notes, fmt.Sprintf("Differences are relative to the largest number of the reference; the tolerance is %g.", m.Tolerance))
	return table.Write(a.out, table.Style{Format: "text"}, t)
}

// first lists the first token ids of a text.
func first(ids []int64) string {
	const most = 12
	list := make([]string, 0, most)
	for _, id := range ids[:min(len(ids), most)] {
		list = append(list, fmt.Sprint(id))
	}
	if len(ids) > most {
		list = append(list, "...")
	}
	return "[" + strings.Join(list, " ") + "]"
}
