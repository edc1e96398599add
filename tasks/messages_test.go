package tasks

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/prob"
	"w2s/internal/shareddata"
)

// say writes messages as JSON: the first by the user, then in turn.
func say(texts ...string) string {
	var list []string
	for i, text := range texts {
		list = append(list, fmt.Sprintf(`{"role":%q,"content":%q}`, []string{"user", "assistant"}[i%2], text))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// answer writes a single message of the assistant.
func answer(text string) string { return fmt.Sprintf(`[{"role":"assistant","content":%q}]`, text) }

// Whatever way a file repeats the prompt, the text of a candidate has it once, and pairs with the same prompt form a group.
func TestPromptIsUsedOnce(t *testing.T) {
	const dialogues = "Human: How are %d eggs boiled?\n\nAssistant: %s"
	for name, c := range map[string]struct {
		row  string // with the number, the question, the good and the bad answer
		want string // the text of a candidate
	}{
		"prompt as text, whole messages":        {`{"prompt":%[1]q,"chosen":%[4]s,"rejected":%[5]s}`, dialogues},
		"prompt as messages, replies":           {`{"prompt":%[6]s,"chosen":%[7]s,"rejected":%[8]s}`, dialogues},
		"prompt as messages, whole messages":    {`{"prompt":%[6]s,"chosen":%[4]s,"rejected":%[5]s}`, dialogues},
		"prompt as text, replies in messages":   {`{"prompt":%[1]q,"chosen":%[7]s,"rejected":%[8]s}`, dialogues},
		"prompt as messages, replies as texts":  {`{"prompt":%[6]s,"chosen":%[2]q,"rejected":%[3]q}`, dialogues},
		"no prompt, whole messages":             {`{"chosen":%[4]s,"rejected":%[5]s}`, dialogues},
		"prompt as one message":                 {`{"prompt":{"role":"user","content":%[1]q},"chosen":{"role":"assistant","content":%[2]q},"rejected":{"role":"assistant","content":%[3]q}}`, dialogues},
		"HH texts that repeat a plain prompt":   {`{"prompt":%[1]q,"chosen":"\n\nHuman: %[1]s\n\nAssistant: %[2]s","rejected":"\n\nHuman: %[1]s\n\nAssistant: %[3]s"}`, dialogues},
		"HH texts that repeat an HH prompt":     {`{"prompt":"\n\nHuman: %[1]s\n\nAssistant:","chosen":"\n\nHuman: %[1]s\n\nAssistant: %[2]s","rejected":"\n\nHuman: %[1]s\n\nAssistant: %[3]s"}`, dialogues},
		"messages that repeat an HH prompt":     {`{"prompt":"\n\nHuman: %[1]s\n\nAssistant:","chosen":%[4]s,"rejected":%[5]s}`, dialogues},
		"texts that repeat the prompt":          {`{"prompt":%[1]q,"chosen":"%[1]s %[2]s","rejected":"%[1]s %[3]s"}`, "How are %d eggs boiled? %s"},
		"plain texts":                           {`{"prompt":%[1]q,"chosen":%[2]q,"rejected":%[3]q}`, "How are %d eggs boiled?\n\n%s"},
		"whole messages as JSON text":           {`{"prompt":%[1]q,"chosen":%[9]q,"rejected":%[10]q}`, dialogues},
		"no prompt, messages as JSON text":      {`{"chosen":%[9]q,"rejected":%[10]q}`, dialogues},
		"prompt and messages as JSON text":      {`{"prompt":%[11]q,"chosen":%[9]q,"rejected":%[10]q}`, dialogues},
		"ShareGPT":                              {`{"conversations":[{"from":"human","value":%[1]q}],"chosen":{"from":"gpt","value":%[2]q},"rejected":{"from":"gpt","value":%[3]q}}`, dialogues},
		"messages and replies":                  {`{"messages":%[6]s,"chosen":%[7]s,"rejected":%[8]s}`, dialogues},
		"messages with one reply":               {`{"messages":%[4]s,"chosen":%[4]s,"rejected":%[5]s}`, dialogues},
		"a conversation with one reply":         {`{"conversations":%[4]s,"chosen":%[7]s,"rejected":%[8]s}`, dialogues},
		"a conversation with a reply as text":   {`{"conversations":%[4]s,"chosen":%[2]q,"rejected":%[3]q}`, dialogues},
		"spaces in the prompt":                  {`{"prompt":" How  are %[12]d\r\neggs boiled?\n","chosen":%[4]s,"rejected":%[5]s}`, dialogues},
		"line ends in the dialogues":            {`{"chosen":"Human: %[1]s\r\n\r\nAssistant: %[2]s","rejected":"Human: %[1]s\r\n\r\nAssistant: %[3]s"}`, "Human: How are %d eggs boiled?\r\n\r\nAssistant: %s"},
		"line ends in a dialogue, plain prompt": {`{"prompt":%[1]q,"chosen":"Human: %[1]s\r\n\r\nAssistant: %[2]s","rejected":"Human: %[1]s\r\n\r\nAssistant: %[3]s"}`, "Human: How are %d eggs boiled?\r\n\r\nAssistant: %s"},
		"spaces in texts":                       {`{"prompt":"How  are %[12]d eggs\r\nboiled? ","chosen":"%[1]s %[2]s","rejected":"%[1]s %[3]s"}`, "How are %d eggs boiled? %s"},
	} {
		var b strings.Builder
		for i := range 20 {
			q, good, bad := fmt.Sprintf("How are %d eggs boiled?", i), "For six minutes.", fmt.Sprintf("Egg %d cannot be boiled.", i)
			for _, bad := range []string{bad, "No!"} {
				args := []any{q, good, bad, say(q, good), say(q, bad), say(q), answer(good), answer(bad), say(q, good), say(q, bad), say(q), i}
				b.WriteString(fmt.Sprintf(c.row, args...) + "\n")
			}
		}
		d := load(t, write(t, t.TempDir(), "p.jsonl", b.String()))
		if len(d.Pool) != 40 {
			t.Errorf("%s: %d pairs", name, len(d.Pool))
		}
		groups := map[string]int{}
		for _, e := range d.Pool {
			groups[e.Group]++
			right := e.Texts[prob.Argmax(e.Gold)]
			var i int
			if _, err := fmt.Sscanf(right[strings.Index(right, "are "):], "are %d eggs", &i); err != nil {
				t.Fatal(err)
			}
			wrong := e.Texts[1-prob.Argmax(e.Gold)]
			if right != fmt.Sprintf(c.want, i, "For six minutes.") || wrong != fmt.Sprintf(c.want, i, fmt.Sprintf("Egg %d cannot be boiled.", i)) && wrong != fmt.Sprintf(c.want, i, "No!") {
				t.Errorf("%s: right %q, wrong %q", name, right, wrong)
			}
		}
		if len(groups) != 20 {
			t.Errorf("%s: %d groups, want 20", name, len(groups))
		}
	}
}

// pairOf returns the texts of the only kind of pair in a file, the right one first.
func pairOf(t *testing.T, files map[string]string, open string) (right, wrong string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, dir, name, text)
	}
	e := load(t, dir+"/"+open).Pool[0]
	return e.Texts[prob.Argmax(e.Gold)], e.Texts[1-prob.Argmax(e.Gold)]
}

