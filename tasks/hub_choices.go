package tasks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A choiceSet is a data set of questions with several answers, one of which is right. It becomes up to three tasks:
// judge one answer (singleTask), rank the answers (rankTask) and write the answer (freeTask).
type choiceSet struct {
	hubTask  // without its rule
	question func(r *row) question
	free     bool // the answers are short enough to be written, and question.prompt is set
}

// A question is a row of a choiceSet.
type question struct {
	template    string // text of an example: a template of the row's columns, with {candidate} for an answer
	prompt      string // template of the question without answer, for the free task
	answers     []string
	right       int    // index of the right answer
	rightIsNone bool   // the right answer is "none of the above", which cannot be judged without the other answers
	group       string // a text that questions share, or ""
}

// ranking returns the ranking of the answers.
func (q question) ranking(r *row) Example {
	e := Example{Gold: oneHot(len(q.answers), q.right)}
	if r.fault == "" && r.skipped == "" && e.Gold == nil {
		r.fail("right answer %d is not one of the %d answers", q.right, len(q.answers))
	}
	for _, a := range q.answers {
		r.columns["candidate"] = a
		e.Texts = append(e.Texts, r.fill(q.template))
		e.Replies = append(e.Replies, a)
	}
	if !strings.HasSuffix(q.template, "{candidate}") { // the answer is part of a question
		e.Replies = nil
	}
	if q.group != "" {
		e = e.groupedBy(q.group)
	}
	return e
}

// singleTask shows one answer and asks whether it is right.
func (s choiceSet) singleTask() hubTask {
	t := s.hubTask
	t.example = func(r *row) Example {
		q := s.question(r)
		e := q.ranking(r)
		if r.fault != "" || r.skipped != "" {
			return Example{}
		}
		e, same := sortCandidates(e)
		if same {
			r.skip("two answers are the same")
			return Example{}
		}
		e.ID = ContentID(Rank, e.Texts)
		return singleExample(e, !q.rightIsNone)
	}
	return t
}

// wholeQuestions returns the task of the set without the public sources that show one answer of each question.
func (s choiceSet) wholeQuestions() hubTask {
	t := s.hubTask
	t.localName = t.info.Name
	t.public = slices.DeleteFunc(slices.Clone(t.public), func(p publicSource) bool {
		return slices.ContainsFunc(p.files, func(f publicFile) bool { return f.example != nil })
	})
	return t
}

// rankTask ranks all answers of a question.
func (s choiceSet) rankTask() hubTask {
	t := s.wholeQuestions()
	t.info.Corpus = cmp.Or(t.info.Corpus, t.info.Name)
	t.info.Name += "-choices"
	t.info.Title += " (rank the answers)"
	t.info.Form, t.info.Classes = Rank, nil
	t.example = func(r *row) Example {
		q := s.question(r)
		if q.rightIsNone {
			r.skip("the right answer is none of the others")
		}
		return q.ranking(r)
	}
	return t
}

// freeTask asks for the answer in writing.
func (s choiceSet) freeTask() hubTask {
	t := s.wholeQuestions()
	t.info.Corpus = cmp.Or(t.info.Corpus, t.info.Name)
	t.info.Name += "-free"
	t.info.Title += " (write the answer)"
	t.info.Category, t.info.Form, t.info.Classes, t.info.Metric = Generative, Generate, nil, ExactMatch
	t.example = func(r *row) Example {
		q := s.question(r)
		if q.right < 0 || q.right >= len(q.answers) {
			q.ranking(r) // records the fault
			return Example{}
		}
		e := Example{Texts: []string{r.fill(q.prompt)}, Answer: strings.TrimSpace(q.answers[q.right])}
		if q.group != "" {
			e = e.groupedBy(q.group)
		}
		return e
	}
	return t
}

// choiceTasks returns the rankings and the free tasks of all choice sets.
func choiceTasks() []Task {
	var tasks []Task
	for _, set := range choiceSets() {
		tasks = append(tasks, set.rankTask())
	}
	for _, set := range choiceSets() {
		if set.free {
			tasks = append(tasks, set.freeTask())
		}
	}
	return tasks
}

