package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"w2s/internal/race"
	"w2s/internal/safetensors"
)

// TestExportedFeaturesGiveTheSameHeads runs an experiment with checkpoints, and again with files of their features.
func TestExportedFeaturesGiveTheSameHeads(t *testing.T) {
	models, command := commander(t)
	dir := t.TempDir()
	list := []string{
		mixed(t, "two", 300, func(rng *rand.Rand, say func(int) string) map[string]any {
			k := rng.IntN(2)
			return map[string]any{"text": say(k), "label": k}
		}),
		mixed(t, "pairs", 200, func(rng *rand.Rand, say func(int) string) map[string]any {
			return map[string]any{"prompt": fmt.Sprint("which is question ", rng.IntN(1000000)), "chosen": say(1), "rejected": say(0)}
		}),
	}
	good := func(args ...string) string {
		t.Helper()
		out, errOut, code := command(args...)
		if code != exitGood {
			t.Fatalf("%q: %d, %s%s", args, code, out, errOut)
		}
		return out
	}
	for i, task := range list {
		split := []string{"--task", task, "--seeds", "2", "--train", "120", "--test", "60"}
		run := func(name, weak, strong string) string {
			t.Helper()
			return good(append([]string{"run", "--weak", weak, "--strong", strong, "--loss", "xent", "--json", "--out", filepath.Join(dir, name)}, split...)...)
		}
		weak, strong := filepath.Join(models, "bert-tiny"), filepath.Join(models, "mpnet-tiny")
		table := run(fmt.Sprint("models", i, ".json"), weak, strong)
		exported := func(model, form string) string {
			path := filepath.Join(dir, fmt.Sprint(filepath.Base(model), i, form))
			good(append([]string{"features", "export", "--model", model, "-o", path}, split...)...)
			return vectorsPrefix + path
		}
		weakFile, strongFile := exported(weak, ".npy"), exported(strong, ".safetensors")
		got := run(fmt.Sprint("files", i, ".json"), weakFile, strongFile)
		a, b := loaded(t, filepath.Join(dir, fmt.Sprint("models", i, ".json"))), loaded(t, filepath.Join(dir, fmt.Sprint("files", i, ".json")))
		weakName, strongName := b.Models[0].Name, b.Models[1].Name
		if weakName != fmt.Sprintf("features:bert-tiny%d.npy", i) || b.Models[1].Description["made from model"] != "mpnet-tiny" ||
			b.Models[0].Key == "" || b.Models[0].Description["sha256 "+filepath.Base(weakFile)] == "" {
			t.Errorf("the result has %+v", b.Models)
		}
		data, err := json.Marshal(b.Heads)
		if err != nil {
			t.Fatal(err)
		}
		renamed := strings.NewReplacer(weakName, "bert-tiny", strongName, "mpnet-tiny")
		want, err := json.Marshal(a.Heads)
		if err != nil {
			t.Fatal(err)
		}
		if renamed.Replace(string(data)) != string(want) || len(a.Heads) < 6 {
			t.Errorf("%s: the heads differ", task)
		}
		if i == 0 && renamed.Replace(got) != table { // the notes of the other task have the texts that a model truncates
			t.Errorf("the tables differ:\n%s\n%s", table, got)
		}
	}
}

// images writes a task whose texts are names of images, and a file with vectors of two layers for each. In the first layer, noise
// hides most of the class.
func images(t *testing.T, dir string, n int) (task, vectors string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	rows, names := "text,label\n", ""
	layers := [][]float32{nil, nil}
	for i := range n {
		label := rng.IntN(2)
		rows += fmt.Sprintf("img-%04d.png,%d\n", i, label)
		names += fmt.Sprintf("img-%04d.png\n", i)
		for layer, noise := range []float64{6, 1} {
			for d := range 8 {
				layers[layer] = append(layers[layer], float32(float64(label*(d%3)-1)+noise*rng.NormFloat64()))
			}
		}
	}
	task, vectors = filepath.Join(dir, "images.csv"), filepath.Join(dir, "images.safetensors")
	file, err := os.Create(vectors)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	shape := []int64{int64(n), 8}
	err = safetensors.Write(file, nil, safetensors.Float32Tensor("layer.4", shape, layers[0]), safetensors.Float32Tensor("layer.8", shape, layers[1]))
	for path, text := range map[string]string{task: rows, filepath.Join(dir, "images.ids.txt"): names} {
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o666)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return task, vectors
}

