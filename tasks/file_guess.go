package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"w2s/internal/inputfile"
	"w2s/internal/list"
	"w2s/internal/visible"
)

// The names that the columns of a data file without a task file may have. The first one that the file has is used. In the
// weak labels of openai/weak-to-strong, hard_label is the weak model's answer and gt_label the gold one. Its soft_label is
// gold in some files and a model's opinion in others, so only a task file can name it.
var (
	textColumns   = []string{"text", "sentence", "content", "txt", "messages", "conversations"}
	labelColumns  = []string{"label", "labels", "gt_label", "hard_label", "gold"}
	promptColumns = []string{"prompt", "question", "query", "instruction"}
	// conversationColumns hold the prompt of a preference pair as messages, if there is no column for a prompt.
	conversationColumns = []string{"conversations", "conversation", "messages"}
	choiceColumns       = []string{"choices", "options", "candidates"}
	answerColumns       = []string{"answer", "target", "completion"}

	// documentColumns name the document that a row is a part of, which is then its group.
	documentColumns = []string{"document", "document_id", "doc_id", "docid"}
)

// A guess says which data file to describe, and what is known about it.
type guess struct {
	path  string // on this machine
	file  string // its name for messages and task files
	name  string // of the task
	ref   string // what the user gave, without settings
	given settings
	hub   string // the data set on the hub that the file is of, or ""
}

// guessSpec describes a data file by its columns and by the settings of the user.
func guessSpec(g guess) (Spec, error) {
	spec, err := g.given.spec()
	if err == nil && spec.Rows > 0 && g.hub == "" {
		err = errors.New("rows= is for data sets on the hub")
	}
	if err != nil {
		return Spec{}, fmt.Errorf("tasks: %s: %w", g.ref, err)
	}
	if format, err := formatOf(g.path); err == nil && spec.Columns != nil && format != "tsv" && format != "csv" {
		return Spec{}, fmt.Errorf("tasks: %s: columns= is for TSV and CSV files without a header line", g.ref)
	}
	columns, first, err := firstColumns(g.path, spec.Columns)
	if faults, ok := err.(*Faults); ok && g.hub != "" {
		for i := range faults.List {
			faults.List[i].File = g.ref + ": " + g.file // path is of the cache
		}
	}
	if err != nil {
		return Spec{}, err
	}
	guessed, err := g.spec(spec, columns, first)
	if err == nil {
		return guessed, nil
	}
	// The first row may lack what others have. Reading the file reports such rows.
	if all := allColumns(g.path, columns); len(all) > len(columns) {
		if guessed, err := g.spec(spec, all, first); err == nil {
			return guessed, nil
		}
	}
	return Spec{}, err
}

// allColumns returns the columns of the first rows of a JSON file, or the given ones of another file.
func allColumns(path string, columns []string) []string {
	if format, err := formatOf(path); err != nil || format != "json" && format != "jsonl" {
		return columns
	}
	const rows = 1000
	all := slices.Clone(columns)
	f := rowFile{path: path, limit: rows, budget: &budget{limits: Limits{Unpacked: maxBeforeRow}}}
	_, _ = f.read(context.Background(), &Faults{}, func(r *row) {
		for c := range r.columns {
			if len(all) < maxRowColumns {
				all = list.AppendNew(all, c)
			}
		}
	})
	return all
}

