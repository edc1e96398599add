package supervisor_test

import (
	"context"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/feature"
	"w2s/harness/supervisor"
	"w2s/tasks"
)

// A counter finds an ending as much less probable as it has more characters, and notes what it is asked.
type counter struct {
	prompts []string
	endings [][]string
}

func (c *counter) Key() string { return "counter" }

func (c *counter) LogProbs(_ context.Context, prompts []string, endings [][]string, emit func(int, []float64, int, bool) error) error {
	c.prompts, c.endings = prompts, slices.Clone(endings)
	slices.SortFunc(c.endings, slices.Compare) // the cache asks for the longest texts first
	for i := range prompts {
		var p []float64
		for _, e := range endings[i] {
			p = append(p, -float64(len(e)))
		}
		if err := emit(i, p, 1, i == 0); err != nil {
			return err
		}
	}
	return nil
}

// label lets a supervisor label an example, and returns what the encoder reads.
func label(t *testing.T, w supervisor.Words, task tasks.Info, e tasks.Example) (p []float64, texts []string) {
	t.Helper()
	l, err := w.Open(task)
	if err != nil {
		t.Fatal(err)
	}
	if texts, err = l.Texts(e); err != nil {
		t.Fatal(err)
	}
	var cache *feature.Cache
	x, _, err := cache.Features(t.Context(), l.Encoder(), texts, nil)
	if err != nil {
		t.Fatal(err)
	}
	var vectors [][]float32
	for i := range texts {
		vectors = append(vectors, x.Row(i))
	}
	if p, err = l.Label(e, vectors); err != nil {
		t.Fatal(err)
	}
	return p, texts
}

func TestWordsOfClasses(t *testing.T) {
	chat := func(turns []tasks.Turn) (string, error) {
		return "<" + turns[0].Role + ">" + turns[0].Text + "<reply>\n", nil
	}
	for _, c := range []struct {
		classes []string
		words   supervisor.Words
		prompt  string
		endings []string
	}{
		{[]string{"bad", "good"}, supervisor.Words{}, "so {classes} {text}\nQuestion: Is this bad or good?\nAnswer:", []string{" bad", " good"}},
		{[]string{"no", "Yes"}, supervisor.Words{}, "so {classes} {text}\nQuestion: Is this right, no or Yes?\nAnswer:", []string{" no", " Yes"}},
		{[]string{"a", "b", "c"}, supervisor.Words{}, "so {classes} {text}\nQuestion: Is this a, b or c?\nAnswer:", []string{" a", " b", " c"}},
		{[]string{"bad", "good"}, supervisor.Words{Prompt: "({classes}) {text} = "}, "(bad or good) so {classes} {text} = ", []string{"bad", "good"}},
		{[]string{"bad", "good"}, supervisor.Words{Chat: chat}, "<user>so {classes} {text}\nQuestion: Is this bad or good?\nAnswer:<reply>\n", []string{"bad", "good"}},
	} {
		model := &counter{}
		c.words.Model = model
		p, texts := label(t, c.words, classify(c.classes...), tasks.Example{Texts: []string{"so {classes} {text}"}})
		if !slices.Equal(texts, []string{c.prompt}) || !slices.Equal(model.prompts, texts) || !reflect.DeepEqual(model.endings, [][]string{c.endings}) {
			t.Errorf("%v: %q with %q, want %q with %q", c.classes, model.prompts, model.endings, c.prompt, c.endings)
		}
		sum := 0.0
		for _, e := range c.endings {
			sum += math.Exp(-float64(len(e)))
		}
		for k, e := range c.endings {
			if want := math.Exp(-float64(len(e))) / sum; math.Abs(p[k]-want) > 1e-6 {
				t.Errorf("%v: %v, want %v for %q", c.classes, p, want, e)
			}
		}
	}
	open := func(classes ...string) string {
		l, err := supervisor.Words{Model: &counter{}}.Open(classify(classes...))
		if err != nil {
			t.Fatal(err)
		}
		return l.Encoder().Key()
	}
	if open("a", "b") == open("b", "a") || open("a", "b") != open("a", "b") {
		t.Error("the key does not tell the names of classes, or is not always the same")
	}
}

