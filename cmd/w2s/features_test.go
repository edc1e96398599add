package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"w2s/internal/safetensors"
	"w2s/internal/shareddata"
)

// mixed writes n texts as JSON lines to a file and returns its path. Words of a text hint at its class, or at the better one of a pair.
// Some labels are wrong, so that scores lie between chance and 100 %.
func mixed(t *testing.T, name string, n int, line func(rng *rand.Rand, say func(class int) string) map[string]any) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 5))
	words := [][]string{{"dull", "noisy", "bitter"}, {"lovely", "bright", "honest"}, {"plain", "usual", "common"}}
	things := []string{"film", "lamp", "soup", "book", "song", "train", "garden", "coat"}
	say := func(class int) string {
		text := fmt.Sprintf("the %s number %d was", things[rng.IntN(len(things))], rng.IntN(10000))
		for range 3 {
			own := words[class]
			if rng.Float64() < 0.4 {
				own = words[rng.IntN(len(words))]
			}
			text += " " + own[rng.IntN(len(own))]
		}
		return text
	}
	var b bytes.Buffer
	for range n {
		data, err := json.Marshal(line(rng, say))
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(data, '\n'))
	}
	path := filepath.Join(t.TempDir(), name+".jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// A retrained is a row as docs/recompute.py --train prints it.
type retrained struct {
	Task, Weak, Strong, Loss string
	Seeds                    int
	Here, File               struct{ Floor, Student, Ceiling float64 }
	Points                   map[string]float64
}

// retrain runs docs/recompute.py --train and returns its rows by task.
func retrain(t *testing.T, python, result string, exports []string) map[string]retrained {
	t.Helper()
	command := exec.Command(python, append([]string{filepath.Join(shareddata.Root(), "docs", "recompute.py"), "--train", result}, exports...)...)
	var errOut bytes.Buffer
	command.Stderr = &errOut
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errOut.Bytes())
	}
	rows := map[string]retrained{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		var row retrained
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		rows[row.Task] = row
	}
	return rows
}

