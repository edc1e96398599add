package tasks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A fileTask is a task on files of the user's own.
type fileTask struct {
	spec Spec
	dir  string // where relative file names start
}

// OpenFile makes a task of a data file (JSONL, JSON, CSV, TSV, parquet) or of a YAML task file. A data file says by its
// columns what it holds: text and label (0 or 1), or chosen and rejected with an optional prompt, or prompt or question
// with choices and answer, or prompt or question with answer.
func OpenFile(path string) (Task, error) {
	if isSpec(path) {
		spec, err := readSpec(path)
		if err != nil {
			return nil, err
		}
		return spec.task(filepath.Dir(path))
	}
	if kind := chessKind(path); kind != "" {
		return filePuzzles(path, kind), nil
	}
	spec, err := guessSpec(path)
	if err != nil {
		return nil, err
	}
	return fileTask{spec: spec, dir: filepath.Dir(path)}, nil
}

// FromSpec makes a task of a description; relative file names start at dir.
func FromSpec(spec Spec, dir string) (Task, error) {
	faults := &Faults{}
	name := spec.Name
	if name == "" {
		return nil, errors.New("tasks: the description of a task needs a name")
	}
	spec.check(func(_, format string, args ...any) { faults.add(name, 0, format, args...) })
	if err := faults.err(); err != nil {
		return nil, err
	}
	return spec.task(dir)
}

// task makes the task of a checked description.
func (s Spec) task(dir string) (Task, error) {
	if s.Board == "" {
		return fileTask{spec: s, dir: dir}, nil
	}
	path := s.Train[0]
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("tasks: %s: %w", s.Name, err)
	}
	kind := chessKind(path)
	if kind == "" {
		return nil, fmt.Errorf("tasks: %s: %s is none of the chess files (PGN, FEN, lichess CSV, BIG-bench JSON)", s.Name, s.Train[0])
	}
	t := filePuzzles(path, kind)
	t.form, t.ask = boardForm(s.Board), s.Form
	info := fileTask{spec: s}.Info()
	info.Classes = nil
	if s.Form == Classify {
		info.Classes = []string{"no", "yes"}
	}
	t.info = info
	return t, nil
}

// Names of the columns in data files without a task file; the first that is there is taken.
var (
	textColumns   = []string{"text", "sentence", "content"}
	labelColumns  = []string{"label", "labels", "hard_label", "gold"}
	promptColumns = []string{"prompt", "question", "query", "instruction"}
	choiceColumns = []string{"choices", "options", "candidates"}
	answerColumns = []string{"answer", "target", "completion"}
)

// guessSpec looks at the first row of a data file.
func guessSpec(path string) (Spec, error) {
	name := filepath.Base(path)
	var first *row
	faults := &Faults{}
	if _, err := (rowFile{path: path, limit: 1}).read(context.Background(), faults, func(r *row) { first = r }); err != nil {
		return Spec{}, err
	}
	if first == nil {
		if err := faults.err(); err != nil {
			return Spec{}, err
		}
		faults.add(name, 0, "no rows")
		return Spec{}, faults
	}
	faults = &Faults{} // those of rows before the first good one come again when all are read
	find := func(names []string) string {
		for _, n := range names {
			if _, ok := first.columns[n]; ok {
				return n
			}
		}
		return ""
	}
	base, _, _ := strings.Cut(name, ".")
	spec := Spec{Name: base, Title: "examples of " + name, Source: name, Train: Strings{name}}
	text, label, prompt := find(textColumns), find(labelColumns), find(promptColumns)
	choices, answer := find(choiceColumns), find(answerColumns)
	_, chosen := first.columns["chosen"]
	_, rejected := first.columns["rejected"]
	switch {
	case chosen && rejected:
		spec.Form, spec.Chosen, spec.Rejected = Rank, "chosen", "rejected"
	case choices != "" && answer != "":
		spec.Form, spec.Category, spec.Choices, spec.Answer = Rank, Generative, choices, answer
	case text != "" && label != "":
		spec.Form, spec.Template, spec.Label = Classify, "{"+text+"}", label
	case prompt != "" && answer != "":
		spec.Form, spec.Template, spec.Answer = Generate, "{"+prompt+"}", answer
	default:
		want := "want text and label, or chosen and rejected, or prompt and answer, with or without choices; for other names write a task file: docs/add-a-task.md"
		var have []string
		for c := range first.columns {
			have = append(have, strconv.Quote(c))
		}
		slices.Sort(have)
		what := "missing column"
		switch {
		case text != "":
			what = `missing column "label"`
		case label != "":
			what = `missing column "text"`
		case chosen:
			what = `missing column "rejected"`
		case rejected:
			what = `missing column "chosen"`
		}
		faults.add(name, first.line, "%s (columns: %s; %s)", what, strings.Join(have, ", "), want)
		return Spec{}, faults
	}
	if spec.Form == Rank && prompt != "" {
		spec.Template = "{" + prompt + "}\n\n{candidate}"
	}
	if _, ok := first.columns["id"]; ok {
		spec.ID = "id"
	}
	spec.check(func(_, format string, args ...any) { faults.add(name, 0, format, args...) })
	return spec, faults.err()
}