// spec completes a description by the columns of the file and its first row.
func (g guess) spec(spec Spec, columns []string, first *row) (Spec, error) {
	if err := errors.Join(g.given.checkColumns(columns), g.given.checkTemplates(columns), g.given.checkForm(columns)); err != nil {
		return Spec{}, fmt.Errorf("tasks: %s: %w", g.ref, err)
	}
	line := first.line
	has := func(column string) bool { return slices.Contains(columns, column) }
	find := func(setting string, names []string) string {
		if column, ok := g.given[setting]; ok {
			return column
		}
		if i := slices.IndexFunc(names, has); i >= 0 {
			return names[i]
		}
		return ""
	}
	file := visible.Name(filepath.Base(g.file))
	spec.Name, spec.guessed = cmp.Or(spec.Name, g.name), true
	spec.Title, spec.Source, spec.Train = "examples of "+file, file, Strings{filepath.Base(g.file)}
	text, label, prompt := find("text", textColumns), find("label", labelColumns), find("prompt", promptColumns)
	choices, answer := find("choices", choiceColumns), find("answer", answerColumns)
	chosen, rejected := find("chosen", []string{"chosen"}), find("rejected", []string{"rejected"})
	faults := &Faults{}
	switch form := g.given.form(); {
	case chosen != "" && rejected != "" && (form == "" || form == "pair"):
		spec.Form, spec.Chosen, spec.Rejected = Rank, chosen, rejected
		if prompt == "" {
			prompt = find("prompt", conversationColumns)
		}
	case choices != "" && answer != "" && (form == "" || form == "choices" || form == "answer"):
		spec.Form, spec.Choices, spec.Answer = Rank, choices, answer
	case (text != "" || spec.Template != "") && label != "" && (form == "" || form == "label"):
		spec.Form, spec.Label = Classify, label
		spec.Template = cmp.Or(spec.Template, "{"+text+"}")
	case form == "" && prompt != "" && answer == "completion" && label == "label":
		// This is trl's form of unpaired preferences: the label says whether the reply is a good one.
		spec.Form, spec.Category, spec.Template, spec.Label = Classify, Reward, "{"+prompt+"}\n\n{"+answer+"}", label
	case (prompt != "" || spec.Template != "") && answer != "" && (form == "" || form == "answer"):
		spec.Form, spec.Answer = Generate, answer
		spec.Template = cmp.Or(spec.Template, "{"+prompt+"}")
	default:
		missing := "no column has a known name"
		switch {
		case text != "":
			missing = `missing column "label"`
		case label != "":
			missing = `missing column "text"`
		case chosen != "":
			missing = `missing column "rejected"`
		case rejected != "":
			missing = `missing column "chosen"`
		}
		if has("soft_label") {
			missing += ` (soft_label may be a model's opinion; if it is gold, write a task file with "label: soft_label" and "soft: true")`
		}
		faults.add(file, line, "%s (columns: %s; want text and label, or chosen and rejected, or prompt and answer with or without choices)%s",
			missing, quotedNames(columns), guessHint(columns, first))
		faults.Advice = g.advice()
		return Spec{}, faults
	}
	if spec.Form == Rank && prompt != "" && spec.Template == "" {
		spec.Template = "{" + prompt + "}\n\n{candidate}"
	}
	if has("id") && spec.ID == "" && g.hub == "" {
		spec.ID = "id"
	}
	if spec.Group == "" {
		if spec.Group = find("group", documentColumns); spec.Group != "" && spec.uses(spec.Group) {
			spec.Group = ""
		}
	}
	for setting, used := range map[string]string{"text": text, "label": label, "prompt": prompt, "choices": choices, "answer": answer, "chosen": chosen, "rejected": rejected} {
		if _, named := g.given[setting]; named {
			continue
		}
		if twin := twinOf(used, columns); twin != "" && has(used) && spec.uses(used) {
			faults.add(file, line, "columns %q and %q differ only in case or what cannot be seen: rename one of them, or name the right one in a task file (docs/add-a-task.md)",
				used, shortened(twin))
		}
	}
	for _, role := range []struct {
		setting    string
		names      []string
		used, what string
	}{
		{"text", textColumns, text, "is the text"}, {"label", labelColumns, label, "is the label"}, {"prompt", promptColumns, prompt, "is the prompt"},
		{"choices", choiceColumns, choices, "has the choices"}, {"answer", answerColumns, answer, "is the answer"},
		{"group", documentColumns, spec.Group, "groups the examples"},
	} {
		if _, named := g.given[role.setting]; named {
			continue
		}
		if role.used == "" || role.used != spec.Group && !spec.uses(role.used) {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(role.names), func(c string) bool { return !has(c) || c == spec.Group || spec.uses(c) })
		if len(others) > 0 {
			spec.notes = append(spec.notes, fmt.Sprintf("the column %q %s, not %s (a task file can name another)", role.used, role.what, quotedNames(others)))
		}
	}
	if spec.Form == Classify && spec.Category != Reward && !spec.Soft && spec.Labels == nil {
		if fault := spec.guessClasses(g.path); fault != "" {
			faults.add(file, 0, "%s", fault)
		}
	}
	spec.check(func(_, format string, args ...any) { faults.add(file, 0, format, args...) })
	return spec, faults.err()
}

// form returns the form that the settings ask for: "pair", "choices", "label" or "answer", or "" if they leave it open.
func (g settings) form() string {
	for _, form := range []struct {
		name     string
		settings []string
	}{
		{"pair", []string{"chosen", "rejected"}}, {"choices", []string{"choices"}}, {"label", []string{"text", "label", "classes", "labels"}},
		{"answer", []string{"answer"}},
	} {
		for _, s := range form.settings {
			if _, ok := g[s]; ok {
				return form.name
			}
		}
	}
	return ""
}

