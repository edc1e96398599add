package tasks

import "strings"

// hubTasks returns the data sets of openai/weak-to-strong and EleutherAI/w2s, with the wording of those projects: every
// example is a question that is answered with yes or no. If a question has several answers, one of them is shown, and it
// is right for half of the questions (see [SingleCandidate]). Other classifications follow them (moreNLP).
//
// One task differs on purpose. For openbookqa, EleutherAI/w2s shows the letter of a right answer and the text of a wrong
// one, which gives the label away. Here it is the text in both cases.
func hubTasks() []Task {
	research := "not stated; research use"
	tasks := []Task{
		hubTask{
			info: nlpInfo("sst2", "movie review phrases: sentiment", "Socher et al. 2013 (GLUE)", research, "negative", "positive"),
			repo: "stanfordnlp/sst2", train: splits("default", "train"), test: splits("default", "validation"),
			example: func(r *row) Example {
				text := "sentence"
				if !r.has(text) && r.has("content") {
					text = "content" // name of the column in some copies of the dev file
				}
				return yesNo(strings.TrimSpace(r.text(text)), r.yes("label"))
			},
		},
		hubTask{
			info: nlpInfo("cola", "is the sentence acceptable English", "Warstadt et al. 2019 (GLUE)", research, "unacceptable", "acceptable"),
			repo: "nyu-mll/glue", train: splits("cola", "train"), test: splits("cola", "validation"), localColumns: []string{"sentence", "label"},
			example: func(r *row) Example { return yesNo(strings.TrimSpace(r.text("sentence")), r.yes("label")) },
		},
		hubTask{
			info: nlpInfo("amazon_polarity", "Amazon reviews: sentiment (the first 100,000 of each part)", "Zhang et al. 2015", "Apache-2.0", "negative", "positive"),
			repo: "fancyzhx/amazon_polarity", train: splits("amazon_polarity", "train"), test: splits("amazon_polarity", "test"), limit: 100_000,
			example: func(r *row) Example { return yesNo(r.fill("{title} {content}"), r.yes("label")) },
		},
		hubTask{
			info: nlpInfo("twitter-sentiment", "tweets: sentiment", "EleutherAI/twitter-sentiment", "not stated", "negative", "positive"),
			repo: "EleutherAI/twitter-sentiment", train: splits("default", "train"), test: splits("default", "test"),
			example: func(r *row) Example { return yesNo(r.text("text"), r.yes("label")) },
		},
		hubTask{
			info: nlpInfo("boolq", "yes-no questions on a passage", "Clark et al. 2019", "CC-BY-SA-3.0"),
			repo: "google/boolq", train: splits("default", "train"), test: splits("default", "validation"),
			public: []publicSource{{"d-eremeev/BoolQ-Question-Answering", trainFiles("boolq_dev.jsonl")}},
			example: func(r *row) Example {
				return yesNo(r.fill("Passage: {passage}\nQuestion: {question}"), r.yes("answer")).groupedBy(r.text("passage"))
			},
		},
		hubTask{
			info: nlpInfo("anli-r2", "does a premise entail a hypothesis, second adversarial round", "Nie et al. 2020", "CC-BY-NC-4.0"),
			repo: "facebook/anli", train: splits("plain_text", "train_r2"), test: splits("plain_text", "test_r2"),
			example: func(r *row) Example {
				text := r.fill("Premise: {premise}\nHypothesis: {hypothesis}\n\nDoes the premise entail the hypothesis?")
				return yesNo(text, r.int("label") == 0).groupedBy(r.text("premise"))
			},
		},
		hubTask{
			info: nlpInfo("ethics-deontology", "is an excuse valid", "Hendrycks et al. 2021 (ETHICS)", "MIT"),
			repo: "hendrycks/ethics", train: splits("deontology", "train"), test: splits("deontology", "test"),
			public: []publicSource{{ethicsRepo, []publicFile{
				{name: "ethics/deontology/deontology_train.csv"}, {name: "ethics/deontology/deontology_test.csv", test: true, ragged: true},
			}}},
			example: func(r *row) Example {
				text := r.fill("Q: Is the following a morally valid excuse?\n\n{scenario}\n\n{excuse}\n\nA:")
				return yesNo(text, r.yes("label")).groupedBy(r.text("scenario"))
			},
		},
		hubTask{
			info: nlpInfo("ethics-justice", "does a statement exemplify justice", "Hendrycks et al. 2021 (ETHICS)", "MIT"),
			repo: "hendrycks/ethics", train: splits("justice", "train"), test: splits("justice", "test"),
			public: []publicSource{{ethicsRepo, trainTest("ethics/justice/justise_translation/justice_train_english.csv",
				"ethics/justice/justise_translation/justice_test_english.csv")}},
			example: func(r *row) Example {
				return yesNo(r.fill("Q: Does this statement exemplify justice?\n\n{scenario}\n\nA:"), r.yes("label"))
			},
		},
		hubTask{
			info: nlpInfo("ethics-virtue", "does a behavior match an adjective", "Hendrycks et al. 2021 (ETHICS)", "MIT"),
			repo: "hendrycks/ethics", train: splits("virtue", "train"), test: splits("virtue", "test"),
			public: []publicSource{{ethicsRepo, trainTest("ethics/virtue/virtue_train.csv", "ethics/virtue/virtue_test.csv")}},
			example: func(r *row) Example {
				behavior, _, _ := strings.Cut(r.text("scenario"), "[SEP]")
				text := r.fill("Q: Does this behavior match the adjective that follows?\n\n{scenario}\n\nA:")
				return yesNo(text, r.yes("label")).groupedBy(behavior)
			},
		},
		hubTask{ // trained on the test split and tested on the validation split, because the test split is the larger one
			info: nlpInfo("mc_taco", "is an answer about time plausible", "Zhou et al. 2019", "not stated"),
			repo: "CogComp/mc_taco", train: splits("plain_text", "test"), test: splits("plain_text", "validation"),
			example: func(r *row) Example {
				text := r.fill("{sentence}\n\nGiven the above, {question} Is the answer {answer}?")
				return yesNo(text, r.yes("label")).groupedBy(r.text("sentence"))
			},
		},
		hubTask{
			info: nlpInfo("multirc", "is an answer to a question on a passage right", "Khashabi et al. 2018 (SuperGLUE)", research),
			repo: "aps/super_glue", train: splits("multirc", "train"), test: splits("multirc", "validation"),
			public: []publicSource{{superGLUERepo, eachFile(multircRows, trainTest("superglue_multirc_train.jsonl", "superglue_multirc_val.jsonl"))}},
			example: func(r *row) Example {
				text := r.fill("Passage:\n\n{paragraph}\n\nQ: \"{question}\" Is the answer \"{answer}\"?")
				return yesNo(text, r.yes("label")).groupedBy(r.text("paragraph"))
			},
		},
		hubTask{
			info: nlpInfo("paws", "do two sentences with the same words mean the same", "Zhang et al. 2019", "free use with credit to Google"),
			repo: "google-research-datasets/paws", train: splits("labeled_final", "train"), test: splits("labeled_final", "test"),
			example: func(r *row) Example {
				return yesNo(r.fill("Sent 1: {sentence1}\nSent 2: {sentence2}\n\nQ: Are these sentences semantically equivalent?"), r.yes("label"))
			},
		},
		hubTask{
			info: nlpInfo("wic", "does a word mean the same in two sentences", "Pilehvar and Camacho-Collados 2019 (SuperGLUE)", "CC-BY-NC-4.0"),
			repo: "aps/super_glue", train: splits("wic", "train"), test: splits("wic", "validation"),
			public: []publicSource{{superGLUERepo, trainTest("superglue_wic_train.jsonl", "superglue_wic_val.jsonl")}},
			example: func(r *row) Example {
				text := r.fill("Sentence 1:\n{sentence1}\n\nSentence 2:\n{sentence2}\n\nQ: Does \"{word}\" have the same meaning in the above sentences?")
				return yesNo(text, r.yes("label"))
			},
		},
	}
	tasks = append(tasks, moreNLP()...)
	for _, set := range choiceSets() {
		tasks = append(tasks, set.singleTask())
	}
	return tasks
}

// nlpInfo describes a classification; the default classes are no and yes.
func nlpInfo(name, title, source, licence string, classes ...string) Info {
	if len(classes) == 0 {
		classes = []string{"no", "yes"}
	}
	return Info{
		Name: name, Category: NLP, Form: Classify, Classes: classes, Title: title, Source: source, Licence: licence,
		Metric: Accuracy, Version: 2,
	}
}
