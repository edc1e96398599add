package tasks

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A specFault function records what is wrong with the value of a key.
type specFault func(key, format string, args ...any)

// check sets the defaults of a description and reports what is wrong with it.
func (s *Spec) check(fault specFault) {
	s.checkInfo(fault)
	if s.Board != "" {
		s.checkBoard(fault)
		return
	}
	s.checkFiles(fault)
	switch s.Form {
	case Classify:
		s.checkClassify(fault)
	case Rank:
		s.checkRank(fault)
	case Generate:
		if s.Answer == "" {
			s.Answer = "answer"
		}
		if s.Template == "" {
			s.Template = "{prompt}"
		}
	}
}

// checkInfo checks what becomes the Info of the task.
func (s *Spec) checkInfo(fault specFault) {
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
		if s.Form == Rank && s.Choices != "" { // a question with given answers is no preference
			s.Category = NLP
		}
	}
	switch s.Category {
	case NLP, Reward, Chess, Generative, Other:
	default:
		fault("category", "unknown category %q (have: %s, %s, %s, %s, %s)", s.Category, NLP, Reward, Chess, Generative, Other)
	}
	if s.Metric == "" {
		s.Metric = Accuracy
		if s.Form == Generate {
			s.Metric = ExactMatch
		}
	}
	if s.Rows < 0 {
		fault("rows", "%d rows, want 0 (all) or more", s.Rows)
	}
	if s.Licence == "" {
		s.Licence = "not stated"
	}
}

// checkBoard checks a task on a file of chess problems, which has no columns to name.
func (s *Spec) checkBoard(fault specFault) {
	if !slices.Contains(notations, notation(s.Board)) {
		fault("board", "unknown board notation %q (have: %s, %s, %s, %s, %s)", s.Board, ladderNotation, fenNotation, wordsNotation, sanNotation, uciNotation)
	}
	if s.Category != Chess {
		fault("category", "\"board\" is for the category %q", Chess)
	}
	if len(s.Train) != 1 || len(s.Test) > 0 || s.Split != nil {
		fault("train", "a chess task needs exactly one file: train: puzzles.csv")
	}
}

func (s *Spec) checkFiles(fault specFault) {
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
		fault("columns", "\"columns\" is for files without a header line: add \"header: false\" or remove \"columns\"")
	}
	first := make(map[string]int, len(s.Columns))
	for i, c := range s.Columns {
		if at, ok := first[c]; !ok {
			first[c] = i
		} else if c != "" {
			fault("columns", "columns %d and %d are both named %q (rename one of them)", at+1, i+1, shortened(c))
		}
	}
	if s.Split != nil && (s.Split.Column == "" || len(s.Split.Test) == 0) {
		fault("split", "\"split\" needs a column and the values that mark the test rows (split: {column: fold, test: [dev]})")
	}
	if s.Split != nil && len(s.Test) > 0 {
		fault("split", "\"split\" and \"test\" cannot be combined")
	}
}

func (s *Spec) checkRank(fault specFault) {
	pair := s.Chosen != "" || s.Rejected != ""
	if pair && s.Choices != "" {
		fault("choices", "\"choices\" cannot be combined with \"chosen\" and \"rejected\"")
	}
	if !pair && s.Choices == "" {
		s.Chosen, s.Rejected, pair = "chosen", "rejected", true
	}
	if pair && (s.Chosen == "" || s.Rejected == "") {
		fault("form", "a pair needs both \"chosen\" and \"rejected\"")
	}
	if s.Choices != "" && s.Answer == "" {
		s.Answer = "answer"
	}
	if s.Soft && s.Label == "" {
		fault("soft", "\"soft\" needs \"label\", the column with the probability that chosen is better")
	}
	if s.Template == "" {
		s.Template = "{candidate}"
	}
	if !strings.Contains(s.Template, "{candidate}") {
		fault("template", "the template of a ranking must contain {candidate}")
	}
}

func (s *Spec) checkClassify(fault specFault) {
	if s.Template == "" {
		s.Template = "{text}"
	}
	if s.Label == "" {
		s.Label = "label"
	}
	if len(s.Classes) == 0 && len(s.Labels) > 0 {
		s.Classes = classesOf(s.Labels)
	}
	if len(s.Classes) == 0 {
		s.Classes = []string{"0", "1"}
	}
	switch {
	case len(s.Classes) >= 2:
	case len(s.Labels) > 0:
		fault("labels", "all labels are mapped to the class %q: map every label of the file, to 2 or more classes", s.Classes[0])
	default:
		fault("classes", "%d class, want 2 or more", len(s.Classes))
	}
	s.classIndex = make(map[string]int, len(s.Classes))
	for i, c := range s.Classes {
		if _, ok := s.classIndex[c]; ok {
			fault("classes", "class %q is named twice", c)
		} else {
			s.classIndex[c] = i
		}
		if strings.TrimSpace(c) == "" {
			fault("classes", "class %d has no name", i)
		}
	}
	if !slices.ContainsFunc(s.Classes, func(name string) bool { _, err := strconv.Atoi(name); return err == nil }) {
		for i := range s.Classes {
			s.classIndex[strconv.Itoa(i)] = i
		}
	}
	s.mapped = quotedNames(slices.Collect(maps.Keys(s.Labels)))
	for from, to := range s.Labels {
		if _, ok := s.class(to); !ok {
			fault("labels", "label %q is mapped to %q, which is neither the name nor the number of a class", from, to)
		}
	}
}

// classesOf returns the classes that a label map implies: 0, 1, … if it maps to numbers, else the names that it maps to in
// alphabetical order.
func classesOf(labels map[string]string) []string {
	distinct, numbers := map[string]bool{}, true
	for _, to := range labels {
		distinct[to] = true
		_, err := strconv.Atoi(to)
		numbers = numbers && err == nil
	}
	classes := slices.Sorted(maps.Keys(distinct))
	if numbers {
		for i := range classes {
			classes[i] = strconv.Itoa(i)
		}
	}
	return classes
}

// class returns the index of the class with the given name or number. If a class is named by a number, values are names
// only: with the classes 1 to 5, the value 1 would otherwise be a name and 0 an index, both of the same class.
func (s *Spec) class(value string) (int, bool) {
	if i, ok := s.classIndex[value]; ok {
		return i, true
	}
	i, err := strconv.Atoi(value) // a number may be written as 01 or +1
	if err != nil {
		return 0, false
	}
	i, ok := s.classIndex[strconv.Itoa(i)]
	return i, ok && s.Classes[i] != strconv.Itoa(i)
}
