package tasks

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The names that the columns of a data file without a task file may have. The first one that the file has is used.
var (
	textColumns   = []string{"text", "sentence", "content", "messages"}
	labelColumns  = []string{"label", "labels", "hard_label", "gold"}
	promptColumns = []string{"prompt", "question", "query", "instruction"}
	choiceColumns = []string{"choices", "options", "candidates"}
	answerColumns = []string{"answer", "target", "completion"}
)

// guessSpec describes a data file by the columns of its first row.
func guessSpec(path string) (Spec, error) {
	name := filepath.Base(path)
	first, err := firstRow(path)
	if err != nil {
		return Spec{}, err
	}
	has := func(column string) bool { _, ok := first.columns[column]; return ok }
	find := func(names []string) string {
		if i := slices.IndexFunc(names, has); i >= 0 {
			return names[i]
		}
		return ""
	}
	base, _, _ := strings.Cut(name, ".")
	spec := Spec{Name: base, Title: "examples of " + name, Source: name, Train: Strings{name}}
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
		var have []string
		for c := range first.columns {
			have = append(have, strconv.Quote(c))
		}
		slices.Sort(have)
		faults.add(name, first.line, "%s (columns: %s; want text and label, or chosen and rejected, or prompt and answer with or without choices; "+
			"to use other names write a task file: docs/add-a-task.md)", missing, strings.Join(have, ", "))
		return Spec{}, faults
	}
	if spec.Form == Rank && prompt != "" {
		spec.Template = "{" + prompt + "}\n\n{candidate}"
	}
	if has("id") {
		spec.ID = "id"
	}
	spec.check(func(_, format string, args ...any) { faults.add(name, 0, format, args...) })
	return spec, faults.err()
}

// firstRow returns the first row of a data file that has no faults. Faults of the rows before it are reported when the
// whole file is read.
func firstRow(path string) (*row, error) {
	var first *row
	faults := &Faults{}
	if _, err := (rowFile{path: path, limit: 1}).read(context.Background(), faults, func(r *row) { first = r }); err != nil {
		return nil, err
	}
	if first == nil {
		if err := faults.err(); err != nil {
			return nil, err
		}
		faults.add(filepath.Base(path), 0, "no rows")
		return nil, faults
	}
	return first, nil
}
