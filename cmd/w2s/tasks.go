package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"w2s/harness/experiment"
	"w2s/harness/table"
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/internal/visible"
	"w2s/onnx"
	"w2s/tasks"
)

func newTasksCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "tasks",
		Short: "List, download, show and check data sets",
		Example: `  w2s tasks list
  w2s tasks show movies -n 5 --checkpoint e5-small-v2
  w2s tasks check reviews.jsonl`,
	}
	c.AddCommand(newTasksList(a), newTasksPull(a), newTasksShow(a), newTasksCheck(a), newTasksSuites(a))
	return c
}

func newTasksList(a *app) *cobra.Command {
	var category string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the tasks that have a name",
		Example: `  w2s tasks list
  w2s tasks list --category chess`,
		RunE: a.runE(func(context.Context, []string) error {
			t := &table.Table{Columns: []table.Column{{Name: "name"}, {Name: "category"}, {Name: "form"}, {Name: "from"}, {Name: "what"}, {Name: "licence"}}}
			for _, task := range tasks.All() {
				if i := task.Info(); category == "" || category == string(i.Category) {
					t.Add(i.Name, string(i.Category), string(i.Form), strings.Join(tasks.Origins(task), ", "), i.Title, i.Licence)
				}
			}
			if len(t.Rows) == 0 {
				return usagef("--category %q: want one of %s", category, strings.Join(categories(), ", "))
			}
			t.Notes = []string{"Every --task takes " + taskForms + ".", "from: where the data is fetched from, in the order of preference (docs/tasks.md)."}
			return table.Write(a.out, table.Style{Format: "text"}, t)
		}),
	}
	c.Flags().StringVar(&category, "category", "", "list only this `category`: "+strings.Join(categories(), ", "))
	return c
}

// categories returns the categories of the built-in tasks.
func categories() []string {
	var names []string
	for _, t := range tasks.All() {
		names = list.AppendNew(names, string(t.Info().Category))
	}
	return names
}

// load opens and loads one task.
func (a *app) load(ctx context.Context, name string) (tasks.Task, *tasks.Data, error) {
	source, err := a.source()
	if err != nil {
		return nil, nil, err
	}
	opened, err := a.openTasks(ctx, []string{name})
	if err != nil {
		return nil, nil, err
	}
	data, err := opened[0].Load(ctx, source)
	return opened[0], data, err
}

