package tasks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// example makes the example of a row. It is the exampleFunc of a Spec.
func (s *Spec) example(r *row) Example {
	var e Example
	switch s.Form {
	case Classify:
		e = Example{Texts: s.texts(r, s.Template), Control: s.texts(r, s.Control), Gold: s.gold(r)}
		if text := s.unpaired(r); text != "" {
			e.Texts = []string{text}
		}
	case Rank:
		e = s.ranking(r)
	case Generate:
		e = Example{Texts: s.texts(r, s.Template), Answer: s.written(r), Control: s.texts(r, s.Control)}
		if s.opensTurn(r) {
			e.Texts[0] += assistantTurn
		}
	}
	for _, column := range s.weak {
		if p := s.opinion(r, column, len(e.Gold)); p != nil {
			if e.Weak == nil {
				e.Weak = map[string][]float64{}
			}
			e.Weak[column] = p
		}
	}
	if s.Difficulty != "" {
		e.Difficulty = r.float(s.Difficulty)
	}
	if group := s.group(r); group != "" {
		e.Group = s.Name + " " + group
	}
	return e
}

// unpaired returns the text of a guessed unpaired preference whose reply is in messages, which may repeat the prompt. It returns
// "" for other rows.
func (s *Spec) unpaired(r *row) string {
	columns := templateColumns(s.Template)
	if !s.guessed || s.Category != Reward || len(columns) != 2 {
		return ""
	}
	if _, ok := r.messages(columns[1]); !ok {
		return ""
	}
	return r.replies(columns[0], columns[1])[0].whole
}

// group returns the value of the group column, or "" if there is none. An empty cell or null means that the row is of no group.
func (s *Spec) group(r *row) string {
	if v, ok := r.columns[s.Group]; s.Group == "" || ok && v == nil || !ok && s.guessed {
		return ""
	}
	return strings.TrimSpace(r.text(s.Group))
}

// written returns the answer to write: a text, or the last message of a dialogue.
func (s *Spec) written(r *row) string {
	answer := ""
	if messages, ok := r.messages(s.Answer); !ok {
		answer = r.text(s.Answer)
	} else if len(messages) > 0 {
		answer = messages[len(messages)-1].content
	}
	return strings.TrimSpace(answer)
}

// opensTurn reports whether the text of an example is a prompt in messages, which the assistant answers.
func (s *Spec) opensTurn(r *row) bool {
	columns := templateColumns(s.Template)
	if len(columns) != 1 || s.Template != "{"+columns[0]+"}" {
		return false
	}
	prompt, ok := r.messages(columns[0])
	return ok && len(prompt) > 0 && prompt[len(prompt)-1].speaker != assistant
}

// texts returns the filled template as a list of one, or nil if there is no template.
func (s *Spec) texts(r *row, template string) []string {
	if template == "" {
		return nil
	}
	return []string{strings.TrimSpace(r.fill(template))}
}

