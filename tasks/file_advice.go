package tasks

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/visible"
)

// adviceRows is the number of rows that advice on the columns of a file is based on.
const adviceRows = 500

// A columnSample is what the first rows have in a column, or in a field of a record.
type columnSample struct {
	name    string
	rows    int // with a value
	bytes   int // of the texts
	lists   int // values that are lists of two or more texts
	values  map[string]int
	numbers int // values that are numbers
}

func (c *columnSample) mean() int { return c.bytes / max(1, c.rows) }

// add counts a value.
func (c *columnSample) add(v any) {
	if items, ok := v.([]any); ok {
		if len(items) > 1 {
			if _, ok := scalarText(items[0]); ok {
				c.lists++
			}
		}
		return
	}
	text, ok := scalarText(v)
	if !ok {
		return
	}
	c.rows++
	c.bytes += len(text)
	text = strings.Clone(strings.TrimSpace(text))
	c.values[text]++
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		c.numbers++
	}
}

// sampleColumns reads the first rows of a file.
func sampleColumns(path string, columns []string) map[string]*columnSample {
	found := map[string]*columnSample{}
	add := func(name string, v any) {
		if name == "" || len(found) >= maxRowColumns {
			return
		}
		if found[name] == nil {
			found[name] = &columnSample{name: strings.Clone(name), values: map[string]int{}}
		}
		found[name].add(v)
	}
	f := rowFile{path: path, columns: columns, limit: adviceRows}
	_, _ = f.read(context.Background(), &Faults{}, func(r *row) {
		for name, v := range r.columns {
			if record, ok := v.(map[string]any); ok {
				for field, inner := range record {
					add(name+"."+field, inner)
				}
				continue
			}
			add(name, v)
		}
	})
	return found
}

// betterWorse lists names of the columns of pairs, the better one first.
var betterWorse = [][2]string{{"better", "worse"}, {"preferred", "dispreferred"}, {"preferred", "rejected"}, {"accepted", "rejected"}, {"winner", "loser"},
	{"win", "lose"}, {"best", "worst"}, {"good", "bad"}, {"chosen", "reject"}}

// advice says how to name the columns of a file: as settings and as a task file, in which the likely ones are filled in.
func (g guess) advice() string {
	columns := sampleColumns(g.path, g.given.list("columns"))
	names := slices.Sorted(maps.Keys(columns))
	named := func(name string) string {
		i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) && columns[n].rows > 0 })
		if i < 0 {
			return ""
		}
		return names[i]
	}
	// longest returns the column with the longest texts but for some.
	longest := func(without ...string) string {
		best := ""
		for _, n := range names {
			if c := columns[n]; !slices.Contains(without, n) && c.rows > c.numbers && (best == "" || c.mean() > columns[best].mean()) {
				best = n
			}
		}
		return best
	}
	for _, pair := range betterWorse {
		better, worse := named(pair[0]), named(pair[1])
		if better == "" || worse == "" || len(columns[better].values) <= maxGuessedClasses {
			continue
		}
		prompt := longest(better, worse)
		if prompt != "" && 2*len(columns[prompt].values) < columns[prompt].rows { // a source or a category
			prompt = ""
		}
		return g.said([][2]string{{"chosen", better}, {"rejected", worse}}, prompt)
	}
	for _, n := range names {
		if columns[n].lists == 0 {
			continue
		}
		answer := g.answerColumn(columns, n)
		if answer == "" {
			continue
		}
		return g.said([][2]string{{"choices", n}, {"answer", answer}}, longest(n, answer))
	}
	label := labelColumn(columns)
	text := longest(label)
	template := "{" + text + "}"
	if a, b, ok := twoResponses(columns); ok && label != "" && text != "" {
		template = fmt.Sprintf("A: {%s}\n\nB: {%s}", a, b)
		if prompt := longest(label, a, b); prompt != "" && 2*len(columns[prompt].values) >= columns[prompt].rows {
			template = "{" + prompt + "}\n\n" + template
		}
	}
	if text == "" {
		text, template = "COLUMN", "{COLUMN}"
	}
	var classes []string
	soft := false
	if label == "" {
		label = "COLUMN"
	} else {
		classes = g.classesIn(label)
		soft = columns[label].fractions()
	}
	settings, last := fmt.Sprintf("%s:text=%s:label=%s", g.ref, text, label), ""
	switch {
	case soft:
		settings += ":soft=true"
		last = "\n\tsoft: true  # the label is the probability of the second class\n\tclasses: [\"no\", \"yes\"]"
	case len(classes) > 1:
		last = "\n\tclasses: [" + strings.Join(quotedEach(classes), ", ") + "]  # the labels of the file"
	default:
		last = "\n\tclasses: [\"no\", \"yes\"]  # the labels of the file"
	}
	return fmt.Sprintf("name the columns after colons: %s (or chosen=, rejected=, prompt=, choices=, answer=)\n%s\ttemplate: %s  # the text\n\tlabel: %s%s",
		settings, g.taskFile(), strconv.Quote(template), quotedIfNeeded(label), last)
}

