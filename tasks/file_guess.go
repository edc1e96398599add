package tasks

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"w2s/internal/inputfile"
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

// guessSpec describes a data file by its columns.
func guessSpec(path string) (Spec, error) {
	name := filepath.Base(path)
	columns, first, err := firstColumns(path)
	if err != nil {
		return Spec{}, err
	}
	line := first.line
	has := func(column string) bool { return slices.Contains(columns, column) }
	find := func(names []string) string {
		if i := slices.IndexFunc(names, has); i >= 0 {
			return names[i]
		}
		return ""
	}
	base, _, _ := strings.Cut(visible.Name(name), ".")
	spec := Spec{Name: base, Title: "examples of " + visible.Name(name), Source: visible.Name(name), Train: Strings{name}, guessed: true}
	text, label, prompt := find(textColumns), find(labelColumns), find(promptColumns)
	choices, answer := find(choiceColumns), find(answerColumns)
	faults := &Faults{}
	switch {
	case has("chosen") && has("rejected"):
		spec.Form, spec.Chosen, spec.Rejected = Rank, "chosen", "rejected"
		if prompt == "" {
			prompt = find(conversationColumns)
		}
	case choices != "" && answer != "":
		spec.Form, spec.Category, spec.Choices, spec.Answer = Rank, Generative, choices, answer
	case text != "" && label != "":
		spec.Form, spec.Template, spec.Label = Classify, "{"+text+"}", label
	case prompt != "" && answer == "completion" && label == "label":
		// This is trl's form of unpaired preferences: the label says whether the reply is a good one.
		spec.Form, spec.Category, spec.Template, spec.Label = Classify, Reward, "{"+prompt+"}\n\n{"+answer+"}", label
	case prompt != "" && answer != "":
		spec.Form, spec.Template, spec.Answer = Generate, "{"+prompt+"}", answer
	default:
		missing := "no column has a known name"
		switch {
		case text != "":
			missing = `missing column "label"`
		case label != "":
			missing = `missing column "text"`
		case has("chosen"):
			missing = `missing column "rejected"`
		case has("rejected"):
			missing = `missing column "chosen"`
		}
		if has("soft_label") {
			missing += ` (soft_label may be a model's opinion; if it is gold, write a task file with "label: soft_label" and "soft: true")`
		}
		faults.add(name, line, "%s (columns: %s; want text and label, or chosen and rejected, or prompt and answer with or without choices; "+
			"to use other names write a task file: docs/add-a-task.md)%s", missing, quotedNames(columns), guessHint(columns, first))
		return Spec{}, faults
	}
	if spec.Form == Rank && prompt != "" {
		spec.Template = "{" + prompt + "}\n\n{candidate}"
	}
	if has("id") {
		spec.ID = "id"
	}
	if spec.Group = find(documentColumns); spec.Group != "" && spec.uses(spec.Group) {
		spec.Group = ""
	}
	for _, used := range []string{text, label, prompt, choices, answer, "chosen", "rejected"} {
		if twin := twinOf(used, columns); twin != "" && has(used) && spec.uses(used) {
			faults.add(name, line, "columns %q and %q differ only in case or what cannot be seen: rename one of them, or name the right one in a task file (docs/add-a-task.md)",
				used, shortened(twin))
		}
	}
	for _, role := range []struct {
		names      []string
		used, what string
	}{
		{textColumns, text, "is the text"}, {labelColumns, label, "is the label"}, {promptColumns, prompt, "is the prompt"},
		{choiceColumns, choices, "has the choices"}, {answerColumns, answer, "is the answer"}, {documentColumns, spec.Group, "groups the examples"},
	} {
		if role.used == "" || role.used != spec.Group && !spec.uses(role.used) {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(role.names), func(c string) bool { return !has(c) || c == spec.Group || spec.uses(c) })
		if len(others) > 0 {
			spec.notes = append(spec.notes, fmt.Sprintf("the column %q %s, not %s (a task file can name another)", role.used, role.what, quotedNames(others)))
		}
	}
	spec.check(func(_, format string, args ...any) { faults.add(name, 0, format, args...) })
	return spec, faults.err()
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
func firstColumns(path string) (columns []string, first *row, err error) {
	if format, err := formatOf(path); err == nil && format == "parquet" {
		columns, err = parquetColumns(path)
		return columns, &row{}, err
	}
	var header []string
	faults := &Faults{}
	f := rowFile{path: path, limit: 1, budget: &budget{limits: Limits{Unpacked: maxBeforeRow}}, header: func(columns []string) { header = columns }}
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
