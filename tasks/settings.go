package tasks

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/suggest"
)

// settings are what a user writes after the name of a data file or of a data set on the hub, by name:
// reviews.csv:text=body:label=stars.
type settings map[string]string

// settingNames lists the settings. The first ones are for data sets on the hub only.
var settingNames = []string{
	"config", "train", "test", "rows", "text", "label", "classes", "labels", "soft", "chosen", "rejected", "prompt", "choices", "answer",
	"group", "id", "difficulty", "template", "control", "columns", "name", "category",
}

// columnSettings lists the settings that name a column.
var columnSettings = []string{"text", "label", "chosen", "rejected", "prompt", "choices", "answer", "group", "id", "difficulty"}

var settingStart = regexp.MustCompile(`:(soft(?::|$)|[A-Za-z_-]+=)`)

// cutSettings splits what a user gives for a task into a path or name and settings. A file whose name looks like settings is a file.
func cutSettings(ref string) (base string, given settings, err error) {
	return cutSettingsOf(ref, settingNames)
}

// cutSettingsOf is cutSettings for settings of other names.
func cutSettingsOf(ref string, names []string) (base string, given settings, err error) {
	if _, err := os.Stat(ref); err == nil {
		return ref, nil, nil
	}
	at := settingStart.FindStringIndex(ref)
	if at == nil {
		if path, ok := strings.CutSuffix(ref, ":"); ok && path != "" {
			example := "text=COLUMN:label=COLUMN"
			if !slices.Contains(names, "label") {
				example = "id=COLUMN:class=COLUMN"
			}
			return ref, nil, fmt.Errorf("tasks: %s: no setting follows the colon (want %s%s, or remove the colon)", ref, ref, example)
		}
		return ref, nil, nil
	}
	for _, later := range settingStart.FindAllStringIndex(ref, -1) {
		if _, err := os.Stat(ref[:later[0]]); err == nil {
			at = later // the name of the file looks like settings
		}
	}
	base, given = ref[:at[0]], settings{}
	var faults []error
	for rest := ref[at[0]:]; rest != ""; {
		rest = rest[1:] // the colon
		text := rest
		rest = ""
		if next := settingStart.FindStringIndex(text); next != nil {
			text, rest = text[:next[0]], text[next[0]:]
		}
		name, value, ok := strings.Cut(text, "=")
		if !ok && name == "soft" {
			value = "true"
		}
		_, twice := given[name]
		switch {
		case !slices.Contains(names, name):
			faults = append(faults, fmt.Errorf("unknown setting %q (%s)", name, suggest.Hint(name, "settings", names)))
		case twice:
			faults = append(faults, fmt.Errorf("%s= is given twice", name))
		case value == "":
			faults = append(faults, fmt.Errorf("%s= has no value", name))
		}
		given[name] = value
	}
	if faults != nil {
		return base, nil, fmt.Errorf("tasks: %s: %w", base, errors.Join(faults...))
	}
	return base, given, nil
}

// spec returns the part of a Spec that the settings give directly.
func (g settings) spec() (Spec, error) {
	s := Spec{
		Name: g["name"], Category: Category(g["category"]), Template: g["template"], Control: g["control"], Label: g["label"], Group: g["group"], ID: g["id"],
		Difficulty: g["difficulty"],
		Chosen:     g["chosen"], Rejected: g["rejected"], Choices: g["choices"], Answer: g["answer"], Classes: g.list("classes"),
	}
	var faults []error
	if text := g["soft"]; text != "" {
		var err error
		if s.Soft, err = strconv.ParseBool(text); err != nil {
			faults = append(faults, fmt.Errorf("soft=%s: want true or false", text))
		}
	}
	if text, ok := g["rows"]; ok {
		var err error
		if s.Rows, err = strconv.Atoi(text); err != nil || s.Rows < 0 {
			faults = append(faults, fmt.Errorf("rows=%s: want a number, or 0 for all", shortened(text)))
		}
	}
	for _, pair := range g.list("labels") {
		value, class, ok := cutLast(pair, "=")
		if !ok || value == "" || class == "" {
			faults = append(faults, fmt.Errorf("labels=%s: want VALUE=CLASS, such as labels=1=bad,2=bad,5=good", shortened(pair)))
			continue
		}
		if s.Labels == nil {
			s.Labels = LabelMap{}
		}
		if other, ok := s.Labels[value]; ok {
			faults = append(faults, fmt.Errorf("labels=: the label %q is mapped twice, to %q and to %q", shortened(value), shortened(other), shortened(class)))
			continue
		}
		s.Labels[value] = class
	}
	if columns := g.list("columns"); columns != nil {
		header := false
		s.Header, s.Columns = &header, columns
	}
	return s, errors.Join(faults...)
}