func TestWordsOfCandidates(t *testing.T) {
	e := tasks.Example{Texts: []string{"why?\n\nyes", "why? no, not  "}, Replies: []string{"yes", "no, not"}}
	model := &counter{}
	p, _ := label(t, supervisor.Words{Model: model}, tasks.Info{Form: tasks.Rank}, e)
	if !slices.Equal(model.prompts, []string{"why?", "why?"}) || !reflect.DeepEqual(model.endings, [][]string{{"\n\nyes"}, {" no, not"}}) {
		t.Errorf("%q, %q", model.prompts, model.endings)
	}
	if want := 1 / (1 + math.Exp(-3)); math.Abs(p[0]-want) > 1e-6 || math.Abs(p[0]+p[1]-1) > 1e-9 {
		t.Errorf("%v, want %v", p, want)
	}
	chat := func(turns []tasks.Turn) (string, error) { return "<" + turns[0].Text + ">", nil }
	label(t, supervisor.Words{Model: model, Chat: chat}, tasks.Info{Form: tasks.Rank}, e)
	if !slices.Equal(model.prompts, []string{"<why?>", "<why?>"}) || !reflect.DeepEqual(model.endings, [][]string{{"no, not"}, {"yes"}}) {
		t.Errorf("as a conversation: %q, %q", model.prompts, model.endings)
	}
	l, err := supervisor.Words{Model: model}.Open(tasks.Info{Form: tasks.Rank})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Texts(tasks.Example{Texts: []string{"a", "b"}}); err == nil || !strings.Contains(err.Error(), "do not end in a reply") {
		t.Errorf("got %v", err)
	}
}

func TestPromptFaults(t *testing.T) {
	for prompt, want := range map[supervisor.Prompt]string{"no text": "0 times", "{text}{text}": "2 times"} {
		if _, err := (supervisor.Words{Prompt: prompt}).Open(classify("a", "b")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", prompt, err)
		}
	}
}

func TestClassWithoutName(t *testing.T) {
	for _, name := range []string{"", " \n"} {
		if _, err := (supervisor.Words{}).Open(classify("a", name)); err == nil || !strings.Contains(err.Error(), "class 1 of the task has no name") {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

// A text to classify becomes a statement for each class, which ends in its name.
func TestStatements(t *testing.T) {
	task := tasks.Info{Form: tasks.Classify, Classes: []string{"negative", "positive"}}
	for prompt, want := range map[supervisor.Prompt][]string{
		"":               {"Fine.\nQuestion: Is this negative or positive?\nAnswer: negative", "Fine.\nQuestion: Is this negative or positive?\nAnswer: positive"},
		"It is {text}\n": {"It is Fine.\nnegative", "It is Fine.\npositive"},
	} {
		statements, err := prompt.Statements(task)
		if err != nil {
			t.Fatal(err)
		}
		e := statements(tasks.Example{ID: "1", Texts: []string{"Fine."}})
		if !slices.Equal(e.Texts, want) || e.ID != "1" {
			t.Errorf("%q: statements %q, want %q", prompt, e.Texts, want)
		}
		if turns := e.Conversations(); len(turns[1]) != 2 || turns[1][1].Text != "positive" || strings.Contains(turns[1][0].Text, "positive?") == (prompt != "") {
			t.Errorf("%q: conversation %q", prompt, turns[1])
		}
	}
	if _, err := supervisor.Prompt("").Statements(tasks.Info{Form: tasks.Classify, Classes: []string{"0", "1"}}); err == nil {
		t.Error("numbers make statements")
	}
	if _, err := supervisor.Prompt("no text").Statements(task); err == nil {
		t.Error("a prompt without {text} makes statements")
	}
}
