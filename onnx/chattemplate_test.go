package onnx

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/onnx/chat"
)

// chatCheckpoint makes a folder with the files of llama-tiny and further ones by name.
func chatCheckpoint(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, from := t.TempDir(), filepath.Join("..", "fixtures", "models", "llama-tiny")
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestChatTokensAgreeWithTransformers compares the token ids of conversations with those of apply_chat_template with
// tokenize=True (onnx/chat/testdata/reference.py).
func TestChatTokensAgreeWithTransformers(t *testing.T) {
	data, err := os.ReadFile("chat/testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var ref struct {
		Conversations map[string][]chat.Message
		IDs           []struct {
			Template, Conversation string
			IDs                    []int64
		}
	}
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	if len(ref.IDs) < 9 {
		t.Fatalf("only %d cases", len(ref.IDs))
	}
	for _, c := range ref.IDs {
		template, err := os.ReadFile("chat/testdata/templates/" + c.Template + ".jinja")
		if err != nil {
			t.Fatal(err)
		}
		checkpoint, err := ReadCheckpoint(chatCheckpoint(t, map[string]string{chatFile: string(template)}), Options{Chat: true})
		if err != nil {
			t.Fatal(err)
		}
		tok, err := checkpoint.loadTokenizer()
		if err != nil {
			t.Fatal(err)
		}
		messages := ref.Conversations[c.Conversation]
		text, err := checkpoint.Chat.Render(messages, messages[len(messages)-1].Role == "user")
		if err != nil {
			t.Fatal(err)
		}
		o := checkpoint.tokenizerOptions()
		o.MaxTokens = 0 // the checkpoint takes fewer tokens
		enc, err := tok.Encode(checkpoint.Text(text), o)
		if err != nil || !slices.Equal(enc.IDs, c.IDs) {
			t.Errorf("%s, %s: %v, %v, want %v", c.Template, c.Conversation, enc.IDs, err, c.IDs)
		}
	}
}

// says is a template that writes what the user says.
const says = "{{ messages[0].content }}"

// TestChatTemplateFiles tells where a template comes from, by what it renders.
func TestChatTemplateFiles(t *testing.T) {
	config := func(template string) string {
		return `{"bos_token": {"__type": "AddedToken", "content": "<s>"}, "eos_token": null, "chat_template": ` + template + `}`
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string // rendered, or a part of the error
	}{
		"text":             {map[string]string{"tokenizer_config.json": config(`"{{ bos_token }}one ` + says + `"`)}, "<s>one x"},
		"list":             {map[string]string{"tokenizer_config.json": config(`[{"name": "tools", "template": "x"}, {"name": "default", "template": "two ` + says + `"}]`)}, "two x"},
		"file first":       {map[string]string{"tokenizer_config.json": config(`"one"`), chatFile: "{{ bos_token }}three " + says}, "<s>three x"},
		"tokens elsewhere": {map[string]string{"tokenizer_config.json": config(`"{{ eos_token }}` + says + `"`), "special_tokens_map.json": `{"eos_token": "</s>"}`}, "</s>x"},
		"none":             {nil, "the checkpoint has no chat template"},
		"null":             {map[string]string{"tokenizer_config.json": config("null")}, "the checkpoint has no chat template"},
		"no default":       {map[string]string{"tokenizer_config.json": config(`[{"name": "tools", "template": "x"}]`)}, "none of the 1 templates of chat_template is named default"},
		"number":           {map[string]string{"tokenizer_config.json": config("3")}, "neither a text nor a list"},
		"bad":              {map[string]string{chatFile: "{% include 'x' %}"}, "chat_template.jinja: chat template: line 1: {% include %} reads another file"},
		"never renders":    {map[string]string{chatFile: "{{ missing.x }}"}, "chat_template.jinja: chat template: line 1: missing is undefined"},
		"endless":          {map[string]string{chatFile: "{% for a in range(99999) %}{% for a in range(99999) %}{% endfor %}{% endfor %}"}, "stopped after 100000 steps"},
		"leaves all out":   {map[string]string{chatFile: "Hello."}, `chat_template.jinja: the chat template writes "Hello.", whatever the user says`},
		"refuses":          {map[string]string{chatFile: "{{ raise_exception('no users') }}"}, "the template refuses the conversation: no users"},
		"bad token":        {map[string]string{"tokenizer_config.json": `{"bos_token": 3}`}, "neither the text of a special token nor a record"},
	} {
		t.Run(name, func(t *testing.T) {
			checkpoint, err := ReadCheckpoint(chatCheckpoint(t, c.files), Options{Chat: true})
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			if got, err := checkpoint.Chat.Render([]chat.Message{{Role: "user", Content: "x"}}, true); err != nil || got != c.want {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
		})
	}
	prefix := "query: "
	dir := chatCheckpoint(t, map[string]string{chatFile: says})
	if _, err := ReadCheckpoint(dir, Options{Chat: true, Prefix: &prefix}); err == nil || !strings.Contains(err.Error(), "exclude each other") {
		t.Errorf("with a prefix: %v", err)
	}
}

// TestChatKey checks that keys tell templates apart, and that a template without Options.Chat changes nothing.
func TestChatKey(t *testing.T) {
	rt := testRuntime(t)
	key := func(o Options, files map[string]string) string {
		e := openTest(t, rt, chatCheckpoint(t, files), o)
		return e.Key()
	}
	plain := key(Options{}, nil)
	if got := key(Options{}, map[string]string{chatFile: "one " + says}); got != plain {
		t.Error("a template that is not applied changes the key")
	}
	keys := []string{plain, key(Options{Chat: true}, map[string]string{chatFile: "one " + says}), key(Options{Chat: true}, map[string]string{chatFile: "two " + says})}
	if slices.Sort(keys); len(slices.Compact(keys)) != 3 {
		t.Errorf("keys %q are not different", keys)
	}
}

// TestChatTextHasNoSpecialTokensAdded compares vectors: the template writes the token that the tokenizer adds to other texts.
func TestChatTextHasNoSpecialTokensAdded(t *testing.T) {
	rt := testRuntime(t)
	chatting := openTest(t, rt, chatCheckpoint(t, map[string]string{chatFile: "{{ bos_token }}{{ messages[0].content }}"}), Options{Chat: true})
	plain := openTest(t, rt, filepath.Join("..", "fixtures", "models", "llama-tiny"), Options{})
	text, err := chatting.Checkpoint().Chat.Render([]chat.Message{{Role: "user", Content: "a small model"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	got, want := encodeAll(t, chatting, []string{text}), encodeAll(t, plain, []string{"a small model"})
	if got[0].Tokens != want[0].Tokens || !slices.Equal(got[0].Values, want[0].Values) {
		t.Errorf("%v, want %v", got[0], want[0])
	}
}
