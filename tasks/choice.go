package tasks

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A choice is a candidate of a question as a data file states it.
type choice struct {
	text   string
	name   string // what the file calls the candidate, such as B or 2; "" if it does not say
	number bool   // the file writes the text as a number
}

// choices reads a column with the candidates of a question. It is a list of texts, a list of records with text and label, a
// record of two lists named text and label, or one of these two lists: a column "choices.text" then has its names in
// "choices.label".
func (r *row) choices(column string) []choice {
	value, ok := r.value(column)
	if !ok {
		r.failMissing(column)
		return nil
	}
	if base, ok := strings.CutSuffix(column, ".text"); ok {
		names, _ := r.value(base + ".label")
		return r.choiceList(column, value, names)
	}
	if record, ok := value.(map[string]any); ok && record["text"] != nil {
		return r.choiceList(column, record["text"], record["label"])
	}
	return r.choiceList(column, value, nil)
}

// choiceList reads the candidates from a list of texts or of records. names is the list of their names, or nil.
func (r *row) choiceList(column string, value, names any) []choice {
	items, ok := value.([]any)
	if !ok {
		r.fail("%q is a %s, not a list%s", column, kindOf(value), listHint(value))
		return nil
	}
	list, ok := names.([]any)
	if names != nil && (!ok || len(list) != len(items)) {
		r.fail("%q: the list of labels does not have one for each of the %d candidates", column, len(items))
		return nil
	}
	out := make([]choice, len(items))
	for i, item := range items {
		var name any
		if record, ok := item.(map[string]any); ok && record["text"] != nil {
			item, name = record["text"], record["label"]
		} else if names != nil {
			name = list[i]
		}
		if out[i].text, ok = scalarText(item); !ok {
			r.fail("%q: item %d is a %s, not a text", column, i+1, kindOf(item))
			return nil
		}
		_, out[i].number = item.(json.Number)
		if name != nil {
			text, _ := scalarText(name)
			out[i].name = strings.TrimSpace(text)
		}
	}
	return out
}

// listHint explains a text that looks like a list, or returns "". The cells of a CSV file are texts.
func listHint(value any) string {
	if text, ok := value.(string); ok && strings.HasPrefix(strings.TrimSpace(text), "[") {
		return " (CSV and TSV have no lists: write the rows as JSONL or parquet)"
	}
	return ""
}

// A digits value says what a quoted number in the column with the right answer means. A file must not mix the two.
type digits string

const (
	digitsAreNumber digits = "the number of a candidate"
	digitsAreText   digits = "the text of a candidate"
)

// rightChoice returns the index of the right candidate. A number is the index from 0. A text is the candidate itself, its
// name or its letter. An answer that could mean two candidates is a fault.
func (r *row) rightChoice(column string, candidates []choice) int {
	text := strings.TrimSpace(r.text(column))
	if r.fault == "" && len(candidates) < 2 {
		r.fail("%s", fewCandidates(len(candidates)))
	}
	if r.fault != "" {
		return -1
	}
	value, _ := r.value(column)
	_, isNumber := value.(json.Number)

	// meanings holds what the answer can mean, by index of the candidate.
	meanings := map[int]string{}
	mean := func(i int, how string) {
		if i >= 0 && meanings[i] == "" {
			meanings[i] = how
		}
	}
	named := slices.ContainsFunc(candidates, func(c choice) bool { return c.name != "" })
	mean(slices.IndexFunc(candidates, func(c choice) bool { return c.name != "" && strings.EqualFold(c.name, text) }), "its label")
	if named && len(meanings) > 0 && isNumber {
		return only(meanings)
	}
	sameText := slices.IndexFunc(candidates, func(c choice) bool {
		return strings.TrimSpace(c.text) == text && (!isNumber || c.number)
	})
	if isNumber {
		index, err := strconv.ParseFloat(text, 64)
		if err != nil || index != math.Trunc(index) || index < 0 || index >= float64(len(candidates)) {
			r.fail("answer %s is not one of the %d candidates (a number counts them from 0; write a text in quotation marks)", shortened(text), len(candidates))
			return -1
		}
		mean(int(index), "its number from 0")
		mean(sameText, "its text")
	} else {
		mean(sameText, "its text")
		if !named {
			letter := letterIndex(text, len(candidates))
			mean(letter, "its letter")
			if letter >= 0 {
				mean(slices.IndexFunc(candidates, func(c choice) bool { return strings.EqualFold(strings.TrimSpace(c.text), text) }), "its text")
			}
		}
		if index, err := strconv.Atoi(text); err == nil && !named {
			switch {
			case len(meanings) == 0 && index >= 0 && index < len(candidates):
				mean(index, "its number from 0")
				r.digits = digitsAreNumber
			case len(meanings) == 0:
				r.fail("answer %d is not one of the %d candidates (the first is 0)", index, len(candidates))
				return -1
			case meanings[index] == "":
				r.digits = digitsAreText
			}
		}
	}
	switch len(meanings) {
	case 0:
		r.fail("answer %q is neither a candidate nor the number or letter of one", shortened(text))
		return -1
	case 1:
		return only(meanings)
	}
	var both []string
	for i := range candidates {
		if how := meanings[i]; how != "" {
			both = append(both, fmt.Sprintf("candidate %d (%s)", i+1, how))
		}
	}
	r.fail("answer %s could be %s: write the text of the right candidate, or numbers or letters that are no candidates",
		shortened(text), strings.Join(both, " or "))
	return -1
}

// only returns the key of a map that has one.
func only(meanings map[int]string) int {
	for i := range meanings {
		return i
	}
	return -1
}

// letterIndex returns the index of the candidate that a letter (A, B, … or a, b, …) means, or -1.
func letterIndex(text string, n int) int {
	if len(text) != 1 {
		return -1
	}
	if i := int(strings.ToUpper(text)[0]) - 'A'; i >= 0 && i < n {
		return i
	}
	return -1
}
