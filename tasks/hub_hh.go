package tasks

import "strings"

// hh returns a task on Anthropic's preference pairs (Bai et al. 2022). The two dialogues of a pair differ in the last
// reply.
func hh(name, title string, folders ...string) hubTask {
	t := hubTask{
		info: Info{
			Name: name, Category: Reward, Form: Rank, Title: title, Source: "Bai et al. 2022, Anthropic/hh-rlhf", Licence: "MIT",
			Metric: Accuracy, Version: 2,
		},
		repo: "Anthropic/hh-rlhf", rev: "main", format: "jsonl", example: hhPair,
	}
	for _, f := range folders {
		t.train = append(t.train, f+"/train.jsonl.gz")
		t.test = append(t.test, f+"/test.jsonl.gz")
	}
	return t
}

func hhPair(r *row) Example {
	chosen, rejected := r.text("chosen"), r.text("rejected")
	prompt, good, bad, ok := lastReply(chosen, rejected)
	if r.fault == "" {
		switch {
		case !ok:
			r.skip("the two dialogues share no prompt")
		case good == "" || bad == "":
			r.skip("an empty reply")
		}
	}
	return Example{
		Texts: []string{strings.TrimSpace(chosen), strings.TrimSpace(rejected)},
		Gold:  []float64{1, 0},
		Group: promptGroup(prompt),
	}
}

// promptGroup is the group of all examples with the same prompt, up to its normal form.
func promptGroup(prompt string) string { return "prompt " + NormalForm(prompt) }

// lastReply splits two dialogues into their common prompt and their replies. The prompt ends at the last "Assistant:" of
// the common beginning, so a reply may contain further turns. To look for the last turn of each dialogue instead would
// give two different prompts in 14 of the 4,666 pairs of the base test sets.
func lastReply(a, b string) (prompt, replyA, replyB string, ok bool) {
	common := 0
	for common < len(a) && common < len(b) && a[common] == b[common] {
		common++
	}
	cut := strings.LastIndex(a[:common], assistantTurn)
	if cut < 0 {
		return "", "", "", false
	}
	cut += len(assistantTurn)
	return strings.TrimSpace(a[:cut]), strings.TrimSpace(a[cut:]), strings.TrimSpace(b[cut:]), true
}
