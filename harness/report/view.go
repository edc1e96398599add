package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/list"
)

// A tableView is a table as the template writes it.
type tableView struct {
	ID, Caption string
	Columns     []table.Column
	Groups      []rowGroup
	Notes       []note
}

// Short reports whether the table is short enough to be shown unasked.
func (v *tableView) Short() bool {
	n := 0
	for _, g := range v.Groups {
		n += len(g.Rows)
	}
	return n <= 40
}

// A rowGroup is some rows below a common heading.
type rowGroup struct {
	Category string
	Head     string // "" for no heading
	Rows     []rowView
}

type rowView struct {
	Cells []cellView
	Class string // of the element, for the style sheet
}

type cellView struct {
	Text     string
	Numeric  bool
	Head     bool   // the cell names its row
	Interval bool   // the text stays on one line
	Several  bool   // the text has several figures, between which a line may break
	Long     bool   // the text has a word that a line may have to break
	Marks    []mark // letters of notes, shown instead of Text
}

// A mark is a link to a note.
type mark struct{ Letter, Text string }

// A note is a line below a table. A mark refers to it if it has a letter.
type note struct{ Letter, Text string }

// view converts a table whose first column names the rows.
func view(t *table.Table) *tableView {
	v := &tableView{ID: t.Name, Caption: t.Caption, Columns: t.Columns, Groups: []rowGroup{{}}}
	for _, row := range t.Rows {
		v.Groups[0].Rows = append(v.Groups[0].Rows, rowView{Cells: viewCells(t.Columns, row, 0)})
	}
	for _, n := range t.Lines() {
		v.Notes = append(v.Notes, note{Text: n})
	}
	return v
}

// viewCells converts a row. Column number head names it.
func viewCells(columns []table.Column, row []string, head int) []cellView {
	out := make([]cellView, len(row))
	for i, text := range row {
		several := columns[i].Numeric && strings.Contains(text, " / ")
		if several {
			text = strings.ReplaceAll(text, " ±", "\u00a0±")
		}
		out[i] = cellView{Text: shown(text, 200), Numeric: columns[i].Numeric, Head: i == head, Several: several,
			Interval: strings.HasPrefix(text, "["),
			Long:     slices.ContainsFunc(strings.Fields(text), func(word string) bool { return len(word) > 20 })}
	}
	return out
}

// pgrView converts the PGR table. Category and pair become headings of groups of rows instead of columns, notes become
// links, and rows without a defined PGR are marked.
func pgrView(rows []summary.Row) *tableView {
	t := table.PGR(rows)
	v := &tableView{ID: t.Name, Caption: t.Caption}
	if len(rows) == 0 {
		return v
	}
	heads := func(c table.Column) bool { return c.Name == "category" || c.Name == "pair" }
	v.Columns = slices.DeleteFunc(slices.Clone(t.Columns), heads)
	texts := map[string]string{} // of the letters
	for _, line := range t.Notes {
		letter, text, _ := strings.Cut(line, ": ")
		texts[letter] = text
	}
	marked := map[string]bool{}
	for i, r := range rows {
		var head, rest []string
		for k, c := range t.Columns {
			if heads(c) {
				head = append(head, t.Rows[i][k])
			} else {
				rest = append(rest, t.Rows[i][k])
			}
		}
		row := rowView{Cells: viewCells(v.Columns, rest, 0)}
		if at := slices.IndexFunc(v.Columns, func(c table.Column) bool { return c.Name == "notes" }); at >= 0 {
			for _, letter := range strings.Fields(row.Cells[at].Text) {
				marked[letter] = true
				row.Cells[at].Marks = append(row.Cells[at].Marks, mark{letter, shown(texts[letter], 400)})
			}
		}
		if !r.PGR.Defined {
			row.Class = "undefined"
		}
		v.add(string(r.Category), shown(strings.Join(head, ": "), 300), row)
	}
	for _, line := range t.Lines() {
		letter, text, _ := strings.Cut(line, ": ")
		if marked[letter] {
			v.Notes = append(v.Notes, note{letter, shown(text, 400)})
		} else {
			v.Notes = append(v.Notes, note{Text: shown(line, 600)})
		}
	}
	v.sortByCategory()
	return v
}

// sortByCategory puts groups of the same category side by side, categories in order of first appearance.
func (v *tableView) sortByCategory() {
	order := list.AppendNew(nil, list.Map(v.Groups, func(g rowGroup) string { return g.Category })...)
	slices.SortStableFunc(v.Groups, func(a, b rowGroup) int {
		return cmp.Compare(slices.Index(order, a.Category), slices.Index(order, b.Category))
	})
}

