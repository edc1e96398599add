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
	case Rank:
		e = s.ranking(r)
	case Generate:
		e = Example{Texts: s.texts(r, s.Template), Answer: strings.TrimSpace(r.text(s.Answer)), Control: s.texts(r, s.Control)}
	}
	if s.Group != "" {
		e.Group = s.Name + " " + r.text(s.Group)
	}
	return e
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
	var candidates []string
	if s.Choices != "" {
		choices := r.choices(s.Choices)
		for _, c := range choices {
			candidates = append(candidates, c.text)
		}
		e.Gold = oneHot(len(candidates), r.rightChoice(s.Answer, choices))
	} else {
		candidates = []string{r.dialogue(s.Chosen), r.dialogue(s.Rejected)}
		e.Gold = []float64{1, 0}
		if s.Soft {
			p := r.probability(s.Label)
			e.Gold = []float64{p, 1 - p}
		}
	}
	// Questions with the same prompt form a group. The prompt is the template without the candidate or, if that is empty,
	// the common beginning of two dialogues.
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
		e.Texts = append(e.Texts, s.texts(r, s.Template)...)
		e.Control = append(e.Control, s.texts(r, s.Control)...)
		if strings.TrimSpace(candidate) == "" {
			r.fail("empty candidate")
		}
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
	if slices.Equal(s.Classes, []string{"0", "1"}) {
		switch strings.ToLower(value) {
		case "0.0", "false":
			return oneHot(2, 0)
		case "1.0", "true":
			return oneHot(2, 1)
		}
		r.failLabel(value, "is not 0 or 1 (a task file can name other labels under \"classes\": docs/add-a-task.md)")
		return nil
	}
	r.failLabel(value, fmt.Sprintf("is neither the name nor the number of a class (%s)", strings.Join(s.Classes, ", ")))
	return nil
}
