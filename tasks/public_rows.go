package tasks

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The functions in this file give rows of public repositories the columns that the same data set has on the hub.

// ofClass returns an example of one of n classes. The column has the number of the class.
func (r *row) ofClass(text, column string, n int) Example {
	class := r.int(column)
	e := Example{Texts: []string{strings.TrimSpace(text)}, Gold: oneHot(n, class)}
	if r.fault == "" && e.Gold == nil {
		r.fail("%s %d is not the number of one of the %d classes", column, class, n)
	}
	return e
}

// rteRows writes a named label of SuperGLUE as its number on the hub.
func rteRows(r *row) []*row {
	switch label := r.text("label"); label {
	case "entailment":
		r.columns["label"] = "0"
	case "not_entailment":
		r.columns["label"] = "1"
	default:
		r.fail("label %q is neither entailment nor not_entailment", shortened(label))
	}
	return []*row{r}
}

// multircRows returns a row for every answer to a question on a passage.
func multircRows(r *row) []*row {
	passage := r.text("passage.text")
	questions := r.records("passage.questions")
	var rows []*row
	for _, q := range questions {
		for _, a := range q.records("answers") {
			a.columns["paragraph"], a.columns["question"], a.columns["answer"] = passage, q.text("question"), a.text("text")
			if a.fault == "" {
				a.fault = q.fault
			}
			rows = append(rows, a)
		}
		if q.fault != "" {
			r.fail("%s", q.fault)
		}
	}
	if r.fault != "" {
		return []*row{r}
	}
	return rows
}

// records returns the records of a list as rows of the same line.
func (r *row) records(column string) []*row {
	v, ok := r.value(column)
	if !ok {
		r.failMissing(column)
		return nil
	}
	items, ok := v.([]any)
	if !ok {
		r.fail("%q is a %s, not a list", column, kindOf(v))
		return nil
	}
	rows := make([]*row, 0, len(items))
	for i, item := range items {
		columns, ok := item.(map[string]any)
		if !ok {
			r.fail("%q: item %d is a %s, not a record", column, i+1, kindOf(item))
			return nil
		}
		rows = append(rows, &row{file: r.file, line: r.line, columns: columns})
	}
	return rows
}

// trecRows writes the labels of the copy as those of the hub.
func trecRows(r *row) []*row {
	hub := map[string]string{"0": "2", "1": "1", "2": "0", "3": "3", "4": "4", "5": "5"} // description, entity, abbreviation, human, location, number
	r.columns["coarse_label"] = hub[r.text("label")]
	return []*row{r}
}

// agRows joins title and description as on the hub, and counts classes from 0.
func agRows(r *row) []*row {
	class := r.int("class")
	if class < 1 || class > 4 {
		r.fail("class %d is not one of 1 to 4", class)
	}
	r.columns["text"], r.columns["label"] = r.fill("{title} {description}"), strconv.Itoa(class-1)
	return []*row{r}
}

// An adapterQuestion is a question in the form of LLM-Adapters: an instruction with the question and the numbered answers.
type adapterQuestion struct {
	stem    string
	answers []string
	right   int
}

var (
	adapterHead  = regexp.MustCompile(`(?s)^Please choose the correct (?:answer|solution) to [^:]*: (.*?)\s+(Answer|Solution|Option)1: `)
	adapterRight = regexp.MustCompile(`^(?:answer|solution|option)([1-9])$`)
)

// adapterQuestionOf reads a row of LLM-Adapters.
func adapterQuestionOf(r *row) adapterQuestion {
	text, right := r.text("instruction"), r.text("answer")
	if r.fault != "" {
		return adapterQuestion{}
	}
	head := adapterHead.FindStringSubmatch(text)
	rest, _, ended := cutLast(text, "Answer format:")
	number := adapterRight.FindStringSubmatch(right)
	if head == nil || !ended || number == nil {
		r.fail("not a question with numbered answers and the name of the right one: %q", shortened(text))
		return adapterQuestion{}
	}
	q := adapterQuestion{stem: strings.TrimSpace(head[1])}
	rest = rest[len(head[0]):]
	for n := 2; ; n++ {
		answer, more, ok := strings.Cut(rest, fmt.Sprintf("%s%d: ", head[2], n))
		q.answers = append(q.answers, strings.TrimSpace(answer))
		if rest = more; !ok {
			break
		}
	}
	q.right = int(number[1][0] - '1')
	return q
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	at := strings.LastIndex(s, separator)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(separator):], true
}

// letters are the names of answers on the hub.
const letters = "ABCDEFGHIJ"