func (t fileTask) Info() Info {
	s := t.spec
	info := Info{
		Name: s.Name, Category: s.Category, Form: s.Form, Title: s.Title, Source: s.Source, Licence: s.Licence,
		Metric: s.Metric, Version: s.Version,
	}
	if s.Form == Classify {
		info.Classes = slices.Clone(s.Classes)
	}
	if info.Title == "" {
		info.Title = "examples of " + strings.Join(s.Train, ", ")
	}
	if info.Source == "" {
		info.Source = strings.Join(s.Train, ", ")
	}
	return info
}

// Load reads the files; src is not asked.
func (t fileTask) Load(ctx context.Context, _ Source) (*Data, error) {
	c, err := t.collect(ctx)
	if err != nil {
		return nil, err
	}
	return c.finish()
}

func (t fileTask) collect(ctx context.Context) (*collector, error) {
	s := t.spec
	c := newCollector(t.Info())
	var errs []error
	for _, part := range []struct {
		files []string
		test  bool
	}{{s.Train, false}, {s.Test, true}} {
		for _, name := range part.files {
			f := rowFile{path: name, name: name, format: s.Format, columns: s.Columns}
			if !filepath.IsAbs(name) {
				f.path = filepath.Join(t.dir, name)
			}
			if err := t.readFile(ctx, c, f, part.test); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, c.faults.err())...)
	}
	return c, nil
}

func (t fileTask) readFile(ctx context.Context, c *collector, f rowFile, test bool) error {
	ids := map[string]int{}
	var labels labelFaults
	c.own = c.own || test || t.spec.Split != nil
	digest, err := f.read(ctx, &c.faults, func(r *row) {
		e := t.spec.example(r)
		if t.spec.ID != "" {
			id := r.text(t.spec.ID)
			if line, ok := ids[id]; ok {
				r.fail("id %q is already at line %d", shortened(id), line)
			} else {
				ids[id] = r.line
			}
		}
		inTest := test
		if t.spec.Split != nil {
			inTest = slices.Contains(t.spec.Split.Test, r.text(t.spec.Split.Column))
		}
		switch {
		case r.label != nil:
			labels.add(&c.faults, r)
		case r.fault != "":
			c.faults.add(r.file, r.line, "%s", r.fault)
		case r.left != "":
			c.reasons[r.left]++
		default:
			c.add(r.file, r.line, inTest, e)
		}
	})
	labels.finish(&c.faults)
	c.digests = append(c.digests, digest)
	return err
}

// example is the maker of a description.
func (s *Spec) example(r *row) Example {
	var e Example
	switch s.Form {
	case Classify:
		e.Texts = []string{strings.TrimSpace(r.fill(s.Template))}
		if s.Control != "" {
			e.Control = []string{strings.TrimSpace(r.fill(s.Control))}
		}
		e.Gold = s.gold(r)
	case Rank:
		var candidates []string
		if s.Choices != "" {
			candidates = r.list(s.Choices)
			e.Gold = oneHot(len(candidates), s.rightChoice(r, candidates))
		} else {
			candidates = []string{r.dialogue(s.Chosen), r.dialogue(s.Rejected)}
			e.Gold = []float64{1, 0}
			if s.Soft {
				p := r.probability(s.Label)
				e.Gold = []float64{p, 1 - p}
			}
		}
		// Questions with the same prompt stay together.
		r.columns["candidate"] = ""
		if prompt := r.fill(s.Template); strings.TrimSpace(prompt) != "" {
			e.Group = promptGroup(prompt)
		} else if len(candidates) == 2 {
			if prompt, _, _, ok := lastReply(candidates[0], candidates[1]); ok {
				e.Group = promptGroup(prompt)
			}
		}
		for _, candidate := range candidates {
			r.columns["candidate"] = candidate
			e.Texts = append(e.Texts, strings.TrimSpace(r.fill(s.Template)))
			if s.Control != "" {
				e.Control = append(e.Control, strings.TrimSpace(r.fill(s.Control)))
			}
			if strings.TrimSpace(candidate) == "" {
				r.fail("empty candidate")
			}
		}
	case Generate:
		e.Texts = []string{strings.TrimSpace(r.fill(s.Template))}
		e.Answer = strings.TrimSpace(r.text(s.Answer))
		if s.Control != "" {
			e.Control = []string{strings.TrimSpace(r.fill(s.Control))}
		}
	}
	if s.Group != "" {
		e.Group = s.Name + " " + r.text(s.Group)
	}
	return e
}

