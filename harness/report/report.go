package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/plot"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/atomicfile"
	"w2s/internal/list"
	"w2s/internal/visible"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// DefaultExamples is the default of Options.Examples.
const DefaultExamples = 2000

// Options say how a page is made.
type Options struct {
	Title    string // "" is "Weak-to-strong generalization"
	Summary  summary.Options
	Examples int      // maximal number of test examples in the browser; 0 is DefaultExamples, less than 0 is none
	Absent   []string // results that could not be read; a warning on the page names them
}

// A Report is a page with its charts.
type Report struct {
	Sets []plot.Set
	page page
}

// A page is the data of page.html.
type page struct {
	Title                            string
	Policy                           string
	CSS                              template.CSS
	Script                           template.JS
	Overview                         []term
	Warnings                         []string
	Answer                           []string // a sentence for each category
	PGR, Categories, Losses, Chained *tableView
	Baselines                        *tableView          // nil: the rows have none
	Charts                           map[string]chartSet // sets that the template places, by name
	More                             []chartSet          // other sets, each in a section of its own
	Questions                        []questionView      // of stored predictions, and comparisons with a table of their own
	Unasked                          string              // why the page lacks questions; "" if it has them
	Browser                          browser
	Files                            []fileView
	Names                            string // the files as arguments of a command
}

type chartSet struct {
	Name, Title, Omits string
	Charts             []chartView
}

type chartView struct {
	Name  string // of the file that it is saved as
	Title string
	Notes []string
	SVG   template.HTML
}

// New computes the report of one or more results. It fails if a score cannot be computed, for example because a task does
// not have the metric.
func New(inputs []Input, opt Options) (*Report, error) {
	if len(inputs) == 0 {
		return nil, errors.New("report: no result")
	}
	s, err := Summarize(inputs, opt.Summary)
	if err != nil {
		return nil, err
	}
	categories, err := summary.Categories(s.Rows)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	m := plot.Material{Rows: s.Rows, Categories: categories, Losses: s.Losses, Chains: s.Chains}
	for _, in := range inputs {
		m.Results = append(m.Results, in.Result)
	}
	r := &Report{}
	if r.Sets, err = plot.Sets(m); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	p := &r.page
	p.Title = opt.Title
	if p.Title == "" {
		p.Title = "Weak-to-strong generalization"
	}
	p.CSS, p.Script = template.CSS(plot.Style()+pageCSS), template.JS(pageJS)
	sum := sha256.Sum256([]byte(pageJS))
	p.Policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	for _, name := range opt.Absent {
		p.Warnings = append(p.Warnings, name+": this result could not be read and is not on this page.")
	}
	p.Warnings = append(p.Warnings, s.Warnings...)
	for _, in := range inputs {
		f := viewFile(in)
		p.Files = append(p.Files, f)
		p.Names = strings.TrimSpace(p.Names + " " + shell([]string{in.Name}))
		for _, w := range f.Warnings {
			p.Warnings = append(p.Warnings, in.Name+": "+w)
		}
	}
	p.Overview = overview(inputs, s)
	p.tables(s, categories)
	if err := p.charts(r.Sets, s.Rows); err != nil {
		return nil, err
	}
	var drawn []plot.Set
	if p.Questions, drawn, p.Unasked, err = asked(s, opt.Summary, p.Names); err != nil {
		return nil, err
	}
	r.Sets = append(r.Sets, drawn...)
	most := opt.Examples
	if most == 0 {
		most = DefaultExamples
	}
	if most > 0 {
		p.Browser = browse(inputs, s.parts, most)
	}
	return r, nil
}