const (
	// maxGuessedClasses is the largest number of labels that make a classification without a task file.
	maxGuessedClasses = 20
	// maxGuessedRows is the number of rows whose labels are looked at.
	maxGuessedRows = 200_000
)

// guessClasses sets the classes of a classification whose labels are a handful of words or whole numbers other than 0 and 1. If the user
// names as many classes as there are labels, they are those of the labels in ascending order. It leaves other labels to the reading
// of the file, which reports them.
func (s *Spec) guessClasses(path string) (fault string) {
	values := labelCounts(path, s.Label, s.Columns)
	maps.DeleteFunc(values, func(v string, n int) bool { return n < 2 }) // a typing error makes no class
	if len(values) < 2 || len(values) > maxGuessedClasses {
		return ""
	}
	numbers, plain := 0, true
	for v := range values {
		number, isNumber := wholeNumber(v)
		if isNumber {
			numbers++
		}
		switch {
		case v == "":
			return ""
		case isNumber && number != 0 && number != 1, !isNumber && !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false"):
			plain = false
		}
		if _, err := strconv.ParseFloat(v, 64); err == nil && !isNumber {
			return "" // a measurement, not a class
		}
	}
	if plain && s.Classes == nil || numbers > 0 && numbers < len(values) {
		return ""
	}
	sorted := slices.Sorted(maps.Keys(values))
	if numbers > 0 {
		slices.SortFunc(sorted, func(a, b string) int {
			x, _ := wholeNumber(a)
			y, _ := wholeNumber(b)
			return cmp.Compare(x, y)
		})
	}
	if s.Classes == nil {
		for _, v := range sorted {
			name := v
			if number, ok := wholeNumber(v); ok {
				name = strconv.Itoa(number)
			}
			if slices.Contains(s.Classes, name) {
				s.Classes = nil // such as 1 and 01
				return ""
			}
			s.Classes = append(s.Classes, name)
			if name != v {
				if s.Labels == nil {
					s.Labels = LabelMap{}
				}
				s.Labels[v] = name
			}
		}
		if s.Labels != nil {
			for _, v := range sorted {
				s.Labels[v] = cmp.Or(s.Labels[v], v)
			}
		}
		s.notes = append(s.notes, fmt.Sprintf("the labels are %d classes: %s%s", len(sorted), strings.Join(s.Classes, ", "), mergeAdvice(sorted)))
		return ""
	}
	if len(s.Classes) != len(sorted) || slices.Equal(s.Classes, sorted) {
		return ""
	}
	for i, v := range sorted {
		if number, ok := wholeNumber(v); slices.Contains(s.Classes, v) || ok && number == i && i == 0 {
			return "" // names or numbers from 0, as a task file has them
		}
	}
	if numbers == 0 && !plain {
		quoted, pairs := quotedNames(sorted), strings.Join(sorted, "=CLASS,")+"=CLASS"
		return fmt.Sprintf("the labels are words (%s) and not the classes %s: say which class each label is (labels=%s)", quoted, strings.Join(s.Classes, ", "), pairs)
	}
	s.Labels = LabelMap{}
	var pairs []string
	for i, v := range sorted {
		s.Labels[v] = s.Classes[i]
		pairs = append(pairs, fmt.Sprintf("%s is %s", shortened(v), s.Classes[i]))
	}
	s.notes = append(s.notes, "the labels in ascending order are the classes in theirs: "+strings.Join(pairs, ", "))
	return ""
}

// mergeAdvice says how to merge the classes of labels in ascending order into two, or returns "" if there are only two.
func mergeAdvice(labels []string) string {
	if len(labels) < 3 || slices.ContainsFunc(labels, func(l string) bool { return strings.ContainsAny(l, ",=:") }) {
		return ""
	}
	pairs := make([]string, len(labels))
	for i, l := range labels {
		pairs[i] = l + "=low"
		if i >= len(labels)/2 {
			pairs[i] = l + "=high"
		}
	}
	return fmt.Sprintf(" (to merge some, map all labels: labels=%s)", strings.Join(pairs, ","))
}

// wholeNumber reads a number such as 5 or 5.0.
func wholeNumber(text string) (int, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<31 {
		return 0, false
	}
	return int(f), true
}

// labelCounts counts the labels of a file by their text. It stops when there are more than maxGuessedClasses. Faults are left to
// those who read the file.
func labelCounts(path, column string, columns []string) map[string]int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	counts := map[string]int{}
	f := rowFile{path: path, columns: columns, limit: maxGuessedRows}
	_, _ = f.read(ctx, &Faults{}, func(r *row) {
		v, ok := r.value(column)
		text, scalar := scalarText(v)
		if !ok || !scalar {
			return
		}
		text = strings.TrimSpace(text)
		if counts[text] == 0 {
			text = strings.Clone(text) // a part of a line would keep the whole line
		}
		if counts[text]++; len(counts) > maxGuessedClasses {
			cancel()
		}
	})
	return counts
}

