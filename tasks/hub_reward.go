package tasks

import (
	"strconv"
	"strings"
)

// rewardTasks returns preferences and judgements of answers: pairs of which people or a rule prefer one, and solutions that are
// right or wrong.
func rewardTasks() []Task {
	const llmBar = "princeton-nlp/LLMBar"
	llmBarFiles := func(folders ...string) []publicSource {
		var names []string
		for _, f := range folders {
			names = append(names, "llmbar_datasets/"+f+"/dataset.json")
		}
		return []publicSource{{llmBar, trainFiles(names...)}}
	}
	helpful := rewardInfo("hh-single-turn-helpful", "which of two replies is more helpful, one turn each, halves and test part as published", "Bai et al. 2022", "MIT")
	harmless := rewardInfo("hh-single-turn-harmless", "which of two replies is less harmful, one turn each, halves and test part as published", "Bai et al. 2022", "MIT")
	outcomes := rewardInfo("pleasant-outcomes", "which of two outcomes is more pleasant (the training part)", "Hendrycks et al. 2021 (ETHICS)", "MIT")
	outcomes.Corpus = "ethics-utilitarianism"
	return []Task{
		hubTask{
			info:   rewardInfo("convincing-arguments", "which of two arguments on one side of a topic is more convincing", "Habernal and Gurevych 2016 (UKPConvArg1 Strict)", "CC-BY-4.0"),
			public: []publicSource{{"UKPLab/acl2016-convincing-arguments", argumentFiles()}}, example: argumentPair,
		},
		hubTask{
			info: outcomes, repo: "hendrycks/ethics", train: splits("utilitarianism", "train"),
			public:  []publicSource{{ethicsRepo, []publicFile{{name: "ethics/utilitarianism/util_train.csv", columns: []string{"baseline", "less_pleasant"}}}}},
			example: outcomePair,
		},
		solutionTask("6b"), solutionTask("175b"),
		hubTask{
			info:   rewardInfo("llmbar", "which of two outputs follows the instruction", "Zeng et al. 2024 (LLMBar)", "MIT"),
			public: llmBarFiles("LLMBar/Natural", "LLMBar/Adversarial/GPTInst", "LLMBar/Adversarial/GPTOut", "LLMBar/Adversarial/Manual", "LLMBar/Adversarial/Neighbor"), example: outputPair,
		},
		hubTask{
			info:   rewardInfo("llmbar-cases", "which of two outputs follows the instruction, case studies", "Zeng et al. 2024 (LLMBar)", "MIT"),
			public: llmBarFiles("CaseStudy/Base_9", "CaseStudy/Base_10", "CaseStudy/Constraint", "CaseStudy/Negation", "CaseStudy/Normal"), example: outputPair,
		},
		hubTask{
			info:   rewardInfo("mt-bench", "which of two replies do people prefer", "Zheng et al. 2023 (MT-Bench human judgements), as processed for LLMBar", "MIT"),
			public: llmBarFiles("Processed/MT-Bench"), example: outputPair,
		},
		hubTask{
			info:   rewardInfo("llmeval2", "which of two replies do people prefer", "Zhang et al. 2023 (LLMEval²), as processed for LLMBar", "MIT"),
			public: llmBarFiles("Processed/LLMEval^2"), example: outputPair,
		},
		hubTask{
			info:   rewardInfo("faireval", "which of two replies do people prefer", "Wang et al. 2023 (FairEval), as processed for LLMBar", "MIT"),
			public: llmBarFiles("Processed/FairEval"), example: outputPair,
		},
		hubTask{
			info:   rewardInfo("pandalm", "which of two replies do people prefer, ties of three raters left out", "Wang et al. 2024 (PandaLM)", "Apache-2.0"),
			public: []publicSource{{"WeOpenML/PandaLM", trainFiles("pandalm_testset_v1.json")}}, example: pandaPair,
		},
		hubTask{info: helpful, public: []publicSource{{"Gengze/W2SG-Bregman", turnFiles("helpful")}}, example: hhPair},
		hubTask{info: harmless, public: []publicSource{{"keven980716/weak-to-strong-deception", turnFiles("harmless")}}, example: hhPair},
	}
}