func choiceSets() []choiceSet {
	return []choiceSet{
		{
			hubTask: hubTask{
				info: nlpInfo("sciq", "science exam questions", "Welbl et al. 2017", "CC-BY-NC-3.0"),
				repo: "allenai/sciq", train: splits("default", "train", "validation"), test: splits("default", "test"),
				public: []publicSource{
					{sciqRepo, []publicFile{
						{name: "sciq_w2s_train_naive_weak1.8b.json", example: shownAnswer("label")},
						{name: "sciq_w2s_test.jsonl", example: shownAnswer("hard_label"), test: true},
					}},
					{sciqRepo, []publicFile{{name: "sciq_w2s_train_naive_weak1.8b.json", example: shownAnswer("label")}}},
					{sciqRepo, trainFiles("sciq_w2s_test.jsonl")},
				},
			},
			question: sciqQuestion, free: true,
		},
		{
			hubTask: hubTask{
				info: nlpInfo("sciq_with_support", "science exam questions with a passage", "Welbl et al. 2017", "CC-BY-NC-3.0"),
				repo: "allenai/sciq", train: splits("default", "train", "validation"), test: splits("default", "test"),
				public: []publicSource{{sciqRepo, trainFiles("sciq_w2s_test.jsonl")}},
			},
			question: sciqSupportQuestion, free: true,
		},
		{
			hubTask: hubTask{
				info: nlpInfo("cosmos_qa", "questions on everyday stories", "Huang et al. 2019", "CC-BY-4.0"),
				repo: "allenai/cosmos_qa", train: splits("default", "train"), test: splits("default", "validation"),
				public: []publicSource{{"wilburOne/cosmosqa", trainFiles("cosmosqa_valid.csv")}},
			},
			question: cosmosQuestion,
		},
		{
			hubTask: hubTask{
				info: nlpInfo("dream", "questions on dialogues", "Sun et al. 2019", "not stated; research use"),
				repo: "dataset-org/dream", train: splits("plain_text", "train"), test: splits("plain_text", "test"),
			},
			question: dreamQuestion, free: true,
		},
		{
			hubTask: hubTask{
				info: nlpInfo("ethics-utilitarianism", "which of two events is more pleasant", "Hendrycks et al. 2021 (ETHICS)", "MIT"),
				repo: "hendrycks/ethics", train: splits("utilitarianism", "train"), test: splits("utilitarianism", "test"),
				public: []publicSource{{ethicsRepo, []publicFile{
					{name: "ethics/utilitarianism/util_train.csv", columns: []string{"baseline", "less_pleasant"}},
					{name: "ethics/utilitarianism/util_test.csv", columns: []string{"baseline", "less_pleasant"}, test: true},
				}}},
			},
			question: utilitarianismQuestion,
		},
		{
			hubTask: hubTask{
				info: nlpInfo("hellaswag", "which ending continues a text", "Zellers et al. 2019", "MIT"),
				repo: "Rowan/hellaswag", train: splits("default", "train"), test: splits("default", "validation"),
				public: []publicSource{{"RubriksCube/rubriks_cube", trainFiles("hellaswag_val_sample1000.jsonl")}},
			},
			question: hellaswagQuestion,
		},
		{
			hubTask: hubTask{
				info: nlpInfo("openbookqa", "elementary science questions", "Mihaylov et al. 2018", "Apache-2.0"),
				repo: "allenai/openbookqa", train: splits("main", "train"), test: splits("main", "test"),
				public: []publicSource{
					{adaptersRepo, eachFile(openbookAdapterRows, trainTest("openbookqa_train.json", "openbookqa_test.json"))},
					{"imagination-research/EEP", eachFile(openbookTableRows, trainFiles("openbookqa_dev.tsv"))},
				},
			},
			question: openbookQuestion, free: true,
		},
		{
			hubTask: hubTask{
				info: nlpInfo("piqa", "how to reach a goal in the physical world", "Bisk et al. 2020", "AFL-3.0"),
				repo: "ybisk/piqa", train: splits("plain_text", "train"), test: splits("plain_text", "validation"),
				public: []publicSource{
					{"ybisk/ybisk.github.io", []publicFile{{name: "piqa_valid.jsonl", labels: "piqa_valid_labels.lst"}}},
					{adaptersRepo, eachFile(piqaAdapterRows, trainFiles("piqa_test.json"))},
				},
			},
			question: piqaQuestion,
		},
		{
			hubTask: hubTask{
				info: nlpInfo("quail", "reading comprehension of many kinds", "Rogers et al. 2020", "CC-BY-NC-SA-4.0"),
				repo: "textmachinelab/quail", train: splits("quail", "train"), test: splits("quail", "validation"),
			},
			question: quailQuestion,
		},
		{
			hubTask: hubTask{
				info: nlpInfo("quartz", "questions on qualitative relations", "Tafjord et al. 2019", "CC-BY-4.0"),
				repo: "allenai/quartz", train: splits("default", "train"), test: splits("default", "test"),
			},
			question: quartzQuestion, free: true,
		},
		{
			hubTask: hubTask{
				info: nlpInfo("social_i_qa", "questions on social situations", "Sap et al. 2019", "CC-BY-4.0"),
				repo: "allenai/social_i_qa", train: splits("default", "train"), test: splits("default", "validation"),
				public: []publicSource{{adaptersRepo, eachFile(socialAdapterRows, trainFiles("social_i_qa_test.json"))}},
			},
			question: socialQuestion, free: true,
		},
		arcSet("arc-easy", "science exam questions, easy ones", "ARC-Easy"),
		arcSet("arc-challenge", "science exam questions, hard ones", "ARC-Challenge"),
		{
			hubTask: hubTask{
				info: nlpInfo("commonsenseqa", "questions on everyday knowledge", "Talmor et al. 2019", "MIT"),
				repo: "tau/commonsense_qa", train: splits("default", "train"), test: splits("default", "validation"),
				public: []publicSource{{"kojima-takeshi188/zero_shot_cot", eachFile(commonsenseRows, trainTest("commonsenseqa_train.jsonl", "commonsenseqa_dev.jsonl"))}},
			},
			question: labelledQuestion, free: true,
		},
		{
			hubTask: hubTask{
				info: nlpInfo("winogrande", "which of two names a gap in a sentence stands for", "Sakaguchi et al. 2020", "Apache-2.0"),
				repo: "allenai/winogrande", train: splits("winogrande_xl", "train"), test: splits("winogrande_xl", "validation"),
				public: []publicSource{{adaptersRepo, eachFile(winograndeAdapterRows, trainFiles("winogrande_test.json"))}},
			},
			question: winograndeQuestion,
		},
	}
}

