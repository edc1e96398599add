package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/internal/drawn"
	"w2s/onnx/families"
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

	// An ONNX export of the head gives the same labels.
	export := t.TempDir()
	made, err := families.Open(head, "")
	if err != nil {
		t.Fatal(err)
	}
	graph, err := made.Graph(families.Want{Scores: 2})
	if err != nil {
		t.Fatal(err)
	}
	model, err := graph.Marshal()
	if err == nil {
		err = os.CopyFS(export, os.DirFS(head))
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(export, "model.onnx"), model, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	run("export.json", "--weak", "head:"+export)
	floor := func(name string) result.Distributions {
		for _, h := range loaded(t, filepath.Join(dir, name)).Heads {
			if h.Role == result.Supervisor {
				return h.Test
			}
		}
		return nil
	}
	if got, want := floor("export.json"), floor("head.json"); len(got) == 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("the export labels %v, want %v", got, want)
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
		{[]string{"--layers: head:" + head + " is a supervisor that is not trained"}, []string{"study", "layers", "--weak", strong, "--strong", "head:" + head}},
		{[]string{"--weak-layers: head:" + head + " is a supervisor that is not trained"},
			[]string{"study", "layers", "--weak", "head:" + head, "--weak-layers", "all", "--strong", strong}},
		{[]string{"head:" + head + " is a supervisor that is not trained, and there is no model after it", "words:" + head + " is a"},
			[]string{"sweep", "--models", "words:" + head + ",head:" + head}},
		{[]string{"head:" + head + " is a supervisor that is not trained, and there is no model after it"},
			[]string{"study", "gap", "--models", strong + ",head:" + head}},
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

// TestWordsAsSupervisor runs experiments whose weak supervisor is the opinion of a causal model in words.
func TestWordsAsSupervisor(t *testing.T) {
	models, command := commander(t)
	strong, writer := filepath.Join(models, "bert-tiny"), filepath.Join(models, "llama-tiny")
	made := drawn.Read(t, "gpt2").Write(t)
	task, dir := opinions(t, 200), t.TempDir()
	file := func(name, form string) string {
		var rows strings.Builder
		for i := range 100 {
			fmt.Fprintf(&rows, form+"\n", i, i, i*3)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(rows.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pairs := file("pairs.jsonl", `{"prompt": "is it %d, or not?", "chosen": "yes %d", "rejected": "no %d"}`)
	bare := file("bare.jsonl", `{"chosen": "it is %d, yes %d", "rejected": "no %d"}`)
	base := []string{"run", "--strong", strong, "--seeds", "1", "--loss", "xent", "--out", filepath.Join(dir, "words.json")}
	for _, c := range []struct {
		args []string
		want map[string]string // facts of the supervisor
	}{
		{[]string{"--weak", "words:" + writer, "--task", task}, map[string]string{"prompt": "default", "family": "llama", "output": "logits"}},
		{[]string{"--weak", "words:" + made, "--task", task, "--prompt", "{text} : {classes}"}, map[string]string{"prompt": "{text} : {classes}", "family": "gpt2"}},
		{[]string{"--weak", "words:" + made, "--task", pairs}, map[string]string{"supervisor": "probabilities of words, not trained here"}},
	} {
		out, errOut, code := command(append(append([]string{}, base...), append(c.args, "--again")...)...)
		name := filepath.Base(strings.TrimPrefix(c.args[1], "words:"))
		if code != exitGood || !strings.Contains(strings.Join(strings.Fields(out), " "), "words:"+name+" is the opinion of "+name+" in words, not trained here") {
			t.Errorf("%q: %d, %s%s", c.args, code, out, errOut)
			continue
		}
		m := loaded(t, filepath.Join(dir, "words.json")).Models[1]
		for fact, want := range c.want {
			if m.Description[fact] != want {
				t.Errorf("%q: %s is %q, want %q", c.args, fact, m.Description[fact], want)
			}
		}
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"continues texts", []string{"--weak", "words:" + strong, "--task", task}},
		{"do not end in a reply", []string{"--weak", "words:" + made, "--task", bare}},
		{`prompt "no text" has {text} 0 times`, []string{"--weak", "words:" + made, "--task", task, "--prompt", "no text"}},
		{"no supervisor reads it", []string{"--weak", writer, "--task", task, "--prompt", "{text}"}},
		{"leave @layer out", []string{"--weak", "words:" + made + "@layer=1", "--task", task}},
		{"writes no answers", []string{"--weak", "words:" + made, "--task", "sciq-free"}},
	} {
		if out, errOut, code := command(append(append([]string{}, base...), append(c.args, "--again")...)...); code == exitGood || !strings.Contains(errOut, c.want) {
			t.Errorf("%q: %d, %s%s, want %q", c.args, code, out, errOut, c.want)
		}
	}
}

// TestLabelsAsSupervisor runs experiments whose weak supervisors are labels that were made elsewhere, or simulated.
func TestLabelsAsSupervisor(t *testing.T) {
	models, command := commander(t)
	strong, dir := filepath.Join(models, "bert-tiny"), t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var rows, labels, few strings.Builder
	labels.WriteString("text,class\n")
	few.WriteString("id,class\n")
	for i := range 200 {
		class, word := "no", "weak"
		if i%2 == 0 {
			class, word = "yes", "strong"
		}
		said := class
		if i%5 == 0 {
			said = "no"
		}
		text := fmt.Sprintf("the %s model says %d", word, i)
		fmt.Fprintf(&rows, `{"id": %d, "text": %q, "label": %q, "rater_3": %q}`+"\n", i, text, class, said)
		if i >= 20 {
			fmt.Fprintf(&labels, "%s,%s\n", text, said)
		}
		if i < 3 {
			fmt.Fprintf(&few, "%d,%s\n", i, said)
		}
	}
	labels.WriteString("another text,no\n")
	task := write("task.jsonl", rows.String()) + ":classes=no,yes"
	file := write("labels.csv", labels.String())
	out := filepath.Join(dir, "out.json")
	base := []string{"run", "--strong", strong, "--task", task, "--seeds", "1", "--loss", "xent", "--no-baselines", "--out", out, "--balance=false"}
	for _, c := range []struct {
		weak string
		want []string
	}{
		{"column:rater_3", []string{"column:rater_3 → bert-tiny", "is the column rater_3 of the task's data, not trained here"}},
		{"labels:" + file, []string{"labels:labels.csv → bert-tiny", "labels:labels.csv: 20 of 200 examples left out, which it has no label for",
			`1 text of labels.csv matches no example: "another text"`}},
		{"sim:flip:0.75", []string{"sim:flip:0.75 → bert-tiny"}},
		{"boost:3:" + strong, []string{"boost:3:bert-tiny → bert-tiny", "(AdaBoost)"}},
		{"experts:2:" + strong, []string{"experts:2:bert-tiny → bert-tiny", "each trained on another cluster of weak-train"}},
		{"bag:3:" + strong, []string{"bag:3:bert-tiny → bert-tiny", "bag:3:bert-tiny: the mean of 3 heads of bert-tiny, each trained on a bootstrap sample of weak-train"}},
		{"column:rater_3,sim:flip:0.75," + strong, []string{"column:rater_3 → bert-tiny", "sim:flip:0.75 → bert-tiny", "bert-tiny → bert-tiny"}},
	} {
		got, errOut, code := command(append(base, "--weak", c.weak, "--again")...)
		for _, want := range c.want {
			if code != exitGood || !strings.Contains(strings.Join(strings.Fields(got), " "), want) { // lines are wrapped
				t.Errorf("--weak %s: %d, %s%s, want %q", c.weak, code, got, errOut, want)
			}
		}
	}

	// Labels that have changed between two runs are another experiment.
	if got, errOut, code := command(append(base, "--weak", "labels:"+file, "--again")...); code != exitGood {
		t.Fatalf("%d, %s%s", code, got, errOut)
	}
	write("labels.csv", strings.Replace(labels.String(), ",no", ",yes", 1))
	if _, errOut, code := command(append(base, "--weak", "labels:"+file)...); code != exitUsage || !strings.Contains(errOut, "model labels:labels.csv: key: in the file") {
		t.Errorf("labels that have changed continue a result: %d, %s", code, errOut)
	}

	for _, c := range []struct {
		want string
		args []string
	}{
		{"none of the 2 texts", []string{"--weak", "labels:" + write("other.csv", "text,class\na,no\nb,no\n")}},
		{`has labels for 3 of 200 examples, too few to train and to test a student on (want 40 or more); 1 id of few.csv matches no example: "x"`,
			[]string{"--weak", "labels:" + write("few.csv", few.String()+"x,no\n")}},
		{`has no column "rater_9"`, []string{"--weak", "column:rater_9"}},
		{"says what is right", []string{"--weak", "column:label"}},
		{"want column:NAME", []string{"--weak", "column:"}},
		{"no such file", []string{"--weak", "labels:" + filepath.Join(dir, "none.csv")}},
		{"has no ratings of single people", []string{"--weak", "raters:1"}},
		{"want raters:N with N from 1 to 9, raters:N:draw=K for another draw, or raters:far", []string{"--weak", "raters:near", "--task", "movies"}},
		{"draw=x: want a whole number", []string{"--weak", "raters:1:draw=x", "--task", "movies"}},
		{"raters of the draws 0 and 2 have different gold labels", []string{"--weak", "raters:1,raters:3:draw=2", "--task", "movies"}},
		{"want bag:N:CHECKPOINT with N from 2 to 1000", []string{"--weak", "bag:1:" + strong}},
		{"want bag:N:CHECKPOINT with N from 2 to 1000", []string{"--weak", "bag:" + strong}},
		{"unknown simulated supervisor", []string{"--weak", "sim:flap:0.75"}},
		{"accuracy 0.2 is not above guessing", []string{"--weak", "sim:flip:0.2"}},
		{"name another file", []string{"--weak", "labels:" + file, "--out", file}},
		{`"maybe" is no class (classes: no, yes) (also at line 4)`, []string{"--weak", "labels:" + write("maybe.csv", "id,class\n1,yes\n9,maybe\n5,maybe\n")}},
	} {
		if _, errOut, code := command(append(append(append([]string{}, base...), "--again"), c.args...)...); code == exitGood || !strings.Contains(errOut, c.want) {
			t.Errorf("%q: %d, %s, want %q", c.args, code, errOut, c.want)
		}
	}
	// What is wrong with the command line, and not with a file, is a usage error.
	for _, c := range []struct{ weak, want string }{
		{"labels:", "no file is named"},
		{"labels:" + dir, "is a folder"},
		{"labels:" + filepath.Join(dir, "none"), "no such file"},
		{"labels:" + file + ":klass=class", `unknown setting "klass" (did you mean "class"?`},
		{"labels:" + file + ":class=verdict", `there is no column "verdict" (columns: "class", "text")`},
		{file, "for labels that were made elsewhere write --weak labels:" + file},
		{"rater:1", "did you mean raters:1?"},
		{"label:" + file, "did you mean labels:" + file},
		{"sim:flip:0.5", "sim:flip:0.5: accuracy 0.5 is not above guessing among 2 classes"},
		{"boost:1:" + strong, "want boost:N:CHECKPOINT with N from 2 to 1000"},
	} {
		if _, errOut, code := command(append(append([]string{}, base...), "--again", "--weak", c.weak)...); code != exitUsage || !strings.Contains(errOut, c.want) {
			t.Errorf("--weak %s: %d, %s, want %q", c.weak, code, errOut, c.want)
		}
	}
	// A class that no label is left for.
	var half strings.Builder
	half.WriteString("id,class\n")
	for i := 0; i < 200; i += 2 {
		fmt.Fprintf(&half, "%d,yes\n", i)
	}
	balanced := append(append([]string{}, base[:len(base)-1]...), "--again", "--weak", "labels:"+write("half.csv", half.String()))
	want := `labels:half.csv has labels for 100 of 200 examples, and the others are left out: 100 examples are left, 0 of class "no", 100 of class "yes": too few`
	if _, errOut, code := command(balanced...); code == exitGood || !strings.Contains(errOut, want) {
		t.Errorf("%d, %s, want %q", code, errOut, want)
	}
}

// run --combine adds rows of a combination, and a table that compares it with its members.
func TestCombine(t *testing.T) {
	models, command := commander(t)
	strong, weak, out := filepath.Join(models, "bert-tiny"), filepath.Join(models, "mpnet-tiny"), filepath.Join(t.TempDir(), "out.json")
	base := []string{"run", "--strong", strong, "--task", opinions(t, 300), "--seeds", "2", "--loss", "xent", "--no-baselines", "--out", out}
	got, errOut, code := command(append(base, "--weak", weak+","+strong, "--combine", "dawid-skene")...)
	for _, want := range []string{"dawid-skene of 2 → bert-tiny", "dawid-skene takes mpnet-tiny to be right on", "combined supervisors against each alone", "(best)"} {
		if code != exitGood || !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
			t.Errorf("%d, %s%s, want %q", code, got, errOut, want)
		}
	}
	if shown, _, _ := command("table", out); !strings.Contains(shown, "combined supervisors against each alone") {
		t.Errorf("w2s table prints\n%s", shown)
	}
	for want, args := range map[string][]string{
		"--weak names one supervisor":            {"--weak", weak, "--combine", "mean"},
		`did you mean "vote"?`:                   {"--weak", weak + "," + strong, "--combine", "vot"},
		"are the same supervisor, which would":   {"--weak", weak + "," + weak + "/", "--combine", "mean"},
		"--combine is given 2 times":             {"--weak", weak + "," + strong, "--combine", "mean", "--combine", "vote"},
		"cannot be combined with others":         {"--weak", weak + ",sim:flip:0.8", "--combine", "mean"},
		"it holds another experiment":            {"--weak", weak + "," + strong, "--combine", "mean"},
		"no held-out labels for the treatments":  {"--weak", weak + "," + strong, "--combine", "mean", "--treatment", "platt"},
		"dawid-skene needs classes, and the can": {"--weak", weak + "," + strong, "--combine", "dawid-skene", "--task", "movies-pairs"},
	} {
		if _, errOut, code := command(append(append([]string{}, base...), args...)...); code == exitGood || !strings.Contains(errOut, want) {
			t.Errorf("%q: %d, %s, want %q", args, code, errOut, want)
		}
	}
}
