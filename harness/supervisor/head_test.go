package supervisor_test

import (
	"context"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/supervisor"
	"w2s/tasks"
)

func classify(classes ...string) tasks.Info {
	return tasks.Info{Form: tasks.Classify, Classes: classes}
}

// TestHeadLabels compares labels with probabilities worked out by hand: e is e^1, and so on.
func TestHeadLabels(t *testing.T) {
	e := math.E
	for _, c := range []struct {
		name   string
		head   supervisor.Head
		task   tasks.Info
		scores [][]float32
		want   []float64
	}{
		{"same names in another order and case", supervisor.Head{Labels: []string{"POSITIVE", "Negative"}}, classify("negative", "positive"),
			[][]float32{{1, 0}}, []float64{1 / (1 + e), e / (1 + e)}},
		{"an exact name comes first", supervisor.Head{Labels: []string{"b", "A", "a"}}, classify("a", "A", "b"), [][]float32{{0, 1, 2}},
			[]float64{e * e / (1 + e + e*e), e / (1 + e + e*e), 1 / (1 + e + e*e)}},
		{"map", supervisor.Head{Labels: []string{"LABEL_0", "LABEL_1"}, Classes: supervisor.ClassMap{"LABEL_0": "yes", "LABEL_1": "NO"}}, classify("no", "yes"),
			[][]float32{{1, 0}}, []float64{1 / (1 + e), e / (1 + e)}},
		{"several labels of one class", supervisor.Head{Labels: []string{"entailment", "neutral", "contradiction"},
			Classes: supervisor.ClassMap{"entailment": "yes", "neutral": "no", "contradiction": "no"}}, classify("no", "yes"),
			[][]float32{{1, 0, 0}}, []float64{2 / (2 + e), e / (2 + e)}},
		{"a label that is left out", supervisor.Head{Labels: []string{"negative", "neutral", "positive"}, Classes: supervisor.ClassMap{"neutral": ""}},
			classify("negative", "positive"), [][]float32{{0, 50, 1}}, []float64{1 / (1 + e), e / (1 + e)}},
		{"one score that is a probability", supervisor.Head{Labels: []string{"toxic"}, Problem: "multi_label_classification",
			Classes: supervisor.ClassMap{"toxic": "yes"}}, classify("no", "yes"), [][]float32{{1}}, []float64{1 / (1 + e), e / (1 + e)}},
		{"large scores", supervisor.Head{Labels: []string{"a", "b", "c"}}, classify("a", "b", "c"), [][]float32{{1000, 999, -1000}}, []float64{e / (1 + e), 1 / (1 + e), 0}},
		{"candidates", supervisor.Head{Labels: []string{"LABEL_0"}, Problem: "regression"}, tasks.Info{Form: tasks.Rank}, [][]float32{{0}, {1}, {0}},
			[]float64{1 / (2 + e), e / (2 + e), 1 / (2 + e)}},
	} {
		l, err := c.head.Open(c.task)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, err := l.Label(tasks.Example{}, c.scores)
		if err != nil || len(got) != len(c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, err, got, c.want)
			continue
		}
		for k := range got {
			if math.Abs(got[k]-c.want[k]) > 1e-12 {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
	}
}

func TestHeadFaults(t *testing.T) {
	for _, c := range []struct {
		head supervisor.Head
		task tasks.Info
		want []string
	}{
		{supervisor.Head{Labels: []string{"LABEL_0", "LABEL_1"}}, classify("negative", "positive"),
			[]string{`"LABEL_0", "LABEL_1"`, `"negative", "positive"`, `no class for "LABEL_0", "LABEL_1"`, `no label for "negative", "positive"`, "--class-map"}},
		{supervisor.Head{Labels: []string{"negative", "neutral", "positive"}}, classify("negative", "positive"), []string{`no class for "neutral"`}},
		{supervisor.Head{Labels: []string{"a", "b"}}, classify("a", "b", "c"), []string{`no label for "c"`}},
		{supervisor.Head{Labels: []string{"a", "b"}, Classes: supervisor.ClassMap{"b": "z"}}, classify("a", "b"), []string{`label "b" is mapped to "z", which is no class`, `no label for "b"`}},
		{supervisor.Head{Labels: []string{"Ab", "c"}}, classify("AB", "ab", "c"), []string{`no class for "Ab"`}},
		{supervisor.Head{Labels: []string{"score"}}, classify("no", "yes"), []string{"one score", "reward models", "not given"}},
		{supervisor.Head{Labels: []string{"yes"}, Problem: "regression"}, classify("no", "yes"), []string{"one score", "regression"}},
		{supervisor.Head{Labels: []string{"a"}, Problem: "multi_label_classification"}, classify("a", "b", "c"), []string{"3 classes, want two"}},
		{supervisor.Head{Labels: []string{"yes"}, Problem: "multi_label_classification", Classes: supervisor.ClassMap{"yes": ""}}, classify("no", "yes"),
			[]string{"its only label is left out"}},
		{supervisor.Head{Labels: []string{"no", "yes"}, Problem: "multi_label_classification"}, classify("no", "yes"), []string{"exclude each other"}},
		{supervisor.Head{Labels: []string{"no", "yes"}}, tasks.Info{Form: tasks.Rank}, []string{"2 scores", "one score"}},
	} {
		_, err := c.head.Open(c.task)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v and %v: got %v, want %q", c.head.Labels, c.task.Classes, err, want)
			}
		}
	}
}

func TestParseClassMap(t *testing.T) {
	m, err := supervisor.ParseClassMap([]string{"5 stars = positive", "neutral=", "a=b=c"})
	if want := (supervisor.ClassMap{"5 stars": "positive", "neutral": "", "a=b": "c"}); err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("%v, %v, want %v", m, err, want)
	}
	if got := m.String(); got != "5 stars=positive,a=b=c,neutral=" {
		t.Errorf("written as %q", got)
	}
	_, err = supervisor.ParseClassMap([]string{"a", "b=c", "b=d"})
	for _, want := range []string{`"a": want LABEL=CLASS`, `label "b" is there twice`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// A head reads the same texts as the model does, also as conversations.
func TestHeadReadsTextsOfItsModel(t *testing.T) {
	model := experiment.Model{Encoder: fake{}, Chat: func(turns []tasks.Turn) (string, error) { return turns[0].Role + ": " + turns[0].Text, nil }}
	l, err := supervisor.Head{Model: model, Labels: []string{"a", "b"}}.Open(classify("a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	texts, err := l.Texts(tasks.Example{Texts: []string{"hello"}})
	if err != nil || !slices.Equal(texts, []string{"user: hello"}) || l.Encoder() != (fake{}) {
		t.Errorf("%v, %q", err, texts)
	}
}

// fake is an encoder that encodes nothing.
type fake struct{}

func (fake) Key() string { return "fake" }
func (fake) Dims() int   { return 2 }
func (fake) Encode(context.Context, []string, func(int, []float32, int, bool) error) error {
	return nil
}
