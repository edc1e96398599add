package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/metric"
	"w2s/harness/table"
	"w2s/internal/catalog"
	"w2s/internal/list"
	"w2s/tasks"
)

// complete makes the shell complete values of flags and arguments of a command and of all below it: tasks, models, losses and other
// names. Files are completed as well, since every task and model may be one.
func (a *app) complete(c *cobra.Command) {
	values := map[string]func() []string{
		"task": tasks.Names, "weak": a.modelNames, "strong": a.modelNames, "model": a.modelNames, "models": a.modelNames, "pair": a.modelNames,
		"loss":      func() []string { return list.Map(loss.All(), func(l loss.Named) string { return l.Name }) },
		"treatment": func() []string { return list.Map(label.Treatments(), func(t label.Named) string { return t.Name }) },
		"metric":    metric.Names,
		"format":    func() []string { return table.Formats },
		"suite":     suiteNames,
		"by":        func() []string { return append(viewNames(), allViews) },
	}
	for name, of := range values {
		if c.Flags().Lookup(name) != nil {
			// It fails if the command has a completion of its own.
			_ = c.RegisterFlagCompletionFunc(name, func(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
				return completions(begun, of()), cobra.ShellCompDirectiveDefault
			})
		}
	}
	arguments := map[string]func() []string{"tasks": tasks.Names, "models": a.modelNames}
	if of := arguments[c.Parent().Name()]; of != nil && c.ValidArgsFunction == nil && strings.Contains(c.Use, "NAME") {
		if c.Name() == "suites" {
			of = suiteNames
		}
		c.ValidArgsFunction = func(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completions(begun, of()), cobra.ShellCompDirectiveDefault
		}
	}
}

// completions returns the values that begin as the last element of a list does, after the elements before it.
func completions(begun string, values []string) []cobra.Completion {
	before := begun[:strings.LastIndexByte(begun, ',')+1]
	var out []cobra.Completion
	for _, v := range values {
		if strings.HasPrefix(v, begun[len(before):]) {
			out = append(out, before+v)
		}
	}
	slices.Sort(out)
	return out
}

// modelNames returns the names of checkpoints, or nothing if the cache folder cannot be read.
func (a *app) modelNames() []string {
	c, err := a.catalog()
	if err != nil {
		return nil
	}
	states, err := c.Checkpoints(context.Background(), false)
	if err != nil {
		return nil
	}
	pulled, _ := c.HubCheckpoints() // what cannot be read is not completed
	names := list.Map(states, func(s catalog.State) string { return s.Name })
	return append(names, list.Map(pulled, func(s catalog.State) string { return s.Name })...)
}
