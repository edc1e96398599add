package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/summary"
	"w2s/harness/table"
)

// A tableView is a table in the form that the template writes.
type tableView struct {
	ID, Caption string
	Columns     []table.Column
	Groups      []rowGroup
	Notes       []note
}

type rowGroup struct {
	Category string
	Head     string // "" for no heading
	Rows     []rowView
}

type rowView struct {
	Cells []cellView
	Class string
}

type cellView struct {
	Text    string
	Numeric bool
	Head    bool   // names the row
	Marks   []mark // instead of Text: letters of notes
}

// A mark leads to a note.
type mark struct{ Letter, Text string }

type note struct{ Letter, Text string }

// view converts a table. Its first column names the rows.
func view(t *table.Table) *tableView {
	v := &tableView{ID: t.Name, Caption: t.Caption, Columns: t.Columns, Groups: []rowGroup{{}}}
	for _, row := range t.Rows {
		v.Groups[0].Rows = append(v.Groups[0].Rows, rowView{Cells: cells(t.Columns, row, 0)})
	}
	for _, n := range t.Notes {
		v.Notes = append(v.Notes, note{Text: n})
	}
	return v
}

func cells(columns []table.Column, row []string, head int) []cellView {
	out := make([]cellView, len(row))
	for i, text := range row {
		out[i] = cellView{Text: visible(text, 200), Numeric: columns[i].Numeric, Head: i == head}
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
	texts := map[string]string{}
	for i, r := range rows {
		var head, rest []string
		for k, c := range t.Columns {
			if heads(c) {
				head = append(head, t.Rows[i][k])
			} else {
				rest = append(rest, t.Rows[i][k])
			}
		}
		row := rowView{Cells: cells(v.Columns, rest, 0)}
		if at := slices.IndexFunc(v.Columns, func(c table.Column) bool { return c.Name == "notes" }); at >= 0 {
			letters := strings.Fields(row.Cells[at].Text) // one a warning, in their order
			for k := range min(len(letters), len(r.Warnings)) {
				texts[letters[k]] = r.Warnings[k]
				row.Cells[at].Marks = append(row.Cells[at].Marks, mark{letters[k], visible(r.Warnings[k], 400)})
			}
		}
		if !r.PGR.Defined {
			row.Class = "undefined"
		}
		v.group(string(r.Category), visible(strings.Join(head, ": "), 300), row)
	}
	for _, line := range t.Notes {
		letter, text, _ := strings.Cut(line, ": ")
		if known, ok := texts[letter]; ok && known == text {
			v.Notes = append(v.Notes, note{letter, visible(text, 400)})
		} else {
			v.Notes = append(v.Notes, note{Text: visible(line, 600)})
		}
	}
	v.byCategory()
	return v
}

// byCategory sorts the groups by category, in order of first appearance.
func (v *tableView) byCategory() {
	var order []string
	for _, g := range v.Groups {
		if !slices.Contains(order, g.Category) {
			order = append(order, g.Category)
		}
	}
	slices.SortStableFunc(v.Groups, func(a, b rowGroup) int {
		return cmp.Compare(slices.Index(order, a.Category), slices.Index(order, b.Category))
	})
}

// group adds a row under its heading.
func (v *tableView) group(category, head string, row rowView) {
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

func viewFile(in Input) fileView {
	r := in.Result
	f := fileView{Name: in.Name, SHA256: in.SHA256, Program: r.Program, Created: r.Created.UTC().Format("2006-01-02 15:04:05 UTC"), Command: shell(r.Command),
		Warnings: r.Warnings}
	c := r.Config
	var pairs []string
	for _, p := range c.Pairs {
		pairs = append(pairs, p.String())
	}
	f.Settings = kept(
		term{"pairs", strings.Join(pairs, "; ")},
		term{"losses", strings.Join(c.Losses, ", ")},
		term{"treatments of the weak labels", strings.Join(c.Treatments, ", ")},
		term{"simulated supervisors", strings.Join(c.Simulated, ", ")},
		term{"seeds", list(c.Seeds)},
		term{"training examples asked for", orDefault(c.Train)},
		term{"test examples asked for", orDefault(c.Test)},
		term{"smaller training pools", list(c.Sizes)},
		term{"penalties (L2) to choose from", list(c.L2)},
		term{"share held out to choose on", fmt.Sprint(c.Held)},
	)
	for _, m := range r.Models {
		v := modelView{Name: m.Name, Key: m.Key, Terms: kept(term{"dimensions", fmt.Sprint(m.Dims)})}
		if m.Parameters > 0 {
			v.Terms = append(v.Terms, term{"parameters", thousands(m.Parameters)})
		}
		for _, k := range sortedKeys(m.Description) {
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

func kept(terms ...term) []term {
	return slices.DeleteFunc(terms, func(t term) bool { return t.Value == "" })
}

func orDefault(n int) string {
	if n == 0 {
		return "default"
	}
	return fmt.Sprint(n)
}

func list[T any](values []T) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(values), " ", ", "), "[]")
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// shell writes a command line with the quotes that a shell needs.
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
	return visible(strings.Join(out, " "), 4000)
}
