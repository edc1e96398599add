package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"w2s/harness/result"
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

// tableRows runs w2s table and returns the rows of each table in its JSON form.
func tableRows(t *testing.T, args ...string) (tables [][]map[string]string, errOut string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), &out, &errs, append([]string{"table", "--format", "json"}, args...))
	if out.Len() > 0 {
		var list []struct{ Rows []map[string]string }
		if err := json.Unmarshal(out.Bytes(), &list); err != nil {
			t.Fatalf("%v: %s", err, out.Bytes())
		}
		for _, l := range list {
			tables = append(tables, l.Rows)
		}
	}
	return tables, errs.String(), code
}

func TestImportedRunsAreInTheSameTable(t *testing.T) {
	tables, errOut, code := tableRows(t, stored(t, "movies"), "--import", imported(t))
	if code != exitGood || len(tables) != 1 || len(tables[0]) != 3 {
		t.Fatalf("exit code %d, %v: %s", code, tables, errOut)
	}
	own, theirs := tables[0][0], tables[0][2]
	if own["PGR"] != "0.50" || own["n"] != "40" || own["95% CI (test)"] == "" {
		t.Errorf("our row: %v", own)
	}
	// PGR is (75 - 60) / (90 - 60). The number of examples is unknown, so there is a note instead of an interval.
	if theirs["pair"] != "gpt2 → gpt2-xl" || theirs["PGR"] != "0.50" || theirs["n"] != "?" || theirs["95% CI (test)"] != "" || theirs["weak"] != "60.0" {
		t.Errorf("the imported row: %v", theirs)
	}
}

func TestTableViews(t *testing.T) {
	path := stored(t, "movies", "tweets")
	for by, want := range map[string]struct {
		tables, rows int
		cells        map[string]string // of the first row
	}{
		"task":     {1, 4, map[string]string{"task": "movies", "PGR": "0.50"}},
		"category": {1, 2, map[string]string{"category": "nlp", "tasks": "2", "median": "0.50", "published": "0.2 to 0.7"}},
		"pair":     {1, 2, map[string]string{"loss": "xent", "tasks": "2", "median": "0.50", "median gap": "50.0"}},
		"loss":     {1, 2, map[string]string{"loss": "logconf", "against": "xent", "difference": "+12.5"}},
		"all":      {4, 4, map[string]string{"task": "movies"}},
	} {
		tables, errOut, code := tableRows(t, path, "--by", by)
		if code != exitGood || len(tables) != want.tables || len(tables[0]) != want.rows {
			t.Errorf("--by %s: exit code %d, %v %s", by, code, tables, errOut)
			continue
		}
		for column, cell := range want.cells {
			if got := tables[0][0][column]; got != cell {
				t.Errorf("--by %s: %s is %q, want %q", by, column, got, cell)
			}
		}
	}
}

// A result that is there twice counts once. Two results of the same task with other predictions are not pooled, because a
// median over tasks would count the task twice, and their losses are not compared with each other.
func TestTwoResultsOfTheSameTask(t *testing.T) {
	a, b := stored(t, "movies"), stored(t, "movies")
	for by, want := range map[string]int{"task": 2, "category": 2, "loss": 1} {
		tables, errOut, code := tableRows(t, a, b, "--by", by)
		if code != exitGood || len(tables[0]) != want || !strings.Contains(errOut, "2 of 2 rows of result.json (2) are left out") {
			t.Errorf("the same twice, by %s: exit code %d, %v %s", by, code, tables, errOut)
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
		tables, errOut, code := tableRows(t, a, b, "--by", by)
		if code != exitGood || len(tables[0]) != want || errOut != "" {
			t.Errorf("two results, by %s: exit code %d, %v %s", by, code, tables, errOut)
			continue
		}
		seen := map[string]int{}
		for _, row := range tables[0] {
			seen[row["variant"]]++
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
		{[]string{good, "--by", "colour"}, exitUsage, "task, category, pair, loss, supervision or all", 0},
		{[]string{"--import", folder, good + ".missing"}, exitUsage, "no such file", 0},
		{[]string{"--import", t.TempDir()}, exitFailed, "no new run", 0},
		{[]string{"--import", folder, t.TempDir()}, exitFailed, "no new run", 1}, // the second folder is a value of --import too, and the first one's rows are printed
		{[]string{good, "--import", folder, "--metric", "auroc"}, exitFailed, "AUROC needs", 0},
	} {
		tables, errOut, code := tableRows(t, c.args...)
		if code != c.code || !strings.Contains(errOut, c.want) {
			t.Errorf("%v: exit code %d, want %d with %q: %s", c.args, code, c.code, c.want, errOut)
		}
		if c.rows > 0 && (len(tables) != 1 || len(tables[0]) != c.rows) {
			t.Errorf("%v: %v, want %d rows", c.args, tables, c.rows)
		}
	}
}