// list returns a value that is a list, separated by commas.
func (g settings) list(name string) []string {
	value, ok := g[name]
	if !ok {
		return nil
	}
	items := strings.Split(value, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

// checkColumns reports settings that name columns which there are not.
func (g settings) checkColumns(columns []string) error {
	return g.checkColumnsOf(columns, columnSettings)
}

// checkColumnsOf is checkColumns for the settings with the given names.
func (g settings) checkColumnsOf(columns, names []string) error {
	var faults []error
	for _, name := range names {
		column, ok := g[name]
		if !ok || isColumn(column, columns) {
			continue
		}
		near := ""
		if n := suggest.Nearest(column, columns); n != "" {
			near = fmt.Sprintf("did you mean %q? ", n)
		}
		faults = append(faults, fmt.Errorf("%s=%s: there is no column %q (%scolumns: %s)", name, shortened(column), shortened(column), near, quotedNames(columns)))
	}
	return errors.Join(faults...)
}

// isColumn reports whether a file with the given columns may have a column, or a field of a record in one.
func isColumn(name string, columns []string) bool {
	record, _, nested := strings.Cut(name, ".")
	return slices.Contains(columns, name) || nested && slices.Contains(columns, record)
}

// checkTemplates reports columns of the templates which there are not.
func (g settings) checkTemplates(columns []string) error {
	var faults []error
	for _, name := range []string{"template", "control"} {
		for _, column := range templateColumns(g[name]) {
			if column != "candidate" && !isColumn(column, columns) {
				faults = append(faults, fmt.Errorf("%s=: there is no column %q (columns: %s)", name, shortened(column), quotedNames(columns)))
			}
		}
	}
	return errors.Join(faults...)
}

// checkForm reports settings of several forms of a task, and a pair of which only one is named.
func (g settings) checkForm(columns []string) error {
	has := func(name string) bool { _, ok := g[name]; return ok }
	for name, other := range map[string]string{"chosen": "rejected", "rejected": "chosen"} {
		if has(name) && !has(other) && !slices.Contains(columns, other) {
			return fmt.Errorf("%s=%s: a pair also needs %s=COLUMN (columns: %s)", name, shortened(g[name]), other, quotedNames(columns))
		}
	}
	if soft, _ := strconv.ParseBool(g["soft"]); has("label") && !soft && (has("chosen") || has("rejected")) {
		return errors.New("label= is for classes, and chosen= and rejected= are for pairs: give one of them (with soft=true, label= is the probability that chosen is better)")
	}
	return nil
}

// hubOnly reports settings that only a data set on the hub has.
func (g settings) hubOnly() error {
	for _, name := range []string{"config", "train"} {
		if _, ok := g[name]; ok {
			return fmt.Errorf("%s= is for data sets on the hub (hf:ORG/NAME:%s=...)", name, name)
		}
	}
	return nil
}

// noSettings explains settings on something that takes none.
func noSettings(base, what string) error {
	return fmt.Errorf("tasks: %s: %s takes no settings after a colon (they are for data files and for hf:ORG/NAME)", base, what)
}
