package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/internal/race"
	"w2s/internal/shareddata"
	"w2s/tasks"
)

// commander returns the folder of the committed models, and a function that runs a command line offline with a new cache. It
// needs the ONNX Runtime library.
func commander(t *testing.T) (models string, command func(args ...string) (out, errOut string, code int)) {
	t.Helper()
	lib := needLibrary(t)
	cache := filepath.Join(t.TempDir(), "cache")
	return filepath.Join(shareddata.Root(), "fixtures", "models"), func(args ...string) (string, string, int) {
		var out, errOut bytes.Buffer
		code := run(context.Background(), &out, &errOut, append(args, "--cache", cache, "--offline", "--onnxruntime", lib, "--quiet"))
		return out.String(), errOut.String(), code
	}
}

// questions writes n generated questions, numbered from first, to dir/name.jsonl, in the columns of SciQ.
func questions(t *testing.T, dir, name string, first, n int) {
	t.Helper()
	colours := []string{"red", "blue", "green", "white", "black"}
	things := []string{"copper", "iron", "sulphur", "silver", "carbon", "salt", "glass"}
	var b bytes.Buffer
	for i := first; i < first+n; i++ {
		right := (i*i + i/7) % len(colours)
		other := func(k int) string { return colours[(right+k)%len(colours)] }
		line, err := json.Marshal(map[string]string{
			"question":       fmt.Sprintf("What colour does %s number %d turn?", things[i%len(things)], i),
			"correct_answer": colours[right], "distractor1": other(1), "distractor2": other(2), "distractor3": other(3), "support": "",
		})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	if err := os.WriteFile(filepath.Join(dir, name+".jsonl"), b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

func loadResult(t *testing.T, path string) *result.Result {
	t.Helper()
	r, err := result.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A built-in task reads local files instead of the hub's, and runs in its two forms: as a choice among candidates, and with
// free answers by two causal models.
func TestAnswers(t *testing.T) {
	race.SkipLong(t)
	models, command := commander(t)
	dir := t.TempDir()
	questions(t, dir, "sciq-train", 0, 120)
	questions(t, dir, "sciq-test", 1000, 40)
	experiment := func(task, weak, strong string, more ...string) []string {
		return append([]string{"run", "--data", dir, "--task", task, "--weak", filepath.Join(models, weak), "--strong", filepath.Join(models, strong),
			"--train", "80", "--test", "30", "--seeds", "2", "--loss", "xent", "--loss", "logconf", "--l2", "0.001,0.01", "--out", filepath.Join(dir, task+".json")}, more...)
	}
	t.Run("choices", func(t *testing.T) {
		if out, errOut, code := command(experiment("sciq-choices", "bert-tiny", "mpnet-tiny")...); code != exitGood || !strings.Contains(out, "sciq-choices") {
			t.Fatalf("exit code %d: %s%s", code, out, errOut)
		}
		r := loadResult(t, filepath.Join(dir, "sciq-choices.json"))
		if task := r.Tasks[0]; task.Form != tasks.Rank || len(task.TestIDs) != 30 || len(task.TestGold[0]) != 4 || len(r.Heads) != 2*(4+7) { // with baselines
			t.Errorf("%s, %d test examples over %d candidates, %d heads", task.Form, len(task.TestIDs), len(task.TestGold[0]), len(r.Heads))
		}
	})
	t.Run("free", func(t *testing.T) {
		args := experiment("sciq-free", "gpt2-logits-tiny", "llama-tiny")
		first, errOut, code := command(args...)
		if code != exitGood || !strings.Contains(first, "exact-match in per cent") {
			t.Fatalf("exit code %d: %s%s", code, first, errOut)
		}
		path := filepath.Join(dir, "sciq-free.json")
		r := loadResult(t, path)
		if task := r.Tasks[0]; task.Form != tasks.Generate || len(task.TestAnswers) != 30 || len(r.Heads) != 2*4 {
			t.Fatalf("%s, answers to %d test examples, %d heads", task.Form, len(task.TestAnswers), len(r.Heads))
		}
		// The models are random and tiny, but they only write tokens of the answers, and they learn to spell.
		words := []string{"red", "blue", "green", "white", "black"}
		known := 0
		for _, h := range r.Heads {
			for _, a := range h.Answers {
				if strings.Trim(a, " "+strings.Join(words, "")) != "" {
					t.Errorf("%s: answer %q", h.ID, a)
				}
				if slices.Contains(words, strings.TrimSpace(a)) {
					known++
				}
			}
		}
		if known < 120 { // 170 when this was written
			t.Errorf("%d of %d answers are colours", known, 30*len(r.Heads))
		}
		if table, _, code := command("table", path); code != exitGood || table != first {
			t.Errorf("w2s table (%d) differs from what run printed:\n%s\n%s", code, table, first)
		}
		if again, errOut, code := command(append(args, "--again")...); code != exitGood || again != first {
			t.Errorf("a second run (%d) from cached states differs: %s\n%s\n%s", code, errOut, first, again)
		}
		if out, errOut, code := command(experiment("sciq-free", "gpt2-logits-tiny", "llama-tiny", "--metric", "token-accuracy")...); code != exitGood || !strings.Contains(out, "token-accuracy in per cent") {
			t.Errorf("exit code %d: %s%s", code, out, errOut)
		}
		for _, c := range []struct {
			want string
			code int
			args []string
		}{
			{"need a causal language model", exitFailed, experiment("sciq-free", "gpt2-logits-tiny", "bert-tiny", "--again")},
			{"treatment hard", exitUsage, experiment("sciq-free", "gpt2-logits-tiny", "llama-tiny", "--treatment", "hard")},
			{"--metric auroc: task sciq-free", exitUsage, experiment("sciq-free", "gpt2-logits-tiny", "llama-tiny", "--metric", "auroc")},
			{"a generate task has no auroc", exitFailed, []string{"table", "--metric", "auroc", path}},
		} {
			if _, errOut, code := command(c.args...); code != c.code || !strings.Contains(errOut, c.want) {
				t.Errorf("exit code %d, want %d and an error with %q: %s", code, c.code, c.want, errOut)
			}
		}
	})
}

func TestTransferCommand(t *testing.T) {
	models, command := commander(t)
	dir := t.TempDir()
	for name, thing := range map[string]string{"plain": "", "loud": " indeed"} {
		text := bytes.ReplaceAll(reviews(240), []byte(`"}`), []byte(thing+`"}`))
		if err := os.WriteFile(filepath.Join(dir, name+".jsonl"), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "transfer.json")
	args := func(tasks ...string) []string {
		list := []string{"transfer", "--weak", filepath.Join(models, "bert-tiny"), "--strong", filepath.Join(models, "mpnet-tiny"),
			"--train", "100", "--test", "40", "--seeds", "1", "--loss", "xent", "--out", path}
		for _, task := range tasks {
			list = append(list, "--task", filepath.Join(dir, task+".jsonl"))
		}
		return list
	}
	out, errOut, code := command(args("plain", "loud")...)
	if code != exitGood || !strings.Contains(out, "each line is a training task, each column a test task") || strings.Count(out, "student, xent") != 2 {
		t.Fatalf("exit code %d: %s%s", code, out, errOut)
	}
	r := loadResult(t, path)
	crossTask := 0
	for _, h := range r.Heads {
		if h.Trained != "" {
			crossTask++
		}
	}
	if len(r.Heads) != 12 || crossTask != 6 {
		t.Errorf("%d heads, %d of them of another task; want heads in three roles of two tasks, each tested on both", len(r.Heads), crossTask)
	}
	if table, _, code := command("table", path); code != exitGood || !strings.Contains(table, "trained on plain") {
		t.Errorf("w2s table (%d):\n%s", code, table)
	}
	// If a task fails, the others are still printed and stored.
	few := bytes.SplitAfterN(reviews(240), []byte("\n"), 4)
	if err := os.WriteFile(filepath.Join(dir, "few.jsonl"), bytes.Join(few[:3], nil), 0o666); err != nil {
		t.Fatal(err)
	}
	part, errOut, code := command(args("plain", "few", "loud")...)
	if code != exitFailed || part != out || !strings.Contains(errOut, "few: 3 examples") {
		t.Errorf("exit code %d: %s\n%s\nwithout the task that fails:\n%s", code, errOut, part, out)
	}
	if r := loadResult(t, path); len(r.Tasks) != 2 || len(r.Heads) != 12 {
		t.Errorf("%d tasks and %d heads were stored", len(r.Tasks), len(r.Heads))
	}
	if _, errOut, code := command(args("plain")...); code != exitUsage || !strings.Contains(errOut, "two or more") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
}