// repeated returns n rows that differ in the number that replaces #.
func repeated(n int, row string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(row, "#", fmt.Sprint(i+10)) + "\n")
	}
	return b.String()
}

func TestMessageForms(t *testing.T) {
	for name, c := range map[string]struct{ row, spec, right, wrong string }{
		"system turn before the prompt": {
			row:   `{"prompt":"What is #?","chosen":[{"role":"system","content":"Be brief."},{"role":"user","content":"What is #?"},{"role":"assistant","content":"A number."}],"rejected":[{"role":"system","content":"Be brief."},{"role":"user","content":"What is #?"},{"role":"assistant","content":"Why?"}]}`,
			right: "system: Be brief.\n\nHuman: What is 10?\n\nAssistant: A number.", wrong: "system: Be brief.\n\nHuman: What is 10?\n\nAssistant: Why?",
		},
		"system turn in the prompt": {
			row:   `{"prompt":[{"role":"system","content":"Be brief."},{"role":"user","content":"What is #?"}],"chosen":[{"role":"assistant","content":"A number."}],"rejected":[{"role":"assistant","content":"Why?"}]}`,
			right: "system: Be brief.\n\nHuman: What is 10?\n\nAssistant: A number.", wrong: "system: Be brief.\n\nHuman: What is 10?\n\nAssistant: Why?",
		},
		"several turns": {
			row:   `{"prompt":"What is #?","chosen":` + say("What is #?", "A number.", "Which?", "An even one.") + `,"rejected":` + say("What is #?", "A number.", "Which?", "No idea.") + `}`,
			right: "Human: What is 10?\n\nAssistant: A number.\n\nHuman: Which?\n\nAssistant: An even one.", wrong: "Human: What is 10?\n\nAssistant: A number.\n\nHuman: Which?\n\nAssistant: No idea.",
		},
		"the prompt is the last question": {
			row:   `{"prompt":"Which, of #?","chosen":` + say("Hello.", "Hi.", "Which, of #?", "Two.") + `,"rejected":` + say("Hello.", "Hi.", "Which, of #?", "No.") + `}`,
			right: "Human: Hello.\n\nAssistant: Hi.\n\nHuman: Which, of 10?\n\nAssistant: Two.", wrong: "Human: Hello.\n\nAssistant: Hi.\n\nHuman: Which, of 10?\n\nAssistant: No.",
		},
		"from and value": {
			row:   `{"prompt":[{"from":"human","value":"What is #?"}],"chosen":{"from":"gpt","value":"A number."},"rejected":{"from":"gpt","value":"Why?"}}`,
			right: "Human: What is 10?\n\nAssistant: A number.", wrong: "Human: What is 10?\n\nAssistant: Why?",
		},
		"content in parts": {
			row:   `{"chosen":[{"role":"user","content":[{"type":"text","text":"What"},{"type":"text","text":"is #?"}]},{"role":"assistant","content":"A number."}],"rejected":[{"role":"user","content":"What\nis #?"},{"role":"assistant","content":"Why?"}]}`,
			right: "Human: What\nis 10?\n\nAssistant: A number.", wrong: "Human: What\nis 10?\n\nAssistant: Why?",
		},
		"a template of its own": {
			row: `{"q":"What is #?","good":` + say("What is #?", "A number.") + `,"bad":` + say("What is #?", "Why?") + `}`, spec: "form: rank\nchosen: good\nrejected: bad\ntemplate: 'Q: {q} A: {candidate}'\n",
			right: "Q: What is 10? A: A number.", wrong: "Q: What is 10? A: Why?",
		},
		"a template without the prompt": {
			row: `{"prompt":"What is #?","good":` + say("What is #?", "A number.") + `,"bad":` + say("What is #?", "Why?") + `}`, spec: "form: rank\nchosen: good\nrejected: bad\n",
			right: "Human: What is 10?\n\nAssistant: A number.", wrong: "Human: What is 10?\n\nAssistant: Why?",
		},
		"replies that start like a short prompt": {
			row:   `{"prompt":"Hello","chosen":"Hello there # times","rejected":"Hello # times"}`,
			right: "Hello\n\nHello there 10 times", wrong: "Hello\n\nHello 10 times",
		},
		"one reply that starts like the prompt": {
			row:   `{"prompt":"The best of # films","chosen":"The best of # films is the first","rejected":"I do not know"}`,
			right: "The best of 10 films\n\nThe best of 10 films is the first", wrong: "The best of 10 films\n\nI do not know",
		},
		"a prompt that ends inside a word": {
			row:   `{"prompt":"Continue the word # sun","chosen":"Continue the word # sunflower","rejected":"Continue the word # sunday"}`,
			right: "Continue the word 10 sun\n\nContinue the word 10 sunflower", wrong: "Continue the word 10 sun\n\nContinue the word 10 sunday",
		},
	} {
		files, open := map[string]string{"p.jsonl": repeated(12, c.row)}, "p.jsonl"
		if c.spec != "" {
			files["p.yaml"], open = "train: p.jsonl\n"+c.spec, "p.yaml"
		}
		right, wrong := pairOf(t, files, open)
		for _, text := range []*string{&right, &wrong} {
			for i := 10; i < 22; i++ {
				*text = strings.ReplaceAll(*text, fmt.Sprint(i), "10")
			}
		}
		if right != c.right || wrong != c.wrong {
			t.Errorf("%s:\nright %q\nwant  %q\nwrong %q\nwant  %q", name, right, c.right, wrong, c.wrong)
		}
	}
}