// overview returns what the page covers: tasks, pairs, losses and counts.
func overview(inputs []Input, s Summaries) []term {
	unique := func(of func(summary.Row) string) string {
		names := list.AppendNew(nil, list.Map(s.Rows, of)...)
		if len(names) > 4 {
			return fmt.Sprintf("%d, including %s", len(names), strings.Join(names[:4], ", "))
		}
		return strings.Join(names, ", ")
	}
	heads, defined := 0, 0
	for _, in := range inputs {
		heads += len(in.Result.Heads)
	}
	for _, r := range s.Rows {
		if r.PGR.Defined {
			defined++
		}
	}
	terms := kept(
		term{"tasks", unique(func(r summary.Row) string { return r.Task })},
		term{"pairs", unique(summary.Row.Pair)},
		term{"losses", unique(func(r summary.Row) string { return loss.Short(r.Loss) })},
		term{"heads", fmt.Sprint(heads)})
	if len(s.Rows) > 0 {
		terms = append(terms, term{"rows with a defined PGR", fmt.Sprintf("%d of %d", defined, len(s.Rows))})
	}
	if len(s.Chains) > 0 {
		terms = append(terms, term{"chains", fmt.Sprint(len(s.Chains))})
	}
	return terms
}

// tables stores the tables for the template.
func (p *page) tables(s Summaries, categories []summary.CategoryRow) {
	if len(s.Rows) > 0 {
		p.PGR = pgrView(s.Rows)
		if b := table.Baselines(s.Rows, true); b != nil {
			p.Baselines = view(b)
		}
		taught := slices.DeleteFunc(slices.Clone(categories), func(c summary.CategoryRow) bool { return c.Weak == c.Strong }) // not a model by itself
		p.Answer = append(table.InWords(taught), table.RangesInWords(taught)...)
		p.Categories = view(table.Categories(categories))
		p.Categories.Notes = slices.DeleteFunc(p.Categories.Notes, func(n note) bool { return slices.Contains(p.Answer, n.Text) }) // said above
		for i, c := range categories {
			if c.Outside {
				p.Categories.Groups[0].Rows[i].Class = "outside"
			}
		}
	}
	if len(s.Losses) > 0 {
		p.Losses = view(table.Losses(s.Losses, summary.NotCompared(s.Rows)))
	}
	if len(s.Chains) > 0 {
		p.Chained = view(table.Chains(s.Chains))
	}
}

// leastGaps is the least number of defined gaps for which the page shows PGR against the gap.
const leastGaps = 3

// charts stores the sets for the template.
func (p *page) charts(sets []plot.Set, rows []summary.Row) error {
	p.Charts = map[string]chartSet{}
	gaps := map[[3]string]bool{}
	for _, r := range rows {
		if r.PGR.Defined {
			gaps[[3]string{r.Task, r.Weak, r.Strong}] = true
		}
	}
	for _, s := range sets {
		if s.Name == "gap" && len(gaps) < leastGaps {
			continue
		}
		v, err := viewSet(s)
		if err != nil {
			return err
		}
		switch s.Name {
		case "forest", "gap", "scores", "losses", "imitation", "chain":
			p.Charts[s.Name] = v
		default:
			p.More = append(p.More, v)
		}
	}
	return nil
}

// viewSet converts a set of charts.
func viewSet(s plot.Set) (chartSet, error) {
	v := chartSet{Name: s.Name, Title: s.Title, Omits: s.Omits}
	for _, c := range s.Charts {
		svg, err := c.Inline()
		if err != nil {
			return v, fmt.Errorf("report: %w", err)
		}
		v.Charts = append(v.Charts, chartView{c.Name, c.Title, c.Notes, svg})
	}
	return v, nil
}

// Write writes the page.
func (r *Report) Write(w io.Writer) error {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, &r.page); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	// Names occur in many places, so hidden characters are shown in the whole page at once.
	_, err = io.WriteString(w, visible.Text(b.String()))
	return err
}

// IsPage reports whether the content of a file begins like a page that Write wrote.
func IsPage(r io.Reader) bool {
	head, err := io.ReadAll(io.LimitReader(r, 512))
	return err == nil && bytes.HasPrefix(head, []byte("<!DOCTYPE html>")) && bytes.Contains(head, []byte(`<meta name="generator" content="w2s report">`))
}

// Save writes the page to a file and makes the file's folder. A reader never sees half a page.
func (r *Report) Save(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := atomicfile.Write(path, r.Write); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