// gold reads the label of a classification.
func (s *Spec) gold(r *row) []float64 {
	if s.Soft {
		p := r.probability(s.Label)
		return []float64{1 - p, p}
	}
	value := strings.TrimSpace(r.text(s.Label))
	if r.fault != "" {
		return nil
	}
	to, mapped := s.Labels[value]
	switch {
	case mapped:
		value = to
	case len(s.Labels) > 0:
		keys := make([]string, 0, len(s.Labels))
		for k := range s.Labels {
			keys = append(keys, strconv.Quote(k))
		}
		slices.Sort(keys)
		r.failLabel(value, fmt.Sprintf("is not in the label map (%s)", strings.Join(keys, ", ")))
		return nil
	}
	if class, ok := s.class(value); ok {
		return oneHot(len(s.Classes), class)
	}
	if s.plainBinary() {
		switch strings.ToLower(value) {
		case "0.0", "false":
			return oneHot(2, 0)
		case "1.0", "true":
			return oneHot(2, 1)
		}
		r.failLabel(value, "is not 0 or 1 (a task file can name other labels under \"classes\": docs/add-a-task.md)")
		return nil
	}
	r.failLabel(value, fmt.Sprintf("is not a class (%s) or its number", strings.Join(s.Classes, ", ")))
	return nil
}

func (s *Spec) plainBinary() bool { return slices.Equal(s.Classes, []string{"0", "1"}) }

// rightChoice reads which candidate is right: its number from 0, its letter or its text.
func (s *Spec) rightChoice(r *row, candidates []string) int {
	value := strings.TrimSpace(r.text(s.Answer))
	if r.fault != "" {
		return -1
	}
	if i, err := strconv.Atoi(value); err == nil && !slices.Contains(candidates, value) {
		if i < 0 || i >= len(candidates) {
			r.fail("answer %d is not one of the %d candidates (the first is 0)", i, len(candidates))
			return -1
		}
		return i
	}
	if i := slices.Index(candidates, value); i >= 0 {
		return i
	}
	if len(value) == 1 {
		if i := int(strings.ToUpper(value)[0]) - 'A'; i >= 0 && i < len(candidates) {
			return i
		}
	}
	r.fail("answer %q is neither a candidate nor its number or letter", shortened(value))
	return -1
}

// probability reads a number between 0 and 1.
func (r *row) probability(name string) float64 {
	p := r.float(name)
	if r.fault == "" && (p < 0 || p > 1) {
		r.fail("%s %v is not between 0 and 1", name, p)
	}
	return p
}

// dialogue reads a text, or a list of messages with role and content as chat data sets hold them.
func (r *row) dialogue(name string) string {
	v, ok := r.value(name)
	list, isList := v.([]any)
	if !ok || !isList {
		return r.text(name)
	}
	var turns []string
	for i, item := range list {
		message, _ := item.(map[string]any)
		role, _ := message["role"].(string)
		content, ok := message["content"].(string)
		if !ok {
			r.fail("%q: message %d has no text under \"content\"", name, i+1)
			return ""
		}
		turns = append(turns, turnName(role)+": "+content)
	}
	return strings.Join(turns, "\n\n")
}

// turnName writes the roles of chat data sets as the HH dialogues do.
func turnName(role string) string {
	switch role {
	case "user", "human", "":
		return "Human"
	case "assistant", "gpt":
		return "Assistant"
	}
	return role
}

// oneHot is a distribution with all weight at one place; without such a place it is nil.
func oneHot(n, at int) []float64 {
	if at < 0 || at >= n {
		return nil
	}
	v := make([]float64, n)
	v[at] = 1
	return v
}
