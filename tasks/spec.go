package tasks

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"w2s/internal/suggest"
)

// A Spec describes a task on files of your own; it is what a YAML task file holds. docs/add-a-task.md explains every
// key. Zero values stand for the defaults named here.
type Spec struct {
	Name     string   `yaml:"name"`     // default: the name of the task file
	Category Category `yaml:"category"` // default: by the form
	Form     Form     `yaml:"form"`     // default: classify
	Title    string   `yaml:"title"`
	Source   string   `yaml:"source"`
	Licence  string   `yaml:"licence"`
	Metric   Metric   `yaml:"metric"` // default: accuracy, or exact-match for generate
	Version  int      `yaml:"version"`

	Train  Strings `yaml:"train"`  // files, relative to the task file
	Test   Strings `yaml:"test"`   // files; none means that the split cuts a test part
	Format string  `yaml:"format"` // default: by the end of the file's name
	Header *bool   `yaml:"header"` // tsv and csv: the first line names the columns (default), or false
	// Columns names the columns of files without a header line.
	Columns []string `yaml:"columns"`
	// Split takes the test part from rows of the training files instead of files of its own.
	Split *ColumnSplit `yaml:"split"`

	// Template makes the text of columns: "{title} {content}". In a ranking {candidate} is the candidate.
	Template string            `yaml:"template"`
	Control  string            `yaml:"control"` // template of the control text
	Group    string            `yaml:"group"`   // column
	ID       string            `yaml:"id"`      // column that must not repeat
	Label    string            `yaml:"label"`   // classify: column
	Labels   map[string]string `yaml:"labels"`  // classify: value of the label column → class name or number
	Classes  []string          `yaml:"classes"` // classify: default "0", "1"
	Soft     bool              `yaml:"soft"`    // the label is the probability of the second class (classify) or of chosen (rank)
	Chosen   string            `yaml:"chosen"`  // rank: column of the better one of two
	Rejected string            `yaml:"rejected"`
	Choices  string            `yaml:"choices"` // rank: column with the list of candidates
	Board    string            `yaml:"board"`   // chess files: how the board is written (ladder, fen, words, san, uci)
	Answer   string            `yaml:"answer"`  // rank: number of the right one from 0, its letter or its text; generate: the answer
}

// A ColumnSplit names the rows of the test part.
type ColumnSplit struct {
	Column string  `yaml:"column"`
	Test   Strings `yaml:"test"` // values of the column
}

// Strings is a list that may be written as a single value.
type Strings []string

// UnmarshalYAML takes a scalar for a list of one.
func (s *Strings) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*s = Strings{node.Value}
		return nil
	}
	return node.Decode((*[]string)(s))
}

// specKeys are the keys of a task file.
var specKeys = []string{
	"name", "category", "form", "title", "source", "licence", "metric", "version", "train", "test", "format", "header",
	"columns", "split", "template", "control", "group", "id", "label", "labels", "classes", "soft", "chosen", "rejected",
	"choices", "answer", "board",
}

func isSpec(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".yaml" || ext == ".yml"
}

// maxSpecBytes bounds a task file: aliases make small YAML files large.
const maxSpecBytes = 1 << 20

