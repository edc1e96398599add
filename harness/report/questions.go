package report

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"w2s/harness/plot"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/harness/table"
)

// A questionView is what a page says about one question, closed until a reader opens it.
type questionView struct {
	Name, Title string
	Tables      []*tableView
	Charts      chartSet
}

// mostAsked bounds the work of the questions of stored predictions: the number of test examples of all rows and seeds, times the number
// of resamples. The default run needs half of it, which takes about 1.5 seconds of processor time.
const mostAsked = 60_000_000

// questionWidth is the number of characters that a line of a table has room for on a desktop.
const questionWidth = 150

// asked returns what the page says about questions: those of stored predictions that these rows can answer, and comparisons that have a
// table of their own. If the rows are too many, only the comparisons are there, and note says how to get the others.
func asked(s Summaries, opt summary.Options, files string) (views []questionView, sets []plot.Set, note string, err error) {
	if views, err = comparisons(s, opt); err != nil || len(s.Rows) == 0 {
		return views, nil, "", err
	}
	work := 0
	for _, r := range s.Rows {
		work += r.N * r.Seeds
	}
	if work*cmp.Or(opt.Resamples, stats.DefaultResamples) > mostAsked {
		var names []string
		for _, q := range summary.Questions() {
			names = append(names, q.Name)
		}
		return views, nil, "These results have too many rows for the questions of stored predictions (" + strings.Join(names, ", ") +
			") on this page. w2s table --by NAME " + files + " answers them.", nil
	}
	for _, q := range summary.Questions() {
		all, err := summary.Ask(s.Rows, q, opt)
		if err != nil {
			return nil, nil, "", fmt.Errorf("report: %w", err)
		}
		if len(all.Rows) == 0 {
			continue
		}
		v := questionView{Name: q.Name, Title: strings.ToUpper(q.Caption[:1]) + q.Caption[1:]}
		for _, t := range table.AllAnswers(all) {
			v.Tables = append(v.Tables, view(t.Narrowed(questionWidth)))
		}
		chart, err := plot.Answers(all)
		switch {
		case err == nil:
			set := plot.Set{Name: q.Name, Title: v.Title, Charts: []*plot.Chart{chart}}
			if v.Charts, err = viewSet(set); err != nil {
				return nil, nil, "", err
			}
			sets = append(sets, set)
		case !errors.Is(err, plot.ErrNothing):
			return nil, nil, "", fmt.Errorf("report: %w", err)
		}
		views = append(views, v)
	}
	return views, sets, "", nil
}

// comparisons returns the tables of methods, combinations of supervisors, easy and hard examples and some gold, as far as the rows have them.
func comparisons(s Summaries, opt summary.Options) (views []questionView, err error) {
	add := func(title string, t *table.Table) {
		if t != nil {
			views = append(views, questionView{Name: t.Name, Title: title, Tables: []*tableView{view(t.Narrowed(questionWidth))}})
		}
	}
	methods, err := summary.Methods(s.Rows, opt)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	combined, err := summary.Combinations(s.Rows, opt)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	add("Methods: losses and treatments against xent", table.Methods(methods, s.Rows))
	add("Combined supervisors against each alone", table.Combinations(combined))
	add("Easy to hard", table.EasyHard(s.Rows))
	add("Students that see some gold", table.SomeGold(s.Rows))
	return views, nil
}