// Classifications and free answers read messages too.
func TestMessagesInOtherForms(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "c.jsonl", lines("", `{"messages":[{"role":"user","content":"What is %d?"},{"role":"assistant","content":"A number."}],"label":%d}`+"\n", 20))
	d := load(t, filepath.Join(dir, "c.jsonl"))
	if text := d.Pool[0].Texts[0]; !strings.HasPrefix(text, "Human: What is ") || !strings.HasSuffix(text, "?\n\nAssistant: A number.") {
		t.Errorf("classification: %q", text)
	}
	d = load(t, write(t, dir, "kto.jsonl", lines("", `{"prompt":[{"role":"user","content":"What is %d?"}],"completion":[{"role":"assistant","content":"A number."}],"label":%d}`+"\n", 20)))
	if text := d.Pool[0].Texts[0]; !strings.HasPrefix(text, "Human: What is ") || !strings.HasSuffix(text, "?\n\nAssistant: A number.") || positives(d.Pool) != 10 {
		t.Errorf("unpaired preferences: %q, %d positive", text, positives(d.Pool))
	}
	d = load(t, write(t, dir, "whole.jsonl", lines("", `{"prompt":[{"role":"user","content":"What is %[1]d?"}],"completion":[{"role":"user","content":"What is %[1]d?"},{"role":"assistant","content":"A number."}],"label":%[2]d}`+"\n", 20)))
	if text := d.Pool[0].Texts[0]; strings.Count(text, "What is ") != 1 || !strings.HasSuffix(text, "?\n\nAssistant: A number.") {
		t.Errorf("unpaired preferences that repeat the prompt: %q", text)
	}
	d = load(t, write(t, dir, "text.jsonl", lines("", `{"text":"[{\"role\": \"planet\", \"content\": \"number %d\"}]","label":%d}`+"\n", 20)))
	if text := d.Pool[0].Texts[0]; !strings.HasPrefix(text, `[{"role"`) {
		t.Errorf("JSON text that is no messages: %q", text)
	}
	d = load(t, write(t, dir, "f.jsonl", repeated(20, `{"prompt":[{"role":"user","content":"What is #?"}],"completion":[{"role":"assistant","content":"A number. "}]}`)))
	if e := d.Pool[0]; !strings.HasSuffix(e.Texts[0], "?\n\nAssistant:") || e.Answer != "A number." {
		t.Errorf("free answer: %q, %q", e.Texts, e.Answer)
	}
}

