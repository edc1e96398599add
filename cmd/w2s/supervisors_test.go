package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/internal/drawn"
)

// opinions writes a task with n texts and the classes negative and positive, and returns the path of its file.
func opinions(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		label := "negative"
		word := "weak"
		if i%3 == 0 {
			label, word = "positive", "strong"
		}
		fmt.Fprintf(&b, `{"text": "the %s model says %d : %s", "label": %q}`+"\n", word, i, strings.Repeat("word and ", i%7+1), label)
	}
	dir := t.TempDir()
	for name, data := range map[string]string{"opinions.jsonl": b.String(), "opinions.yaml": "train: opinions.jsonl\nclasses: [negative, positive]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "opinions.yaml")
}

// loaded returns the result in a file.
func loaded(t *testing.T, path string) *result.Result {
	t.Helper()
	r, err := result.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestClassificationHeadAsSupervisor runs experiments whose weak supervisor is the head that a checkpoint brings.
func TestClassificationHeadAsSupervisor(t *testing.T) {
	models, command := commander(t)
	strong := filepath.Join(models, "bert-tiny")
	task := opinions(t, 300)
	head := drawn.Read(t, "heads/bert").Write(t)
	three := drawn.Read(t, "heads/modernbert").Write(t)
	reward := drawn.Read(t, "heads/llama-reward").Write(t)
	dir := t.TempDir()
	base := []string{"--task", task, "--strong", strong, "--seeds", "2", "--loss", "xent"}
	run := func(name string, args ...string) string {
		t.Helper()
		out, errOut, code := command(append(append([]string{"run", "--out", filepath.Join(dir, name)}, base...), args...)...)
		if code != exitGood {
			t.Fatalf("%q: %d, %s%s", args, code, out, errOut)
		}
		return out
	}

	out := run("head.json", "--weak", "head:"+head, "--treatment", "soft", "--treatment", "platt")
	short := "head:" + filepath.Base(head)
	if want := short + " is the classification head of " + filepath.Base(head) + ", not trained here"; !strings.Contains(out, want) || !strings.Contains(out, short+" → bert-tiny") {
		t.Errorf("the table lacks %q:\n%s", want, out)
	}
	r := loaded(t, filepath.Join(dir, "head.json"))
	if m := r.Models[1]; m.Name != short || m.Description["labels"] != "negative, positive" || m.Description["supervisor"] == "" || m.Description["family"] != "bert" {
		t.Errorf("the result has %+v", m)
	}
	// The same command again reads the scores from the cache and makes the same heads.
	run("again.json", "--weak", "head:"+head, "--treatment", "soft", "--treatment", "platt")
	heads := func(name string) string {
		data, err := json.Marshal(loaded(t, filepath.Join(dir, name)).Heads)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if heads("head.json") != heads("again.json") {
		t.Error("the heads differ")
	}

	run("three.json", "--weak", "head:"+three, "--class-map", "entailment=positive,contradiction=negative,neutral=")
	if m := loaded(t, filepath.Join(dir, "three.json")).Models[1]; m.Description["class map"] != "contradiction=negative,entailment=positive,neutral=" {
		t.Errorf("the result has %+v", m)
	}
	out, errOut, code := command(append([]string{"run", "--out", filepath.Join(dir, "three.json"), "--weak", "head:" + three, "--class-map",
		"entailment=positive,contradiction=negative,neutral=negative"}, base...)...)
	if code != exitUsage || !strings.Contains(errOut, "class map") {
		t.Errorf("another map continues the result: %d, %s%s", code, out, errOut)
	}

	var rows strings.Builder
	for i := range 120 {
		fmt.Fprintf(&rows, `{"prompt": "is it %d, or not?", "chosen": "yes %d", "rejected": "no %d"}`+"\n", i, i, i*3)
	}
	pairs := filepath.Join(dir, "pairs.jsonl")
	if err := os.WriteFile(pairs, []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, errOut, code := command("sweep", "--task", pairs, "--models", "head:"+reward+","+strong, "--seeds", "1", "--loss", "xent", "--out",
		filepath.Join(dir, "sweep.json")); code != exitGood || !strings.Contains(out, "head:"+filepath.Base(reward)) {
		t.Errorf("%d, %s%s", code, out, errOut)
	}
	if n := len(loaded(t, filepath.Join(dir, "sweep.json")).Config.Pairs); n != 2 {
		t.Errorf("%d pairs, want the head with the model, and the model with itself", n)
	}

	for _, c := range []struct {
		want []string
		args []string
	}{
		{[]string{"no class for", `"entailment", "neutral", "contradiction"`, `"negative", "positive"`}, []string{"run", "--weak", "head:" + three}},
		{[]string{`label "neutral" is mapped to "good"`}, []string{"run", "--weak", "head:" + three, "--class-map", "neutral=good,entailment=positive,contradiction=negative"}},
		{[]string{`no head has a label "entialment" (did you mean "entailment"?`}, []string{"run", "--weak", "head:" + three, "--class-map", "entialment=positive"}},
		{[]string{`--class-map: "entailment": want LABEL=CLASS`, "scores of tokens, not of texts"}, []string{"run", "--weak", "head:" + filepath.Join(models, "llama-tiny"), "--class-map", "entailment"}},
		{[]string{"no supervisor has labels"}, []string{"run", "--weak", strong, "--class-map", "a=b"}},
		{[]string{"one score", "reward models"}, []string{"run", "--weak", "head:" + reward}},
		{[]string{"leave @layer out"}, []string{"run", "--weak", "head:" + head + "@layer=1"}},
		{[]string{"no chat template"}, []string{"run", "--weak", "head:" + head + "@chat"}},
		{[]string{"it cannot be the student"}, []string{"run", "--weak", strong, "--strong", "head:" + head}},
		{[]string{"writes no answers"}, []string{"run", "--weak", "head:" + head, "--task", "sciq-free"}},
		{[]string{"is a supervisor and no model"}, []string{"encode", "--model", "head:" + head}},
		{[]string{"it can only be the first supervisor"}, []string{"chain", "--models", strong + ",head:" + head + "," + filepath.Join(models, "mpnet-tiny")}},
	} {
		args := append(c.args, "--task", task)
		if c.args[0] == "run" {
			args = append(append([]string{"run"}, base...), c.args[1:]...)
		}
		out, errOut, code := command(append(args, "--out", filepath.Join(dir, "fault.json"))...)
		if c.args[0] == "encode" {
			out, errOut, code = command(args...)
		}
		for _, want := range c.want {
			if code == exitGood || !strings.Contains(errOut, want) {
				t.Errorf("%q: %d, %s%s, want %q", c.args, code, out, errOut, want)
			}
		}
	}
}