// TestVectorsOfImages runs experiments with images, of which w2s knows names, labels and vectors.
func TestVectorsOfImages(t *testing.T) {
	_, command := commander(t)
	dir := t.TempDir()
	task, file := images(t, dir, 400)
	weak, strong := vectorsPrefix+file+"@layer=4", vectorsPrefix+file+"@layer=-1"
	base := []string{"--task", task, "--seeds", "2", "--loss", "xent"}
	do := func(name string, args ...string) (string, string, int) {
		return command(append(append(args, base...), "--out", filepath.Join(dir, name))...)
	}
	out, errOut, code := do("run.json", "run", "--weak", weak, "--strong", strong)
	if code != exitGood || !strings.Contains(out, "features:images.safetensors@layer=4") ||
		!strings.Contains(out, "features:images.safetensors@layer=-1") {
		t.Fatalf("%d, %s%s", code, out, errOut)
	}
	r := loaded(t, filepath.Join(dir, "run.json"))
	if l := r.Models[1].Layer; l == nil || l.Number != 8 || l.Of != "features:images.safetensors" {
		t.Errorf("the layer is %+v", l)
	}
	if out, errOut, code := do("sweep.json", "sweep", "--models", weak+","+strong, "--no-baselines"); code != exitGood || strings.Count(out, " → ") < 3 {
		t.Errorf("sweep: %d, %s%s", code, out, errOut)
	}
	if out, errOut, code := do("layers.json", "study", "layers", "--weak", weak, "--strong", vectorsPrefix+file, "--layers", "all"); code != exitGood ||
		!strings.Contains(out, "layer of the strong model") {
		t.Errorf("study layers: %d, %s%s", code, out, errOut)
	}
	if out, errOut, code := command("encode", "--task", task, "--model", weak); code != exitGood {
		t.Errorf("encode: %d, %s%s", code, out, errOut)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) < 5 {
		t.Errorf("%v, %v", entries, err)
	}
	plan := filepath.Join(dir, "plan.yaml")
	if err := os.WriteFile(plan, []byte("models: ["+weak+", "+strong+"]\ntask: ["+task+"]\nloss: [xent]\nseeds: 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, errOut, code := command("sweep", "--plan", plan, "--out", filepath.Join(dir, "plan.json"), "--dry-run"); code != exitGood || !strings.Contains(out, "@layer=4") {
		t.Errorf("plan: %d, %s%s", code, out, errOut)
	}

	for _, c := range []struct {
		want string
		args []string
	}{
		{"it has the layers 4, 8: choose one with @layer=N", []string{"run", "--weak", vectorsPrefix + file, "--strong", strong}},
		{"it has no layer 5 (it has 4, 8)", []string{"run", "--weak", vectorsPrefix + file + "@layer=5", "--strong", strong}},
		{"it has no layer 5 (it has 4, 8)", []string{"study", "layers", "--weak", weak, "--strong", vectorsPrefix + file, "--layers", "5"}},
		{"leave @chat and @adapter out", []string{"run", "--weak", weak + "@chat", "--strong", strong}},
		{"no file is named", []string{"run", "--weak", "features:", "--strong", strong}},
		{"model features:absent.npy: ", []string{"run", "--weak", "features:absent.npy", "--strong", strong}},
		{"writes no answers", []string{"run", "--weak", weak, "--strong", strong, "--task", "sciq-free"}},
	} {
		if out, errOut, code := do("fault.json", c.args...); code == exitGood || !strings.Contains(errOut, c.want) {
			t.Errorf("%q: %d, %s%s, want %q", c.args, code, out, errOut, c.want)
		}
	}
	for want, args := range map[string][]string{
		"has vectors and no model to check":   {"models", "check", weak},
		"has vectors and no model to measure": {"bench", "encode", "--model", weak, "--task", task},
		"the command reads this file":         {"features", "export", "--task", task, "--model", weak, "-o", file},
	} {
		if out, errOut, code := command(args...); code == exitGood || !strings.Contains(errOut, want) {
			t.Errorf("%q: %d, %s%s, want %q", args, code, out, errOut, want)
		}
	}

	// Rows that no text needs are counted, and missing ones are named.
	other := filepath.Join(dir, "other.csv")
	data, err := os.ReadFile(task)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	if err := os.WriteFile(other, []byte(strings.Join(lines[:301], "")+"img-x.png,1\nimg-y.png,0\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, errOut, code := command("encode", "--task", other, "--model", weak, "--all-texts"); code == exitGood ||
		!strings.Contains(errOut, `no vector for 2 of 302 texts: "img-`) {
		t.Errorf("missing rows: %d, %s", code, errOut)
	}

	// The result of a file is not continued with another file.
	if err := os.WriteFile(filepath.Join(dir, "images.ids.txt"), []byte(strings.ReplaceAll(names(400), "img-0000", "img-9999")), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, []byte(strings.Join(append(lines[:1:1], lines[2:]...), "")), 0o666); err != nil {
		t.Fatal(err)
	}
	base[1] = other
	if out, errOut, code := do("run.json", "run", "--weak", weak, "--strong", strong); code == exitGood || !strings.Contains(errOut, "features:images.safetensors@layer=4") {
		t.Errorf("another list continues the result: %d, %s%s", code, out, errOut)
	}
}

// names returns the names of images, a line for each.
func names(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "img-%04d.png\n", i)
	}
	return b.String()
}

// TestListedTextsAreWhatARunNeeds makes vectors of what w2s features texts lists, and runs with them.
func TestListedTextsAreWhatARunNeeds(t *testing.T) {
	_, command := commander(t)
	dir := t.TempDir()
	task := mixed(t, "pairs", 200, func(rng *rand.Rand, say func(int) string) map[string]any {
		return map[string]any{"prompt": fmt.Sprint("which is question ", rng.IntN(1000000)), "chosen": say(1), "rejected": say(0)}
	})
	ids := filepath.Join(dir, "pairs.ids.jsonl")
	split := []string{"--task", task, "--seeds", "1", "--train", "60", "--test", "40"}
	if out, errOut, code := command(append([]string{"features", "texts", "-o", ids}, split...)...); code != exitGood || strings.TrimSpace(out) != ids {
		t.Fatalf("%d, %s%s", code, out, errOut)
	}
	list, err := os.Open(ids)
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	var vectors []float32
	rows := int64(0)
	for s := bufio.NewScanner(list); s.Scan(); rows++ {
		var line listedText
		if err := json.Unmarshal(s.Bytes(), &line); err != nil || !strings.Contains(line.Text, "question") || len(line.ID) != 32 {
			t.Fatalf("%q: %v", s.Bytes(), err)
		}
		vectors = append(vectors, float32(strings.Count(line.Text, "l")), float32(len(line.Text)))
	}
	file := filepath.Join(dir, "pairs.safetensors")
	w, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := safetensors.Write(w, nil, safetensors.Float32Tensor("features", []int64{rows, 2}, vectors)); err != nil || rows != 200 {
		t.Fatalf("%d rows: %v", rows, err)
	}
	run := append([]string{"run", "--weak", "features:" + file, "--strong", "features:" + file, "--loss", "xent", "--out", filepath.Join(dir, "r.json")}, split...)
	if out, errOut, code := command(run...); code != exitGood {
		t.Errorf("%d, %s%s", code, out, errOut)
	}
	for want, args := range map[string][]string{
		"want FILE.ids.jsonl": {"--task", task, "-o", filepath.Join(dir, "x.txt")},
		"has free answers":    {"--task", "sciq-free"},
		"--task is missing":   {},
	} {
		if out, errOut, code := command(append([]string{"features", "texts"}, args...)...); code != exitUsage || !strings.Contains(errOut, want) {
			t.Errorf("%q: %d, %s%s, want %q", args, code, out, errOut, want)
		}
	}
}

// TestLargeFilesAreEncodedWhileTheyAreRead encodes a file of several parts, and gets the vectors of a small one.
func TestLargeFilesAreEncodedWhileTheyAreRead(t *testing.T) {
	race.SkipLong(t)
	models, command := commander(t)
	dir := t.TempDir()
	row := func(i int, note string) string {
		return fmt.Sprintf(`{"text":"text number %d","label":%d,"note":%q}`+"\n", i, i%2, note)
	}
	small, large := "", strings.Builder{}
	for i := range 300 {
		small += row(i, "")
		large.WriteString(row(i%299, strings.Repeat("x", largeFiles/280)))
	}
	for name, text := range map[string]string{"small.jsonl": small, "large.jsonl": large.String(), "bad.jsonl": large.String() + row(1, "") + `{"text":"x"}` + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	encode := func(name string, more ...string) []encodeRow {
		t.Helper()
		out, errOut, code := command(append([]string{"encode", "--task", filepath.Join(dir, name), "--all-texts", "--json", "--model", filepath.Join(models, "bert-tiny"),
			"--model", filepath.Join(models, "mpnet-tiny")}, more...)...)
		var rows []encodeRow
		if err := json.Unmarshal([]byte(out), &rows); code != exitGood || err != nil || len(rows) != 2 {
			t.Fatalf("%s: %d, %s%s, %v", name, code, out, errOut, err)
		}
		return rows
	}
	for _, r := range encode("large.jsonl") {
		if r.Texts != 299 || r.Encoded != 299 || r.Task != "large" || r.Tokens == 0 {
			t.Errorf("%+v", r)
		}
	}
	for _, r := range encode("small.jsonl") {
		if r.Texts != 300 || r.Encoded != 1 || r.Cached != 299 {
			t.Errorf("the small file has other texts: %+v", r)
		}
	}
	sum := 0
	for _, shard := range []string{"1/2", "2/2"} {
		sum += encode("large.jsonl", "--shard", shard)[0].Cached
	}
	if sum != 299 {
		t.Errorf("the shards have %d texts, want 299", sum)
	}
	if _, errOut, code := command("encode", "--task", filepath.Join(dir, "bad.jsonl"), "--all-texts", "--model", filepath.Join(models, "bert-tiny")); code == exitGood ||
		!strings.Contains(errOut, "bad.jsonl:302") {
		t.Errorf("a fault: %d, %s", code, errOut)
	}
}