// uses reports whether the examples of a guessed Spec depend on a column.
func (s *Spec) uses(column string) bool {
	return slices.Contains([]string{s.Label, s.Chosen, s.Rejected, s.Choices, s.Answer}, column) || strings.Contains(s.Template, "{"+column+"}")
}

// twinOf returns a column whose name differs from the given one in case, white space or invisible characters only, or "".
func twinOf(name string, columns []string) string {
	for _, c := range columns {
		if c != name && strings.EqualFold(strings.TrimSpace(strings.Map(seen, c)), name) {
			return c
		}
	}
	return ""
}

// seen removes invisible characters from a text, as the argument of strings.Map.
func seen(r rune) rune {
	if unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

// quotedNames lists the names of columns for a message: the first ones, shortened.
func quotedNames(columns []string) string {
	const most = 30
	if len(columns) == 0 {
		return "none"
	}
	quoted := make([]string, 0, most+1)
	for _, c := range slices.Sorted(slices.Values(columns)) {
		if len(quoted) == most {
			quoted = append(quoted, "…")
			break
		}
		quoted = append(quoted, strconv.Quote(shortened(c)))
	}
	return strings.Join(quoted, ", ")
}

// guessHint explains why the columns of a file may not be what their author meant, or returns "". first is the first row.
func guessHint(columns []string, first *row) string {
	for _, names := range [][]string{textColumns, labelColumns, promptColumns, choiceColumns, answerColumns, {"chosen", "rejected"}} {
		for _, name := range names {
			if twin := twinOf(name, columns); twin != "" && !slices.Contains(columns, name) {
				return fmt.Sprintf("; %q is not %q: write the name in this way", shortened(twin), name)
			}
		}
	}
	if len(columns) == 1 && columns[0] != "" && strings.Contains("[{", columns[0][:1]) {
		return "; the text looks like JSON: give the file the extension .json or .jsonl"
	}
	lists := 0
	for _, c := range columns {
		items, ok := first.columns[c].([]any)
		if !ok || len(items) == 0 {
			continue
		}
		if _, records := items[0].(map[string]any); records && len(columns) <= 5 {
			return fmt.Sprintf("; if the rows are the list %q, write this list alone into the file", shortened(c))
		}
		lists++
	}
	if lists == len(columns) && lists > 1 {
		return "; the file seems to have a list for each column: write an object for each row"
	}
	return ""
}

// maxBeforeRow bounds what is read to find the first row without faults.
const maxBeforeRow = 64 << 20

// firstColumns returns the names of the columns of a data file, and its first row without faults. The row of a parquet file has
// no values, because the names are those of its schema. Faults of the rows before it are reported when the whole file is read.
func firstColumns(path string, named []string) (columns []string, first *row, err error) {
	if format, err := formatOf(path); err == nil && format == "parquet" {
		columns, err = parquetColumns(path)
		return columns, &row{}, err
	}
	var header []string
	faults := &Faults{}
	f := rowFile{path: path, columns: named, limit: 1, budget: &budget{limits: Limits{Unpacked: maxBeforeRow}}, header: func(columns []string) { header = columns }}
	_, err = f.read(context.Background(), faults, func(r *row) { first = r })
	endless := errors.Is(err, errBudget)
	if err != nil && !endless {
		return nil, nil, errors.Join(err, faults.err())
	}
	if first == nil {
		if err := faults.err(); err != nil {
			return nil, nil, err
		}
		text := "no rows"
		if endless {
			text += " in its first " + inputfile.Bytes(maxBeforeRow)
		}
		if header != nil {
			text += fmt.Sprintf(" after the header (columns: %s)", quotedNames(header))
		}
		faults.add(filepath.Base(path), 0, "%s", text)
		return nil, nil, faults
	}
	for c := range first.columns {
		columns = append(columns, c)
	}
	return columns, first, nil
}

// parquetColumns returns the names of the columns of a parquet file. It reads no rows.
func parquetColumns(path string) (columns []string, err error) {
	file, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p, err := openParquet(file, &budget{})
	if err != nil {
		return nil, fmt.Errorf("tasks: %s: %w", path, err)
	}
	if p.Len() == 0 {
		faults := &Faults{}
		faults.add(filepath.Base(path), 0, "no rows")
		return nil, faults
	}
	return p.Columns(), nil
}