func (s *Spec) ranking(r *row) Example {
	var e Example
	var replies []reply
	asked := s.promptColumn()
	if s.Choices != "" {
		choices := r.choices(s.Choices)
		for _, c := range choices {
			replies = append(replies, reply{answer: c.text})
		}
		e.Gold = oneHot(len(replies), r.rightChoice(s.Answer, choices))
	} else {
		replies = r.replies(asked, s.Chosen, s.Rejected)
		e.Gold = []float64{1, 0}
		if s.Soft {
			p := r.probability(s.Label)
			e.Gold = []float64{p, 1 - p}
		}
	}
	e.Group = s.rankingGroup(r, replies)
	for _, c := range replies {
		if s.Choices == "" && asked != "" {
			r.columns[asked] = c.prompt
		}
		r.columns["candidate"] = c.answer
		text := s.texts(r, s.Template)
		if c.whole != "" && s.joinsPrompt() {
			text = []string{strings.TrimSpace(c.whole)}
		}
		e.Texts = append(e.Texts, text...)
		e.Replies = append(e.Replies, c.answer)
		e.Control = append(e.Control, s.texts(r, s.Control)...)
		if strings.TrimSpace(c.answer) == "" {
			r.fail("empty candidate")
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(s.Template), "{candidate}") { // the candidate is part of a question
		e.Replies = nil
	}
	return e
}

// rankingGroup returns the group of questions with the same prompt. The prompt is the one before the messages, the template
// without the candidate or, if that is empty, the common beginning of two dialogues.
func (s *Spec) rankingGroup(r *row, replies []reply) string {
	if len(replies) > 0 && replies[0].before != "" {
		return promptGroup(replies[0].before)
	}
	r.columns["candidate"] = ""
	if prompt := r.fill(s.Template); strings.TrimSpace(prompt) != "" {
		return promptGroup(prompt)
	}
	if len(replies) == 2 {
		if prompt, _, _, ok := lastReply(unixLines(replies[0].answer), unixLines(replies[1].answer)); ok {
			return promptGroup(prompt)
		}
	}
	return ""
}

// promptColumn returns the column of a ranking's template that holds the prompt: the only one beside the candidate, or else
// the first with a usual name. It returns "" if there is none.
func (s *Spec) promptColumn() string {
	columns := templateColumns(s.Template)
	columns = slices.DeleteFunc(columns, func(c string) bool { return c == "candidate" })
	if len(columns) == 1 {
		return columns[0]
	}
	if i := slices.IndexFunc(columns, func(c string) bool { return slices.Contains(promptColumns, c) }); i >= 0 {
		return columns[i]
	}
	return ""
}

// joinsPrompt reports whether the template is the prompt and the candidate with white space between them.
func (s *Spec) joinsPrompt() bool {
	between, ok := strings.CutPrefix(s.Template, "{"+s.promptColumn()+"}")
	between, alsoOK := strings.CutSuffix(between, "{candidate}")
	return ok && alsoOK && strings.TrimSpace(between) == ""
}

// gold reads the label of a classification.
func (s *Spec) gold(r *row) []float64 {
	if s.Soft {
		v, _ := r.value(s.Label)
		if isList(v) {
			return r.distribution(s.Label, len(s.Classes))
		}
		if hint := listHint(v); hint != "" {
			r.fail("%q is a text, not a number or a list%s", s.Label, hint)
			return nil
		}
		if len(s.Classes) != 2 {
			r.fail("soft label %q: want a list with a probability for each of the %d classes", s.Label, len(s.Classes))
			return nil
		}
		p := r.probability(s.Label)
		return []float64{1 - p, p}
	}
	if v, _ := r.value(s.Label); isList(v) {
		r.fail("%q is a list, not a text (if it has a probability for each class, write \"soft: true\" in a task file)", s.Label)
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
		r.failLabel(value, fmt.Sprintf("is not in the label map (%s): map every label of the file", s.mapped))
		return nil
	}
	if class, ok := s.class(value); ok {
		return oneHot(len(s.Classes), class)
	}
	if slices.Equal(s.Classes, []string{"0", "1"}) {
		switch strings.ToLower(value) {
		case "0.0", "false":
			return oneHot(2, 0)
		case "1.0", "true":
			return oneHot(2, 1)
		}
		if p, err := strconv.ParseFloat(value, 64); err == nil && p > 0 && p < 1 {
			r.failLabel(value, "is not 0 or 1 (if it is a probability of class 1, add the setting soft=true, or \"soft: true\" in a task file)")
			return nil
		}
		r.failLabel(value, "is not 0 or 1 (a task file can name other labels under \"classes\", or map them under \"labels\": docs/add-a-task.md)")
		return nil
	}
	hint := ""
	if _, number := wholeNumber(value); number && s.guessed {
		hint = fmt.Sprintf("; labels= maps numbers to classes, such as labels=%s=%s", value, s.Classes[0])
	}
	r.failLabel(value, fmt.Sprintf("is neither the name nor the number of a class (%s%s)", strings.Join(s.Classes, ", "), hint))
	return nil
}