// setChoices writes a question as on the hub: a column for the question, choices with text and label, and answerKey.
func (q adapterQuestion) setChoices(r *row, question string) {
	var texts, labels []any
	for i, a := range q.answers {
		texts, labels = append(texts, a), append(labels, letters[i:i+1])
	}
	r.columns[question] = q.stem
	r.columns["choices"] = map[string]any{"text": texts, "label": labels}
	r.columns["answerKey"] = letters[q.right : q.right+1]
}

func arcAdapterRows(r *row) []*row {
	adapterQuestionOf(r).setChoices(r, "question")
	return []*row{r}
}

func openbookAdapterRows(r *row) []*row {
	adapterQuestionOf(r).setChoices(r, "question_stem")
	return []*row{r}
}

var listedChoice = regexp.MustCompile(`\(([A-H])\) `)

// openbookTableRows reads the question's table: the choices are one text, "(A) bank (B) library".
func openbookTableRows(r *row) []*row {
	listed := r.text("Choices")
	marks := listedChoice.FindAllStringSubmatchIndex(listed, -1)
	var texts, labels []any
	for i, m := range marks {
		end := len(listed)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		texts, labels = append(texts, strings.TrimSpace(listed[m[1]:end])), append(labels, listed[m[2]:m[3]])
	}
	r.columns["question_stem"], r.columns["answerKey"] = r.text("Question Stem"), r.text("Answer Key")
	r.columns["choices"] = map[string]any{"text": texts, "label": labels}
	return []*row{r}
}

// commonsenseRows reads the question's own form, in which the stem and the choices are a record.
func commonsenseRows(r *row) []*row {
	var texts, labels []any
	for _, c := range r.records("question.choices") {
		texts, labels = append(texts, c.text("text")), append(labels, c.text("label"))
	}
	stem := r.text("question.stem")
	r.columns["question"] = stem
	r.columns["choices"] = map[string]any{"text": texts, "label": labels}
	return []*row{r}
}

func piqaAdapterRows(r *row) []*row {
	q := adapterQuestionOf(r)
	if len(q.answers) != 2 && r.fault == "" {
		r.fail("%d solutions, want 2", len(q.answers))
	}
	if r.fault == "" {
		r.columns["goal"], r.columns["sol1"], r.columns["sol2"], r.columns["label"] = q.stem, q.answers[0], q.answers[1], strconv.Itoa(q.right)
	}
	return []*row{r}
}

// socialAdapterRows cuts the last sentence, which is the question, from its context.
func socialAdapterRows(r *row) []*row {
	q := adapterQuestionOf(r)
	if len(q.answers) != 3 && r.fault == "" {
		r.fail("%d answers, want 3", len(q.answers))
	}
	if r.fault != "" {
		return []*row{r}
	}
	context, question := "", q.stem
	if at := strings.LastIndexAny(strings.TrimRight(q.stem, ".?! "), ".?!"); at > 0 {
		context, question = q.stem[:at+1], strings.TrimSpace(q.stem[at+1:])
	}
	r.columns["context"], r.columns["question"], r.columns["label"] = context, question, strconv.Itoa(q.right+1)
	for i, a := range q.answers {
		r.columns["answer"+letters[i:i+1]] = a
	}
	return []*row{r}
}

func winograndeAdapterRows(r *row) []*row {
	q := adapterQuestionOf(r)
	if len(q.answers) != 2 && r.fault == "" {
		r.fail("%d options, want 2", len(q.answers))
	}
	if r.fault == "" {
		r.columns["sentence"], r.columns["option1"], r.columns["option2"] = q.stem, q.answers[0], q.answers[1]
		r.columns["answer"] = strconv.Itoa(q.right + 1)
	}
	return []*row{r}
}

// solutionRows returns a function that makes a row of each of two solutions of a question.
func solutionRows(size string) func(*row) []*row {
	return func(r *row) []*row {
		var rows []*row
		for _, method := range []string{"finetuning", "verification"} {
			name := size + "_" + method
			one := &row{file: r.file, line: r.line, columns: map[string]any{"question": r.text("question"),
				"solution": r.text(name + ".solution"), "label": r.text(name + ".is_correct")}}
			rows = append(rows, one)
		}
		if r.fault != "" {
			return []*row{r}
		}
		return rows
	}
}

// topicOf returns the name of a file of UKPConvArg1: the topic and the side that all its arguments take.
func topicOf(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".csv")
	return name
}

// firstSentence returns a text up to its first full stop.
func firstSentence(text string) string {
	sentence, _, _ := strings.Cut(text, ".")
	return sentence
}

// sortedPair joins two names in alphabetical order.
func sortedPair(a, b string) string {
	pair := []string{a, b}
	slices.Sort(pair)
	return strings.Join(pair, " / ")
}
