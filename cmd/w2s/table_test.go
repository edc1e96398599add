package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/shareddata"
	"w2s/tasks"
)

// stored writes a made-up result file: each task has 40 test examples, of which each head gets the first few right.
func stored(t *testing.T, taskNames ...string) string {
	t.Helper()
	r := result.Result{Schema: result.Schema}
	heads := func(right int) result.Distributions {
		var d result.Distributions
		for i := range 40 {
			p := []float64{0.75, 0.25}
			if i < right {
				p = []float64{0.25, 0.75}
			}
			d = append(d, p)
		}
		return d
	}
	for _, name := range taskNames {
		task := result.Task{Name: name, Category: tasks.NLP, Form: tasks.Classify}
		for i := range 40 {
			task.TestIDs, task.TestGold = append(task.TestIDs, fmt.Sprint(i)), append(task.TestGold, []float64{0, 1})
		}
		r.Tasks = append(r.Tasks, task)
		add := func(role result.Role, model, loss string, right int) {
			h := result.Head{ID: fmt.Sprint(name, role, model, loss), Task: name, Role: role, Model: model, Loss: loss, Test: heads(right)}
			if role == result.Student {
				h.Supervisor = fmt.Sprint(name, result.Supervisor, "small", "xent")
			}
			r.Heads = append(r.Heads, h)
		}
		add(result.Supervisor, "small", "xent", 16)
		add(result.Ceiling, "large", "xent", 36)
		add(result.Student, "large", "xent", 26)
		add(result.Student, "large", "logconf:alpha=0.5:warmup=0.2", 31)
	}
	path := filepath.Join(t.TempDir(), "result.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// imported returns a results folder as train_weak_to_strong.py of openai/weak-to-strong writes it.
func imported(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sciq")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	text := `{"weak_acc": 0.6, "strong_acc": 0.9, "transfer_acc_xent": 0.75}`
	if err := os.WriteFile(filepath.Join(dir, "gpt2_gpt2-xl.results_summary.json"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tableRows runs w2s table and returns the rows of its table for programs.
func tableRows(t *testing.T, args ...string) (rows []map[string]any, errOut string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), &out, &errs, append([]string{"table", "--format", "json"}, args...))
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
			t.Fatalf("%v: %s", err, out.Bytes())
		}
	}
	return rows, errs.String(), code
}

func TestImportedRunsAreInTheSameTable(t *testing.T) {
	rows, errOut, code := tableRows(t, stored(t, "movies"), "--import", imported(t))
	if code != exitGood || len(rows) != 3 {
		t.Fatalf("exit code %d, %v: %s", code, rows, errOut)
	}
	own, theirs := rows[0], rows[2]
	if own["pgr"] != 0.5 || own["n"] != 40. || own["pgr_lo"] == nil {
		t.Errorf("our row: %v", own)
	}
	// PGR is (75 - 60) / (90 - 60). The number of examples is unknown, so there is a note instead of an interval.
	if pgr, _ := theirs["pgr"].(float64); theirs["strong_model"] != "gpt2-xl" || math.Abs(pgr-0.5) > 1e-9 || theirs["n"] != nil || theirs["pgr_lo"] != nil ||
		theirs["warnings"] == "" || theirs["weak"] != 0.6 {
		t.Errorf("the imported row: %v", theirs)
	}
}

func TestTableViews(t *testing.T) {
	path := stored(t, "movies", "tweets")
	for by, want := range map[string]struct {
		rows  int
		cells map[string]any // of the first row
	}{
		"task":     {4, map[string]any{"task": "movies", "pgr": 0.5}},
		"category": {2, map[string]any{"category": "nlp", "tasks": 2., "median": 0.5, "published_hi": 0.7}},
		"pair":     {2, map[string]any{"weak_model": "small", "tasks": 2., "median": 0.5, "median_gap": 0.5}},
		"loss":     {2, map[string]any{"loss": "logconf", "against": "xent", "difference": 0.125}},
		"misfit":   {4, map[string]any{"task": "movies", "pgr": 0.5}},
		"errors":   {4, map[string]any{"task": "movies"}},
		"method":   {2, map[string]any{"treatment": "soft", "cells": 2., "corpora": 2., "pgr_difference": 0.25}},
		"example":  {160, map[string]any{"task": "movies", "id": "0", "gold": "1", "weak": "1", "weak_right": true, "ceiling_p": 0.75}},
	} {
		rows, errOut, code := tableRows(t, path, "--by", by)
		if code != exitGood || len(rows) != want.rows {
			t.Errorf("--by %s: exit code %d, %v %s", by, code, rows, errOut)
			continue
		}
		for column, cell := range want.cells {
			if got := rows[0][column]; got != cell {
				t.Errorf("--by %s: %s is %v, want %v", by, column, got, cell)
			}
		}
	}
	var out, errOut bytes.Buffer
	if code := run(context.Background(), &out, &errOut, []string{"table", path, "--by", "all"}); code != exitGood || strings.Count(out.String(), "\n\n") < 8 {
		t.Errorf("all views: exit code %d, %s%s", code, out.String(), errOut.String())
	}
}

// Rows of models that teach themselves come last, or not at all with --no-self.
func TestSelfTaughtModelsComeLast(t *testing.T) {
	path := stored(t, "movies", "tweets")
	r := loadResult(t, path)
	for i := range r.Heads { // of movies: large teaches itself
		if h := &r.Heads[i]; h.Task == "movies" && h.Role == result.Supervisor {
			h.Model = "large"
		}
	}
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{{nil, "tweets tweets movies movies"}, {[]string{"--no-self"}, "tweets tweets"}} {
		rows, errOut, code := tableRows(t, append(c.args, path)...)
		got := strings.Join(list.Map(rows, func(r map[string]any) string { return fmt.Sprint(r["task"]) }), " ")
		if code != exitGood || got != c.want {
			t.Errorf("%q: exit code %d, %s, want %s: %s", c.args, code, got, c.want, errOut)
		}
		var out bytes.Buffer
		var all struct{ Rows []struct{ Task string } }
		code = run(t.Context(), &out, io.Discard, append([]string{"table", "--json", path}, c.args...))
		if err := json.Unmarshal(out.Bytes(), &all); err != nil || code != exitGood {
			t.Fatalf("%q --json: exit code %d, %v", c.args, code, err)
		}
		if got := strings.Join(list.Map(all.Rows, func(r struct{ Task string }) string { return r.Task }), " "); got != c.want {
			t.Errorf("%q --json: rows of %s, want %s", c.args, got, c.want)
		}
	}
}

// A result that is there twice counts once. Two results of the same task with other predictions are not pooled, because a
// median over tasks would count the task twice, and their losses are not compared with each other.
func TestTwoResultsOfTheSameTask(t *testing.T) {
	a, b := stored(t, "movies"), stored(t, "movies")
	for by, want := range map[string]int{"task": 2, "category": 2, "loss": 1} {
		rows, errOut, code := tableRows(t, a, b, "--by", by)
		if code != exitGood || len(rows) != want || !strings.Contains(errOut, "2 of 2 rows of result.json (2) are left out") {
			t.Errorf("the same twice, by %s: exit code %d, %v %s", by, code, rows, errOut)
		}
	}
	r := loadResult(t, b)
	for i, h := range r.Heads {
		if h.Role == result.Ceiling {
			r.Heads[i].Test[0] = []float64{0.2, 0.8}
		}
	}
	if err := r.Save(b); err != nil {
		t.Fatal(err)
	}
	for by, want := range map[string]int{"task": 4, "category": 4, "pair": 4, "loss": 2} {
		rows, errOut, code := tableRows(t, a, b, "--by", by)
		if code != exitGood || len(rows) != want || errOut != "" {
			t.Errorf("two results, by %s: exit code %d, %v %s", by, code, rows, errOut)
			continue
		}
		seen := map[string]int{}
		for _, row := range rows {
			seen[fmt.Sprint(row["variant"])]++
		}
		if seen["from result.json"] != want/2 || seen["from result.json (2)"] != want/2 {
			t.Errorf("two results, by %s: variants %v", by, seen)
		}
	}
}

func TestTableFaults(t *testing.T) {
	good, folder := stored(t, "movies"), imported(t)
	for _, c := range []struct {
		args []string
		code int
		want string
		rows int
	}{
		{nil, exitUsage, "--import", 0},
		{[]string{folder}, exitUsage, "--import " + folder, 0},
		{[]string{good, "--by", "colour"}, exitUsage, "want task, category, pair, model, loss, ", 0},
		{[]string{good, "--plots", t.TempDir()}, exitUsage, "--by task has no chart of its own", 0},
		{[]string{good, "--by", "all"}, exitUsage, "such a file holds one table", 0},
		{[]string{good, "--by", "chain"}, exitFailed, "--by chain: these results have none", 0},
		{[]string{"--import", folder, good + ".missing"}, exitUsage, "no such file", 0},
		{[]string{"--import", t.TempDir()}, exitFailed, "no new run", 0},
		{[]string{"--import", folder, t.TempDir()}, exitFailed, "no new run", 1}, // the second folder is a value of --import too, and the first one's rows are printed
		{[]string{good, "--import", folder, "--metric", "auroc"}, exitFailed, "AUROC needs", 0},
	} {
		rows, errOut, code := tableRows(t, c.args...)
		if code != c.code || !strings.Contains(errOut, c.want) {
			t.Errorf("%v: exit code %d, want %d with %q: %s", c.args, code, c.code, c.want, errOut)
		}
		if c.rows > 0 && len(rows) != c.rows {
			t.Errorf("%v: %v, want %d rows", c.args, rows, c.rows)
		}
	}
}

// The example of docs/pandas.md reads the files of the commands above it.
func TestPandas(t *testing.T) {
	python := shareddata.Python(t, "pandas")
	page := readPage(t, "docs/pandas.md")
	_, script, _ := strings.Cut(page, "```python\n")
	script, _, found := strings.Cut(script, "```")
	if !found {
		t.Fatal("docs/pandas.md has no example")
	}
	dir, results := t.TempDir(), stored(t, "movies", "tweets")
	commands := 0
	for line := range strings.SplitSeq(page, "\n") {
		command, to, ok := strings.Cut(strings.TrimPrefix(line, "    w2s "), " > ")
		if !ok || !strings.HasPrefix(line, "    w2s ") {
			continue
		}
		var out, errOut bytes.Buffer
		args := strings.Fields(strings.Replace(command, "w2s-results/default", results, 1))
		if code := run(context.Background(), &out, &errOut, args); code != exitGood {
			t.Fatalf("%s: %d, %s", line, code, errOut.String())
		}
		if err := os.WriteFile(filepath.Join(dir, to), out.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		commands++
	}
	c := exec.Command(python, "-c", script)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text := strings.Join(strings.Fields(string(out)), " ")
	// Of 40 examples, the supervisor gets 24 wrong; the students repeat 14 and 9 of them.
	for _, want := range []string{"movies xent 0.4 0.650 0.9 0.50 ", "movies 0.75 0.5", "4 of 4 rows recover more than nothing", "movies logconf 0 9", "xent 0 14"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if commands != 2 {
		t.Errorf("%d commands in docs/pandas.md", commands)
	}
}

// The card has the settings, the digests and the rows of the table.
func TestCard(t *testing.T) {
	path := stored(t, "movies", "a|b")
	r := loadResult(t, path)
	r.Program, r.Command, r.Config = "w2s test", []string{"w2s", "run"}, result.Settings{Losses: []string{"xent", "kl"}, Seeds: []uint64{0}, Folds: 3}
	r.Models = []result.Model{{Name: "large", Key: "0123abcd", Dims: 8, Parameters: 12, Description: map[string]string{result.FetchedFrom: "a hub"}}}
	r.Tasks[0].Digest, r.Tasks[0].Licence, r.Tasks[0].Train = "feed", "MIT", 77
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	if code := run(context.Background(), &out, &errOut, []string{"card", path}); code != exitGood {
		t.Fatalf("%d, %s", code, errOut.String())
	}
	for _, want := range []string{"## Weak-to-strong result: movies, a\\|b\n", "| made by | w2s test |", "| command | w2s run |", "| losses | xent, kl |", "| train | default |", "| folds | 3 |",
		"| large | 12 | 8 | 0123abcd | a hub |", "| movies | 77 | 40 |  | MIT | feed |", "| movies | xent | 40.0 ±15.0 | 65.0 ±15.0 | 90.0 ±8.7 |", "of the gap between small and large"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if code := run(context.Background(), &out, &errOut, []string{"card"}); code != exitUsage {
		t.Errorf("a card of nothing: %d", code)
	}
}

func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	var out, errOut bytes.Buffer
	if code := run(context.Background(), &out, &errOut, []string{"man", dir}); code != exitGood {
		t.Fatalf("%d, %s", code, errOut.String())
	}
	page, err := os.ReadFile(filepath.Join(dir, "w2s-run.1"))
	if err != nil || !strings.Contains(string(page), "weak supervisor") || !strings.HasPrefix(string(page), ".nh\n.TH \"W2S\"") {
		t.Errorf("%v, %.300s", err, page)
	}
}

// The shell completes names, also the last one of a list.
func TestCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"run --task movies-p": "movies-pairs", "run --loss lo": "logconf", "sweep --models chess-0.1m,chess-1": "chess-0.1m,chess-1.5m",
		"table --by exa": "example", "models inspect chess-0.4": "chess-0.4m", "tasks show tweets-p": "tweets-pairs", "run --treatment pla": "platt",
	} {
		var out, errOut bytes.Buffer
		code := run(context.Background(), &out, &errOut, append([]string{"__complete", "--cache", t.TempDir()}, strings.Fields(args)...))
		if code != exitGood || !strings.Contains("\n"+out.String(), "\n"+want+"\n") {
			t.Errorf("%s: %d, %q, want %s", args, code, out.String(), want)
		}
	}
}

// --limit caps what is given and what is the default.
func TestLimit(t *testing.T) {
	for _, c := range []struct{ train, test, limit, wantTrain, wantTest int }{
		{0, 0, 0, 0, 0}, {0, 0, 50, 50, 50}, {500, 20, 50, 50, 20}, {30, 800, 50, 30, 50},
	} {
		d := splitFlags{train: c.train, test: c.test, limit: c.limit}
		if got := d.split(); got.Train != c.wantTrain || got.Test != c.wantTest {
			t.Errorf("%+v: train %d, test %d", c, got.Train, got.Test)
		}
	}
}
