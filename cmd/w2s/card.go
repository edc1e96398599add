package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/list"
)

func newCardCommand(a *app) *cobra.Command {
	var s summaryFlags
	c := &cobra.Command{
		Use:   "card RESULT.json|FOLDER...",
		Short: "Print results as a Markdown card: settings, digests, tables",
		Long: `Prints what a reader needs to judge and repeat results, as Markdown for the
appendix of a paper or for a repository: the command, the settings, the models
and data with their digests, and the tables.`,
		Example: `  w2s card w2s-results/run.json > CARD.md
  w2s card w2s-results/default > CARD.md`,
		Args: cobra.MinimumNArgs(1),
	}
	s.register(c.Flags())
	s.registerLevel(c.Flags())
	c.RunE = a.runE(func(_ context.Context, paths []string) error {
		files, _, err := sortPaths(paths, nil)
		if err := errors.Join(err, checkResults(files), s.checkSummary()); err != nil {
			return err
		}
		var faults []error
		for i, path := range files {
			r, err := result.Load(path)
			if err == nil && i > 0 {
				fmt.Fprintln(a.out)
			}
			if err == nil {
				err = a.card(r, s.options())
			}
			faults = append(faults, err)
		}
		return errors.Join(faults...)
	})
	return c
}

// card prints the card of a result.
func (a *app) card(r *result.Result, opt summary.Options) error {
	rows, err := summary.Rows(r, opt)
	if err != nil {
		return err
	}
	chains, err := summary.Chains(r, opt)
	if err != nil {
		return err
	}
	names := strings.Join(list.Map(r.Tasks, func(t result.Task) string { return t.Name }), ", ")
	var tables []*table.Table
	if len(rows) > 0 {
		categories, err := summary.Categories(rows)
		if err != nil {
			return err
		}
		var layout tableFlags
		if tables, err = pgrTables(layout.arranged(rows), false, opt); err != nil {
			return err
		}
		tables = slices.Insert(tables, 1, table.Categories(categories))
	}
	if len(chains) > 0 {
		tables = append(tables, table.Chains(chains))
	}
	tables = append([]*table.Table{cardSettings(r)}, append(tables, cardModels(r), cardTasks(r))...)
	if _, err := fmt.Fprintf(a.out, "## Weak-to-strong result: %s\n\n", table.MarkdownText(names)); err != nil {
		return err
	}
	return table.Write(a.out, table.Style{Format: "markdown", Width: table.DefaultWidth}, tables...)
}

// cardSettings returns the settings of an experiment under their names in the result file.
func cardSettings(r *result.Result) *table.Table {
	t := &table.Table{Name: "settings", Caption: "Settings", Columns: []table.Column{{Name: "setting"}, {Name: "value"}}}
	t.Add("made by", r.Program)
	t.Add("made at", r.Created.UTC().Format("2006-01-02 15:04:05 UTC"))
	if len(r.Command) > 0 {
		t.Add("command", strings.Join(r.Command, " "))
	}
	settings := reflect.ValueOf(r.Config)
	for i := range settings.NumField() {
		name, _, _ := strings.Cut(settings.Type().Field(i).Tag.Get("json"), ",")
		value := settings.Field(i)
		switch {
		case name == "train" || name == "test":
			if value.IsZero() {
				t.Add(name, "default")
				continue
			}
		case value.IsZero():
			continue
		}
		text := fmt.Sprint(value.Interface())
		if value.Kind() == reflect.Slice {
			var parts []string
			for k := range value.Len() {
				parts = append(parts, fmt.Sprint(value.Index(k).Interface()))
			}
			text = strings.Join(parts, ", ")
		}
		t.Add(name, text)
	}
	return t
}

// cardModels returns the models and what identifies them.
func cardModels(r *result.Result) *table.Table {
	t := &table.Table{Name: "models", Caption: "Models", Columns: []table.Column{{Name: "model"}, {Name: "parameters", Numeric: true}, {Name: "dims", Numeric: true},
		{Name: "key"}, {Name: result.FetchedFrom}}}
	for _, m := range r.Models {
		parameters := "–"
		if m.Parameters > 0 {
			parameters = fmt.Sprint(m.Parameters)
		}
		t.Add(m.Name, parameters, fmt.Sprint(m.Dims), m.Key, m.Description[result.FetchedFrom])
	}
	t.Notes = []string{"key: digest of all that changes a feature, such as the files of the checkpoint and the pooling."}
	return t
}

// cardTasks returns the tasks and what identifies their data.
func cardTasks(r *result.Result) *table.Table {
	t := &table.Table{Name: "data", Caption: "Data", Columns: []table.Column{{Name: "task"}, {Name: "train", Numeric: true}, {Name: "test", Numeric: true},
		{Name: "source"}, {Name: "licence"}, {Name: "sha256"}}}
	for _, task := range r.Tasks {
		t.Add(task.Name, fmt.Sprint(task.Train), fmt.Sprint(len(task.TestIDs)), task.Source, task.Licence, task.Digest)
	}
	return t
}