// said is the advice for a ranking with the given columns.
func (g guess) said(columns [][2]string, prompt string) string {
	settings, keys := g.ref, "\tform: rank\n"
	if prompt != "" {
		settings += ":prompt=" + prompt
		keys += "\ttemplate: " + strconv.Quote("{"+prompt+"}\n\n{candidate}") + "\n"
	}
	for _, c := range columns {
		settings += ":" + c[0] + "=" + c[1]
		keys += "\t" + c[0] + ": " + quotedIfNeeded(c[1]) + "\n"
	}
	return fmt.Sprintf("name the columns after colons: %s\n%s%s", settings, g.taskFile(), strings.TrimSuffix(keys, "\n"))
}

// taskFile is the beginning of the task file in an advice.
func (g guess) taskFile() string {
	file := filepath.Base(g.file)
	if g.hub != "" {
		file = g.hub + "/" + g.file
	}
	text := fmt.Sprintf("or in a task file %s.yaml (docs/add-a-task.md):\n\ttrain: %s\n", visible.Name(g.name), quotedIfNeeded(file))
	if names := g.given.list("columns"); names != nil {
		text += "\theader: false\n\tcolumns: [" + strings.Join(quotedEach(names), ", ") + "]\n"
	}
	return text
}

// answerColumn returns the column that says which of the choices is right: the number, letter or text of one.
func (g guess) answerColumn(columns map[string]*columnSample, choices string) string {
	best := ""
	for _, n := range slices.Sorted(maps.Keys(columns)) {
		c := columns[n]
		if c.rows == 0 || n == choices {
			continue
		}
		spec := Spec{Form: Rank, Choices: choices, Answer: n, Template: "{candidate}"}
		right, rows := 0, 0
		f := rowFile{path: g.path, columns: g.given.list("columns"), limit: 50}
		_, _ = f.read(context.Background(), &Faults{}, func(r *row) {
			rows++
			if spec.example(r); r.fault == "" {
				right++
			}
		})
		if rows > 0 && right == rows && (best == "" || len(c.values) < len(columns[best].values)) {
			best = n
		}
	}
	return best
}

// fractions reports whether a column has numbers from 0 to 1 and not only these two.
func (c *columnSample) fractions() bool {
	between := false
	for v := range c.values {
		p, err := strconv.ParseFloat(v, 64)
		if err != nil || p < 0 || p > 1 {
			return false
		}
		between = between || p > 0 && p < 1
	}
	return between
}

// labelColumn returns the column that most probably has the labels: a few values, each of them several times. It returns "" if there
// is none.
func labelColumn(columns map[string]*columnSample) string {
	best := ""
	for _, n := range slices.Sorted(maps.Keys(columns)) {
		c := columns[n]
		few := len(c.values) >= 2 && len(c.values) <= maxGuessedClasses && 2*len(c.values) <= c.rows
		if !few && !c.fractions() {
			continue
		}
		if best == "" || usualLabel(n) && !usualLabel(best) || usualLabel(n) == usualLabel(best) && len(c.values) < len(columns[best].values) {
			best = n
		}
	}
	return best
}

// usualLabel reports whether a name is usual for a column of labels.
func usualLabel(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"label", "class", "category", "sentiment", "star", "rating", "score", "winner", "target", "gold", "verdict", "mark"},
		func(part string) bool { return strings.Contains(name, part) })
}

// twoResponses returns columns whose names differ only in a last a and b, or 1 and 2.
func twoResponses(columns map[string]*columnSample) (a, b string, ok bool) {
	for _, n := range slices.Sorted(maps.Keys(columns)) {
		for _, ends := range [][2]string{{"a", "b"}, {"A", "B"}, {"1", "2"}} {
			stem, found := strings.CutSuffix(n, ends[0])
			other := columns[stem+ends[1]]
			if found && stem != "" && other != nil && columns[n].rows > columns[n].numbers && other.rows > other.numbers && columns[n].mean() > 8 {
				return n, other.name, true
			}
		}
	}
	return "", "", false
}

// classesIn returns the labels of a file in ascending order, or nil if there are too many.
func (g guess) classesIn(label string) []string {
	counts := labelCounts(g.path, label, g.given.list("columns"))
	delete(counts, "")
	if len(counts) > maxGuessedClasses {
		return nil
	}
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		x, xNumber := wholeNumber(a)
		y, yNumber := wholeNumber(b)
		if xNumber && yNumber {
			return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
		}
		return cmp.Compare(a, b)
	})
}

func quotedEach(texts []string) []string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = quotedIfNeeded(t)
	}
	return quoted
}

// quotedIfNeeded returns a text as a YAML value.
func quotedIfNeeded(text string) string {
	if yamlWord.MatchString(text) && !slices.Contains(yamlConstants, strings.ToLower(text)) {
		return text
	}
	return strconv.Quote(text)
}

// yamlConstants are words that some readers of YAML take for a value that is no text.
var yamlConstants = []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}

var yamlWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./@%-]*(:[A-Za-z0-9_./@%-]+)*$`)