// rewardInfo describes a ranking of two candidates.
func rewardInfo(name, title, source, licence string) Info {
	return Info{Name: name, Category: Reward, Form: Rank, Title: title, Source: source, Licence: licence, Metric: Accuracy, Version: 1}
}

// turnFiles returns the published parts of a set of single turns: one for each half of the training pool, and the test part.
func turnFiles(set string) []publicFile {
	stem := "hh_" + set + "_single_turn_"
	return []publicFile{{name: stem + "train_gt.jsonl", half: weakHalf}, {name: stem + "train_w2s.jsonl", half: strongHalf}, {name: stem + "test.jsonl", test: true}}
}

// argumentFiles returns the files of UKPConvArg1 Strict. Each holds the pairs of one side of a topic.
func argumentFiles() []publicFile {
	var files []publicFile
	for _, side := range []string{
		"ban-plastic-water-bottles_no-bad-for-the-economy", "ban-plastic-water-bottles_yes-emergencies-only",
		"christianity-or-atheism-_atheism", "christianity-or-atheism-_christianity",
		"evolution-vs-creation_creation", "evolution-vs-creation_evolution",
		"firefox-vs-internet-explorer_it-has-a-cute-logo-oh-and-extensions-err-add-ons",
		"firefox-vs-internet-explorer_there-s-more-browsers-than-the-ie-firefox-is-an-animal",
		"gay-marriage-right-or-wrong_allowing-gay-marriage-is-right", "gay-marriage-right-or-wrong_allowing-gay-marriage-is-wrong",
		"human-growth-and-development-should-parents-use-spanking-as-an-option-to-discipline-_no",
		"human-growth-and-development-should-parents-use-spanking-as-an-option-to-discipline-_yes",
		"if-your-spouse-committed-murder-and-he-or-she-confided-in-you-would-you-turn-them-in-_no",
		"if-your-spouse-committed-murder-and-he-or-she-confided-in-you-would-you-turn-them-in-_yes",
		"india-has-the-potential-to-lead-the-world-_no-against", "india-has-the-potential-to-lead-the-world-_yes-for",
		"is-it-better-to-have-a-lousy-father-or-to-be-fatherless-_fatherless", "is-it-better-to-have-a-lousy-father-or-to-be-fatherless-_lousy-father",
		"is-porn-wrong-_no-is-is-not", "is-porn-wrong-_yes-porn-is-wrong",
		"is-the-school-uniform-a-good-or-bad-idea-_bad", "is-the-school-uniform-a-good-or-bad-idea-_good",
		"personal-pursuit-or-advancing-the-common-good-_advancing-the-commond-good", "personal-pursuit-or-advancing-the-common-good-_personal-pursuit",
		"pro-choice-vs-pro-life_pro-choice", "pro-choice-vs-pro-life_pro-life",
		"should-physical-education-be-mandatory-in-schools-_no-", "should-physical-education-be-mandatory-in-schools-_yes-",
		"tv-is-better-than-books_books", "tv-is-better-than-books_tv",
		"william-farquhar-ought-to-be-honoured-as-the-rightful-founder-of-singapore_no-it-is-raffles-",
		"william-farquhar-ought-to-be-honoured-as-the-rightful-founder-of-singapore_yes-of-course-",
	} {
		files = append(files, publicFile{name: "ukpconvarg1_strict_csv/" + side + ".csv", format: "tsv", rows: argumentRows,
			columns: []string{"id", "label", "a1", "a2"}})
	}
	return files
}

// argumentRows leaves out the header.
func argumentRows(r *row) []*row {
	if strings.HasPrefix(r.text("id"), "#id") {
		return nil
	}
	return []*row{r}
}