func newTasksSuites(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "suites [NAME]",
		Short: "List the suites, or print one as a plan to copy and change",
		Long: `Lists the suites, which are plans with a name, or prints one as YAML. A changed
copy is run with w2s run --plan FILE or w2s sweep --plan FILE.`,
		Example: `  w2s tasks suites
  w2s tasks suites default > mine.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: a.runE(func(_ context.Context, names []string) error {
			if len(names) == 1 {
				text, err := suiteText(names[0])
				if err != nil {
					return err
				}
				_, err = a.out.Write(text)
				return err
			}
			t := &table.Table{Columns: []table.Column{{Name: "suite"}, {Name: "group"}, {Name: "tasks"}, {Name: "models"}}}
			for _, name := range suiteNames() {
				text, err := suiteText(name)
				if err != nil {
					return err
				}
				p, err := parsePlan(name, text)
				if err != nil {
					return err
				}
				for _, g := range p.groups {
					values := func(key string) string {
						node := g.flags[key]
						if node.Kind == yaml.AliasNode {
							node = *node.Alias
						}
						return strings.Join(list.Map(node.Content, func(n *yaml.Node) string { return n.Value }), ", ")
					}
					all := values("task")
					if len(g.optional) > 0 {
						all += ", if it can be had: " + strings.Join(g.optional, ", ")
					}
					t.Add(name, g.name, all, values("models"))
				}
			}
			t.Notes = []string{"w2s run takes the ends of each ladder, w2s sweep all its pairs: w2s run --suite " + defaultSuite + "."}
			return table.Write(a.out, table.Style{Format: "text"}, t)
		}),
	}
}

func newTasksPull(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "pull NAME...",
		Short:   "Download the data of tasks into the cache",
		Example: `  w2s tasks pull movies tweets`,
		Args:    cobra.MinimumNArgs(1),
		RunE: a.runE(func(ctx context.Context, names []string) error {
			var faults []error
			for _, name := range names {
				task, data, err := a.load(ctx, name)
				if err != nil {
					faults = append(faults, err)
					continue
				}
				fmt.Fprintf(a.out, "%s\t%s\n", visible.Line(task.Info().Name), visible.Count(len(data.Pool)+len(data.Test), "example"))
			}
			return errors.Join(faults...)
		}),
	}
}

func newTasksShow(a *app) *cobra.Command {
	var n int
	var checkpoint string
	c := &cobra.Command{
		Use:   "show NAME|FILE|hf:ORG/NAME",
		Short: "Show examples of a task, its size and balance, and the lengths of its texts",
		Example: `  w2s tasks show movies -n 5
  w2s tasks show reviews.jsonl --checkpoint e5-small-v2`,
		Args: cobra.ExactArgs(1),
		RunE: a.runE(func(ctx context.Context, args []string) error {
			if n < 0 {
				return usagef("--number %d: want 0 or more", n)
			}
			task, data, err := a.load(ctx, args[0])
			if err != nil {
				return err
			}
			a.describe(task.Info(), data)
			for i, e := range data.Pool[:min(n, len(data.Pool))] {
				fmt.Fprintf(a.out, "\n--- example %d, id %s\n", i+1, e.ID)
				showExample(a, task.Info(), e)
			}
			if checkpoint == "" {
				return nil
			}
			return a.lengths(ctx, checkpoint, slices.Concat(data.Pool, data.Test))
		}),
	}
	c.Flags().IntVarP(&n, "number", "n", 3, "`number` of examples to show")
	c.Flags().StringVar(&checkpoint, "checkpoint", "", "count tokens as this `checkpoint` does")
	return c
}

// describe prints what is known about a task and its data.
func (a *app) describe(i tasks.Info, data *tasks.Data) {
	fmt.Fprintf(a.out, "%s: %s\ncategory  %s\nform      %s\nsource    %s\nlicence   %s\nexamples  %d to train on",
		visible.Line(i.Name), visible.Line(i.Title), i.Category, i.Form, visible.Line(i.Source), visible.Line(i.Licence), len(data.Pool))
	if data.Test != nil {
		fmt.Fprintf(a.out, ", %d to test on", len(data.Test))
	}
	fmt.Fprintln(a.out)
	if len(i.Classes) > 0 {
		count := make([]int, len(i.Classes))
		for _, e := range slices.Concat(data.Pool, data.Test) {
			count[prob.Argmax(e.Gold)]++
		}
		for k, name := range i.Classes {
			fmt.Fprintf(a.out, "class %d   %d × %s\n", k, count[k], visible.Line(name))
		}
	}
	for _, w := range data.Warnings {
		fmt.Fprintf(a.out, "note      %s\n", visible.Line(w))
	}
}

// showExample prints the texts of an example. Characters that would steer the terminal are shown as escapes.
func showExample(a *app, i tasks.Info, e tasks.Example) {
	for k, text := range e.Texts {
		label := ""
		switch {
		case len(e.Texts) > 1:
			label = fmt.Sprintf("[gold %.2f] ", e.Gold[k])
		case len(e.Gold) == len(i.Classes) && len(i.Classes) > 0:
			var parts []string
			for c, g := range e.Gold {
				if g > 0 {
					parts = append(parts, fmt.Sprintf("%s %.2f", visible.Line(i.Classes[c]), g))
				}
			}
			label = "[gold " + strings.Join(parts, ", ") + "] "
		}
		fmt.Fprintf(a.out, "%s%s\n", label, visible.Text(text))
	}
	if e.Answer != "" {
		fmt.Fprintf(a.out, "[answer] %s\n", visible.Text(e.Answer))
	}
}

// lengths prints a histogram of text lengths in a checkpoint's tokens.
func (a *app) lengths(ctx context.Context, checkpoint string, examples []tasks.Example) error {
	c, err := a.catalog()
	if err != nil {
		return err
	}
	ck, err := c.Resolve(ctx, checkpoint)
	if err != nil {
		return err
	}
	described, err := onnx.ReadCheckpoint(ck.Dir, onnx.Options{})
	if err != nil {
		return err
	}
	var texts []string
	for _, e := range examples {
		texts = append(texts, e.Texts...)
	}
	count, err := countTokens(described, texts)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\ntokens of %s (longest input: %d)\n", visible.Line(ck.Name), described.MaxTokens)
	return table.Write(a.out, table.Style{Format: "text"}, histogram(count))
}

// histogram counts lengths in bins of doubling width.
func histogram(lengths []int) *table.Table {
	t := &table.Table{Columns: []table.Column{{Name: "tokens"}, {Name: "texts", Numeric: true}, {Name: ""}}}
	bins := map[int]int{}
	longest := 1
	for _, n := range lengths {
		top := 8
		for top < n {
			top *= 2
		}
		bins[top]++
		longest = max(longest, top)
	}
	for top := 8; top <= longest; top *= 2 {
		low := top/2 + 1
		if top == 8 {
			low = 0
		}
		t.Add(fmt.Sprintf("%d–%d", low, top), fmt.Sprint(bins[top]), strings.Repeat("█", (40*bins[top]+len(lengths)-1)/len(lengths)))
	}
	return t
}

func newTasksCheck(a *app) *cobra.Command {
	var f splitFlags
	c := &cobra.Command{
		Use:   "check FILE...",
		Short: "Read files as a run does, and report every fault with its line and what a run would use",
		Long: `Reads data files and task files as a run does, and reports every fault with its
line. Splits each file as a run with the same flags does, and prints how many
examples it would use, or why it would refuse the file. No model is needed.`,
		Example: `  w2s tasks check reviews.jsonl
  w2s tasks check train.csv task.yaml
  w2s tasks check reviews.csv:text=body:label=stars:classes=bad,good
  w2s tasks check hf:ORG/NAME:config=plain_text:text=premise
  w2s tasks check rare.csv --balance=false --test 200`,
		Args: cobra.MinimumNArgs(1),
	}
	f.register(c.Flags())
	c.RunE = a.runE(func(ctx context.Context, paths []string) error {
		if err := checkCounts(c.Flags()); err != nil {
			return err
		}
		var faults []error
		for _, path := range paths {
			faults = append(faults, a.checkFile(ctx, path, f.split()))
		}
		return errors.Join(faults...)
	})
	return c
}

// checkFile reads one file, and prints what is in it and what a run with the split of cfg would use.
func (a *app) checkFile(ctx context.Context, path string, cfg experiment.Config) error {
	source, err := a.source()
	if err != nil {
		return err
	}
	report, err := tasks.CheckFrom(ctx, source, path)
	if errors.As(err, new(*tasks.RefError)) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if report.Faults != nil {
		// Faults name a file by the last element of its path, and a task by its name. Two of several files may share them.
		for i, f := range report.Faults.List {
			if f.File == filepath.Base(path) || f.File == report.Info.Name {
				report.Faults.List[i].File = path
			}
		}
		return report.Faults
	}
	path = visible.Line(path)
	say := func(format string, args ...any) { fmt.Fprintf(a.out, "%s: %s\n", path, fmt.Sprintf(format, args...)) }
	used, refused := experiment.Inspect(ctx, cfg, nil, report.Loaded)
	verdict, notes := "good", report.Warnings
	if refused != nil {
		verdict = "readable"
	} else {
		notes = used.Warnings
	}
	own := ""
	if report.Test > 0 {
		own = fmt.Sprintf(", %d of them in the test part of the data", report.Test)
	}
	say("%s: %s%s", verdict, visible.Count(report.Pool+report.Test, "example"), own)
	for k, class := range report.Info.Classes {
		if refused != nil {
			say("class %q: %d", class, report.PerClass[class])
			continue
		}
		say("class %q: %d, of which a run trains on %d and tests on %d", class, report.PerClass[class], used.TrainClasses[k], used.TestClasses[k])
	}
	if refused == nil {
		say("a run trains on %s (%d weak-train, %d strong-train) and tests on %d", visible.Count(used.Train, "example"), used.Weak, used.Strong, used.Test)
		if used.TrainUnits < used.Train || used.TestUnits < used.Test {
			say("groups that stay together: %d to train on, %d to test on", used.TrainUnits, used.TestUnits)
		}
	}
	for _, w := range notes {
		say("note: %s", visible.Line(w))
	}
	if refused != nil {
		return fmt.Errorf("%s: a run refuses it: %w", path, refused)
	}
	return nil
}