// add adds a row to the group with a heading.
func (v *tableView) add(category, head string, row rowView) {
	at := slices.IndexFunc(v.Groups, func(g rowGroup) bool { return g.Head == head })
	if at < 0 {
		at = len(v.Groups)
		v.Groups = append(v.Groups, rowGroup{Category: category, Head: head})
	}
	v.Groups[at].Rows = append(v.Groups[at].Rows, row)
}

// A term is a name and its value.
type term struct{ Name, Value string }

// A fileView describes one result: its command, settings, models and tasks.
type fileView struct {
	Name, SHA256, Program, Created, Command string
	Settings                                []term
	Warnings                                []string
	Models                                  []modelView
	Tasks                                   []taskView
}

type modelView struct {
	Name, Key string
	Terms     []term
}

type taskView struct {
	Name, Title, Digest string
	Terms               []term
	Warnings            []string
}

// viewFile converts an input.
func viewFile(in Input) fileView {
	r := in.Result
	f := fileView{Name: in.Name, SHA256: in.SHA256, Program: r.Program, Created: r.Created.UTC().Format("2006-01-02 15:04:05 UTC"), Command: shell(r.Command),
		Warnings: r.Warnings}
	c := r.Config
	steps := "" // only a chain has steps
	if len(c.Chain) > 0 {
		steps = result.ChainData(c.Disjoint)
	}
	f.Settings = kept(
		term{"kind of experiment", string(c.Kind)},
		term{"pairs", strings.Join(list.Map(c.Pairs, result.Pair.String), "; ")},
		term{"chain", strings.Join(c.Chain, " → ")},
		term{"training examples of the steps", steps},
		term{"losses", strings.Join(c.Losses, ", ")},
		term{"treatments of the weak labels", strings.Join(c.Treatments, ", ")},
		term{"simulated supervisors", strings.Join(list.Map(c.Simulated, func(s string) string { return result.SimulatedPrefix + s }), ", ")},
		term{"seeds", commas(c.Seeds)},
		term{"training examples asked for", orDefault(c.Train)},
		term{"test examples asked for", orDefault(c.Test)},
		term{"smaller training pools", commas(c.Sizes)},
		term{"L2 penalties to choose from", commas(c.L2)},
		term{"folds for the choice of the penalty", fmt.Sprint(max(1, c.Folds))},
		term{"share held out for the choice of the penalty", fmt.Sprint(c.Held)},
	)
	for _, m := range r.Models {
		v := modelView{Name: m.Name, Key: m.Key, Terms: []term{}}
		if m.Dims > 0 {
			v.Terms = append(v.Terms, term{"dimensions", fmt.Sprint(m.Dims)})
		}
		if m.Parameters > 0 {
			v.Terms = append(v.Terms, term{"parameters", thousands(m.Parameters)})
		}
		for _, k := range slices.Sorted(maps.Keys(m.Description)) {
			v.Terms = append(v.Terms, term{k, m.Description[k]})
		}
		f.Models = append(f.Models, v)
	}
	for _, t := range r.Tasks {
		f.Tasks = append(f.Tasks, taskView{Name: t.Name, Title: t.Title, Digest: t.Digest, Warnings: t.Warnings, Terms: kept(
			term{"category", string(t.Category)}, term{"form", string(t.Form)}, term{"classes", strings.Join(t.Classes, ", ")},
			term{"training pool", fmt.Sprint(t.Train)}, term{"test examples", fmt.Sprint(len(t.TestIDs))},
			term{"version", fmt.Sprint(t.Version)}, term{"source", t.Source}, term{"licence", t.Licence})})
	}
	return f
}

// kept returns the terms that have a value.
func kept(terms ...term) []term {
	return slices.DeleteFunc(terms, func(t term) bool { return t.Value == "" })
}

// orDefault writes a number that may be left to its default.
func orDefault(n int) string {
	if n == 0 {
		return "default"
	}
	return fmt.Sprint(n)
}

// commas writes values separated by commas.
func commas[T any](values []T) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(values), " ", ", "), "[]")
}

// thousands writes a number with a space between groups of three digits.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// shell writes a command line with the quotation marks that a shell needs.
func shell(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a
		if a == "" || strings.ContainsFunc(a, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=+:,./@%", r))
		}) {
			out[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return shown(strings.Join(out, " "), 4000)
}
