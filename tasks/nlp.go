package tasks

import "strings"

// hubTasks are the data sets of openai/weak-to-strong and EleutherAI/w2s, each asked as those projects ask it.
func hubTasks() []Task {
	return []Task{
		hubTask{
			info: nlpInfo("sst2", "movie review phrases, sentiment", "Socher et al. 2013 (GLUE)", "not stated by the authors; research use", "negative", "positive"),
			repo: "stanfordnlp/sst2", train: splits("default", "train"), test: splits("default", "validation"),
			make: func(r *row) Example {
				text := "sentence"
				if !r.has(text) && r.has("content") {
					text = "content" // what some copies of the dev file call it
				}
				return yesNo(strings.TrimSpace(r.text(text)), r.yes("label"))
			},
		},
		hubTask{
			info: nlpInfo("cola", "is the sentence acceptable English", "Warstadt et al. 2019 (GLUE)", "not stated by the authors; research use", "unacceptable", "acceptable"),
			repo: "nyu-mll/glue", train: splits("cola", "train"), test: splits("cola", "validation"), bare: []string{"sentence", "label"},
			make: func(r *row) Example { return yesNo(strings.TrimSpace(r.text("sentence")), r.yes("label")) },
		},
	}
}

func nlpInfo(name, title, source, licence string, classes ...string) Info {
	if len(classes) == 0 {
		classes = []string{"no", "yes"}
	}
	return Info{
		Name: name, Category: NLP, Form: Classify, Classes: classes, Title: title, Source: source, Licence: licence,
		Metric: Accuracy, Version: 1,
	}
}