// readSpec reads a task file and reports all of its faults together.
func readSpec(path string) (Spec, error) {
	file, err := os.Open(path)
	if err != nil {
		return Spec{}, fmt.Errorf("tasks: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSpecBytes+1))
	if err != nil {
		return Spec{}, fmt.Errorf("tasks: %s: %w", path, err)
	}
	if len(data) > maxSpecBytes {
		return Spec{}, fmt.Errorf("tasks: %s: task file larger than %d MiB", path, maxSpecBytes>>20)
	}
	spec, faults := parseSpec(data, filepath.Base(path))
	if spec.Name == "" {
		spec.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	return spec, faults.err()
}

func parseSpec(data []byte, name string) (Spec, *Faults) {
	faults := &Faults{}
	var spec Spec
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		yamlFault(faults, name, err.Error())
		return spec, faults
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		faults.add(name, 0, "not a task file: want keys and values such as \"train: reviews.tsv\"")
		return spec, faults
	}
	lines := map[string]int{}
	keys := doc.Content[0].Content
	for i := 0; i+1 < len(keys); i += 2 {
		key := keys[i].Value
		lines[key] = keys[i].Line
		if slices.Contains(specKeys, key) {
			continue
		}
		if near := suggest.Nearest(key, specKeys); near != "" {
			faults.add(name, keys[i].Line, "unknown key %q (did you mean %q?)", key, near)
		} else {
			faults.add(name, keys[i].Line, "unknown key %q (have: %s)", key, strings.Join(specKeys, ", "))
		}
	}
	if err := doc.Decode(&spec); err != nil {
		var typed *yaml.TypeError
		if errors.As(err, &typed) {
			for _, text := range typed.Errors {
				yamlFault(faults, name, text)
			}
		} else {
			yamlFault(faults, name, err.Error())
		}
		return spec, faults
	}
	spec.check(func(key, format string, args ...any) { faults.add(name, lines[key], format, args...) })
	return spec, faults
}

// yamlFault takes the line number out of the library's message.
func yamlFault(faults *Faults, name, text string) {
	text = strings.TrimPrefix(text, "yaml: ")
	if after, ok := strings.CutPrefix(text, "line "); ok {
		number, rest, _ := strings.Cut(after, ": ")
		if line, err := strconv.Atoi(number); err == nil {
			faults.add(name, line, "%s", rest)
			return
		}
	}
	faults.add(name, 0, "%s", text)
}

// check fills the defaults in and reports what cannot be.
func (s *Spec) check(fault func(key, format string, args ...any)) {
	if s.Form == "" {
		s.Form = Classify
	}
	switch s.Form {
	case Classify, Rank, Generate:
	default:
		fault("form", "unknown form %q (have: %s, %s, %s)", s.Form, Classify, Rank, Generate)
	}
	if s.Category == "" && s.Board != "" {
		s.Category = Chess
	}
	if s.Category == "" {
		s.Category = map[Form]Category{Classify: NLP, Rank: Reward, Generate: Generative}[s.Form]
	}
	switch s.Category {
	case NLP, Reward, Chess, Generative:
	default:
		fault("category", "unknown category %q (have: %s, %s, %s, %s)", s.Category, NLP, Reward, Chess, Generative)
	}
	if s.Metric == "" {
		s.Metric = Accuracy
		if s.Form == Generate {
			s.Metric = ExactMatch
		}
	}
	switch s.Metric {
	case Accuracy, AUROC, ExactMatch:
	default:
		fault("metric", "unknown metric %q (have: %s, %s, %s)", s.Metric, Accuracy, AUROC, ExactMatch)
	}
	if s.Licence == "" {
		s.Licence = "not stated"
	}
	if s.Board != "" {
		s.checkBoard(fault)
		return
	}
	if len(s.Train) == 0 {
		fault("train", "no \"train\": name the file with the examples")
	}
	if s.Format != "" && !slices.Contains(formats, s.Format) {
		fault("format", "unknown format %q (have: %s)", s.Format, strings.Join(formats, ", "))
	}
	if s.Header != nil && !*s.Header && len(s.Columns) == 0 {
		fault("header", "no header line: name the columns (columns: [text, label])")
	}
	if (s.Header == nil || *s.Header) && len(s.Columns) > 0 {
		fault("columns", "\"columns\" is for files without a header line: say header: false, or leave it away")
	}
	if s.Split != nil && (s.Split.Column == "" || len(s.Split.Test) == 0) {
		fault("split", "\"split\" wants a column and the values that mark the test rows (split: {column: fold, test: [dev]})")
	}
	if s.Split != nil && len(s.Test) > 0 {
		fault("split", "\"split\" and \"test\" exclude each other")
	}
	switch s.Form {
	case Classify:
		s.checkClassify(fault)
	case Rank:
		pair := s.Chosen != "" || s.Rejected != ""
		if pair && s.Choices != "" {
			fault("choices", "\"choices\" and \"chosen\", \"rejected\" exclude each other")
		}
		if !pair && s.Choices == "" {
			s.Chosen, s.Rejected, pair = "chosen", "rejected", true
		}
		if pair && (s.Chosen == "" || s.Rejected == "") {
			fault("form", "a pair wants both \"chosen\" and \"rejected\"")
		}
		if s.Choices != "" && s.Answer == "" {
			s.Answer = "answer"
		}
		if s.Soft && s.Label == "" {
			fault("soft", "\"soft\" wants \"label\", the column with the probability of chosen")
		}
		if s.Template == "" {
			s.Template = "{candidate}"
		}
		if !strings.Contains(s.Template, "{candidate}") {
			fault("template", "the template of a ranking must hold {candidate}")
		}
	case Generate:
		if s.Answer == "" {
			s.Answer = "answer"
		}
		if s.Template == "" {
			s.Template = "{prompt}"
		}
	}
}

// checkBoard checks a task on a file of chess problems, which has no columns to name.
func (s *Spec) checkBoard(fault func(key, format string, args ...any)) {
	if !slices.Contains(boardForms, boardForm(s.Board)) {
		fault("board", "unknown form of a board %q (have: %s, %s, %s, %s, %s)", s.Board, ladderForm, fenForm, wordsForm, sanForm, uciForm)
	}
	if s.Category != Chess {
		fault("category", "\"board\" is for the category %q", Chess)
	}
	if len(s.Train) != 1 || len(s.Test) > 0 || s.Split != nil {
		fault("train", "a chess task takes one file: train: puzzles.csv")
	}
}

func (s *Spec) checkClassify(fault func(key, format string, args ...any)) {
	if s.Template == "" {
		s.Template = "{text}"
	}
	if s.Label == "" {
		s.Label = "label"
	}
	if len(s.Classes) == 0 && len(s.Labels) > 0 {
		// Names of the classes: by number where the map gives numbers, else in the order of the alphabet.
		names := map[string]bool{}
		numbers := true
		for _, to := range s.Labels {
			names[to] = true
			_, err := strconv.Atoi(to)
			numbers = numbers && err == nil
		}
		for n := range names {
			s.Classes = append(s.Classes, n)
		}
		slices.Sort(s.Classes)
		if numbers {
			s.Classes = make([]string, len(names))
			for i := range s.Classes {
				s.Classes[i] = strconv.Itoa(i)
			}
		}
	}
	if len(s.Classes) == 0 {
		s.Classes = []string{"0", "1"}
	}
	if len(s.Classes) < 2 {
		fault("classes", "%d class, want 2 or more", len(s.Classes))
	}
	seen := map[string]bool{}
	for _, c := range s.Classes {
		if seen[c] {
			fault("classes", "class %q is named twice", c)
		}
		seen[c] = true
	}
	for from, to := range s.Labels {
		if _, ok := s.class(to); !ok {
			fault("labels", "label %q is mapped to %q, which is neither a class nor its number", from, to)
		}
	}
	if s.Soft && len(s.Classes) != 2 {
		fault("soft", "a soft label is for 2 classes, not %d", len(s.Classes))
	}
}

// class finds a class by its name or number.
func (s *Spec) class(value string) (int, bool) {
	if i := slices.Index(s.Classes, value); i >= 0 {
		return i, true
	}
	if i, err := strconv.Atoi(value); err == nil && i >= 0 && i < len(s.Classes) {
		return i, true
	}
	return 0, false
}