func sciqQuestion(r *row) question {
	return question{template: "Q: {question} A: {candidate}", prompt: "Q: {question} A:", answers: sciqAnswers(r)}
}

func sciqSupportQuestion(r *row) question {
	q := question{
		template: "Name: Bob\n\nPassage 1:\n{support}\n\nQ1: \"{question}\" Is the answer \"{candidate}\"?",
		prompt:   "Passage 1:\n{support}\n\nQ1: {question} A:",
		answers:  sciqAnswers(r),
		group:    r.text("support"),
	}
	if r.text("support") == "" {
		r.skip("no support")
	}
	return q
}

// sciqAnswers returns the right answer and then the wrong ones.
func sciqAnswers(r *row) []string {
	return []string{r.text("correct_answer"), r.text("distractor1"), r.text("distractor2"), r.text("distractor3")}
}

func cosmosQuestion(r *row) question {
	q := question{template: "Context: {context}\nQuestion: {question}\nAnswer: {candidate}", group: r.text("context"), right: r.int("label")}
	for i := range 4 {
		q.answers = append(q.answers, r.text(fmt.Sprint("answer", i)))
	}
	if q.right >= 0 && q.right < 4 {
		q.rightIsNone = strings.Contains(q.answers[q.right], "None of the above choices")
	}
	return q
}

func dreamQuestion(r *row) question {
	dialogue := strings.Join(r.list("dialogue"), "\n")
	r.columns["dialogue"] = dialogue
	answers := r.list("choice")
	return question{template: "{dialogue}\n\nQ: {question} A: {candidate}", prompt: "{dialogue}\n\nQ: {question} A:",
		answers: answers, right: slices.Index(answers, r.text("answer")), group: dialogue}
}

func utilitarianismQuestion(r *row) question {
	better, worse := r.text("baseline"), r.text("less_pleasant")
	r.columns["first"], r.columns["second"] = better, worse
	right := 0
	if coin("order", better, worse) {
		r.columns["first"], r.columns["second"], right = worse, better, 1
	}
	return question{template: "Which is more pleasant?\n1) {first}\n2) {second} A: {candidate}", answers: []string{"1", "2"}, right: right}
}

func hellaswagQuestion(r *row) question {
	endings := r.list("endings")
	r.columns["listed"] = strings.Join(endings, "\n")
	if r.text("label") == "" {
		r.skip("no label")
		return question{}
	}
	return question{template: "Context:\n{ctx}\n\nContinuations:\n\n{listed}\n\nQ: Is \"{candidate}\" the best continuation?",
		answers: endings, right: r.int("label"), group: r.text("ctx")}
}

func openbookQuestion(r *row) question {
	answers, letters := r.list("choices.text"), r.list("choices.label")
	listed := make([]string, min(len(answers), len(letters)))
	for i := range listed {
		listed[i] = letters[i] + ") " + answers[i]
	}
	r.columns["listed"] = strings.Join(listed, "\n")
	const prompt = "Q: {question_stem}\n\nChoices:\n{listed}\n\nAnswer:"
	return question{template: prompt + " {candidate}", prompt: prompt, answers: answers, right: slices.Index(letters, r.text("answerKey"))}
}

