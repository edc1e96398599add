package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"w2s/harness/table"
	"w2s/internal/progress"
	"w2s/internal/visible"
	"w2s/onnx"
)

func newModelsCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "models",
		Short: "List, download, inspect and check checkpoints",
		Example: `  w2s models list
  w2s models pull e5-small-v2
  w2s models pull hf:sentence-transformers/all-MiniLM-L12-v2
  w2s models inspect ./my-checkpoint`,
	}
	c.AddCommand(newModelsList(a), newModelsPull(a), newModelsInspect(a), newModelsCheck(a))
	return c
}

func newModelsList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the checkpoints that have a name, and which of them are on this machine",
		Example: `  w2s models list`,
		RunE: a.runE(func(ctx context.Context, _ []string) error {
			c, err := a.catalog()
			if err != nil {
				return err
			}
			states, err := c.Checkpoints(ctx, false)
			if err != nil {
				return err
			}
			pulled, err := c.HubCheckpoints()
			if err != nil {
				return err
			}
			states = append(states, pulled...)
			t := &table.Table{Columns: []table.Column{{Name: "name"}, {Name: "what"}, {Name: "licence"}, {Name: "here"},
				{Name: "size", Numeric: true}, {Name: "from"}}}
			for _, s := range states {
				here, bytes := "yes", s.Bytes
				if !s.Ready {
					here, bytes = "no", s.Download
				}
				t.Add(s.Name, s.Title, s.Licence, here, size(bytes), s.Source)
			}
			t.Notes = []string{"A folder with model.onnx and tokenizer.json is a checkpoint too, and so is hf:ORG/NAME on the Hugging Face hub."}
			return table.Write(a.out, table.Style{Format: "text"}, t)
		}),
	}
}

func newModelsPull(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pull NAME|hf:ORG/NAME[@REV]...",
		Short: "Download checkpoints into the cache",
		Long: `Downloads checkpoints into the cache and prints their folders. From a hub
repository it takes an ONNX export that gives vectors of texts or, if there is
none, config.json and safetensors. With --prefer safetensors, it tries
safetensors first. A variant chooses one ONNX file, as in hf:ORG/NAME#quantized,
or hf:ORG/NAME#safetensors.`,
		Example: `  w2s models pull all-MiniLM-L6-v2 e5-small-v2
  w2s models pull hf:sentence-transformers/all-MiniLM-L12-v2
  w2s models pull hf:ORG/NAME@main#quantized
  w2s models pull hf:ORG/NAME --prefer safetensors`,
		Args: cobra.MinimumNArgs(1),
		RunE: a.runE(func(ctx context.Context, names []string) error {
			c, err := a.catalog()
			if err != nil {
				return err
			}
			var faults []error
			for _, name := range names {
				ck, err := c.Pull(ctx, name)
				if err != nil {
					faults = append(faults, err)
					continue
				}
				fmt.Fprintf(a.out, "%s\t%s\n", visible.Line(ck.Name), visible.Line(ck.Dir))
			}
			return errors.Join(faults...)
		}),
	}
}

func newModelsInspect(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "inspect NAME|FOLDER",
		Short: "Print what w2s knows about a checkpoint: output, pooling, longest input, prefix, digests",
		Example: `  w2s models inspect e5-small-v2
  w2s models inspect ./my-checkpoint --json`,
		Args: cobra.ExactArgs(1),
		RunE: a.runE(func(ctx context.Context, args []string) error {
			m, err := a.model(ctx, args[0])
			if err != nil {
				return err
			}
			var notes []string
			if e, ok := m.Encoder.(*onnx.Encoder); ok {
				if err := e.Checkpoint().CheckTokenizer(); err != nil {
					return err
				}
				notes = e.Warnings()
			}
			facts := maps.Clone(m.Description)
			if e, ok := m.Encoder.(*onnx.Encoder); ok {
				facts["notes"] = strings.Join(e.Warnings(), "; ")
			}
			facts["name"], facts["key"], facts["dimensions"] = m.Name, m.Encoder.Key(), strconv.Itoa(m.Encoder.Dims())
			maps.DeleteFunc(facts, func(_, v string) bool { return v == "" })
			if asJSON {
				if len(notes) > 0 {
					facts["notes"] = strings.Join(notes, "; ")
				}
				return a.printJSON(facts)
			}
			t := &table.Table{Columns: []table.Column{{Name: "field"}, {Name: "value"}}, Notes: notes}
			for _, k := range slices.Sorted(maps.Keys(facts)) {
				t.Add(k, facts[k])
			}
			return table.Write(a.out, table.Style{Format: "text"}, t)
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// size formats a number of bytes, and 0 as a dash.
func size(n int64) string {
	if n == 0 {
		return "–"
	}
	return progress.Size(n)
}
