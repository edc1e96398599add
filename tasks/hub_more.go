package tasks

import "strings"

// Repositories that hold several of the data sets.
const (
	ethicsRepo    = "nevil1324/Navigating-AI-Morality-in-Text-Realms"
	superGLUERepo = "DavidHe137/mice"
	oldTextsRepo  = "harvardnlp/sent-conv-torch"
	adaptersRepo  = "AGI-Edgerunners/LLM-Adapters"
)

// moreNLP returns classifications that the earlier harnesses do not have.
func moreNLP() []Task {
	research := "not stated; research use"
	tasks := []Task{
		hubTask{
			info: nlpInfo("rte", "does a premise entail a hypothesis", "Wang et al. 2019 (SuperGLUE)", research),
			repo: "aps/super_glue", train: splits("rte", "train"), test: splits("rte", "validation"),
			public: []publicSource{{superGLUERepo, eachFile(rteRows, trainTest("superglue_rte_train.jsonl", "superglue_rte_val.jsonl"))}},
			example: func(r *row) Example {
				text := r.fill("Premise: {premise}\nHypothesis: {hypothesis}\n\nDoes the premise entail the hypothesis?")
				return yesNo(text, r.int("label") == 0).groupedBy(r.text("premise"))
			},
		},
		hubTask{ // without the hub, trained on the test part and tested on its adversarially filtered half
			info: nlpInfo("ethics-commonsense", "is what somebody did wrong", "Hendrycks et al. 2021 (ETHICS)", "MIT"),
			repo: "hendrycks/ethics", train: splits("commonsense", "train"), test: splits("commonsense", "test"),
			public: []publicSource{{ethicsRepo, trainTest("ethics/commonsense/cm_test.csv", "ethics/commonsense/cm_test_hard.csv")}},
			example: func(r *row) Example {
				return yesNo(r.fill("Q: Is it wrong what the person did?\n\n{input}\n\nA:"), r.yes("label"))
			},
		},
		hubTask{
			info: nlpInfo("mr", "movie review sentences: sentiment", "Pang and Lee 2005", research, "negative", "positive"),
			repo: "cornell-movie-review-data/rotten_tomatoes", train: splits("default", "train", "validation"), test: splits("default", "test"),
			public:  []publicSource{{oldTextsRepo, []publicFile{{name: "rotten_tomatoes_mr.txt", format: "labelled"}}}},
			example: func(r *row) Example { return yesNo(strings.TrimSpace(r.text("text")), r.yes("label")) },
		},
		hubTask{
			info: nlpInfo("trec", "what kind of answer does a question ask for", "Li and Roth 2002", research,
				"abbreviation", "entity", "description", "human", "location", "number"),
			repo: "CogComp/trec", train: splits("default", "train"), test: splits("default", "test"),
			public: []publicSource{{oldTextsRepo, []publicFile{
				{name: "trec_train.txt", format: "labelled", rows: trecRows}, {name: "trec_test.txt", format: "labelled", rows: trecRows, test: true},
			}}},
			example: func(r *row) Example { return r.ofClass(r.text("text"), "coarse_label", 6) },
		},
		hubTask{
			info: nlpInfo("ag_news", "news articles: topic", "Zhang et al. 2015", "not stated; non-commercial research use", "world", "sports", "business", "science"),
			repo: "fancyzhx/ag_news", train: splits("default", "train"), test: splits("default", "test"),
			public: []publicSource{{"mhjabreel/CharCnn_Keras", []publicFile{
				{name: "ag_news_test.csv", columns: []string{"class", "title", "description"}, rows: agRows},
			}}},
			example: func(r *row) Example { return r.ofClass(r.text("text"), "label", 4) },
		},
		hubTask{
			info: nlpInfo("davidson", "tweets: hate speech and offensive language", "Davidson et al. 2017", "MIT", "hate speech", "offensive", "neither"),
			repo: "tdavidson/hate_speech_offensive", train: splits("default", "train"),
			public:  []publicSource{{"t-davidson/hate-speech-and-offensive-language", trainFiles("davidson_hate_speech.csv")}},
			example: func(r *row) Example { return r.ofClass(r.text("tweet"), "class", 3) },
		},
	}
	for _, s := range []struct {
		name, title string
		classes     []string
	}{
		{"emotion", "emotion", []string{"anger", "joy", "optimism", "sadness"}},
		{"hate", "hate speech against women and immigrants", []string{"not hateful", "hateful"}},
		{"irony", "irony", []string{"not ironic", "ironic"}},
		{"offensive", "offensive language", []string{"not offensive", "offensive"}},
		{"sentiment", "sentiment", []string{"negative", "neutral", "positive"}},
	} {
		t := tweetTask("tweet-"+s.name, "tweets: "+s.title, s.classes)
		t.train, t.test = splits(s.name, "train", "validation"), splits(s.name, "test")
		t.public = []publicSource{{tweetRepo, tweetFiles(s.name, nil)}}
		if s.name == "sentiment" { // without its large training part
			t.public[0].files = t.public[0].files[1:]
		}
		t.example = func(r *row) Example { return r.ofClass(r.text("text"), "label", len(s.classes)) }
		tasks = append(tasks, t)
	}
	return append(tasks, stanceTask())
}

const tweetRepo = "cardiffnlp/tweeteval"

// tweetTask returns a task of TweetEval without its files and its rule.
func tweetTask(name, title string, classes []string) hubTask {
	info := nlpInfo(name, title, "Barbieri et al. 2020 (TweetEval)", "as the original sets; research use", classes...)
	return hubTask{info: info, repo: "cardiffnlp/tweet_eval"}
}

// tweetFiles returns the files of a folder of TweetEval: the training part first.
func tweetFiles(folder string, rows func(*row) []*row) []publicFile {
	var files []publicFile
	for _, part := range []string{"train", "val", "test"} {
		stem := "tweeteval/" + folder + "/" + part
		files = append(files, publicFile{name: stem + "_text.txt", labels: stem + "_labels.txt", format: "texts", columns: []string{"text"},
			rows: rows, test: part == "test"})
	}
	return files
}

// stanceTargets returns the targets of TweetEval's stance part: the name of the folder, and the words for the target.
func stanceTargets() [][2]string {
	return [][2]string{{"abortion", "legalization of abortion"}, {"atheism", "atheism"}, {"climate", "climate change is a real concern"},
		{"feminist", "feminist movement"}, {"hillary", "Hillary Clinton"}}
}

// stanceTask asks for the stance of a tweet on one of five targets. The rows do not name the target, but its files do.
func stanceTask() hubTask {
	t := tweetTask("tweet-stance", "tweets: stance on a named target", []string{"none", "against", "in favour"})
	t.public = []publicSource{{repo: tweetRepo}}
	for _, target := range stanceTargets() {
		t.train = append(t.train, splits("stance_"+target[0], "train", "validation")...)
		t.test = append(t.test, splits("stance_"+target[0], "test")...)
		files := tweetFiles("stance/"+target[0], rewritten(func(r *row) { r.columns["target"] = target[1] }))
		t.public[0].files = append(t.public[0].files, files...)
	}
	t.example = func(r *row) Example {
		for _, target := range stanceTargets() {
			if strings.Contains(r.file, "/stance_"+target[0]+"/") {
				r.columns["target"] = target[1]
			}
		}
		return r.ofClass(r.fill("{text}\n\nStance on {target}:"), "label", 3)
	}
	return t
}
