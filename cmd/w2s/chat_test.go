package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestChat runs pairs under a checkpoint with and without its chat template.
func TestChat(t *testing.T) {
	models, command := commander(t)
	dir := t.TempDir()
	checkpoint := filepath.Join(dir, "talker")
	if err := os.CopyFS(checkpoint, os.DirFS(filepath.Join(models, "llama-tiny"))); err != nil {
		t.Fatal(err)
	}
	template := "{{ bos_token }}{% for m in messages %}{{ m.role[0] }}{{ m.content }}{% endfor %}{% if add_generation_prompt %}:{% endif %}"
	if err := os.WriteFile(filepath.Join(checkpoint, "chat_template.jinja"), []byte(template), 0o666); err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for i := range 120 {
		fmt.Fprintf(&rows, `{"prompt": "is it %d, or not?", "chosen": "yes %d", "rejected": "no %d"}`+"\n", i, i, i*3)
	}
	pairs := filepath.Join(dir, "pairs.jsonl")
	if err := os.WriteFile(pairs, []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}

	encode := func(model string) (row encodeRow) {
		t.Helper()
		out, errOut, code := command("encode", "--task", pairs, "--all-texts", "--model", model, "--json")
		var list []encodeRow
		if err := json.Unmarshal([]byte(out), &list); code != exitGood || err != nil || len(list) != 1 {
			t.Fatalf("%d, %v, %s%s", code, err, out, errOut)
		}
		return list[0]
	}
	plain, chat := encode(checkpoint), encode(checkpoint+"@chat")
	if plain.Model != "talker" || chat.Model != "talker@chat" || chat.Texts != plain.Texts || chat.Encoded != chat.Texts {
		t.Errorf("%+v and %+v", plain, chat)
	}
	if again := encode(checkpoint + "@chat"); again.Encoded != 0 || again.Cached != chat.Texts {
		t.Errorf("encoded again: %+v", again)
	}
	if out, errOut, code := command("run", "--task", pairs, "--weak", checkpoint, "--strong", checkpoint+"@chat", "--seeds", "1", "--out", filepath.Join(dir, "r.json")); code != exitGood ||
		!strings.Contains(out, "talker → talker@chat") {
		t.Errorf("%d, %s%s", code, out, errOut)
	}
	if out, errOut, code := command("models", "inspect", checkpoint+"@chat"); code != exitGood || !strings.Contains(out, "chat template") {
		t.Errorf("%d, %s%s", code, out, errOut)
	}
	// A template that refuses a conversation.
	picky := filepath.Join(dir, "picky")
	if err := os.CopyFS(picky, os.DirFS(checkpoint)); err != nil {
		t.Fatal(err)
	}
	template += "{% if ' 77,' in messages[0].content %}{{ raise_exception('no such number') }}{% endif %}"
	if err := os.WriteFile(filepath.Join(picky, "chat_template.jinja"), []byte(template), 0o666); err != nil {
		t.Fatal(err)
	}
	refusal := regexp.MustCompile(`example [0-9a-f]+: chat template: line 1: the template refuses the conversation: no such number`)
	out := filepath.Join(dir, "picky.json")
	for _, args := range [][]string{
		{"run", "--task", pairs, "--weak", checkpoint, "--strong", picky + "@chat", "--seeds", "1", "--out", out},
		{"run", "--task", pairs, "--weak", "words:" + picky + "@chat", "--strong", checkpoint, "--seeds", "1", "--out", out},
		{"encode", "--task", pairs, "--model", picky + "@chat"},
		{"features", "export", "--task", pairs, "--model", picky + "@chat", "--out", filepath.Join(dir, "picky.safetensors")},
	} {
		if out, errOut, code := command(args...); code == exitGood || strings.Count(errOut, "example ") != 1 || !refusal.MatchString(errOut) {
			t.Errorf("%q: %d, %s%s", args, code, out, errOut)
		}
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"the checkpoint has no chat template", []string{"models", "inspect", filepath.Join(models, "llama-tiny") + "@chat"}},
		{"writes no answers", []string{"run", "--task", "sciq-free", "--weak", checkpoint, "--strong", checkpoint + "@chat"}},
	} {
		if out, errOut, code := command(c.args...); code == exitGood || !strings.Contains(errOut, c.want) {
			t.Errorf("%d, %s%s, want %q", code, out, errOut, c.want)
		}
	}
}
