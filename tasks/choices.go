package tasks

import (
	"fmt"
	"slices"
	"strings"
)

// A choiceSet is a data set of questions with several answers, one of them right.
type choiceSet struct {
	hubTask
	ask func(r *row) question
}

// A question is what a row of a choice set asks.
type question struct {
	template string   // columns of the row, and {candidate} for the answer that is shown
	prompt   string   // template of the question alone, for the free answer
	answers  []string // the answers
	right    int      // which of them is right
	beyond   bool     // the right one cannot be judged without the others ("none of the above")
	group    string   // what questions share, "" for nothing
}

// example is the ranking of the answers.
func (q question) example(r *row) Example {
	e := Example{Gold: oneHot(len(q.answers), q.right)}
	if r.fault == "" && r.left == "" && e.Gold == nil {
		r.fail("answer %d is not one of the %d", q.right, len(q.answers))
	}
	for _, a := range q.answers {
		r.columns["candidate"] = a
		e.Texts = append(e.Texts, r.fill(q.template))
	}
	if q.group != "" {
		e = e.grouped(q.group)
	}
	return e
}

// task shows one answer and asks whether it is right.
func (s choiceSet) task() hubTask {
	t := s.hubTask
	t.make = func(r *row) Example {
		q := s.ask(r)
		e := q.example(r)
		if r.fault != "" || r.left != "" {
			return Example{}
		}
		e, same := sortCandidates(e)
		if same {
			r.leaveOut("two answers are the same")
			return Example{}
		}
		e.ID = ContentID(Rank, e.Texts)
		return showOne(e, !q.beyond)
	}
	return t
}

// choices ranks all answers of a question.
func (s choiceSet) choices() hubTask {
	t := s.hubTask
	t.stem = t.info.Name
	t.info.Name += "-choices"
	t.info.Title += " (rank the answers)"
	t.info.Category, t.info.Form, t.info.Classes = Generative, Rank, nil
	t.make = func(r *row) Example {
		q := s.ask(r)
		if q.beyond {
			r.leaveOut("the right answer is none of the others")
		}
		return q.example(r)
	}
	return t
}

// free asks for the answer in writing; only sets with a prompt and short answers have this form.
func (s choiceSet) free() hubTask {
	t := s.hubTask
	t.stem = t.info.Name
	t.info.Name += "-free"
	t.info.Title += " (write the answer)"
	t.info.Category, t.info.Form, t.info.Classes, t.info.Metric = Generative, Generate, nil, ExactMatch
	t.make = func(r *row) Example {
		q := s.ask(r)
		if q.right < 0 || q.right >= len(q.answers) {
			q.example(r) // notes the fault
			return Example{}
		}
		e := Example{Texts: []string{r.fill(q.prompt)}, Answer: strings.TrimSpace(q.answers[q.right])}
		if q.group != "" {
			e = e.grouped(q.group)
		}
		return e
	}
	return t
}

// choiceTasks are the forms of the choice sets that rank and write answers.
func choiceTasks() []Task {
	var tasks []Task
	for _, set := range choiceSets() {
		tasks = append(tasks, set.choices())
	}
	for _, set := range choiceSets() {
		if slices.Contains([]string{"sciq", "sciq_with_support", "dream", "openbookqa", "quartz", "social_i_qa"}, set.info.Name) {
			tasks = append(tasks, set.free())
		}
	}
	return tasks
}