func TestMessageFaults(t *testing.T) {
	for row, want := range map[string]string{
		`{"chosen":[{"role":"user"}],"rejected":"x"}`:                                                `"chosen": message 1 has no text under "content"`,
		`{"chosen":["x"],"rejected":"x"}`:                                                            `"chosen" is a list, not a text`,
		`{"chosen":{"a":1},"rejected":"x"}`:                                                          `"chosen" is a record, not a text`,
		`{"prompt":"How are you?","chosen":` + say("How are you?") + `,"rejected":` + say("x") + `}`: "empty candidate",
		`{"prompt":"How are you?","chosen":[],"rejected":` + answer("x") + `}`:                       "empty candidate",
		`{"chosen":"[{'role': 'user', 'content': 'x'}]","rejected":"x"}`:                             "Python's notation",
		`{"chosen":"[{\"role\": \"user\", \"content\": \"x","rejected":"x"}`:                         "not whole JSON",
		`{"chosen":[{"role":"user","content":[{"type":"image"}]}],"rejected":"x"}`:                   "message 1 has no text",
	} {
		report, err := Check(t.Context(), write(t, t.TempDir(), "p.jsonl", row+"\n"), Limits{})
		if err != nil || report.Faults == nil || !contains(report.Faults.Error(), want) {
			t.Errorf("%s: report %+v, error %v, want %q", row, report, err, want)
		}
	}
}

func TestParseDialogue(t *testing.T) {
	for text, want := range map[string][]message{
		"\n\nHuman: a\n\nAssistant: b":              {{human, "a"}, {assistant, "b"}},
		"Human: a\n\nAssistant:":                    {{human, "a"}, {assistant, ""}},
		"Human: a\n\nb\n\nAssistant: c\n\nHuman: d": {{human, "a\n\nb"}, {assistant, "c"}, {human, "d"}},
		"Human: a\n\nAssistant: b\n\nAssistant: c":  {{human, "a"}, {assistant, "b"}, {assistant, "c"}},
		"Assistant: a":                              nil,
		"":                                          nil,
		"The Human: a":                              nil,
	} {
		if got := parseDialogue(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// The two shared files have the same pairs, one in the form of UltraFeedback and one in the form of trl.
func TestPromptTwiceCases(t *testing.T) {
	uf := load(t, shareddata.Path(t, "cases", "ultrafeedback-prompt-twice", "uf.jsonl"))
	trl := load(t, shareddata.Path(t, "cases", "ultrafeedback-prompt-twice", "trl.jsonl"))
	if !slices.Equal(ids(uf.Pool), ids(trl.Pool)) {
		t.Error("the two forms give different pairs")
	}
	for _, e := range uf.Pool {
		for _, text := range e.Texts {
			if strings.Count(text, "How do I boil") != 1 || !strings.HasPrefix(text, "Human: How do I boil") {
				t.Errorf("text %q", text)
			}
		}
	}
}