// argumentPair reads a pair of arguments, of which the label names the more convincing one. An argument is in many pairs of its
// side of a topic, which is therefore the group.
func argumentPair(r *row) Example {
	e := Example{Gold: []float64{1, 0}, Group: "topic " + topicOf(r.file)}
	switch label := strings.TrimSpace(r.text("label")); label {
	case "a1":
	case "a2":
		e.Gold = []float64{0, 1}
	default:
		r.fail("label %q is neither a1 nor a2", shortened(label))
	}
	for _, c := range []string{"a1", "a2"} {
		lines := strings.Split(strings.NewReplacer("<br>", "<br/>", "<br />", "<br/>").Replace(r.text(c)), "<br/>")
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		e.Texts = append(e.Texts, strings.TrimSpace(strings.Join(lines, "\n")))
	}
	return e
}

// outcomePair reads two events, of which the first is more pleasant. An event is in several pairs, and so is the sentence that
// many events begin with: pairs that share one stay together.
func outcomePair(r *row) Example {
	e := Example{Texts: []string{strings.TrimSpace(r.text("baseline")), strings.TrimSpace(r.text("less_pleasant"))}, Gold: []float64{1, 0}}
	for _, t := range e.Texts {
		e.links = append(e.links, NormalForm(t), "begins "+NormalForm(firstSentence(t)))
	}
	return e
}

// solutionTask asks whether a model's solution of a mathematical question is right. size is the model's.
func solutionTask(size string) hubTask {
	info := rewardInfo("gsm8k-solutions-"+size, "is a solution of a school question by a model of "+strings.ToUpper(size)+" parameters right", "Cobbe et al. 2021 (GSM8K)", "MIT")
	info.Form, info.Classes, info.Corpus = Classify, []string{"wrong", "right"}, "gsm8k-solutions"
	return hubTask{
		info: info,
		public: []publicSource{{"openai/grade-school-math", []publicFile{
			{name: "gsm8k_example_model_solutions.jsonl", rows: solutionRows(size)},
		}}},
		example: func(r *row) Example {
			return yesNo(r.fill("Q: {question}\n\nA: {solution}"), r.yes("label")).groupedBy(r.text("question"))
		},
	}
}

// outputPair reads two outputs for an instruction; the label is the number of the better one.
func outputPair(r *row) Example {
	e := promptPair(r, r.text("input"), "output_1", "output_2")
	label := r.int("label")
	if e.Gold = oneHot(2, label-1); e.Gold == nil {
		r.fail("label %d is neither 1 nor 2", label)
	}
	return e
}

// pandaPair reads two replies and the judgements of three raters: 1, 2, or 0 for a tie.
func pandaPair(r *row) Example {
	prompt := r.text("instruction")
	if input := r.text("input"); input != "" {
		prompt += "\n\n" + input
	}
	e := promptPair(r, prompt, "response1", "response2")
	first := 0.0
	const raters = 3
	for i := range raters {
		switch v := r.int("annotator" + strconv.Itoa(i+1)); v {
		case 0:
			first += 0.5 / raters
		case 1:
			first += 1.0 / raters
		case 2:
		default:
			r.fail("judgement %d is not 0, 1 or 2", v)
		}
	}
	if first > 0.49 && first < 0.51 {
		r.skip("raters see a tie or are divided")
	}
	e.Gold = []float64{first, 1 - first}
	return e
}

// promptPair returns an example without gold label of two replies to a prompt.
func promptPair(r *row, prompt string, columns ...string) Example {
	e := Example{Group: promptGroup(prompt)}
	for _, c := range columns {
		reply := strings.TrimSpace(r.text(c))
		if reply == "" {
			r.skip("an empty reply")
		}
		e.Texts, e.Replies = append(e.Texts, strings.TrimSpace(prompt)+"\n\n"+reply), append(e.Replies, reply)
	}
	return e
}