// docs/recompute.py --train trains with NumPy on the halves of a result file, from exported features, and gets the same scores.
func TestPythonScriptTrainsTheSameHeads(t *testing.T) {
	python := shareddata.Python(t, "numpy")
	models, command := commander(t)
	list := []string{
		mixed(t, "two", 500, func(rng *rand.Rand, say func(int) string) map[string]any {
			k := rng.IntN(2)
			return map[string]any{"text": say(k), "label": k}
		}),
		mixed(t, "three", 500, func(rng *rand.Rand, say func(int) string) map[string]any {
			k := rng.IntN(3)
			return map[string]any{"text": say(k), "label": []string{"bad", "good", "fair"}[k]}
		}),
		mixed(t, "pairs", 500, func(rng *rand.Rand, say func(int) string) map[string]any {
			return map[string]any{"prompt": fmt.Sprint("which is question ", rng.IntN(1000000)), "chosen": say(1), "rejected": say(0)}
		}),
	}
	three := filepath.Join(filepath.Dir(list[1]), "three.yaml")
	if err := os.WriteFile(three, []byte("train: three.jsonl\nclasses: [bad, good, fair]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	list[1] = three
	split := []string{"--train", "240", "--test", "200", "--seeds", "2"}
	weak, strong := filepath.Join(models, "bert-tiny"), filepath.Join(models, "mpnet-tiny")
	result := filepath.Join(t.TempDir(), "result.json")
	args := append([]string{"run", "--weak", weak, "--strong", strong, "--loss", "xent", "--loss", "kl", "--resamples", "200", "--out", result}, split...)
	for _, task := range list {
		args = append(args, "--task", task)
	}
	if _, errOut, code := command(args...); code != exitGood {
		t.Fatalf("run: code %d: %s", code, errOut)
	}
	var exports []string
	for _, task := range list {
		for _, model := range []string{weak, strong} {
			path := filepath.Join(t.TempDir(), "features.safetensors")
			if _, errOut, code := command(append([]string{"features", "export", "--task", task, "--model", model, "-o", path}, split...)...); code != exitGood {
				t.Fatalf("export: code %d: %s", code, errOut)
			}
			exports = append(exports, path)
		}
	}
	rows := retrain(t, python, result, exports)
	if len(rows) != 3 {
		t.Errorf("%d tasks, want 3: %v", len(rows), rows)
	}
	for name, row := range rows {
		if row.Loss != "xent" || row.Seeds != 2 || len(row.Points) != 3 {
			t.Errorf("%s: %+v", name, row)
		}
		for what, difference := range row.Points {
			if !(math.Abs(difference) <= 0.2) {
				t.Errorf("%s: %s differs by %v points", name, what, difference)
			}
		}
		if row.File.Floor < 0.4 || row.File.Ceiling > 0.97 || row.File.Floor == row.File.Ceiling || row.File.Student == row.File.Ceiling {
			t.Errorf("%s: scores that any program would get: %+v", name, row.File)
		}
	}

	// The comparison depends on the halves: with others, scores differ.
	data, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	swapped := bytes.ReplaceAll(data, []byte(`"weak":"`), []byte(`"strong_":"`))
	swapped = bytes.ReplaceAll(swapped, []byte(`"strong":"`), []byte(`"weak":"`))
	swapped = bytes.ReplaceAll(swapped, []byte(`"strong_":"`), []byte(`"strong":"`))
	other := filepath.Join(t.TempDir(), "swapped.json")
	if err := os.WriteFile(other, swapped, 0o666); err != nil {
		t.Fatal(err)
	}
	for name, row := range retrain(t, python, other, exports) {
		if math.Abs(row.Points["floor"])+math.Abs(row.Points["student"])+math.Abs(row.Points["ceiling"]) <= 0.2 {
			t.Errorf("%s: the same scores with swapped halves: %v", name, row.Points)
		}
	}
}

// NumPy and the safetensors library read the two forms of an export as the same array.
func TestExportsAreReadByPython(t *testing.T) {
	python := shareddata.Python(t, "numpy, safetensors")
	models, command := commander(t)
	dir := t.TempDir()
	task := mixed(t, "pairs", 60, func(rng *rand.Rand, say func(int) string) map[string]any {
		return map[string]any{"prompt": fmt.Sprint("which is question ", rng.IntN(1000000)), "chosen": say(1), "rejected": say(0)}
	})
	for _, name := range []string{"f.npy", "f.safetensors"} {
		if _, errOut, code := command("features", "export", "--task", task, "--model", filepath.Join(models, "bert-tiny"), "--all-texts", "-o", filepath.Join(dir, name)); code != exitGood {
			t.Fatalf("%s: code %d: %s", name, code, errOut)
		}
	}
	script := `
import numpy as np, sys
from safetensors import safe_open
with safe_open("f.safetensors", "np") as f:
    x, start, gold, meta = f.get_tensor("features"), f.get_tensor("start"), f.get_tensor("gold"), f.metadata()
y = np.load("f.npy")
assert x.dtype == y.dtype == np.float32 and x.shape == y.shape and len(x) == 120, (x.shape, y.shape)
assert (x == y).all() and x.std() > 0
assert list(start) == list(range(0, 121, 2)) and gold.dtype == np.float64
lines = np.loadtxt("f.ids.txt", dtype=str)
assert [i for i in meta["ids"].split("\n") for _ in range(2)] == list(lines[:, 0])
assert (lines[:, 1].astype(float) == gold).all() and (gold.reshape(-1, 2).sum(1) == 1).all()
assert meta["classes"] == "" and open("f.ids.txt").readline().endswith("id of each row, gold of the candidate\n")
assert meta["task"] == "pairs" and meta["model"] == "bert-tiny" and meta["pooling"] == "mean" and len(meta["key"]) == 64, meta
`
	check := exec.Command(python, "-c", script)
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// Exports name the classes in the order of the gold labels, and one of another task or model is not overwritten.
func TestExportsOfClasses(t *testing.T) {
	models, command := commander(t)
	dir, task, model := t.TempDir(), opinions(t, 60), filepath.Join(models, "bert-tiny")
	export := func(task, model, name string) (string, int) {
		_, errOut, code := command("features", "export", "--task", task, "--model", model, "--all-texts", "-o", filepath.Join(dir, name))
		return errOut, code
	}
	for _, name := range []string{"f.npy", "f.safetensors", "f.npy"} {
		if errOut, code := export(task, model, name); code != exitGood {
			t.Fatalf("%s: %d, %s", name, code, errOut)
		}
	}
	f, err := safetensors.Open(filepath.Join(dir, "f.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ids, err := os.ReadFile(filepath.Join(dir, "f.ids.txt"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(ids), "\n")
	const classes = `["negative","positive"]`
	if f.Metadata["classes"] != classes || !strings.HasSuffix(line, "gold of "+classes) {
		t.Errorf("classes %q, comment %q", f.Metadata["classes"], line)
	}
	other := opinions(t, 61)
	renamed := filepath.Join(filepath.Dir(other), "views.yaml")
	if err := os.Rename(other, renamed); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"f.npy", "f.safetensors"} {
		for _, c := range [][2]string{{task, filepath.Join(models, "mpnet-tiny")}, {renamed, model}} {
			if errOut, code := export(c[0], c[1], name); code != exitUsage || !strings.Contains(errOut, "it holds the features of opinions by bert-tiny (name another") {
				t.Errorf("%s, %v: %d, %s", name, c, code, errOut)
			}
		}
	}
}