func choiceSets() []choiceSet {
	sciq := func(template, prompt string) func(r *row) question {
		return func(r *row) question {
			q := question{template: template, prompt: prompt,
				answers: []string{r.text("correct_answer"), r.text("distractor1"), r.text("distractor2"), r.text("distractor3")}}
			if strings.Contains(template, "{support}") && r.text("support") == "" {
				r.leaveOut("no support")
			}
			return q
		}
	}
	return []choiceSet{
		{
			hubTask: hubTask{
				info: nlpInfo("sciq", "science exam questions", "Welbl et al. 2017", "CC-BY-NC-3.0"),
				repo: "allenai/sciq", train: splits("default", "train", "validation"), test: splits("default", "test"),
			},
			ask: sciq("Q: {question} A: {candidate}", "Q: {question} A:"),
		},
		{
			hubTask: hubTask{
				info: nlpInfo("sciq_with_support", "science exam questions with a passage", "Welbl et al. 2017", "CC-BY-NC-3.0"),
				repo: "allenai/sciq", train: splits("default", "train", "validation"), test: splits("default", "test"),
			},
			ask: sciq("Name: Bob\n\nPassage 1:\n{support}\n\nQ1: \"{question}\" Is the answer \"{candidate}\"?", "Passage 1:\n{support}\n\nQ1: {question} A:"),
		},
		{
			hubTask: hubTask{
				info: nlpInfo("cosmos_qa", "questions on everyday stories", "Huang et al. 2019", "CC-BY-4.0"),
				repo: "allenai/cosmos_qa", train: splits("default", "train"), test: splits("default", "validation"),
			},
			ask: func(r *row) question {
				q := question{template: "Context: {context}\nQuestion: {question}\nAnswer: {candidate}", group: r.text("context"), right: r.int("label")}
				for i := range 4 {
					q.answers = append(q.answers, r.text(fmt.Sprint("answer", i)))
				}
				if q.right >= 0 && q.right < 4 {
					q.beyond = strings.Contains(q.answers[q.right], "None of the above choices")
				}
				return q
			},
		},
		{
			hubTask: hubTask{
				info: nlpInfo("dream", "questions on dialogues", "Sun et al. 2019", "not stated; research use"),
				repo: "dataset-org/dream", train: splits("plain_text", "train"), test: splits("plain_text", "test"),
			},
			ask: func(r *row) question {
				dialogue := strings.Join(r.list("dialogue"), "\n")
				r.columns["dialogue"] = dialogue
				answers := r.list("choice")
				return question{template: "{dialogue}\n\nQ: {question} A: {candidate}", prompt: "{dialogue}\n\nQ: {question} A:",
					answers: answers, right: slices.Index(answers, r.text("answer")), group: dialogue}
			},
		},
		{
			hubTask: hubTask{
				info: nlpInfo("ethics-utilitarianism", "which of two events is more pleasant", "Hendrycks et al. 2021 (ETHICS)", "MIT"),
				repo: "hendrycks/ethics", train: splits("utilitarianism", "train"), test: splits("utilitarianism", "test"),
			},
			ask: func(r *row) question {
				better, worse := r.text("baseline"), r.text("less_pleasant")
				r.columns["first"], r.columns["second"] = better, worse
				right := 0
				if coin("order", better, worse) {
					r.columns["first"], r.columns["second"], right = worse, better, 1
				}
				return question{template: "Which is more pleasant?\n1) {first}\n2) {second} A: {candidate}", answers: []string{"1", "2"}, right: right}
			},
		},
		{
			hubTask: hubTask{
				info: nlpInfo("hellaswag", "which ending continues a text", "Zellers et al. 2019", "MIT"),
				repo: "Rowan/hellaswag", train: splits("default", "train"), test: splits("default", "validation"),
			},
			ask: func(r *row) question {
				endings := r.list("endings")
				r.columns["listed"] = strings.Join(endings, "\n")
				if r.text("label") == "" {
					r.leaveOut("no label")
					return question{}
				}
				return question{template: "Context:\n{ctx}\n\nContinuations:\n\n{listed}\n\nQ: Is \"{candidate}\" the best continuation?",
					answers: endings, right: r.int("label"), group: r.text("ctx")}
			},
		},
		{
			hubTask: hubTask{
				info: nlpInfo("openbookqa", "elementary science questions", "Mihaylov et al. 2018", "not stated"),
				repo: "allenai/openbookqa", train: splits("main", "train"), test: splits("main", "test"),
			},
			ask: func(r *row) question {
				answers, letters := r.list("choices.text"), r.list("choices.label")
				listed := make([]string, min(len(answers), len(letters)))
				for i := range listed {
					listed[i] = letters[i] + ") " + answers[i]
				}
				r.columns["listed"] = strings.Join(listed, "\n")
				return question{template: "Q: {question_stem}\n\nChoices:\n{listed}\n\nAnswer: {candidate}", prompt: "Q: {question_stem}\n\nChoices:\n{listed}\n\nAnswer:",
					answers: answers, right: slices.Index(letters, r.text("answerKey"))}
			},
		},
		{
			hubTask: hubTask{
				info: nlpInfo("piqa", "how to reach a goal in the physical world", "Bisk et al. 2020", "AFL-3.0"),
				repo: "ybisk/piqa", train: splits("plain_text", "train"), test: splits("plain_text", "validation"),
			},
			ask: func(r *row) question {
				q := question{template: "Q: {goal} A: {candidate}", answers: []string{r.text("sol1"), r.text("sol2")}, group: r.text("goal")}
				if r.yes("label") {
					q.right = 1
				}
				return q
			},
		},
		{
			hubTask: hubTask{
				info: nlpInfo("quail", "reading comprehension of many kinds", "Rogers et al. 2020", "CC-BY-NC-SA-4.0"),
				repo: "textmachinelab/quail", train: splits("quail", "train"), test: splits("quail", "validation"),
			},
			ask: func(r *row) question {
				return question{template: "Passage:\n\n{context}\n\nQ: \"{question}\" Is the answer \"{candidate}\"?",
					answers: r.list("answers"), right: r.int("correct_answer_id"), group: r.text("context")}
			},
		},
		{
			hubTask: hubTask{
				info: nlpInfo("quartz", "questions on qualitative relations", "Tafjord et al. 2019", "CC-BY-4.0"),
				repo: "allenai/quartz", train: splits("default", "train"), test: splits("default", "test"),
			},
			ask: func(r *row) question {
				return question{template: "Passage:\n{para}\n\nQ: \"{question}\" Is the answer \"{candidate}\"?", prompt: "Passage:\n{para}\n\nQ: {question} A:",
					answers: r.list("choices.text"), right: slices.Index(r.list("choices.label"), r.text("answerKey")), group: r.text("para")}
			},
		},
		{
			hubTask: hubTask{
				info: nlpInfo("social_i_qa", "questions on social situations", "Sap et al. 2019", "not stated"),
				repo: "allenai/social_i_qa", train: splits("default", "train"), test: splits("default", "validation"),
			},
			ask: func(r *row) question {
				head := "Context:\n{context}\n\nQuestion: \"{question}\"\n\nChoices:\n{answerA}\n{answerB}\n{answerC}\n\n"
				return question{template: head + "Is the answer \"{candidate}\"?", prompt: head + "Answer:",
					answers: []string{r.text("answerA"), r.text("answerB"), r.text("answerC")}, right: r.int("label") - 1, group: r.text("context")}
			},
		},
	}
}
