package main

import (
	"bytes"
	"errors"
	"fmt"
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

// An error that quotes a file, or has a line for each of its records, does not fill the screen.
func TestPrintErrorIsBounded(t *testing.T) {
	var b bytes.Buffer
	printError(&b, errors.Join(fmt.Errorf("bad pattern %q (use another)", strings.Repeat("(", 180_000)), errors.New("two")))
	if got := b.String(); len(got) > 2*maxErrorLine || !strings.Contains(got, "characters left out") || !strings.HasSuffix(got, "(use another)\nw2s: two\n") {
		t.Errorf("%d bytes: %.100s", len(got), got)
	}
	for n, last := range map[int]string{
		maxErrorLines:     "w2s: x",
		maxErrorLines + 1: "w2s: x",
		5_000:             fmt.Sprintf("w2s: … and %d more lines", 5_000-maxErrorLines),
	} {
		b.Reset()
		printError(&b, errors.New(strings.TrimSuffix(strings.Repeat("x\n", n), "\n")))
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) > maxErrorLines+1 || lines[len(lines)-1] != last {
			t.Errorf("%d lines become %d, the last %q", n, len(lines), lines[len(lines)-1])
		}
	}
}

// TestPlainKnowsAllPackages finds packages of this module whose errors would be printed with their name.
func TestPlainKnowsAllPackages(t *testing.T) {
	out, err := exec.Command("go", "list", "w2s/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	// Errors of these do not begin with the name, which may also be a word of a message.
	plainAnyway := strings.Fields("w2s encode heads scale hugot ours chess fixtures half list prob progress shareddata study suggest visible inputfile atomicfile embedded bench chat coverage minibatch penalty grid cputime race simd gpu")
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
