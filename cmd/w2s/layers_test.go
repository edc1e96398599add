package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/drawn"
)

func TestParseLayers(t *testing.T) {
	for _, c := range []struct {
		text string
		last int
		want []int
	}{
		{"4,8", 12, []int{4, 8}}, {"8, 4 ,-1,12,0", 12, []int{0, 4, 8, 12}}, {"-13", 12, []int{0}}, {"all", 2, []int{0, 1, 2}},
		{spreadLayers, 30, []int{6, 12, 18, 24, 30}}, {spreadLayers, 12, []int{2, 5, 7, 10, 12}}, {spreadLayers, 3, []int{1, 2, 3}},
		{spreadLayers, 1, []int{1}},
	} {
		if got, err := parseLayers(c.text, c.last); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q of %d: %v, %v, want %v", c.text, c.last, got, err, c.want)
		}
	}
	for text, want := range map[string]string{"13": "there is no layer 13: the model has 0 to 12, or -13 to -1 from the end", "-14": "there is no layer -14",
		"1,,2": `layer "" is not a number`, "x,99": "there is no layer 99"} {
		if _, err := parseLayers(text, 12); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestStudyLayers compares layers of a checkpoint of safetensors, and checks that every layer is cached as @layer=N caches it.
func TestStudyLayers(t *testing.T) {
	_, command := commander(t)
	dir := t.TempDir()
	strong, weak := filepath.Join(dir, "strong"), filepath.Join(dir, "weak")
	for to, name := range map[string]string{strong: "llama", weak: "bert"} {
		if err := os.CopyFS(to, os.DirFS(drawn.Read(t, name).Write(t))); err != nil {
			t.Fatal(err)
		}
	}
	var rows strings.Builder
	for i := range 100 {
		fmt.Fprintf(&rows, `{"text": "the weak model %d says %s", "label": "%s"}`+"\n", i, []string{"yes", "no"}[i%2], []string{"1", "0"}[i%2])
	}
	task := filepath.Join(dir, "says.jsonl")
	if err := os.WriteFile(task, []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	encoded := func(model string) (row encodeRow) {
		t.Helper()
		out, errOut, code := command("encode", "--task", task, "--model", model, "--seeds", "1", "--json")
		var list []encodeRow
		if err := json.Unmarshal([]byte(out), &list); code != exitGood || err != nil || len(list) != 1 {
			t.Fatalf("%d, %v, %s%s", code, err, out, errOut)
		}
		return list[0]
	}
	if first := encoded(strong + "@layer=1"); first.Encoded != first.Texts {
		t.Fatalf("%+v", first)
	}
	file, plots := filepath.Join(dir, "r.json"), filepath.Join(dir, "plots")
	study := func(args ...string) (string, string, int) {
		return command(append([]string{"study", "layers", "--task", task, "--weak", weak, "--strong", strong, "--seeds", "1", "--out", file}, args...)...)
	}
	out, errOut, code := study("--layers", "0,1,-1", "--plots", plots, "--format", "csv")
	if code != exitGood || !strings.Contains(out, ",strong_layer,") {
		t.Fatalf("%d, %s%s", code, out, errOut)
	}
	r := loadResult(t, file)
	var layers []string
	for _, m := range r.Models {
		if m.Layer != nil {
			layers = append(layers, fmt.Sprint(m.Name, " ", m.Layer.Of, " ", m.Layer.Number))
		}
	}
	last := layers[len(layers)-1]
	if !slices.Equal(layers[:2], []string{"strong@layer=0 strong 0", "strong@layer=1 strong 1"}) {
		t.Errorf("models %q", layers)
	}
	if _, err := os.Stat(filepath.Join(plots, "layers.svg")); err != nil {
		t.Error(err)
	}
	for _, model := range []string{"@layer=0", "@layer=1", "@layer=-1", strings.TrimPrefix(strings.Fields(last)[0], "strong")} {
		if row := encoded(strong + model); row.Encoded != 0 || row.Cached != row.Texts {
			t.Errorf("%s was encoded again: %+v", model, row)
		}
	}
	// A run of one layer takes what the study has cached.
	if out, errOut, code := command("run", "--task", task, "--weak", weak, "--strong", strong+"@layer=-1", "--loss", "xent", "--seeds", "1",
		"--out", filepath.Join(dir, "one.json"), "--plots", filepath.Join(dir, "one")); code != exitGood {
		t.Fatalf("%d, %s%s", code, out, errOut)
	}
	if _, err := os.Stat(filepath.Join(dir, "one", "scores.svg")); err != nil {
		t.Errorf("charts of w2s run: %v", err)
	}
	if out, errOut, code := command("run", "--task", task, "--weak", weak, "--strong", strong, "--plots", plots, "--out", "-"); code != exitUsage || out != "" {
		t.Errorf("charts without a result file: %d, %s%s", code, out, errOut)
	}
	if out, errOut, code = study("--layers", "1", "--weak-layers", "0,1", "--again"); code != exitGood || !strings.Contains(out, "weak@layer=1 → strong") {
		t.Errorf("%d, %s%s", code, out, errOut)
	}
	if out, errOut, code := command("table", file); code != exitGood || !strings.Contains(out, "strong@layer=1") {
		t.Errorf("%d, %s%s", code, out, errOut)
	}
}

func TestStudyLayersFaults(t *testing.T) {
	models, command := commander(t)
	plain, hidden := filepath.Join(models, "bert-tiny"), filepath.Join(models, "hidden-tiny")
	for _, c := range []struct {
		want string
		code int
		args []string
	}{
		{"no outputs hidden_states.0", exitFailed, []string{"--strong", plain}},
		{"no outputs hidden_states.0", exitFailed, []string{"--strong", hidden, "--weak", plain, "--weak-layers", "1"}},
		{"--layers: there is no layer 3: the model has 0 to 2", exitUsage, []string{"--strong", hidden, "--layers", "1,3"}},
		{"has a layer already", exitUsage, []string{"--strong", hidden + "@layer=1"}},
		{"unknown setting", exitUsage, []string{"--strong", hidden + "@lyer=1"}},
	} {
		out, errOut, code := command(append([]string{"study", "layers", "--weak", hidden, "--out", filepath.Join(t.TempDir(), "r.json")}, c.args...)...)
		if code != c.code || !strings.Contains(errOut, c.want) {
			t.Errorf("%q: %d, %s%s, want %d and %q", c.args, code, out, errOut, c.code, c.want)
		}
	}
}