func piqaQuestion(r *row) question {
	q := question{template: "Q: {goal} A: {candidate}", answers: []string{r.text("sol1"), r.text("sol2")}, group: r.text("goal")}
	if r.yes("label") {
		q.right = 1
	}
	return q
}

func quailQuestion(r *row) question {
	return question{template: "Passage:\n\n{context}\n\nQ: \"{question}\" Is the answer \"{candidate}\"?",
		answers: r.list("answers"), right: r.int("correct_answer_id"), group: r.text("context")}
}

func quartzQuestion(r *row) question {
	return question{template: "Passage:\n{para}\n\nQ: \"{question}\" Is the answer \"{candidate}\"?", prompt: "Passage:\n{para}\n\nQ: {question} A:",
		answers: r.list("choices.text"), right: slices.Index(r.list("choices.label"), r.text("answerKey")), group: r.text("para")}
}

func socialQuestion(r *row) question {
	head := "Context:\n{context}\n\nQuestion: \"{question}\"\n\nChoices:\n{answerA}\n{answerB}\n{answerC}\n\n"
	return question{template: head + "Is the answer \"{candidate}\"?", prompt: head + "Answer:",
		answers: []string{r.text("answerA"), r.text("answerB"), r.text("answerC")}, right: r.int("label") - 1, group: r.text("context")}
}

// arcSet returns one of the two sets of the AI2 Reasoning Challenge. config is its name on the hub.
func arcSet(name, title, config string) choiceSet {
	stem := strings.ReplaceAll(name, "-", "_")
	return choiceSet{
		hubTask: hubTask{
			info: nlpInfo(name, title, "Clark et al. 2018 (ARC)", "CC-BY-SA-4.0"),
			repo: "allenai/ai2_arc", train: splits(config, "train", "validation"), test: splits(config, "test"),
			public: []publicSource{{adaptersRepo, eachFile(arcAdapterRows, trainTest(stem+"_train.json", stem+"_test.json"))}},
		},
		question: labelledQuestion, free: true,
	}
}

// labelledQuestion reads a question whose choices have names, such as A to E, one of which is the answerKey.
func labelledQuestion(r *row) question {
	return question{template: "Q: {question} A: {candidate}", prompt: "Q: {question} A:",
		answers: r.list("choices.text"), right: slices.Index(r.list("choices.label"), r.text("answerKey"))}
}

// winograndeQuestion fills the gap of a sentence. Sentences with the same two names are mostly twins that differ in one word.
func winograndeQuestion(r *row) question {
	before, after, ok := strings.Cut(r.text("sentence"), "_")
	if !ok {
		r.fail("the sentence has no gap: %q", shortened(r.text("sentence")))
	}
	if r.text("answer") == "" {
		r.skip("no label")
		return question{}
	}
	r.columns["before"], r.columns["after"] = before, after
	return question{template: "{before}{candidate}{after}", answers: []string{r.text("option1"), r.text("option2")}, right: r.int("answer") - 1,
		group: sortedPair(r.text("option1"), r.text("option2"))}
}

// sciqRepo holds answers of SciQ with the labels of a model of 1.8B parameters. Its test part is an Arrow file, which is not
// fetched: --data can give it as JSON lines.
const sciqRepo = "ADaM-BJTU/W2SG"

// shownAnswer returns the rule for rows that show one answer of a question and say whether it is right.
func shownAnswer(label string) exampleFunc {
	return func(r *row) Example {
		text := r.text("txt")
		if at := strings.LastIndex(text, " A: "); at > 0 {
			return yesNo(text, r.yes(label)).groupedBy(text[:at])
		}
		return yesNo(text, r.yes(label))
	}
}

// mathTask asks for the number that answers a school question.
func mathTask() hubTask {
	return hubTask{
		info: Info{Name: "gsm8k", Category: Generative, Form: Generate, Title: "school questions (write the number)", Source: "Cobbe et al. 2021 (GSM8K)",
			Licence: "MIT", Metric: ExactMatch, Version: 1},
		repo: "openai/gsm8k", train: splits("main", "train"), test: splits("main", "test"),
		public: []publicSource{{"openai/grade-school-math", trainFiles("gsm8k_test.jsonl")}},
		example: func(r *row) Example {
			_, number, ok := cutLast(r.text("answer"), "####")
			if !ok {
				r.fail("the answer has no number after ####")
			}
			return Example{Texts: []string{r.fill("Q: {question}\n\nA:")}, Answer: strings.ReplaceAll(strings.TrimSpace(number), ",", "")}
		},
	}
}
