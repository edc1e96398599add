package tasks

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/visible"
)

// The names that the columns of a data file without a task file may have. The first one that the file has is used. In the
// weak labels of openai/weak-to-strong, hard_label is the weak model's answer and gt_label the gold one. Its soft_label is
// gold in some files and a model's opinion in others, so only a task file can name it.
var (
	textColumns   = []string{"text", "sentence", "content", "txt", "messages"}
	labelColumns  = []string{"label", "labels", "gt_label", "hard_label", "gold"}
	promptColumns = []string{"prompt", "question", "query", "instruction"}
	choiceColumns = []string{"choices", "options", "candidates"}
	answerColumns = []string{"answer", "target", "completion"}

	// documentColumns name the document that a row is a part of, which is then its group.
	documentColumns = []string{"document", "document_id", "doc_id", "docid"}
)

// guessSpec describes a data file by its columns.
func guessSpec(path string) (Spec, error) {
	name := filepath.Base(path)
	columns, line, err := firstColumns(path)
	if err != nil {
		return Spec{}, err
	}
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
		missing := "missing column"
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
			"to use other names write a task file: docs/add-a-task.md)", missing, quotedNames(columns))
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
			faults.add(name, line, "columns %q and %q differ only in case or white space: rename one of them, or name the right one in a task file (docs/add-a-task.md)",
				used, shortened(twin))
		}
	}
	spec.check(func(_, format string, args ...any) { faults.add(name, 0, format, args...) })
	return spec, faults.err()
}

// uses reports whether the examples of a guessed Spec depend on a column.
func (s *Spec) uses(column string) bool {
	return slices.Contains([]string{s.Label, s.Chosen, s.Rejected, s.Choices, s.Answer}, column) || strings.Contains(s.Template, "{"+column+"}")
}

// twinOf returns a column whose name differs from the given one in case or white space only, or "".
func twinOf(name string, columns []string) string {
	for _, c := range columns {
		if c != name && strings.EqualFold(strings.Join(strings.Fields(c), " "), name) {
			return c
		}
	}
	return ""
}

// quotedNames lists the names of columns for a message: the first ones, shortened.
func quotedNames(columns []string) string {
	const most = 30
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

// firstColumns returns the names of the columns of a data file and the line that has them: those of a parquet file's schema,
// or else of the first row without faults. Faults of the rows before it are reported when the whole file is read.
func firstColumns(path string) (columns []string, line int, err error) {
	if format, err := formatOf(path); err == nil && format == "parquet" {
		return parquetColumns(path)
	}
	var first *row
	faults := &Faults{}
	if _, err := (rowFile{path: path, limit: 1}).read(context.Background(), faults, func(r *row) { first = r }); err != nil {
		return nil, 0, err
	}
	if first == nil {
		if err := faults.err(); err != nil {
			return nil, 0, err
		}
		faults.add(filepath.Base(path), 0, "no rows")
		return nil, 0, faults
	}
	for c := range first.columns {
		columns = append(columns, c)
	}
	return columns, first.line, nil
}

// parquetColumns returns the names of the columns of a parquet file. It reads no rows.
func parquetColumns(path string) (columns []string, line int, err error) {
	file, err := openFile(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	p, err := openParquet(file, &budget{})
	if err != nil {
		return nil, 0, fmt.Errorf("tasks: %s: %w", path, err)
	}
	if p.Len() == 0 {
		faults := &Faults{}
		faults.add(filepath.Base(path), 0, "no rows")
		return nil, 0, faults
	}
	return p.Columns(), 0, nil
}
