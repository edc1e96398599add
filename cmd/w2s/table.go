package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/importer"
	"w2s/internal/list"
	"w2s/internal/study"
	"w2s/internal/suggest"
	"w2s/internal/visible"
)

// A view is a table that w2s table --by can print.
type view struct {
	name, about string
	needs       string // what rows must have to be in the table; "" for nothing
	alone       bool   // --by all leaves the view out
	tables      func(rows []summary.Row, opt summary.Options) ([]*table.Table, error)
}

// allViews is the name that stands for all views.
const allViews = "all"

// views returns the views in the order in which --by all prints them. ask, if not nil, is called with the answers to questions.
func views(wide bool, ask func(summary.Answers)) []view {
	all := []view{
		{"task", "a line for each task", "", false, func(rows []summary.Row, opt summary.Options) ([]*table.Table, error) {
			return pgrTables(rows, wide, opt)
		}},
		{"category", "the tasks of a category together", "", false, func(rows []summary.Row, _ summary.Options) ([]*table.Table, error) {
			c, err := summary.Categories(rows)
			return []*table.Table{table.Categories(c)}, err
		}},
		{"pair", "all tasks together, for each pair of models", "", false, func(rows []summary.Row, _ summary.Options) ([]*table.Table, error) {
			p, err := summary.Pairs(rows)
			return []*table.Table{table.Pairs(p)}, err
		}},
		{"model", "each model trained on gold: ceilings, and floors beside them", "", true, func(rows []summary.Row, _ summary.Options) ([]*table.Table, error) {
			return present(table.Models(rows)), nil
		}},
		{"loss", "comparisons of losses", "", false, func(rows []summary.Row, opt summary.Options) ([]*table.Table, error) {
			l, err := summary.Losses(rows, opt)
			return []*table.Table{table.Losses(l, summary.NotCompared(rows))}, err
		}},
		{"method", "losses and treatments over all tasks, against xent on soft labels", "two methods of which one is xent on soft labels, with predictions of the same tasks", true,
			func(rows []summary.Row, opt summary.Options) ([]*table.Table, error) {
				m, err := summary.Methods(rows, opt)
				return present(table.Methods(m, rows)), err
			}},
		{"supervision", "students beside what they get without a supervisor; see w2s study supervision", "baselines, which run and sweep train for tasks without free answers, unless --no-baselines is given", false, func(rows []summary.Row, _ summary.Options) ([]*table.Table, error) {
			have := slices.DeleteFunc(slices.Clone(rows), func(r summary.Row) bool { return len(r.Baselines) == 0 })
			if len(have) == 0 {
				return nil, nil
			}
			return []*table.Table{table.Supervision(have)}, nil
		}},
		{"combination", "combined supervisors against each alone", "a combination of supervisors, which run --combine makes, or several heads of a model", true, func(rows []summary.Row, opt summary.Options) ([]*table.Table, error) {
			combined, err := summary.Combinations(rows, opt)
			return present(table.Combinations(combined)), err
		}},
		{"easy-to-hard", "how far training on easy examples carries to hard ones", "heads of easy and hard examples, which run and sweep train with --order", true,
			func(rows []summary.Row, _ summary.Options) ([]*table.Table, error) {
				return present(table.EasyHard(rows)), nil
			}},
		{"sees-gold", "students that see gold labels of some training examples", "students that see gold, which run and sweep train with --gold", true,
			func(rows []summary.Row, _ summary.Options) ([]*table.Table, error) {
				return present(table.SomeGold(rows)), nil
			}},
		{"baseline", "baselines", "baselines, which run and sweep train for tasks without free answers, unless --no-baselines is given", true, func(rows []summary.Row, _ summary.Options) ([]*table.Table, error) {
			return present(table.Baselines(rows, true)), nil
		}},
	}
	for _, s := range study.All() {
		if s.Asks == nil {
			continue
		}
		needs := "predictions that it can be asked of, which free answers and rows of other programs lack"
		if s.Asks.Lacks != "" {
			needs = s.Asks.Lacks
		}
		all = append(all, view{s.Name, "see w2s study " + s.Name, needs, true, func(rows []summary.Row, opt summary.Options) ([]*table.Table, error) {
			answers, err := summary.Ask(rows, *s.Asks, opt)
			if err != nil || len(answers.Rows) == 0 {
				return nil, err
			}
			if ask != nil {
				ask(answers)
			}
			return table.AllAnswers(answers), nil
		}})
	}
	return all
}

// present returns a table alone, or none if it is nil.
func present(t *table.Table) []*table.Table {
	if t == nil {
		return nil
	}
	return []*table.Table{t}
}

// Views of --by that are not of rows.
const (
	byChain   = "chain"
	byExample = "example"
)

// byErrors is the question about errors, which chains have an answer of their own to.
const byErrors = "errors"

func viewNames() []string {
	return append(list.Map(views(false, nil), func(v view) string { return v.name }), byChain, byExample)
}

