package main

import (
	"bytes"
	"errors"
	"os/exec"
	"path"
	"strings"
	"testing"

	"w2s/internal/progress"
)

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"tasks: no such file":                         "no such file",
		"task str: tasks: no such file (tasks: look)": "task str: no such file (look)",
		"fetch: catalog: onnx: x":                     "x",
		"feature: cache: /a: header.json is missing":  "cache: /a: header.json is missing",
		"report: result file a.json: tasks: x":        "result file a.json: x",
		"task t7: tasks: x":                           "task t7: x",
		"--task a: head: saving b: safetensors: x":    "--task a: saving b: x",
		"plan.yaml:2: loss: want a single value":      "plan.yaml:2: loss: want a single value",
		"task.yaml:2: label: no such column":          "task.yaml:2: label: no such column",
		"loss: unknown loss":                          "unknown loss",
		"the tasks: a, b":                             "the tasks: a, b",
		`text "a: b" is: c`:                           `text "a: b" is: c`,
		"":                                            "",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	var b bytes.Buffer
	printError(&b, errors.Join(errors.New("tasks: one"), errors.New("task a: onnx: two")))
	plainReporter{progress.New(&b, false)}.Print("note: feature: cache: three")
	if got := b.String(); got != "w2s: one\nw2s: task a: two\nnote: cache: three\n" {
		t.Errorf("%q", got)
	}
}

// TestPlainKnowsAllPackages finds packages of this module whose errors would be printed with their name.
func TestPlainKnowsAllPackages(t *testing.T) {
	out, err := exec.Command("go", "list", "w2s/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	// Errors of these do not begin with the name, which may also be a word of a message.
	plainAnyway := strings.Fields("w2s encode heads hugot ours chess fixtures half list prob progress shareddata study suggest visible inputfile atomicfile embedded bench")
	for _, p := range strings.Fields(string(out)) {
		name := path.Base(p)
		known := false
		for _, other := range plainAnyway {
			known = known || other == name
		}
		if text := name + ": x"; !known && plain(text) != "x" {
			t.Errorf("an error of %s is printed as %q", p, plain(text))
		}
	}
}
