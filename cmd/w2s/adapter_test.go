package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"w2s/internal/drawn"
	"w2s/internal/race"
)

// TestAdapter runs a pair of a checkpoint without and with an adapter, and combines it with other settings.
func TestAdapter(t *testing.T) {
	race.SkipLong(t)
	models, command := commander(t)
	dir := t.TempDir()
	a := drawn.ReadAdapter(t, "llama")
	base, adapter := filepath.Join(dir, "base"), filepath.Join(dir, "tuned@2")
	for to, from := range map[string]string{base: drawn.Read(t, a.Base).Write(t), adapter: a.Write(t)} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	template := "{% for m in messages %}{{ m.role }} : {{ m.content }}{% endfor %}"
	if err := os.WriteFile(filepath.Join(base, "chat_template.jinja"), []byte(template), 0o666); err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for i := range 100 {
		fmt.Fprintf(&rows, `{"text": "the weak model %d says %s", "label": %d}`+"\n", i, []string{"no", "yes"}[i%2], i%2)
	}
	task := filepath.Join(dir, "says.jsonl")
	if err := os.WriteFile(task, []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "r.json")
	keys := map[string]bool{}
	for strong, name := range map[string]string{
		base + "@adapter=" + adapter:                          "base@adapter=tuned@2",
		base + "@chat@layer=1@adapter=" + adapter:             "base@adapter=tuned@2@layer=1@chat",
		base + "#safetensors@adapter=" + adapter + "@layer=1": "base@adapter=tuned@2@layer=1",
	} {
		out, errOut, code := command("run", "--task", task, "--weak", base, "--strong", strong, "--loss", "xent", "--seeds", "1", "--out", file, "--again")
		if code != exitGood || !strings.Contains(out, "base → "+name) {
			t.Fatalf("%s: %d, %s%s", strong, code, out, errOut)
		}
		for _, m := range loadResult(t, file).Models {
			keys[m.Key] = true
			if m.Name == name && (m.Description["adapter"] != "tuned@2" || m.Description["sha256 adapter_config.json"] == "") {
				t.Errorf("%s: description %q", name, m.Description)
			}
		}
	}
	if len(keys) != 4 {
		t.Errorf("%d keys of 4 models", len(keys))
	}
	if out, errOut, code := command("study", "layers", "--task", task, "--weak", base, "--strong", base+"@adapter="+adapter, "--layers", "0,-1", "--seeds", "1",
		"--out", file, "--again"); code != exitGood || !strings.Contains(out, "base → base@adapter=tuned@2,") {
		t.Errorf("%d, %s%s", code, out, errOut)
	}
	if out, errOut, code := command("models", "check", base+"@adapter="+adapter, "--tolerance", "1e-5"); code != exitGood {
		t.Errorf("%d, %s%s", code, out, errOut)
	}
	if out, _, code := command("models", "check", base, "--reference", filepath.Join(adapter, "reference.json")); code != exitFailed {
		t.Errorf("the base alone agrees with the reference of the adapter: %d, %s", code, out)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"out", []string{"run", "--task", task, "--weak", base, "--strong", base + "@adapter=" + adapter, "--out", filepath.Join(adapter, "adapter_config.json")}},
		{"model.onnx", []string{"models", "inspect", filepath.Join(models, "llama-tiny") + "@adapter=" + adapter}},
		{"is not a folder", []string{"models", "inspect", base + "@adapter=" + filepath.Join(adapter, "adapter_config.json")}},
	} {
		if out, errOut, code := command(c.args...); code == exitGood || !strings.Contains(errOut, c.want) {
			t.Errorf("%q: %d, %s%s, want %q", c.args, code, out, errOut, c.want)
		}
	}
}