func newTableCommand(a *app) *cobra.Command {
	var s summaryFlags
	var layout tableFlags
	var by, plots string
	var imports []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "table RESULT.json|FOLDER... [--import FOLDER]...",
		Short: "Print tables from stored results (" + strings.Join(table.Formats, ", ") + ")",
		Long: `Computes every figure from the predictions in result files. Several files make
one table; a folder stands for the .json files in it. A file that cannot be read
is named and left out, and the exit code is 1.

The formats csv, json, jsonl and parquet hold one table of numbers, with all
settings of its rows, instead of text to read (docs/pandas.md).

Studies of stored predictions are views as well (docs/methods.md).

--import adds the runs in a results folder of openai/weak-to-strong
(train_simple.py, sweep.py, train_weak_to_strong.py) or EleutherAI/w2s (run.py).
These programs store scores, and predictions only in pickles, which w2s does not
read. So the rows of these runs have no interval over test examples, and a note
tells why.`,
		Example: `  w2s table w2s-results/default
  w2s table w2s-results/run.json
  w2s table --by category --format latex w2s-results/sweep.json
  w2s table --by misfit --plots figures w2s-results/sweep.json
  w2s table --format csv w2s-results/sweep.json > rows.csv      # numbers for a program
  w2s table --by example --format parquet w2s-results/run.json > examples.parquet
  w2s table --json w2s-results/sweep.json > rows.json
  w2s table --import /tmp/results/default w2s-results/sweep.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && len(imports) == 0 {
				return errors.New("give a result file, or a folder with --import")
			}
			return nil
		},
		RunE: a.runE(func(ctx context.Context, paths []string) error {
			files, folders, err := sortPaths(paths, imports)
			if err := errors.Join(err, checkResults(files), s.checkSummary(), layout.check(), checkView(by, layout.format), checkPlots(by, plots)); err != nil {
				return err
			}
			if by == byExample {
				return a.printExamples(files, layout)
			}
			parts, failed := readResults(files, s.options()) // an error does not keep the other rows from being printed
			if len(folders) > 0 {
				imported := summary.Part{Name: "imported"}
				var err error
				imported.Rows, err = importer.Read(ctx, folders, importer.Options{Metric: s.options().Metric, Level: s.level})
				parts, failed = append(parts, imported), errors.Join(failed, err)
			}
			parts, notes := summary.Together(parts)
			for _, n := range notes {
				a.note("note: %s", n)
			}
			var rows []summary.Row
			var chains []summary.ChainRow
			for _, p := range parts {
				rows, chains = append(rows, p.Rows...), append(chains, p.Chains...)
			}
			if len(rows)+len(chains) == 0 && failed != nil {
				return failed
			}
			rows = layout.arranged(rows)
			if asJSON {
				return errors.Join(failed, a.printJSON(struct {
					Rows   []summary.Row      `json:"rows"`
					Chains []summary.ChainRow `json:"chains,omitempty"`
				}{rows, chains}))
			}
			tables, err := layOut(rows, chains, views(layout.wide, func(answers summary.Answers) {
				if plots != "" {
					failed = errors.Join(failed, a.answerPlot(plots, answers))
				}
			}), by, s.options())
			if err != nil {
				return errors.Join(failed, err)
			}
			if len(tables) == 0 {
				return errors.Join(failed, fmt.Errorf("--by %s: these results have none", by))
			}
			return errors.Join(failed, a.writeTables(layout, tables...))
		}),
	}
	layout.register(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print all rows, with the parts of their intervals, as JSON")
	about := list.Map(views(false, nil), func(v view) string { return v.name + " (" + v.about + ")" })
	c.Flags().StringVar(&by, "by", views(false, nil)[0].name, "`view` of the rows: "+strings.Join(about, ", ")+
		", "+byChain+" (steps of chains), "+byExample+" (each test example with the answers to it), or "+allViews)
	c.Flags().StringVar(&plots, "plots", "", "write the chart of a question (--by "+strings.Join(list.Map(summary.Questions(), func(q summary.Question) string { return q.Name }), ", ")+") to this `folder`, as SVG and PNG")
	c.Flags().StringArrayVar(&imports, "import", nil, "results `folder` of openai/weak-to-strong or EleutherAI/w2s (repeatable)")
	s.register(c.Flags())
	s.registerLevel(c.Flags())
	return c
}

// checkView reports an unknown --by, and one of several tables in a format that holds one.
func checkView(by, format string) error {
	if by == allViews && table.ForPrograms(format) {
		return usagef("--by %s --format %s: such a file holds one table (name one of %s)", by, format, strings.Join(viewNames(), ", "))
	}
	if by != allViews && !slices.Contains(viewNames(), by) {
		if near := suggest.Nearest(by, viewNames()); near != "" {
			return usagef("--by %q: did you mean %q? Want %s or %s", by, near, strings.Join(viewNames(), ", "), allViews)
		}
		return usagef("--by %q: want %s or %s", by, strings.Join(viewNames(), ", "), allViews)
	}
	return nil
}

// checkPlots reports --plots for a view without a chart, and a folder that cannot be one.
func checkPlots(by, plots string) error {
	if plots != "" && !slices.ContainsFunc(summary.Questions(), func(q summary.Question) bool { return q.Name == by }) {
		return usagef("--plots: --by %s has no chart of its own (w2s report --plots writes those of a page)", by)
	}
	return checkFolder("--plots", plots)
}

// resultsIn returns the paths of the .json files in a folder, by name. A plan with groups writes such folders. A folder of
// openai/weak-to-strong has none that count.
func resultsIn(folder string) []string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".results_summary.json") {
			return nil
		}
		if !e.IsDir() && strings.EqualFold(filepath.Ext(e.Name()), ".json") {
			paths = append(paths, filepath.Join(folder, e.Name()))
		}
	}
	return paths
}

// sortPaths separates result files, also those in folders, from folders of imports. With --import, arguments may be folders too, because a shell expands
// --import results/* to one value and further arguments.
func sortPaths(paths, imports []string) (files, folders []string, err error) {
	folders = slices.Clone(imports)
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case err != nil || !info.IsDir():
			files = append(files, p)
		case len(imports) > 0:
			folders = append(folders, p)
		default:
			inside := resultsIn(p)
			if len(inside) == 0 {
				return nil, nil, usagef("%s is a folder without results: give a result file, or --import %s if openai/weak-to-strong or EleutherAI/w2s wrote it", p, p)
			}
			files = append(files, inside...)
		}
	}
	return files, folders, nil
}

// checkResults reports result files that do not exist, are folders, or are given twice, so that their rows would count
// twice.
func checkResults(paths []string) error {
	var faults []error
	var seen []fs.FileInfo
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case p == "-" && err != nil:
			faults = append(faults, usagef("result file -: no such file (standard input is /dev/stdin)"))
		case errors.Is(err, fs.ErrNotExist):
			faults = append(faults, usagef("result file %s: no such file", p))
		case err != nil: // reading the file reports it
		case info.IsDir():
			faults = append(faults, usagef("%s is a folder: give a result file", p))
		case slices.ContainsFunc(seen, func(s fs.FileInfo) bool { return os.SameFile(s, info) }):
			faults = append(faults, usagef("result file %s is given twice", p))
		default:
			seen = append(seen, info)
		}
	}
	return errors.Join(faults...)
}

// readResults returns the rows and chains of result files. The error joins those of all files; the parts are of the others.
func readResults(paths []string, opt summary.Options) ([]summary.Part, error) {
	parts, faults := make([]summary.Part, len(paths)), make([]error, len(paths))
	var all errgroup.Group
	all.SetLimit(runtime.GOMAXPROCS(0))
	for i, path := range paths {
		all.Go(func() error {
			parts[i], faults[i] = readResult(path, opt)
			return nil
		})
	}
	_ = all.Wait()
	var read []summary.Part
	for i, p := range parts {
		if faults[i] == nil {
			read = append(read, p)
		}
	}
	return read, errors.Join(faults...)
}

func readResult(path string, opt summary.Options) (summary.Part, error) {
	p := summary.Part{Name: visible.Name(filepath.Base(path))}
	r, err := result.Load(path)
	if err != nil {
		return p, err
	}
	if p.Rows, err = summary.Rows(r, opt); err == nil {
		p.Chains, err = summary.Chains(r, opt)
	}
	if err != nil {
		return p, fmt.Errorf("result file %s: %w", path, err)
	}
	return p, nil
}

// printExamples prints the test examples of result files with the answers to them.
func (a *app) printExamples(files []string, layout tableFlags) error {
	var all []summary.Example
	var faults []error
	for _, path := range files {
		r, err := result.Load(path)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		all = append(all, summary.Examples(r)...)
	}
	return errors.Join(append(faults, a.writeTables(layout, table.Examples(all)))...)
}

// layOut returns the tables that --by asks for. If there are chains, it adds a table of them, or of the errors that their steps correct and
// add.
func layOut(rows []summary.Row, chains []summary.ChainRow, views []view, by string, opt summary.Options) ([]*table.Table, error) {
	var tables []*table.Table
	for _, v := range views {
		if v.name == by && v.alone && by != byErrors && len(rows) == 0 && len(chains) > 0 {
			return nil, fmt.Errorf("--by %s: these results are of chains, which have none", by)
		}
		if wanted := by == v.name || by == allViews && !v.alone; !wanted || len(rows) == 0 && len(chains) > 0 {
			continue
		}
		t, err := v.tables(rows, opt)
		if err != nil {
			return nil, err
		}
		if len(t) == 0 && by == v.name {
			return nil, fmt.Errorf("--by %s: no row has %s", by, v.needs)
		}
		tables = append(tables, t...)
	}
	if by == byErrors && len(chains) > 0 {
		transitions, err := summary.Transitions(chains, opt)
		if err != nil {
			return nil, err
		}
		return append(tables, table.Transitions(transitions)), nil
	}
	if len(chains) > 0 {
		tables = append(tables, table.Chains(chains))
	}
	return tables, nil
}
