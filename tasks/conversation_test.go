package tasks

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestConversations(t *testing.T) {
	u := func(text string) Turn { return Turn{RoleUser, text} }
	a := func(text string) Turn { return Turn{RoleAssistant, text} }
	for _, c := range []struct {
		text, reply string // no reply is "-"
		want        []Turn
	}{
		{"a film", "-", []Turn{u("a film")}},
		{" a\n film ", "-", []Turn{u(" a\n film ")}},
		{"What is it?\n\nA film.", "A film.", []Turn{u("What is it?"), a("A film.")}},
		{"Q: What? A: film", " film", []Turn{u("Q: What? A:"), a("film")}},
		{"Is the answer \"film\"?", "film", []Turn{u("Is the answer \"film\"?")}},
		{"film", "film", []Turn{u("film")}},
		{"a film", "", []Turn{u("a film")}},
		{"Human: Hi\n\nAssistant: Hello", "-", []Turn{u("Hi"), a("Hello")}},
		{"Human: Hi\n\nAssistant: Hello", "Hello", []Turn{u("Hi"), a("Hello")}},
		{"Human: Hi\n\nAssistant: Hello\n\nHuman: x\n\nAssistant: y", "Hello\n\nHuman: x\n\nAssistant: y", []Turn{u("Hi"), a("Hello"), u("x"), a("y")}},
		{"Human: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant:", "-", []Turn{u("Hi"), a("Hello"), u("Why?")}},
		{"Human: Hi\n\nAssistant:\n\nHello", "Hello", []Turn{u("Hi"), a("Hello")}},
		{"Human: Hi\n\nHello", "Hello", []Turn{u("Hi"), a("Hello")}},
		{"system: Be brief.\n\nHuman: Hi\n\nAssistant: Hello", "Hello", []Turn{{RoleSystem, "Be brief."}, u("Hi"), a("Hello")}},
		{"system: no dialogue", "-", []Turn{u("system: no dialogue")}},
		{"He said: Human: Hi", "-", []Turn{u("He said: Human: Hi")}},
	} {
		e := Example{Texts: []string{c.text}}
		if c.reply != "-" {
			e.Replies = []string{c.reply}
		}
		if got := e.Conversations(); !reflect.DeepEqual(got, [][]Turn{c.want}) {
			t.Errorf("%q with the reply %q: %q, want %q", c.text, c.reply, got, c.want)
		}
		e.Texts, e.Control = nil, e.Texts
		if got := e.ControlConversations(); !reflect.DeepEqual(got, [][]Turn{c.want}) {
			t.Errorf("control %q with the reply %q: %q, want %q", c.text, c.reply, got, c.want)
		}
	}
	if got := (Example{Texts: []string{"a"}}).ControlConversations(); len(got) != 0 {
		t.Errorf("without controls: %q", got)
	}
}

// TestRankingsKnowTheirReplies loads files of pairs and of questions and looks at the roles of the last turns.
func TestRankingsKnowTheirReplies(t *testing.T) {
	for name, c := range map[string]struct {
		row        string // with N for the number of the row
		user, last string // first and last turn of a candidate
	}{
		"prompt and replies": {`{"prompt": "Is N even?", "chosen": "Good N.", "rejected": "Bad N."}`, "Is N even?", "d N."},
		"messages": {`{"prompt": [{"role": "user", "content": "Is N even?"}], "chosen": [{"role": "assistant", "content": "Good N."}], ` +
			`"rejected": [{"role": "assistant", "content": "Bad N."}]}`, "Is N even?", "d N."},
		"dialogues": {`{"chosen": "\n\nHuman: Is N even?\n\nAssistant: Good N.", "rejected": "\n\nHuman: Is N even?\n\nAssistant: Bad N."}`, "Is N even?", "d N."},
	} {
		t.Run(name, func(t *testing.T) {
			var rows strings.Builder
			for i := range 40 {
				rows.WriteString(strings.ReplaceAll(c.row, "N", strings.Repeat("x", i+1)) + "\n")
			}
			path := filepath.Join(t.TempDir(), "pairs.jsonl")
			if err := os.WriteFile(path, []byte(rows.String()), 0o666); err != nil {
				t.Fatal(err)
			}
			task, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			data, err := task.Load(context.Background(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range data.Pool {
				for i, turns := range e.Conversations() {
					n := strings.Count(e.Texts[i], "x") / 2
					fill := func(s string) string { return strings.ReplaceAll(s, "N", strings.Repeat("x", n)) }
					if len(turns) != 2 || turns[0] != (Turn{RoleUser, fill(c.user)}) || turns[1].Role != RoleAssistant || !strings.HasSuffix(turns[1].Text, fill(c.last)) {
						t.Fatalf("text %q: %q", e.Texts[i], turns)
					}
				}
			}
		})
	}
}

// TestTextsEndInTheirReplies looks at tasks of each kind: moves, answers, and one answer.
func TestTextsEndInTheirReplies(t *testing.T) {
	hub := Local(hubFixtures(), nil)
	for _, name := range []string{"chess-lichess", "sciq", "sciq-choices"} {
		task, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := task.Load(context.Background(), hub)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, e := range data.Pool {
			for i, turns := range e.Conversations() {
				if e.Replies == nil {
					continue
				}
				found++
				if n := len(turns); n < 2 || turns[n-1] != (Turn{RoleAssistant, e.Replies[i]}) || !strings.HasSuffix(e.Texts[i], e.Replies[i]) {
					t.Fatalf("%s: %q with the reply %q: %q", name, e.Texts[i], e.Replies[i], turns)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s: no example with replies", name)
		}
	}
}

func TestEndings(t *testing.T) {
	for _, c := range []struct {
		example          Example
		prompts, endings []string
	}{
		{Example{Texts: []string{"why?\n\nyes ", "why? no"}, Replies: []string{"yes", " no"}}, []string{"why?", "why?"}, []string{"\n\nyes", " no"}},
		{Example{Texts: []string{"\n\nHuman: hi\n\nAssistant: hello", "\n\nHuman: hi\n\nAssistant: go\n"}}, []string{"\n\nHuman: hi\n\nAssistant:", "\n\nHuman: hi\n\nAssistant:"},
			[]string{" hello", " go"}},
		{Example{Texts: []string{"a text", "another"}}, nil, nil},
		{Example{Texts: []string{"why? yes", "another"}, Replies: []string{"yes", "no"}}, nil, nil},
		{Example{Texts: []string{"\n\nHuman: hi\n\nAssistant:", "\n\nHuman: hi\n\nAssistant: go"}}, nil, nil},
	} {
		if prompts, endings := c.example.Endings(); !slices.Equal(prompts, c.prompts) || !slices.Equal(endings, c.endings) {
			t.Errorf("%q: %q and %q, want %q and %q", c.example.Texts, prompts, endings, c.prompts, c.endings)
		}
	}
}
